#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "starglow/base/lines.hpp"
#include "starglow/spectra/spectrum.hpp"

namespace starglow {

/// How the ten lines are taken out of a spectrum before its bands are averaged.
enum class MaskRecipe {
  /// Khederlarian et al. 2024: +-5 A (rest) around each line a straight line between the pixels at the window's edges,
  /// except where that line lies on average above the pixels (absorption stays). The recipe of the shipped model.
  k24,
  /// Windows by the class of the object (galaxy +-1650 km/s, quasar +-5000 km/s at the Balmer lines), whatever the line
  /// looks like, filled with a fit of starlight to the pixels outside. What is inside a window cannot leak.
  robust,
};

/// Mean F_lambda in the twelve bands, in the unit of the spectrum.
struct BandMeasurement {
  std::array<double, k_n_bands> flux;  ///< NaN: band missing
  std::array<double, k_n_bands> ivar;  ///< 0: band missing, or noise unknown
  std::array<std::int32_t, k_n_bands> good_pixels;
};

/// A band counts when good pixels cover at least this share of its width.
inline constexpr double k_min_band_share = 0.5;

/// Good pixels: finite flux, ivar > 0 (when there is an ivar), mask 0.
std::vector<std::uint8_t> good_pixels(const SpectrumView& s);

/// Marks the pixels inside the windows of the ten lines (and, with `others`, of further lines that starlight does not
/// have) with 1. `half_width` km/s for the ten lines, at least `balmer` for the Balmer lines.
std::vector<std::uint8_t> line_windows(const SpectrumView& s, double half_width, bool others, double balmer = 0);

/// Band fluxes of recipe k24: plain means over the good pixels. ivar by propagation through means and straight lines.
BandMeasurement measure_bands_k24(const SpectrumView& s);

/// Band fluxes of recipe robust: means over all pixels, where pixels inside windows and bad pixels have the value of
/// `continuum` (NaN allowed outside what was fitted). ivar from the good pixels outside the windows.
BandMeasurement measure_bands_robust(const SpectrumView& s, std::span<const double> continuum, bool quasar = false);

}  // namespace starglow
