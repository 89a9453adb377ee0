#pragma once
// The steps of condition(), for double and for numbers that carry slopes.
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "model/site_moments.hpp"

namespace starglow::conditioning {

inline constexpr std::size_t k_most = LineDistribution::k_max_components;
inline constexpr int k_most_sweeps = 60;
inline constexpr double k_least_sigma = 1e-8;  // of an EW, A: a sharper measurement is taken as one of this error
inline constexpr int k_undamped = 12;          // sweeps; later ones go half of the way

/// A number with its slopes along N directions: forward differentiation, exact to rounding.
template <std::size_t N>
struct Slopes {
  double v = 0;
  std::array<double, N> d{};
  Slopes() = default;
  Slopes(double value) : v(value) {}  // NOLINT: numbers become constants
};
template <std::size_t N>
Slopes<N> combine(double value, const Slopes<N>& a, double by_a, const Slopes<N>& b, double by_b) {
  Slopes<N> out(value);
  for (std::size_t k = 0; k < N; ++k) out.d[k] = by_a * a.d[k] + by_b * b.d[k];
  return out;
}
template <std::size_t N>
Slopes<N> through(double value, const Slopes<N>& a, double slope) {
  Slopes<N> out(value);
  for (std::size_t k = 0; k < N; ++k) out.d[k] = slope * a.d[k];
  return out;
}
template <std::size_t N>
Slopes<N> operator+(const Slopes<N>& a, const Slopes<N>& b) {
  return combine(a.v + b.v, a, 1.0, b, 1.0);
}
template <std::size_t N>
Slopes<N> operator-(const Slopes<N>& a, const Slopes<N>& b) {
  return combine(a.v - b.v, a, 1.0, b, -1.0);
}
template <std::size_t N>
Slopes<N> operator*(const Slopes<N>& a, const Slopes<N>& b) {
  return combine(a.v * b.v, a, b.v, b, a.v);
}
template <std::size_t N>
Slopes<N> operator/(const Slopes<N>& a, const Slopes<N>& b) {
  return combine(a.v / b.v, a, 1 / b.v, b, -a.v / (b.v * b.v));
}
template <std::size_t N>
Slopes<N> operator*(double a, const Slopes<N>& b) {
  return through(a * b.v, b, a);
}
inline double value_of(double x) { return x; }
template <std::size_t N>
double value_of(const Slopes<N>& x) {
  return x.v;
}
inline double log_of(double x) { return std::log(x); }
inline double exp_of(double x) { return std::exp(x); }
inline double sqrt_of(double x) { return std::sqrt(x); }
template <std::size_t N>
Slopes<N> log_of(const Slopes<N>& x) {
  return through(std::log(x.v), x, 1 / x.v);
}
template <std::size_t N>
Slopes<N> exp_of(const Slopes<N>& x) {
  return through(std::exp(x.v), x, std::exp(x.v));
}
template <std::size_t N>
Slopes<N> sqrt_of(const Slopes<N>& x) {
  return through(std::sqrt(x.v), x, 0.5 / std::sqrt(x.v));
}

template <class T>
struct Moments {
  T log_z{}, mean{}, variance{};
};
inline Moments<double> moments(double mean, double variance, const LineEvidence& e, double) {
  const SiteMoments m = site_moments(mean, variance, e);
  return {m.log_z, m.mean, m.variance};
}
template <std::size_t N>
Moments<Slopes<N>> moments(const Slopes<N>& mean, const Slopes<N>& variance, const LineEvidence& e,
                           const Slopes<N>& value) {
  SiteSlopes s;
  const SiteMoments m = site_moments(mean.v, variance.v, e, &s);
  const auto take = [&](double at, const std::array<double, 3>& by) {
    Slopes<N> out(at);
    for (std::size_t k = 0; k < N; ++k) out.d[k] = by[0] * mean.d[k] + by[1] * variance.d[k] + by[2] * value.d[k];
    return out;
  };
  return {take(m.log_z, s.log_z), take(m.mean, s.mean), take(m.variance, s.variance)};
}

/// A normal distribution of the t of k_n lines.
template <class T, std::size_t k_n>
struct Normal {
  std::array<T, k_n> mean{};
  std::array<std::array<T, k_n>, k_n> covariance{};
};

/// Lower Cholesky factor of a covariance, its rows divided by the sd.
template <std::size_t k_n>
void factorise(const Normal<double, k_n>& q, const LineDistribution::PerLine& sd, std::span<double> factor) {
  std::fill(factor.begin(), factor.end(), 0.0);
  for (std::size_t i = 0; i < k_n; ++i) {
    double left = 1.0;  // of the row's length
    for (std::size_t j = 0; j < i; ++j) {
      double sum = q.covariance[i][j] / (sd[i] * sd[j]);
      for (std::size_t k = 0; k < j; ++k) sum -= factor[i * k_n + k] * factor[j * k_n + k];
      const double pivot = factor[j * k_n + j];
      factor[i * k_n + j] = pivot > 0 ? sum / pivot : 0.0;
      left -= factor[i * k_n + j] * factor[i * k_n + j];
    }
    factor[i * k_n + i] = std::sqrt(std::max(left, 0.0));
  }
}

/// A site of line j: exp(-precision (t - centre)^2 / 2 + pull (t - centre)). `scale`: its logarithm at the centre.
template <class T>
struct Site {
  T precision{}, centre{}, pull{}, scale{};
};

/// The normal times a site, over the given lines only. Returns 1 + precision x variance.
template <class T, std::size_t k_n>
T multiply(Normal<T, k_n>& q, std::span<const std::size_t> lines, std::size_t j, const Site<T>& site) {
  const T grown = T(1.0) + site.precision * q.covariance[j][j];
  const T step = (site.pull + site.precision * (site.centre - q.mean[j])) / grown;
  std::array<T, k_n> column;
  for (const std::size_t i : lines) column[i] = q.covariance[i][j];
  for (const std::size_t i : lines) q.mean[i] = q.mean[i] + column[i] * step;
  const T share = site.precision / grown;
  for (const std::size_t i : lines) {
    if (i == j) continue;
    const T by = column[i] * share;
    for (const std::size_t k : lines)
      if (k != j) q.covariance[i][k] = q.covariance[i][k] - by * column[k];
  }
  // Of the line itself by division: nothing is lost where the site is sharp.
  for (const std::size_t i : lines) q.covariance[i][j] = q.covariance[j][i] = column[i] / grown;
  return grown;
}

/// The normal `q` becomes that given the evidence; returns the logarithm of its integral. `values`: of the evidence.
template <class T, std::size_t k_n>
T condition_normal(Normal<T, k_n>& q, const Evidence& evidence, const std::array<T, k_n>& values, double tolerance) {
  std::array<std::size_t, k_n> known{};
  std::size_t n_known = 0;
  for (std::size_t j = 0; j < k_n; ++j)
    if (evidence[j].kind != LineEvidence::Kind::none) known[n_known++] = j;
  const std::span<const std::size_t> lines(known.data(), n_known);
  std::array<Site<T>, k_n> site{};
  for (const std::size_t j : lines) site[j].centre = q.mean[j];
  for (int sweep = 0; sweep < (n_known > 1 ? k_most_sweeps : 1); ++sweep) {
    double moved = 0;
    for (const std::size_t j : lines) {
      Normal<T, k_n> cavity = q;
      for (const std::size_t i : lines)
        if (i != j) multiply(cavity, lines, i, site[i]);
      const T& mean = cavity.mean[j];
      const T& variance = cavity.covariance[j][j];
      const Moments<T> m = moments(mean, variance, evidence[j], values[j]);
      const T apart = m.mean - mean;
      T precision = T(1.0) / m.variance - T(1.0) / variance;
      // Two peaks of one line are wider than their prior; with other lines only sites that narrow are kept, so that
      // their product stays a distribution.
      if (n_known > 1 && !(value_of(precision) > 0)) precision = T(0.0);
      moved = std::max({moved, std::fabs(value_of(m.mean) - value_of(site[j].centre)) / std::sqrt(value_of(m.variance)),
                        std::fabs(value_of(precision) - value_of(site[j].precision)) * value_of(m.variance)});
      const T narrowed = T(1.0) / (T(1.0) / variance + precision);
      Site<T> next{precision, m.mean, apart / variance,
                   m.log_z - T(0.5) * log_of(narrowed / variance) + T(0.5) * apart * apart / variance};
      if (sweep >= k_undamped) {
        const Site<T>& old = site[j];
        next.pull = T(0.5) * (next.pull + old.pull - old.precision * (next.centre - old.centre));
        next.precision = T(0.5) * (next.precision + old.precision);
      }
      site[j] = next;
    }
    if (moved < tolerance) break;
  }
  std::array<std::size_t, k_n> every{};
  for (std::size_t j = 0; j < k_n; ++j) every[j] = j;
  T log_z{};
  for (const std::size_t j : lines) {
    log_z = log_z + site[j].scale + T(0.5) * (q.mean[j] - site[j].centre) * site[j].pull;
  }
  for (const std::size_t j : lines) log_z = log_z - T(0.5) * log_of(multiply(q, every, j, site[j]));
  return log_z;
}

/// Weights (as logarithms, of sum 1 at first) and means and sd of a mixture, conditioned. `correlation`: (8 x 8) of
/// each component. Returns the log of the evidence.
template <class T, std::size_t k_n>
struct Mixture {
  std::size_t components = 0;
  std::array<T, k_most> log_weight{};
  std::array<Normal<T, k_n>, k_most> normal{};
};

template <class T, std::size_t k_n>
T condition_mixture(Mixture<T, k_n>& mixture, const Evidence& evidence, const std::array<T, k_n>& values,
                    double tolerance) {
  double top = -1e300;
  for (std::size_t c = 0; c < mixture.components; ++c) {
    mixture.log_weight[c] = mixture.log_weight[c] + condition_normal(mixture.normal[c], evidence, values, tolerance);
    top = std::max(top, value_of(mixture.log_weight[c]));
  }
  T sum{};
  for (std::size_t c = 0; c < mixture.components; ++c) sum = sum + exp_of(mixture.log_weight[c] - T(top));
  const T log_sum = log_of(sum);
  for (std::size_t c = 0; c < mixture.components; ++c) mixture.log_weight[c] = mixture.log_weight[c] - T(top) - log_sum;
  return T(top) + log_sum;
}

}  // namespace starglow::conditioning
