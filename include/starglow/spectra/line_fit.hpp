#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "starglow/base/lines.hpp"
#include "starglow/spectra/spectrum.hpp"

namespace starglow {

/// Lines fitted together, in the order of `k_all_lines`. Fluxes 1e-17 erg/s/cm2; NaN with variance 0: the line is off
/// the spectrum or hidden by bad pixels.
struct LineFit {
  std::array<double, k_n_all_lines> flux, flux_variance;
  std::array<double, k_n_all_lines> sigma_v;  ///< intrinsic, km/s
  double v_balmer = 0, v_forbidden = 0;       ///< km/s against z
  double sigma_forbidden = 0;                 ///< km/s; 0: no fit
  bool apart = false;                         ///< Balmer and forbidden lines have shift and width of their own
  double chi2 = 0;
  std::size_t pixels = 0;
  std::array<bool, k_n_all_lines> outside{};  ///< less than half of the line's pixels are there
  std::vector<double> model;                  ///< the lines alone, unit of the flux, one a pixel
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
LineFit fit_lines(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
                  std::span<const std::uint8_t> good, const LineFit* earlier = nullptr);

/// EW of a line by integration of 1 - flux/continuum against the straight line between its side bands' means: the
/// second, named method. Rest frame, A, emission positive; stellar absorption counts against the line and neighbours
/// count for it. Windows: LineInfo::integration.
struct SideBandEw {
  double ew, variance;  ///< NaN and 0 when a side band or half of the window is missing
};
SideBandEw side_band_ew(const SpectrumView& s, Line line);

}  // namespace starglow
