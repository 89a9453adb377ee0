#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "starglow/base/lines.hpp"
#include "starglow/spectra/spectrum.hpp"

namespace starglow {

/// Broad Balmer lines: a second Gaussian under each, of one shift and one width. Fluxes 1e-17 erg/s/cm2, in the order
/// of `k_all_lines`; NaN with variance 0: none.
struct BroadLines {
  bool found = false;
  double delta_chi2 = 0;  ///< by how much chi2 falls with them, over the reduced chi2 where that is above 1
  double log_odds = 0;    ///< natural logarithm of the odds for them against narrow lines alone
  double sigma_v = 0, sigma_variance = 0, shift = 0, shift_variance = 0;  ///< km/s
  std::array<double, k_n_all_lines> flux{}, flux_variance{};
  std::vector<double> model;  ///< the broad lines alone, one a pixel; empty: none
};

/// Lines fitted together, in the order of `k_all_lines`. Fluxes 1e-17 erg/s/cm2; NaN with variance 0: the line is off
/// the spectrum or hidden by bad pixels.
struct LineFit {
  std::array<double, k_n_all_lines> flux, flux_variance;
  std::array<double, k_n_all_lines> sigma_v, sigma_variance;  ///< intrinsic, km/s
  std::array<double, k_n_all_lines> shift, shift_variance;    ///< km/s against z
  double v_balmer = 0, v_forbidden = 0;                       ///< km/s against z
  double sigma_forbidden = 0;                                 ///< km/s; 0: no fit
  bool apart = false;  ///< Balmer and forbidden lines have shift and width of their own
  double chi2 = 0;
  std::size_t pixels = 0;
  std::array<bool, k_n_all_lines> outside{};  ///< less than half of the line's pixels are there
  std::vector<double> model;                  ///< the lines alone, broad ones too, unit of the flux, one a pixel
  BroadLines broad;
};

/// Fits Gaussians, integrated over pixels and as wide as intrinsic width and instrument together, to a spectrum from
/// which starlight was subtracted: [OII] as two lines of free ratio, [OIII] and [NII] as pairs of 2.993 and 3.049,
/// [OIII] 4363 beside Hgamma, one shift and one width for all, or for Balmer and forbidden lines apart where both are
/// strong. Then each line that takes no part in this (LineInfo::own_shape) is measured with the shift and width found.
/// Fluxes may come out negative: noise is as often below as above. Each group of lines has a level beside it
/// that may differ from zero by 1.5 % of the starlight (one standard deviation): starlight is not known better than
/// that.
///
/// `residual`: flux minus `continuum`; all of the length of the spectrum. Shift has a prior of +-100 km/s, ln(width)
/// one of +-0.8 around 120 km/s; both matter for faint lines alone. Variances include what shift, width and level cost.
/// `earlier`: a fit of the same lines above another continuum; this one starts from its shift and width.
/// `rough`: a first look, which stops where chi2 falls by less than one and leaves out the lines that take no part.
LineFit fit_lines(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
                  std::span<const std::uint8_t> good, const LineFit* earlier = nullptr, bool rough = false);

/// The same fit with broad Balmer lines beside the narrow ones (these of at most 500 km/s then), in windows of 10,000
/// km/s, and whether the spectrum asks for them: `broad.found` where the odds are above 1 to 20 and the strongest
/// stands 2.5 standard deviations above noise and the doubt about starlight (0.5 % of its level over the width of the
/// line). Odds: chi2 with and without; Laplace's approximation for the further unknowns, with priors on shift (600
/// km/s), width (0.6 of its logarithm about 1500 km/s), EW (flat to 200 A) and decrement (flat to twice that of case
/// B); and one galaxy in a hundred that has such lines to begin with. Where they are not found only `broad.delta_chi2`,
/// `log_odds`, `sigma_v` and `shift` are told.
/// `sigma`: a width of the broad lines (km/s) that the search begins with, among others.
LineFit fit_broad_lines(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
                        std::span<const std::uint8_t> good, double sigma);

/// By how much chi2 falls, at most, with broad Balmer lines of zero shift, and their width then: a quick look that says
/// whether fit_broad_lines is worth its time. `narrow`: the fit without them.
struct BroadHint {
  double gain = 0, sigma = 0;  ///< of chi2; km/s
};
BroadHint look_for_broad_lines(const SpectrumView& s, std::span<const double> residual,
                               std::span<const double> continuum, std::span<const std::uint8_t> good,
                               const LineFit& narrow);

/// EW of a line by integration of 1 - flux/continuum against the straight line between its side bands' means: the
/// second, named method. Rest frame, A, emission positive; stellar absorption counts against the line and neighbours
/// count for it. Windows: LineInfo::integration.
struct SideBandEw {
  double ew, variance;  ///< NaN and 0 when a side band or half of the window is missing
};
SideBandEw side_band_ew(const SpectrumView& s, Line line);

}  // namespace starglow
