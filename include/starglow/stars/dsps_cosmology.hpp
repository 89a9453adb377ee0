#pragma once

namespace starglow {

/// Flat cosmologies of DSPS, with its integration rules (256 and 512 trapezoids), so that magnitudes agree to rounding.
/// The luminosity feature of the line models has another cosmology (cosmology.hpp).
struct DspsCosmology {
  double om0 = 0.3075, w0 = -1, wa = 0, h = 0.6774;  ///< PLANCK15
};
inline constexpr DspsCosmology k_planck15{}, k_wmap5{0.277, -1, 0, 0.702}, k_fsps{0.27, -1, 0, 0.72};

/// A value and its derivative by redshift.
struct WithSlope {
  double value, slope;
};
WithSlope dsps_luminosity_distance(double z, const DspsCosmology& c = {}) noexcept;  ///< Mpc
WithSlope dsps_distance_modulus(double z, const DspsCosmology& c = {}) noexcept;     ///< mag; -infinity at z = 0
WithSlope dsps_lookback_time(double z, const DspsCosmology& c = {}) noexcept;        ///< Gyr
/// Age of the universe, Gyr. Today's is 13.821264899906355 for PLANCK15 in double; the constant TODAY of DSPS 0.4.8
/// (13.821268) is of single precision and not used here.
WithSlope dsps_age(double z, const DspsCosmology& c = {}) noexcept;
double dsps_age_today(const DspsCosmology& c = {}) noexcept;

}  // namespace starglow
