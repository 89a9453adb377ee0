/// @file
/// Borders in the diagram of Baldwin, Phillips & Terlevich 1981 (PASP 93, 5): x = log10([NII] 6584 / Halpha),
/// y = log10([OIII] 5007 / Hbeta).
#pragma once

namespace starglow {

/// y of the border above which galaxies are not star-forming alone (Kauffmann et al. 2003, MNRAS 346, 1055, equation
/// 1); for x < 0.05.
constexpr double kauffmann_border(double x) noexcept { return 0.61 / (x - 0.05) + 1.3; }

/// y of the border above which stars cannot make the lines (Kewley et al. 2001, ApJ 556, 121, equation 5); for x <
/// 0.47.
constexpr double kewley_border(double x) noexcept { return 0.61 / (x - 0.47) + 1.19; }

/// Star-forming galaxies; false where x or y is NaN.
constexpr bool below_kauffmann(double x, double y) noexcept { return x < 0.05 && y < kauffmann_border(x); }

/// Star-forming and composite galaxies; the others are active nuclei. False where x or y is NaN.
constexpr bool below_kewley(double x, double y) noexcept { return x < 0.47 && y < kewley_border(x); }

}  // namespace starglow
