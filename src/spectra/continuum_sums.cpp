#include "spectra/continuum_sums.hpp"

#include <algorithm>
#include <array>

#include "base/processor.hpp"
#include "spectra/nnls.hpp"

namespace starglow::continuum {
namespace {

constexpr std::size_t k_unknowns = TemplateSet::k_max_templates + k_max_order;
using Eight [[gnu::vector_size(64), gnu::may_alias]] = double;  // lanes are columns: their sums stay apart
constexpr std::size_t k_lanes = 4;                              // the padding of a TemplateSet
constexpr std::size_t k_held = 4;  // pixels at a time: each sum is loaded and stored a fourth as often

struct Sums {
  alignas(64) std::array<double, k_unknowns * k_unknowns> a{};  // lower triangle, rows rounded up to eight
  std::array<double, k_unknowns> b{};
  double light = 0, chi2 = 0;
};

// One body for every instruction set; columns: the templates, padded, then the orders of the polynomial.
[[gnu::always_inline]] inline void add_all(const float* table, std::size_t stride, double shift, const Pixels& p,
                                           std::size_t m, Sums& sums) {
  alignas(64) double row[k_held][k_unknowns] = {}, weighted[k_held][k_unknowns] = {};
  double y[k_held] = {};
  const std::size_t columns = stride + m;
  std::size_t held = 0;
  const auto flush = [&]() __attribute__((always_inline)) {
    const Eight* r0 = reinterpret_cast<const Eight*>(row[0]);
    const Eight* r1 = reinterpret_cast<const Eight*>(row[1]);
    const Eight* r2 = reinterpret_cast<const Eight*>(row[2]);
    const Eight* r3 = reinterpret_cast<const Eight*>(row[3]);
    for (std::size_t j = 0; j < columns; ++j) {
      const double w0 = weighted[0][j], w1 = weighted[1][j], w2 = weighted[2][j], w3 = weighted[3][j];
      sums.b[j] += row[0][j] * y[0] + row[1][j] * y[1] + (row[2][j] * y[2] + row[3][j] * y[3]);
      Eight* a = reinterpret_cast<Eight*>(&sums.a[j * k_unknowns]);
      for (std::size_t k = 0; k < j / 8 + 1; ++k) a[k] += w0 * r0[k] + w1 * r1[k] + (w2 * r2[k] + w3 * r3[k]);
    }
  };
  const std::size_t n = p.flux.size();
  const bool pairs = p.every == 1;
  for (std::size_t i = 0; i < n; i += pairs ? 2 : p.every) {
    const bool two = pairs && i + 1 < n && p.weight[i + 1] > 0;
    const double weight = p.weight[i] + (two ? p.weight[i + 1] : 0.0);
    if (!(weight > 0)) continue;
    double y_sum = 0;
    for (std::size_t which = p.weight[i] > 0 ? 0 : 1, begun = 0; which < (two ? 2U : 1U); ++which, begun = 1) {
      const std::size_t j = i + which;
      const double share = p.weight[j] / weight;
      const double x = p.at[j] - shift;
      const auto cell = static_cast<std::size_t>(x);
      const double f = x - static_cast<double>(cell), whole = share * p.polynomial[j], p1 = whole * f, p0 = whole - p1;
      const float* lo = table + cell * stride;
      double* r = row[held];
      const double c = p.light[j], part = share * c;
      const double* legendre = &p.legendre[j * k_max_coefficients + 1];
      if (begun == 0) {
        for (std::size_t k = 0; k < stride; ++k)
          r[k] = static_cast<double>(lo[k]) * p0 + static_cast<double>(lo[k + stride]) * p1;
        for (std::size_t k = 0; k < m; ++k) r[stride + k] = part * legendre[k];
      } else {
        for (std::size_t k = 0; k < stride; ++k)
          r[k] += static_cast<double>(lo[k]) * p0 + static_cast<double>(lo[k + stride]) * p1;
        for (std::size_t k = 0; k < m; ++k) r[stride + k] += part * legendre[k];
      }
      const double left = p.flux[j] - c * p.polynomial[j];
      sums.light += p.weight[j] * c * c;
      sums.chi2 += p.weight[j] * left * left;
      y_sum += p.flux[j] * p.weight[j];
    }
    for (std::size_t k = 0; k < columns; ++k) weighted[held][k] = row[held][k] * weight;
    y[held] = y_sum;
    if (++held < k_held) continue;
    flush();
    held = 0;
  }
  for (std::size_t h = held; h < k_held; ++h) {
    std::fill_n(weighted[h], columns, 0.0);
    y[h] = 0;
  }
  if (held > 0) flush();
}

// Four sums beside each other, added up in one order: no compiler may choose another.
[[gnu::always_inline]] inline void light_all(const float* table, std::size_t stride, double shift,
                                             std::span<const double> at, const double* w, std::size_t every,
                                             double* out) {
  for (std::size_t i = 0; i < at.size(); i += every) {
    const double x = at[i] - shift;
    const auto cell = static_cast<std::size_t>(x);
    const double f = x - static_cast<double>(cell), g = 1 - f;
    const float* lo = table + cell * stride;
    const float* hi = lo + stride;
    double part[k_lanes] = {};
    for (std::size_t k = 0; k < stride; k += k_lanes)
      for (std::size_t l = 0; l < k_lanes; ++l)
        part[l] += w[k + l] * (static_cast<double>(lo[k + l]) * g + static_cast<double>(hi[k + l]) * f);
    out[i] = (part[0] + part[1]) + (part[2] + part[3]);
  }
}

struct Loops {
  void (*sums)(const float*, std::size_t, double, const Pixels&, std::size_t, Sums&);
  void (*light)(const float*, std::size_t, double, std::span<const double>, const double*, std::size_t, double*);
};
#define STARGLOW_LOOPS(name, attribute)                                                                            \
  attribute void sums_##name(const float* table, std::size_t stride, double shift, const Pixels& p, std::size_t m, \
                             Sums& sums) {                                                                         \
    add_all(table, stride, shift, p, m, sums);                                                                     \
  }                                                                                                                \
  attribute void light_##name(const float* table, std::size_t stride, double shift, std::span<const double> at,    \
                              const double* w, std::size_t every, double* out) {                                   \
    light_all(table, stride, shift, at, w, every, out);                                                            \
  }
