#pragma once
#include "starglow/base/galaxies.hpp"

namespace starglow {

/// Whether a number can be a measured EW (A). Others (-9999, 1e30, infinities, NaN) are marks of its absence: no galaxy
/// has them.
constexpr bool can_be_measured(double ew) noexcept { return ew > -500 && ew < 1e5; }

/// Marks of absence among measured EWs become NaN, with ivar 0. For every reader of tables.
void clear_marks(Galaxies& galaxies);

}  // namespace starglow
