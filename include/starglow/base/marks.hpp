#pragma once
#include "starglow/base/galaxies.hpp"

namespace starglow {

/// Whether a number can be a measured EW (A). Others (-9999, 1e30, infinities, NaN) are marks of its absence: no galaxy
/// has them.
constexpr bool can_be_measured(double ew) noexcept { return ew > -500 && ew < 1e5; }

/// Flux densities beyond this are marks of absence, or slips: 1e-17 erg/s/cm2/A, or of an arbitrary scale.
inline constexpr double k_most_flux = 1e15;

/// Marks of absence among measured EWs become NaN, with ivar 0. For every reader of tables.
void clear_marks(Galaxies& galaxies);

}  // namespace starglow
