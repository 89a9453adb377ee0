#pragma once

namespace starglow {

inline constexpr double k_light_speed_km_s = 299792.458;
inline constexpr double k_cm_per_mpc = 3.0856775814913674e24;  ///< IAU 2012/2015
inline constexpr double k_lsun_erg_s = 3.828e33;               ///< IAU 2015 nominal
inline constexpr double k_flux_unit = 1e-17;                   ///< erg/s/cm2/A of one unit of `flux`

/// Flat LambdaCDM without radiation.
struct Cosmology {
  double h0 = 70.0;  ///< km/s/Mpc
  double om0 = 0.3;  ///< matter density today
};

/// Luminosity distance, Mpc, relative error < 1e-12 for 0 <= z <= 20. Negative or NaN z gives NaN.
double luminosity_distance(double z, const Cosmology& cosmology = {}) noexcept;
/// Its derivative with respect to z: D_L/(1+z) + (1+z) c/H(z), Mpc.
double luminosity_distance_slope(double z, const Cosmology& cosmology = {}) noexcept;

/// The luminosity feature of K24: log10(F_9 (1+z) D_L^2), F_9 = mean F_lambda of the 6100-6400 A band in 1e-17 units
/// (observed frame), D_L in Mpc.
double log_lum(double band_flux_9, double z, const Cosmology& cosmology = {}) noexcept;

/// d log_lum / dz at fixed flux.
double log_lum_slope(double z, const Cosmology& cosmology = {}) noexcept;

}  // namespace starglow
