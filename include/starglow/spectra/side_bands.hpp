#pragma once
#include <cstddef>
#include <span>

#include "starglow/base/lines.hpp"

namespace starglow {

/// Mean of a function, linear between its points, over [lo, hi]: its integral over the window, divided by hi - lo.
/// `wave` increasing; same unit as lo and hi. NaN when the points do not reach over the window or one inside is not
/// finite. NaN, too, where holes in the grid take more than half of the window, unless the values are of a `model`,
/// which goes on straight over a hole.
double window_mean(std::span<const double> wave, std::span<const double> values, double lo, double hi,
                   bool model = false);

/// Continuum at a line: the average of the means in its blue and its red side band of a continuum that has no lines.
/// The same for measuring, painting and line luminosities; any grid, coarse ones too, and continuous in z. Not the
/// value under the line, which may lie inside a stellar Balmer absorption. Unit of `continuum`; NaN when a side band
/// lies outside the grid.
double side_band_continuum(std::span<const double> wave_rest, std::span<const double> continuum, Line line);
/// The same on an observed grid: windows at (1 + z) times their rest wavelength.
double side_band_continuum(std::span<const double> wave_obs, std::span<const double> continuum, double z, Line line,
                           bool model = false);

/// A continuum at a line measured from noisy pixels.
struct MeasuredContinuum {
  double mean;      ///< average of the two windows' means of the good pixels; NaN when a window has too few
  double variance;  ///< of that mean, from ivar; NaN without ivar
  std::size_t good_pixels;
};

/// Continuum at a line from data: plain means over the good pixels (ivar > 0, or finite where there is no ivar) of
/// each window. A window counts when at least half of its width is covered by good pixels.
MeasuredContinuum measure_side_bands(std::span<const double> wave_obs, std::span<const double> flux,
                                     std::span<const double> ivar, double z, Line line);

}  // namespace starglow