STARGLOW_LOOPS(plain, )
#if defined(__x86_64__)
STARGLOW_LOOPS(wide, __attribute__((target("avx2"))))
STARGLOW_LOOPS(widest, __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))))
Loops loops_of_this_machine() {
  if (x86_features().v4) return {sums_widest, light_widest};
  if (x86_features().avx2) return {sums_wide, light_wide};
  return {sums_plain, light_plain};
}
#else
Loops loops_of_this_machine() { return {sums_plain, light_plain}; }
#endif
#undef STARGLOW_LOOPS
const Loops k_loops = loops_of_this_machine();

}  // namespace

void sum_up(const TemplateSet& templates, std::size_t sigma, double shift, const Pixels& p, std::size_t m,
            NormalEquations& out) {
  Sums sums;
  const std::size_t n = templates.count(), stride = templates.stride(), all = n + m;
  k_loops.sums(templates.at_sigma(sigma), stride, shift, p, m, sums);
  const auto at = [&](std::size_t k) { return k < n ? k : k - n + stride; };
  out.matrix.resize(all * all);
  out.vector.resize(all);
  for (std::size_t j = 0; j < all; ++j) {
    out.vector[j] = sums.b[at(j)];
    for (std::size_t k = 0; k <= j; ++k)
      out.matrix[j * all + k] = out.matrix[k * all + j] = sums.a[at(j) * k_unknowns + at(k)];
  }
  out.light = sums.light;
  out.chi2 = sums.chi2;
}

void add_up(const TemplateSet& templates, std::size_t sigma, double shift, std::span<const double> at,
            std::span<const double> w, std::size_t every, std::span<double> out) {
  std::array<double, TemplateSet::k_max_templates + k_lanes> padded{};
  std::copy(w.begin(), w.end(), padded.begin());
  k_loops.light(templates.at_sigma(sigma), templates.stride(), shift, at, padded.data(), every, out.data());
}

Cut best_part(const Pixels& p, std::span<const double> light, std::span<const double> polynomial) {
  std::array<double, 4> slope{};  // of chi2 / 2
  for (std::size_t i = 0; i < p.flux.size(); i += p.every) {
    const double dc = light[i] - p.light[i], dp = polynomial[i] - p.polynomial[i];
    const double r = p.flux[i] - p.light[i] * p.polynomial[i];
    const double first = p.polynomial[i] * dc + p.light[i] * dp, second = dc * dp;
    slope[0] -= p.weight[i] * r * first;
    slope[1] += p.weight[i] * (first * first - 2 * r * second);
    slope[2] += p.weight[i] * 3 * first * second;
    slope[3] += p.weight[i] * 2 * second * second;
  }
  const auto at = [&](double t) { return slope[0] + t * (slope[1] + t * (slope[2] + t * slope[3])); };
  double lo = 0, hi = 1;
  if (at(1) > 0)
    for (int k = 0; k < 40; ++k) (at(0.5 * (lo + hi)) > 0 ? hi : lo) = 0.5 * (lo + hi);
  return {hi, -2 * hi * (slope[0] + hi * (slope[1] / 2 + hi * (slope[2] / 3 + hi * slope[3] / 4)))};
}

bool solve_partly_free(std::span<const double> a, std::span<const double> b, std::span<double> w, std::span<double> q) {
  // [A C'; C D] (w, q) = (b, r): q = D^-1 (r - C w), and A - C' D^-1 C for w.
  const std::size_t n = w.size(), m = q.size(), all = n + m;
  std::vector<double> d(m * m), inverse(m * m), c(m * n, 0.0), reduced(n * n), rhs(b.begin(), b.end());
  for (std::size_t j = 0; j < m; ++j)
    for (std::size_t k = 0; k < m; ++k) d[j * m + k] = a[(n + j) * all + n + k];
  if (!solve_cholesky(d, std::span(rhs).subspan(n))) return false;
  invert_from_factor(d, inverse);
  for (std::size_t j = 0; j < m; ++j)
    for (std::size_t k = 0; k < m; ++k)
      for (std::size_t i = 0; i < n; ++i) c[j * n + i] += inverse[j * m + k] * a[(n + k) * all + i];
  for (std::size_t i = 0; i < n; ++i) {
    const double* cross = &a[i * all + n];
    for (std::size_t j = 0; j < m; ++j) rhs[i] -= cross[j] * rhs[n + j];
    for (std::size_t k = 0; k <= i; ++k) {
      double sum = a[i * all + k];
      for (std::size_t j = 0; j < m; ++j) sum -= cross[j] * c[j * n + k];
      reduced[i * n + k] = reduced[k * n + i] = sum;
    }
  }
  solve_nnls(reduced, std::span(rhs).first(n), w);
  for (std::size_t j = 0; j < m; ++j) {
    q[j] = rhs[n + j];
    for (std::size_t i = 0; i < n; ++i) q[j] -= c[j * n + i] * w[i];
  }
  return true;
}

}  // namespace starglow::continuum
