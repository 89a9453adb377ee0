#pragma once
#include <array>
#include <cstddef>
#include <span>

#include "starglow/base/lines.hpp"

namespace starglow {

/// The two windows beside a line in which its continuum is taken. Rest frame, vacuum, A.
struct SideBands {
  double blue_lo, blue_hi, red_lo, red_hi;
};

/// Side bands of the ten lines, in the order of `k_lines`: the one place of this project. At least 4 standard
/// deviations of a line of 400 km/s away from the group of lines they serve ([OIII] pair, Halpha with [NII], [SII]
/// pair; [OII] 3.4), and clear of other strong lines.
inline constexpr std::array<SideBands, k_n_lines> k_side_bands{{
    {3685.0, 3711.0, 3745.0, 3771.0},  // OII_DOUBLET
    {4296.0, 4318.0, 4372.0, 4394.0},  // HGAMMA: between the G band and [OIII] 4363
    {4805.0, 4835.0, 4890.0, 4920.0},  // HBETA
    {4900.0, 4930.0, 5036.0, 5066.0},  // OIII_4959
    {4900.0, 4930.0, 5036.0, 5066.0},  // OIII_5007
    {6470.0, 6510.0, 6622.0, 6662.0},  // NII_6548
    {6470.0, 6510.0, 6622.0, 6662.0},  // HALPHA
    {6470.0, 6510.0, 6622.0, 6662.0},  // NII_6584
    {6640.0, 6680.0, 6772.0, 6812.0},  // SII_6716
    {6640.0, 6680.0, 6772.0, 6812.0},  // SII_6731
}};

/// Mean of a function, linear between its points, over [lo, hi]: its integral over the window, divided by hi - lo.
/// `wave` increasing; same unit as lo and hi. NaN when the points do not reach over the window or one inside is NaN.
double window_mean(std::span<const double> wave, std::span<const double> values, double lo, double hi);

/// Continuum at a line: the average of the means in its blue and its red side band of a continuum that has no lines.
/// The same for measuring, painting and line luminosities; any grid, coarse ones too, and continuous in z. Not the
/// value under the line, which may lie inside a stellar Balmer absorption. Unit of `continuum`; NaN when a side band
/// lies outside the grid.
double side_band_continuum(std::span<const double> wave_rest, std::span<const double> continuum, Line line);
/// The same on an observed grid: windows at (1 + z) times their rest wavelength.
double side_band_continuum(std::span<const double> wave_obs, std::span<const double> continuum, double z, Line line);

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
