#pragma once
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "starglow/base/limits.hpp"
#include "starglow/base/lines.hpp"
#include "starglow/base/view.hpp"

namespace starglow {

/// EW (A) of t: never negative, at most k_most_ew.
inline double intrinsic_ew(double t) noexcept { return std::sinh(t > 0 ? (t < k_most_t ? t : k_most_t) : 0.0); }

/// The joint intrinsic distribution of the eight independent lines of one galaxy: a mixture of normal distributions in
/// t, EW = sinh(max(t, 0)) A, so an EW is never negative and P(t < 0) is the probability of no line at all.
/// Lines in the order of k_independent_lines.
struct LineDistribution {
  static constexpr std::size_t k_max_components = 4;
  static constexpr std::size_t k_n = k_n_independent_lines;
  using PerLine = std::array<double, k_n>;

  std::size_t components = 1;
  std::array<double, k_max_components> weight{};
  std::array<PerLine, k_max_components> mean{}, sd{};
  PerLine p16{}, median{}, p84{};  ///< quantile() at k_p16, 1/2 and k_p84, kept by those who make a distribution

  double cdf(std::size_t line, double t) const noexcept;
  double density(std::size_t line, double t) const noexcept;
  /// Probability of EW(Ha) < k_lineless_ew.
  double p_lineless() const noexcept;
  /// t with cdf(t) = p, 0 < p < 1; relative to the narrowest component exact to 1e-10.
  double quantile(std::size_t line, double p) const noexcept;
  /// Sets p16, median and p84 of all lines, by the kernel.
  void find_quantiles();
};

/// A galaxy with EW(Ha) below this (A) counts as one without lines: below 1 A pipelines disagree about one spectrum.
inline constexpr double k_lineless_ew = 2.0;

/// Phi(-1) and Phi(1).
inline constexpr double k_p16 = 0.15865525393145707, k_p84 = 0.84134474606854293;

/// What turns the outputs of a network bank into a LineDistribution. Outputs, all of standardised t: components x (8
/// means), components x (8 logarithms of sd - k_min_sd), then components - 1 logits (the first component has logit 0).
struct JointHead {
  static constexpr double k_min_sd = 0.03;  ///< of standardised t
  std::size_t components = 2;
  Matrix<double> factor;  ///< (components, 8 x 8): lower triangular, rows of length 1; correlation = factor factor^T
  /// Calibration of t: t' = median + shift + slope (t - median); in asinh EW.
  std::vector<double> shift, slope;  ///< (8)

  static constexpr std::size_t n_outputs(std::size_t n) noexcept { return n * 2 * k_n_independent_lines + n - 1; }
  std::size_t n_outputs() const noexcept { return n_outputs(components); }
  /// outputs (n_outputs()): averaged over the members. y_mean, y_scale (8): of asinh EW.
  LineDistribution distribution(std::span<const double> outputs, std::span<const double> y_mean,
                                std::span<const double> y_scale) const;
  /// Derivative of the quantile t of each line at probability p, before calibration, with respect to the outputs:
  /// (8, n_outputs()). The calibrated median has the same.
  Matrix<double> quantile_slopes(std::span<const double> outputs, std::span<const double> y_mean,
                                 std::span<const double> y_scale, double p = 0.5) const;
  /// Error(model) unless shapes, rows of length 1 and positive slopes.
  void check() const;
};

}  // namespace starglow
