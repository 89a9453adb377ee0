#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "starglow/spectra/spectrum.hpp"
#include "starglow/spectra/templates.hpp"

namespace starglow {

/// Starlight fitted to a spectrum: a non-negative sum of templates, shifted and broadened, times a slow polynomial that
/// stands for dust and calibration.
struct ContinuumFit {
  bool good = false;            ///< enough pixels and a positive answer; otherwise `model` is NaN throughout
  std::vector<double> model;    ///< unit of the flux, one a pixel; NaN outside the templates
  std::vector<double> weights;  ///< of the templates
  /// The polynomial: 1 + sum of polynomial[j] P_(j+1)(x), Legendre's, x from -1 to 1 between two observed wavelengths,
  /// constant beyond.
  std::vector<double> polynomial;
  double polynomial_from = 0, polynomial_to = 0;
  double v_shift = 0;      ///< km/s, positive = redder than z
  double sigma_v = 0;      ///< km/s beyond the templates' own width; one of TemplateSet::k_sigma
  double chi2 = 0;         ///< of the pixels used
  std::size_t pixels = 0;  ///< used
  double snr = 0;          ///< median flux over noise a pixel, of those used
};

/// Rest wavelengths that are fitted, A: the twelve bands.
inline constexpr double k_fit_from = 3390.0, k_fit_to = 7050.0;

/// Fits the pixels with use != 0 (same length as the spectrum). Shift and width are fitted where the median pixel has
/// S/N > 3, within +-300 km/s. Pixels beyond 5 standard deviations are left out once. The polynomial has one order for
/// 450 A (rest) of spectrum, 8 at most. Weights and polynomial are fitted together, by steps with exact slopes and
/// Gauss-Newton's curvature of templates averaged over blocks.
/// `earlier`: a good fit of the same spectrum to other pixels; shift, width, S/N and the polynomial's domain are kept
/// from it.
ContinuumFit fit_continuum(const SpectrumView& s, const TemplateSet& templates, std::span<const std::uint8_t> use,
                           const ContinuumFit* earlier = nullptr);

}  // namespace starglow
