#pragma once
// Loops over mixtures of normal distributions: quantiles in double, joint draws in float. Compiled once per instruction
// set.
#include "kernels/vector.hpp"
#include "starglow/base/limits.hpp"

namespace starglow::kernels {
namespace {

// ---- quantiles: lanes are mixtures

// Phi(-u) / phi(u) for u >= 0 (Mills' ratio), times u + 5/4, as a polynomial in (u - 4) / (u + 4): Chebyshev
// interpolation of order 20 in 50 digits, relative error 4e-15 over u >= 0.
constexpr int k_n_mills = 21;
constexpr double k_mills[k_n_mills] = {1.24242501029619352,      -0.349180607213406678,    0.113035019787570231,
                                       0.0267545275242982782,    -0.0613663620193704804,   0.0396374972806746925,
                                       -0.0122210361221829393,   -0.000315632328386931158, 0.00162454707167444484,
                                       -0.000265256685126296131, -0.000202255434603375381, 0.0000561954091032928515,
                                       0.0000314372408945667476, -9.18265056082086953e-6,  -6.08712134936175652e-6,
                                       1.22871518929270538e-6,   1.2627969971195141e-6,    -1.08925607154645397e-7,
                                       -2.23611511181410606e-7,  3.05163214577708309e-9,   2.29378787199088833e-8};

struct NormalAt {
  Vec<double> cdf, density;
};

inline NormalAt normal_at(Vec<double> u) {
  const Vec<double> zero{}, one = splat(1.0), far = splat(37.5);
  Vec<double> size = u < zero ? -u : u;
  size = size > far ? far : size;  // the density is 1e-306 there
  const Vec<double> density = splat(0.39894228040143267794) * (expm1_core<double>(splat(-0.5) * size * size) + one);
  const Vec<double> x = (size - splat(4.0)) / (size + splat(4.0));
  Vec<double> p = splat(k_mills[k_n_mills - 1]);
#pragma GCC unroll 20
  for (int k = k_n_mills - 2; k >= 0; --k) p = p * x + splat(k_mills[k]);
  const Vec<double> tail = density * p / (size + splat(1.25));
  return {u > zero ? one - tail : tail, density};
}

inline bool any(IntVec<double> mask) {
  long long out = 0;
  for (int i = 0; i < k_lanes<double>; ++i) out |= mask[i];
  return out != 0;
}

// The quantile lies between those of the components; Halley's steps from their mean, bisection where one leaves. A lane
// that has converged rests, so that its value does not depend on its neighbours.
template <int components>
inline Vec<double> quantile_vector(const Vec<double>* weight, const Vec<double>* mean, const Vec<double>* sd,
                                   Vec<double> z) {
  const Vec<double> zero{}, one = splat(1.0), half = splat(0.5);
  const Vec<double> target = normal_at(z).cdf;
  Vec<double> low = mean[0] + z * sd[0], high = low, narrowest = sd[0], t = weight[0] * low;
  Vec<double> inverse[components];
  inverse[0] = one / sd[0];
#pragma GCC unroll 4
  for (int c = 1; c < components; ++c) {
    inverse[c] = one / sd[c];
    const Vec<double> q = mean[c] + z * sd[c];
    low = q < low ? q : low;
    high = q > high ? q : high;
    narrowest = sd[c] < narrowest ? sd[c] : narrowest;
    t += weight[c] * q;
  }
  IntVec<double> open = high - low > splat(1e-14) * narrowest;  // else one component, or NaN
  t = t < low ? low : (t > high ? high : t);
  t = open ? t : low;
  for (int step = 0; step < 100 && any(open); ++step) {
    Vec<double> excess = -target, density{}, slope{};  // of the distribution function: value, first, second derivative
#pragma GCC unroll 4
    for (int c = 0; c < components; ++c) {
      const Vec<double> u = (t - mean[c]) * inverse[c];
      const NormalAt normal = normal_at(u);
      const Vec<double> phi = weight[c] * normal.density * inverse[c];
      excess += weight[c] * normal.cdf;
      density += phi;
      slope -= u * phi * inverse[c];
    }
    high = (open & (excess > zero)) ? t : high;
    low = (open & (excess <= zero)) ? t : low;
    const Vec<double> newton = excess / density;
    Vec<double> bend = newton * slope / density;
    bend = bend > one ? one : (bend < -one ? -one : bend);
    const Vec<double> next = t - newton / (one - half * bend);
    const Vec<double> kept = ((next >= low) & (next <= high)) ? next : half * (low + high);
    const Vec<double> moved = next > t ? next - t : t - next;
    // The steps converge with the third power: one below 1e-4 sd leaves an error below 1e-11.
    const IntVec<double> done = (moved <= splat(1e-4) * narrowest) | (high - low <= splat(1e-12) * narrowest);
    t = open ? kept : t;
    open = open & ~done;
  }
  return t;
}

template <int components>
void quantiles_of(const double* weight, const double* mean, const double* sd, Size stride, const double* z, Size n,
                  double* t) {
  constexpr Size lanes = static_cast<Size>(k_lanes<double>);
  Vec<double> w[components], m[components], s[components];
  for (Size i = 0; i < n; i += lanes) {
    const Size count = n - i < lanes ? n - i : lanes;
    const auto get = [&](const double* from, double fill) {
      if (count == lanes) return load<double>(from);
      double rest[k_lanes<double>];
      for (Size k = 0; k < lanes; ++k) rest[k] = k < count ? from[k] : fill;
      return load<double>(rest);
    };
    for (int c = 0; c < components; ++c) {
      const Size at = static_cast<Size>(c) * stride + i;
      w[c] = get(weight + at, 0.0);
      m[c] = get(mean + at, 0.0);
      s[c] = get(sd + at, 1.0);
    }
    const Vec<double> found = quantile_vector<components>(w, m, s, get(z + i, 0.0));
    if (count == lanes) {
      store<double>(t + i, found);
    } else {
      for (Size k = 0; k < count; ++k) t[i + k] = found[static_cast<int>(k)];
    }
  }
}

void quantiles(int components, const double* weight, const double* mean, const double* sd, Size stride, const double* z,
               Size n, double* t) {
  if (components == 1) return quantiles_of<1>(weight, mean, sd, stride, z, n, t);
  if (components == 2) return quantiles_of<2>(weight, mean, sd, stride, z, n, t);
  if (components == 3) return quantiles_of<3>(weight, mean, sd, stride, z, n, t);
  quantiles_of<4>(weight, mean, sd, stride, z, n, t);
}

// sinh(max(t, 0)) without cancellation near 0, held to the largest EW of a galaxy.
template <class T>
inline Vec<T> intrinsic_ew_vector(Vec<T> t) {
  const Vec<T> zero{}, one = splat<T>(T(1)), half = splat<T>(T(0.5)), most = splat<T>(T(k_most_t));
  const Vec<T> positive = t > zero ? t : zero;
  const Vec<T> e = expm1_core<T>(positive > most ? most : positive);
  return half * (e + e / (e + one));
}

void intrinsic_ew(const double* t, double* ew, Size n) {
  constexpr Size lanes = static_cast<Size>(k_lanes<double>);
  Size i = 0;
  for (; i + lanes <= n; i += lanes) store<double>(ew + i, intrinsic_ew_vector<double>(load<double>(t + i)));
  if (i == n) return;
  double rest[k_lanes<double>] = {};
  for (Size k = i; k < n; ++k) rest[k - i] = t[k];
  store<double>(rest, intrinsic_ew_vector<double>(load<double>(rest)));
  for (Size k = i; k < n; ++k) ew[k] = rest[k - i];
}

// ---- draws: lanes are draws

typedef unsigned Words32 __attribute__((vector_size(STARGLOW_VECTOR_BYTES)));
inline Words32 splat_word(unsigned x) { return x - Words32{}; }

// First word of Threefry2x32-20 (starglow/base/random.hpp) for counters {draw, lane}.
inline Words32 threefry_first(unsigned key0, unsigned key1, Words32 draw, unsigned lane) {
  const unsigned key2 = 0x1BD11BDAU ^ key0 ^ key1;
  Words32 x0 = draw + splat_word(key0), x1 = splat_word(lane + key1);
  const auto mix = [&](int rotation) {
    x0 += x1;
    x1 = ((x1 << rotation) | (x1 >> (32 - rotation))) ^ x0;
  };
  const auto even = [&] { mix(13), mix(15), mix(26), mix(6); };
  const auto odd = [&] { mix(17), mix(29), mix(16), mix(24); };
  const auto inject = [&](unsigned a, unsigned b) { x0 += splat_word(a), x1 += splat_word(b); };
  even(), inject(key1, key2 + 1);
  odd(), inject(key2, key0 + 2);
  even(), inject(key0, key1 + 3);
  odd(), inject(key1, key2 + 4);
  even();
  return x0 + splat_word(key2);
}

inline Vec<float> square_root(Vec<float> x) {
  float lanes[k_lanes<float>] __attribute__((aligned(STARGLOW_VECTOR_BYTES)));
  store<float>(lanes, x);
  for (int i = 0; i < k_lanes<float>; ++i) lanes[i] = __builtin_sqrtf(lanes[i]);
  return load<float>(lanes);
}

// log(x) of positive normal numbers: exponent and series of the area tangent, mantissa in [sqrt(1/2), sqrt(2)).
inline Vec<float> log_core(Vec<float> x) {
  const IntVec<float> bits = reinterpret_cast<IntVec<float>>(x);
  const IntVec<float> exponent = (bits - 0x3F3504F3) >> 23;
  const Vec<float> m = reinterpret_cast<Vec<float>>(bits - (exponent << 23));
  const Vec<float> s = (m - splat(1.0F)) / (m + splat(1.0F)), q = s * s;
  const Vec<float> series = ((splat(2.0F / 9) * q + splat(2.0F / 7)) * q + splat(2.0F / 5)) * q + splat(2.0F / 3);
  const Vec<float> n = __builtin_convertvector(exponent, Vec<float>);
  return n * splat(0.693359375F) + (s * (splat(2.0F) + q * series) - n * splat(2.12194440e-4F));
}

// The normal of a word as starglow::normal() defines it, by AS 241's routine PPND7 (Wichura 1988), relative error 3e-7.
inline Vec<float> normal_of(Words32 word) {
  const IntVec<float> low = reinterpret_cast<IntVec<float>>(word & 0x7FFFFFFFU);
  const Vec<float> scale = splat(0x1p-32F), half = splat(0x1p-33F);
  const Vec<float> p = __builtin_convertvector(low, Vec<float>) * scale + half;
  // p - 1/2 of the whole number, so that small ones keep their digits
  const Vec<float> q =
      __builtin_convertvector(reinterpret_cast<IntVec<float>>(word | 0x80000000U), Vec<float>) * scale + half;
  const Vec<float> a = splat(0.180625F) - q * q;
  const Vec<float> centre =
      q * (((splat(59.109374720F) * a + splat(159.29113202F)) * a + splat(50.434271938F)) * a + splat(3.3871327179F)) /
      (((splat(67.187563600F) * a + splat(78.757757664F)) * a + splat(17.895169469F)) * a + splat(1.0F));
  const Vec<float> r = square_root(-log_core(p)) - splat(1.6F);
  const Vec<float> tail =
      -(((splat(0.17023821103F) * r + splat(1.3067284816F)) * r + splat(2.7568153900F)) * r + splat(1.4234372777F)) /
      ((splat(0.12021132975F) * r + splat(0.73700164250F)) * r + splat(1.0F));
  const Vec<float> lower = p < splat(0.075F) ? tail : centre;
  // the top bit of the word turns the sign
  return reinterpret_cast<Vec<float>>(reinterpret_cast<Words32>(lower) ^ (word & 0x80000000U));
}

template <int components>
inline void sample_vector(const MixtureView& m, unsigned key0, unsigned key1, unsigned first,
                          Vec<float> (&ew)[k_mixture_lines]) {
  Words32 draw;
  for (int i = 0; i < k_lanes<float>; ++i) draw[i] = first + static_cast<unsigned>(i);
  const Words32 choice = threefry_first(key0, key1, draw, 0);
  Vec<float> z[k_mixture_lines];
#pragma GCC unroll 8
  for (int j = 0; j < k_mixture_lines; ++j)
    z[j] = normal_of(threefry_first(key0, key1, draw, 1U + static_cast<unsigned>(j)));
#pragma GCC unroll 8
  for (int j = 0; j < k_mixture_lines; ++j) {
    Vec<float> t{};
#pragma GCC unroll 4
    for (int c = 0; c < components; ++c) {
      Vec<float> e = splat(m.factor[c][j * k_mixture_lines]) * z[0];
      for (int i = 1; i <= j; ++i) e += splat(m.factor[c][j * k_mixture_lines + i]) * z[i];
      const Vec<float> here = splat(m.mean[c][j]) + splat(m.sd[c][j]) * e;
      t = c == 0 ? here : (choice > splat_word(m.limit[c > 0 ? c - 1 : 0]) ? here : t);
    }
    ew[j] = intrinsic_ew_vector<float>(t);
  }
  if (m.sii != k_sii_blue) return;  // sample_of() holds a pair at another place
  // A ratio of the [SII] lines that no gas has becomes the nearest that it has, their sum kept.
  const Vec<float> sum = ew[k_sii_blue] + ew[k_sii_blue + 1], strong = ew[k_sii_blue];
  const Vec<float> top = sum * splat(k_sii_highest / (1 + k_sii_highest)),
                   bottom = sum * splat(k_sii_lowest / (1 + k_sii_lowest));
  const Vec<float> kept = strong > top ? top : (strong < bottom ? bottom : strong);
  ew[k_sii_blue + 1] = ((strong > top) | (strong < bottom)) ? sum - kept : ew[k_sii_blue + 1];
  ew[k_sii_blue] = kept;
}

// The same of a pair at any place, once it is written.
inline void hold_ratio(float* blue, float* red, Size n) {
  constexpr float highest = k_sii_highest / (1 + k_sii_highest), lowest = k_sii_lowest / (1 + k_sii_lowest);
  for (Size k = 0; k < n; ++k) {
    const float sum = blue[k] + red[k], top = sum * highest, bottom = sum * lowest;
    const float kept = blue[k] > top ? top : (blue[k] < bottom ? bottom : blue[k]);
    if (kept != blue[k]) red[k] = sum - kept;
    blue[k] = kept;
  }
}

template <int components>
void sample_of(const MixtureView& mixture, unsigned key0, unsigned key1, Size n, float* const* out) {
  constexpr Size lanes = static_cast<Size>(k_lanes<float>);
  Vec<float> ew[k_mixture_lines];
  for (Size k = 0; k < n; k += lanes) {
    sample_vector<components>(mixture, key0, key1, static_cast<unsigned>(k), ew);
    const Size count = n - k < lanes ? n - k : lanes;
    for (int j = 0; j < k_mixture_lines; ++j) {
      float* to = out[j] + k;
      if (count == lanes) {
        store<float>(to, ew[j]);
      } else {
        for (Size i = 0; i < count; ++i) to[i] = ew[j][static_cast<int>(i)];
      }
    }
  }
  if (mixture.sii >= 0 && mixture.sii != k_sii_blue) hold_ratio(out[mixture.sii], out[mixture.sii + 1], n);
}

void sample(const MixtureView& mixture, unsigned key0, unsigned key1, Size n, float* const* out) {
  if (mixture.components == 1) return sample_of<1>(mixture, key0, key1, n, out);
  if (mixture.components == 2) return sample_of<2>(mixture, key0, key1, n, out);
  if (mixture.components == 3) return sample_of<3>(mixture, key0, key1, n, out);
  sample_of<4>(mixture, key0, key1, n, out);
}

// The same numbers by loops that stay loops: unrolled, those over many lines would be longer than all the rest.
template <int lines>
void sample_loops(const MixtureOf<lines>& m, unsigned key0, unsigned key1, Size n, float* const* out) {
  constexpr Size lanes = static_cast<Size>(k_lanes<float>);
  for (Size k = 0; k < n; k += lanes) {
    const Size count = n - k < lanes ? n - k : lanes;
    Words32 draw;
    for (int i = 0; i < k_lanes<float>; ++i) draw[i] = static_cast<unsigned>(k) + static_cast<unsigned>(i);
    const Words32 choice = threefry_first(key0, key1, draw, 0);
    Vec<float> z[static_cast<Size>(lines)];
#pragma GCC unroll 1
    for (int j = 0; j < lines; ++j) {
      z[j] = normal_of(threefry_first(key0, key1, draw, 1U + static_cast<unsigned>(j)));
      Vec<float> t{};
#pragma GCC unroll 1
      for (int c = 0; c < m.components; ++c) {
        Vec<float> e = splat(m.factor[c][j * lines]) * z[0];
#pragma GCC unroll 1
        for (int i = 1; i <= j; ++i) e += splat(m.factor[c][j * lines + i]) * z[i];
        const Vec<float> here = splat(m.mean[c][j]) + splat(m.sd[c][j]) * e;
        t = c == 0 ? here : (choice > splat_word(m.limit[c > 0 ? c - 1 : 0]) ? here : t);
      }
      const Vec<float> ew = intrinsic_ew_vector<float>(t);
      float* to = out[j] + k;
      if (count == lanes) {
        store<float>(to, ew);
      } else {
        for (Size i = 0; i < count; ++i) to[i] = ew[static_cast<int>(i)];
      }
    }
  }
  if (m.sii >= 0) hold_ratio(out[m.sii], out[m.sii + 1], n);
}

void sample_wide(const WideMixtureView& mixture, unsigned key0, unsigned key1, Size n, float* const* out) {
  sample_loops(mixture, key0, key1, n, out);
}

}  // namespace
}  // namespace starglow::kernels
