#pragma once
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "starglow/base/limits.hpp"
#include "starglow/base/line_set.hpp"
#include "starglow/base/view.hpp"

namespace starglow {

/// EW (A) of t: never negative, at most k_most_ew.
inline double intrinsic_ew(double t) noexcept { return std::sinh(t > 0 ? (t < k_most_t ? t : k_most_t) : 0.0); }

/// The joint intrinsic distribution of the independent lines of one galaxy: a mixture of normal distributions in
/// t, EW = sinh(max(t, 0)) A, so an EW is never negative and P(t < 0) is the probability of no line at all.
/// Lines in the order of the model's LineSet::independent(), of the shipped model k_independent_lines. There are
/// slots.places() places; those behind the last line are empty: normal distributions of mean 0 and sd 1 that no other
/// line knows of.
struct LineDistribution {
  static constexpr std::size_t k_max_components = 4;
  static constexpr std::size_t k_most_lines = k_most_independent_lines;
  using PerLine = std::array<double, k_most_lines>;

  std::size_t components = 1;
  LineSlots slots{};
  std::array<double, k_max_components> weight{};
  std::array<PerLine, k_max_components> mean{}, sd{};
  PerLine p16{}, median{}, p84{};  ///< quantile() at k_p16, 1/2 and k_p84, kept by those who make a distribution

  double cdf(std::size_t line, double t) const noexcept;
  double density(std::size_t line, double t) const noexcept;
  /// Probability of EW(Ha) < k_lineless_ew; NaN where Halpha is not among the lines.
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

/// What one galaxy changes about its distribution before the calibration, in every line j. Component c < evolving: EWs
/// times e^s, t' = asinh(e^s sinh t) at its mean and in its width, to which the scatter w_j r g of ln EW is added in
/// quadrature; s = p_j r g, r = ln((1 + z)/(1 + z0)), 0 below z0; g = H^2/(H^2 + k_active_ew^2), H its Halpha (A): the
/// lines of passive galaxies do not grow. All: widths times `widen`.
struct Adjustment {
  std::size_t evolving = 0;
  double r = 0;
  LineDistribution::PerLine power{}, width{};
  double widen = 1;

  bool any() const noexcept { return r > 0 || widen != 1; }
};

/// Mean and width of a component of a line that has evolved (Adjustment), before it is widened, and their slopes.
struct AdjustedNormal {
  double mean = 0, sd = 1;
  double mean_by_mean = 1, mean_by_r = 0, sd_by_mean = 0, sd_by_sd = 1, sd_by_r = 0;
};
/// r: of the component, share of growth included.
AdjustedNormal evolved(double mean, double sd, double power, double width, double r);
/// EW of Halpha (A) of a component that has half of the growth.
inline constexpr double k_active_ew = 8.0;
/// The share g of the growth that a component has whose mean t of Halpha is this, and its slope.
struct GrowthShare {
  double value, slope;
};
GrowthShare growth_share(double t_halpha);

/// What turns the outputs of a network bank into a LineDistribution. Outputs, all of standardised t, of the n lines
/// (8 of the shipped model): components x (n means), components x (n logarithms of sd - k_min_sd), then components - 1
/// logits (the first component has logit 0).
struct JointHead {
  static constexpr double k_min_sd = 0.03;  ///< of standardised t
  std::size_t components = 2;
  LineSlots slots{};
  /// (components, places x places): lower triangular, rows of length 1; correlation = factor factor^T. Empty places:
  /// the identity.
  Matrix<double> factor;
  /// Calibration of t: t' = median + shift + slope (t - median); in asinh EW.
  std::vector<double> shift, slope;  ///< (places); empty places 0 and 1

  static constexpr std::size_t n_outputs(std::size_t components, std::size_t lines = k_n_independent_lines) noexcept {
    return components * 2 * lines + components - 1;
  }
  std::size_t n_outputs() const noexcept { return n_outputs(components, slots.n); }
  /// outputs (n_outputs()): averaged over the members. y_mean, y_scale (n): of asinh EW.
  LineDistribution distribution(std::span<const double> outputs, std::span<const double> y_mean,
                                std::span<const double> y_scale, const Adjustment& adjustment = {}) const;
  /// Derivative of the quantile t of each line at probability p, before calibration, with respect to the outputs, and
  /// in two more columns to Adjustment::r and widen: (places, n_outputs() + 2). The calibrated median has the same.
  /// Rows of empty places are 0.
  Matrix<double> quantile_slopes(std::span<const double> outputs, std::span<const double> y_mean,
                                 std::span<const double> y_scale, double p = 0.5,
                                 const Adjustment& adjustment = {}) const;
  /// Error(model) unless shapes, rows of length 1 and positive slopes.
  void check() const;
};

}  // namespace starglow
