#pragma once
#include <span>
#include <string>

#include "starglow/report/figure.hpp"
#include "starglow/spectra/spectrum.hpp"

namespace starglow {

/// What is drawn of one spectrum; an empty span is left out. All have the length of `data.wave_obs`.
struct SpectrumPlot {
  SpectrumView data{};                  ///< observed: flux, ivar, mask; flux may be empty
  std::span<const double> continuum{};  ///< starlight
  std::span<const double> lines{};      ///< painted lines, without the continuum
  std::span<const double> band_flux{};  ///< the twelve bands
  std::string name = "spectrum";        ///< of the file
  std::string caption{};                ///< of which galaxy, and where the lines come from
};

/// A figure of kind "spectrum" (docs/figures.md): first panel the whole spectrum, data as means of four pixels; then
/// zooms on [OII], Hgamma, Hbeta with [OIII], Halpha with [NII], [SII], pixel by pixel, those that lie on the spectrum,
/// each with the range of its own window. Wavelengths observed, vacuum. z must be finite.
Figure spectrum_figure(const SpectrumPlot& plot);

}  // namespace starglow
