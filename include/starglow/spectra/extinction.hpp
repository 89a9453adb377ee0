#pragma once

namespace starglow {

/// Extinction of the Milky Way at a vacuum wavelength (A, observed frame), in magnitudes for E(B-V) = 1 mag on the
/// scale of the map of Schlegel, Finkbeiner & Davis (1998, SFD98): the law of Fitzpatrick (1999, PASP 111, 63, table 3)
/// for R_V = 3.1, times 0.86, the recalibration of the map by Schlafly & Finkbeiner (2011, ApJ 737, 103). 2600-27000 A;
/// held constant outside.
double milky_way_extinction(double wave_obs);

/// Whether a number can be an E(B-V) of the Milky Way: 0 to 10 mag. Others (NaN, -9999, 99) are unknown.
constexpr bool known_ebv(double ebv) noexcept { return ebv >= 0 && ebv <= 10; }

/// E(B-V) that is taken for light whose own is not known, mag: the middle of the 0 to 0.08 that galaxy surveys mostly
/// look through, which the training of the shipped model draws from. What an unknown amount of dust costs:
/// bench/galactic_dust.py.
constexpr double k_usual_ebv = 0.04;

/// Share of the light that the Milky Way lets through, 10^(-0.4 A): divide flux by it, multiply ivar by its square.
double milky_way_transmission(double wave_obs, double ebv_sfd98);

}  // namespace starglow
