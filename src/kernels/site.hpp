#pragma once
// What a measured EW says of t: a normal prior of t times the normal likelihood of the EW sinh(max(t, 0)); its
// integral, mean and variance. Lanes are measurements. Compiled once per instruction set.
#include "kernels/mixture.hpp"

namespace starglow::kernels {
namespace {

/// Nodes x > 0 and weights of Gauss and Legendre on (-1, 1), ascending, `pairs` on each side of 0: zeros of the
/// Legendre polynomial by Newton's steps from their approximate places.
template <int pairs>
struct SiteRule {
  double x[pairs] = {}, w[pairs] = {};
  constexpr SiteRule() {
    constexpr int n = 2 * pairs;
    for (int i = 0; i < pairs; ++i) {
      const double angle = 3.14159265358979323846 * (i + 0.75) / (n + 0.5);
      double z = 1, term = 1, slope = 1;
      for (int k = 1; k < 12; ++k) z += term *= -angle * angle / ((2 * k - 1) * (2 * k));  // its cosine
      for (int step = 0; step < 8; ++step) {
        double p = 1, before = 0;
        for (int k = 1; k <= n; ++k) {
          const double next = ((2 * k - 1) * z * p - (k - 1) * before) / k;
          before = p;
          p = next;
        }
        slope = n * (z * p - before) / (z * z - 1);
        z -= p / slope;
      }
      x[pairs - 1 - i] = z;
      w[pairs - 1 - i] = 2 / ((1 - z * z) * slope * slope);
    }
  }
};
template <int pairs>
constexpr SiteRule<pairs> k_site_rule{};

// e^x, relative error 1e-11, for x <= core_max; below core_min it is about 1e-308.
inline Vec<double> exp_short(Vec<double> x) {
  using C = Traits<double>;
  constexpr int n_poly = 8;
  const Vec<double> magic = splat(C::magic), one = splat(1.0);
  x = greater<double>(x, splat(C::core_min));
  const Vec<double> shifted = x * splat(C::log2e) + magic;
  const Vec<double> r = x - (shifted - magic) * splat(0.693147180559945309417);
  Vec<double> p = splat(C::poly[n_poly - 1]);
#pragma GCC unroll 8
  for (int k = n_poly - 2; k >= 0; --k) p = p * r + splat(C::poly[k]);
  const Vec<double> two_n = reinterpret_cast<Vec<double>>(reinterpret_cast<IntVec<double>>(one) +
                                                          (reinterpret_cast<IntVec<double>>(shifted) << C::mantissa));
  return two_n * (p * (r * r) + (r + one));
}

inline Vec<double> square_root(Vec<double> x) {
  double lanes[k_lanes<double>] __attribute__((aligned(STARGLOW_VECTOR_BYTES)));
  store<double>(lanes, x);
  for (int i = 0; i < k_lanes<double>; ++i) lanes[i] = __builtin_sqrt(lanes[i]);
  return load<double>(lanes);
}

// ln(x) of x >= 1: of the mantissa between sqrt(1/2) and sqrt(2) by its series in (m - 1) / (m + 1).
inline Vec<double> log_above_one(Vec<double> x) {
  const IntVec<double> bits = reinterpret_cast<IntVec<double>>(x);
  const IntVec<double> from = bits - reinterpret_cast<IntVec<double>>(splat(0.70710678118654752440));
  const IntVec<double> power = (from >> 52) << 52;
  const Vec<double> m = reinterpret_cast<Vec<double>>(bits - power);
  const IntVec<double> two_52 = reinterpret_cast<IntVec<double>>(splat(4503599627370496.0));
  const Vec<double> n = reinterpret_cast<Vec<double>>((from >> 52) | two_52) - splat(4503599627370496.0);
  const Vec<double> s = (m - splat(1.0)) / (m + splat(1.0)), s2 = s * s;
  Vec<double> p = splat(1.0 / 17);
#pragma GCC unroll 8
  for (int k = 7; k >= 0; --k) p = p * s2 + splat(1.0 / (2 * k + 1));
  return n * splat(0.693147180559945309417) + (s + s) * p;
}

inline Vec<double> asinh_vector(Vec<double> x) {
  const Vec<double> zero{}, size = x < zero ? -x : x;
  const Vec<double> t = log_above_one(size + square_root(size * size + splat(1.0)));
  return x < zero ? -t : t;
}

struct SiteSums {
  Vec<double> mass, lowest, mean, variance;
};

// `at_line`: asinh(max(value, 0)).
template <int pairs>
inline SiteSums site_vector(Vec<double> m, Vec<double> v, Vec<double> value, Vec<double> sigma, Vec<double> at_line) {
  const Vec<double> zero{}, one = splat(1.0), half = splat(0.5), cut = splat(20.0);
  const Vec<double> sd = square_root(v);
  const Vec<double> over = half / v, weight = half / (sigma * sigma);
  const auto distance = [&](Vec<double> t, Vec<double> ew) {
    return over * (t - m) * (t - m) + weight * (value - ew) * (value - ew);
  };
  // The highest point above 0: from the mean of prior and line, by Gauss and Newton's steps.
  const Vec<double> positive = value > zero ? value : zero, by_line = weight * (positive * positive + one);
  Vec<double> top = (over * m + by_line * at_line) / (over + by_line);
  top = top > zero ? top : zero;
  Vec<double> step{}, bend = one;
  for (int k = 0; k < 4; ++k) {
    const Vec<double> e = exp_short(top), inverse = one / e, ew = half * (e - inverse), slope = half * (e + inverse);
    bend = over + weight * slope * slope;
    step = (weight * (value - ew) * slope - over * (top - m)) / bend;
    step = step > one ? one : (step < -one ? -one : step);
    const Vec<double> next = top + step;
    step = next > zero ? step : -top;
    top = next > zero ? next : zero;
  }
  const auto at = [&](Vec<double> t) {
    const Vec<double> e = exp_short(t);
    return distance(t, half * (e - one / e));
  };
  const Vec<double> highest = at(top), none = weight * value * value;
  const Vec<double> below = m < zero ? none : none + over * m * m;  // of t < 0
  const Vec<double> lowest = below < highest ? below : highest;
  // Borders: where the prior or the line is lower than e^-cut of the highest point, and closer where both together are.
  const Vec<double> reach = square_root(splat(2.0) * (lowest + cut));
  const auto lesser_of = [](Vec<double> a, Vec<double> b) { return a < b ? a : b; };
  const auto greater_of = [](Vec<double> a, Vec<double> b) { return a > b ? a : b; };
  Vec<double> low = greater_of(zero, greater_of(m - sd * reach, asinh_vector(value - sigma * reach)));
  Vec<double> high = lesser_of(m + sd * reach, asinh_vector(value + sigma * reach));
  const IntVec<double> kink = low <= zero;
  low = lesser_of(low, top);
  high = greater_of(high, low);
  const auto closer = [&](Vec<double> border) {
    const Vec<double> fallen = greater_of(at(border) - lowest, cut);
    return top + (border - top) * square_root(cut / fallen);
  };
  const Vec<double> far = splat(300.0);
  high = lesser_of(high, far);
  const Vec<double> nearer = closer(high);
  // Beyond the line the likelihood falls faster and faster: a step back out, where that came too near.
  const Vec<double> out_there = square_root(greater_of(at(high) - lowest, cut)),
                    here = square_root(greater_of(at(nearer) - lowest, zero));
  high = nearer +
         greater_of(zero, (square_root(cut) - here)) / greater_of(out_there - here, splat(1e-3)) * (high - nearer);
  high = greater_of(high, low);
  low = closer(low);
  const Vec<double> middle = half * (low + high), width = half * (high - low);
  const Vec<double> e = exp_short(middle), inverse = one / e, from = middle - m;
  Vec<double> s0{}, s1{}, s2{}, first{}, last{}, most = splat(-1e300);
  for (int k = 0; k < pairs; ++k) {
    const Vec<double> d = width * splat(k_site_rule<pairs>.x[k]), g = exp_short(d), g1 = one / g;
    const Vec<double> up_t = from + d, down_t = from - d;
    const Vec<double> up_ew = value - half * (e * g - inverse * g1), down_ew = value - half * (e * g1 - inverse * g);
    last = lowest - over * up_t * up_t - weight * up_ew * up_ew;
    first = lowest - over * down_t * down_t - weight * down_ew * down_ew;
    most = greater_of(most, greater_of(first, last));
    const Vec<double> w = splat(k_site_rule<pairs>.w[k]), up = w * exp_short(last), down = w * exp_short(first);
    s0 += up + down;
    s1 += (up - down) * d;
    s2 += (up + down) * (d * d);
  }
  s0 *= width;
  s1 *= width;
  s2 *= width;
  // Of t < 0, where no line is: the prior alone, in closed form.

  const Vec<double> a = kink ? m / sd : zero;
  if (any(kink)) {
    const NormalAt tail = normal_at(-a);
    const Vec<double> ratio = tail.density / tail.cdf, away = m - middle;
    Vec<double> mass = splat(2.50662827463100050242) * sd * tail.cdf * exp_short(lowest - none);
    mass = kink ? mass : zero;
    s0 += mass;
    s1 += mass * (away - sd * ratio);
    s2 += mass * (away * away - splat(2.0) * away * sd * ratio + v * (one + a * ratio));
  }
  const Vec<double> shift = s1 / s0;
  SiteSums out{s0, lowest, middle + shift, s2 / s0 - shift * shift};
  // What these nodes do not carry: two peaks that contradict each other, a place that was not found, a far tail.
  const Vec<double> ended = splat(-13.0), resolved = splat(0.25 * pairs * pairs);
  const IntVec<double> whole =
      (width <= zero) | ((last < ended) & ((first < ended) | kink) & (most < splat(0.5)) &
                         (step * step * bend < splat(0.1)) & (width * width * bend < resolved));
  const IntVec<double> fine =
      whole & (lowest < splat(16.0)) & (a < splat(30.0)) & (high < far) & (s0 > zero) & (out.variance > zero);
  out.mean = fine ? out.mean : splat(__builtin_nan(""));
  return out;
}

template <int pairs>
void sites_of(const SiteView& of, Size n) {
  constexpr Size lanes = static_cast<Size>(k_lanes<double>);
  for (Size i = 0; i < n; i += lanes) {
    const SiteSums sums =
        site_vector<pairs>(load<double>(of.prior_mean + i), load<double>(of.prior_variance + i),
                           load<double>(of.value + i), load<double>(of.sigma + i), load<double>(of.at_line + i));
    store<double>(of.mass + i, sums.mass);
    store<double>(of.lowest + i, sums.lowest);
    store<double>(of.mean + i, sums.mean);
    store<double>(of.variance + i, sums.variance);
  }
}

void sites(const SiteView& of, Size n, int finer) {
  if (finer != 0) return sites_of<24>(of, n);
  sites_of<12>(of, n);
}

}  // namespace
}  // namespace starglow::kernels
