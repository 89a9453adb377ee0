#include "spectra/continuum_sums.hpp"

#include <algorithm>
#include <array>

#include "base/processor.hpp"
#include "spectra/nnls.hpp"

namespace starglow::continuum {
namespace {

constexpr std::size_t k_unknowns = TemplateSet::k_max_templates + k_max_order;
constexpr std::size_t k_held = 4;  // pixels at a time: each sum is loaded and stored a fourth as often

struct Sums {
  alignas(64) std::array<double, k_unknowns * k_unknowns> a{};  // lower triangle, rows rounded up to four
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
    for (std::size_t j = 0; j < columns; ++j) {
      const double r0 = weighted[0][j], r1 = weighted[1][j], r2 = weighted[2][j], r3 = weighted[3][j];
      sums.b[j] += row[0][j] * y[0] + row[1][j] * y[1] + (row[2][j] * y[2] + row[3][j] * y[3]);
      double* a = &sums.a[j * k_unknowns];
      for (std::size_t k = 0; k < j / 4 * 4 + 4; ++k)
        a[k] += r0 * row[0][k] + r1 * row[1][k] + (r2 * row[2][k] + r3 * row[3][k]);
    }
  };
  for (std::size_t i = 0; i < p.flux.size(); i += p.every) {
    const double weight = p.weight[i];
    if (!(weight > 0)) continue;
    const double x = p.at[i] - shift;
    const auto cell = static_cast<std::size_t>(x);
    const double f = x - static_cast<double>(cell), p1 = p.polynomial[i] * f, p0 = p.polynomial[i] - p1;
    const float* lo = table + cell * stride;
    for (std::size_t k = 0; k < stride; ++k) {
      const double value = static_cast<double>(lo[k]) * p0 + static_cast<double>(lo[k + stride]) * p1;
      row[held][k] = value;
      weighted[held][k] = value * weight;
    }
    const double c = p.light[i], r = p.flux[i] - c * p.polynomial[i];
    const double* legendre = &p.legendre[i * k_max_coefficients + 1];
    for (std::size_t k = 0; k < m; ++k) {
      row[held][stride + k] = c * legendre[k];
      weighted[held][stride + k] = c * legendre[k] * weight;
    }
    sums.light += weight * c * c;
    sums.chi2 += weight * r * r;
    y[held] = p.flux[i] * weight;
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

void add_plain(const float* table, std::size_t stride, double shift, const Pixels& p, std::size_t m, Sums& sums) {
  add_all(table, stride, shift, p, m, sums);
}
#if defined(__x86_64__)
__attribute__((target("avx2"))) void add_wide(const float* table, std::size_t stride, double shift, const Pixels& p,
                                              std::size_t m, Sums& sums) {
  add_all(table, stride, shift, p, m, sums);
}
const bool k_wide = x86_features().avx2;
#else
constexpr auto add_wide = add_plain;
constexpr bool k_wide = false;
#endif

}  // namespace

void sum_up(const TemplateSet& templates, std::size_t sigma, double shift, const Pixels& p, std::size_t m,
            NormalEquations& out) {
  Sums sums;
  const std::size_t n = templates.count(), stride = templates.stride(), all = n + m;
  (k_wide ? add_wide : add_plain)(templates.at_sigma(sigma), stride, shift, p, m, sums);
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
