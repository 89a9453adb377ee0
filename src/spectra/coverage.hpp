#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace starglow {

/// How much of the wavelengths a grid of pixel centres (A, ascending) covers. A step that is more than twice the steps
/// around it, on both of its sides, is a hole: nobody looked there, and its pixels reach no further than theirs do
/// elsewhere. A hole is missing data exactly as masked pixels are.
bool is_hole(std::span<const double> wave, std::size_t i) noexcept;  ///< between pixels i and i + 1

/// Width of pixel `i`, A: half way to its neighbours, or half a typical step on the side of a hole.
double pixel_width(std::span<const double> wave, std::size_t i) noexcept;

/// The parts of [lo, hi] that lie in holes, A.
double width_of_holes(std::span<const double> wave, double lo, double hi) noexcept;

/// The grid with pixels in its holes, a typical step apart; `place`: where each pixel of `wave` is in it. Empty: there
/// are no holes.
std::vector<double> without_holes(std::span<const double> wave, std::vector<std::size_t>& place);

}  // namespace starglow
