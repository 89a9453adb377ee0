#pragma once
#include <cstdint>
#include <span>

#include "starglow/spectra/spectrum.hpp"

namespace starglow {

/// A number measured in windows of a spectrum. NaN and 0: none.
struct Index {
  double value, variance;
};

/// The 4000 A break, narrow: mean F_nu over 4000-4100 A by that over 3850-3950 A (Balogh et al. 1999, ApJ 527, 54;
/// their wavelengths are in air, rest frame, and are brought to vacuum). `lines`: the fitted emission lines, which are
/// taken off; `starlight`: the fitted starlight, which stands in for pixels that are not `good`. NaN where less than
/// half of a window is there, or the blue mean is not positive. Variance from the noise of the pixels alone.
Index break_4000(const SpectrumView& s, std::span<const double> lines, std::span<const double> starlight,
                 std::span<const std::uint8_t> good);

/// HdeltaA of Worthey & Ottaviani (1997, ApJS 111, 377), A, rest frame, positive in absorption: the integral of
/// 1 - F / C over 4083.50-4122.25 A, C the straight line between the means in 4041.60-4081.50 and 4128.50-4161.00 A at
/// the middles of these windows (air; brought to vacuum). Not corrected to the resolution of the Lick system, nor for
/// the stars' velocities. Spans as above; `emission`: variance of the Hdelta flux that is among `lines`.
Index lick_hdelta(const SpectrumView& s, std::span<const double> lines, std::span<const double> starlight,
                  std::span<const std::uint8_t> good, double emission);

}  // namespace starglow
