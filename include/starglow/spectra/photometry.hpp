#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "starglow/base/cosmology.hpp"
#include "starglow/base/lines.hpp"
#include "starglow/base/view.hpp"
#include "starglow/spectra/filter.hpp"
#include "starglow/spectra/paint.hpp"

namespace starglow {

/// AB magnitudes of continua and lines. Fluxes through a filter are in maggies: 10^(-0.4 m), 1 for m = 0, which is
/// 3631 Jy. A photon counter: maggies = int T F_nu dlambda/lambda / (3631 Jy int T dlambda/lambda). A line of flux F at
/// lambda_o adds T(lambda_o) F lambda_o/c to the numerator, exactly, however coarse the spectrum or the filter is.

/// Light through a filter and its slope with respect to z. NaN when more than `k_max_outside` of the filter's
/// int T dlambda/lambda lies off the spectrum; what is off within that counts as dark.
struct FilterLight {
  double maggies = 0, d_z = 0;
};
inline constexpr double k_max_outside = 1e-3;

/// Observed spectrum: wave in A, flux in 1e-17 erg/s/cm2/A, straight lines between the points; exact quadrature on the
/// points of both. d_z is 0: the continuum is an observed one.
FilterLight spectrum_light(const Filter& filter, std::span<const double> wave_obs, std::span<const double> flux);

/// Rest-frame spectrum of a synthetic galaxy: wave in A, lum_nu in Lsun/Hz, as at 10 pc from us but at redshift z;
/// DSPS' quadrature: trapezoids on the filter's points, linear interpolation of lum_nu at lambda/(1 + z). z = 0: the
/// rest frame. Apparent magnitude = ab_magnitude(maggies) + distance modulus - 2.5 log10(1 + z).
FilterLight sed_light(const Filter& filter, std::span<const double> wave_rest, std::span<const double> lum_nu,
                      double z);

/// One line: `flux` (1e-17 erg/s/cm2), observed; rest wavelength in A.
FilterLight line_light(const Filter& filter, double wave_rest, double z, double flux);
/// One line of `luminosity` (erg/s) at 10 pc; to be added to sed_light.
FilterLight sed_line_light(const Filter& filter, double wave_rest, double z, double luminosity);

/// -2.5 log10; NaN for what is not positive.
double ab_magnitude(double maggies) noexcept;

/// What lines do to the light of a galaxy whose continuum is given.
enum class LineTotal {
  add,   ///< the lines come on top
  keep,  ///< the given continuum was scaled to a magnitude that already held the lines: continuum and lines are scaled
         ///< together, by one factor, so that the total in the reference filter is that of the given continuum
};

struct MagnitudeOptions {
  PaintOptions lines{};
  LineTotal total = LineTotal::add;
  std::size_t reference = 0;  ///< filter of LineTotal::keep
  bool derivatives = false;
};

/// Magnitudes of one galaxy through n filters. NaN where a filter is not covered or the flux is not positive.
struct Magnitudes {
  std::vector<double> continuum, total;  ///< (n), AB
  Matrix<double> d_strength;             ///< (n, 10): slope of `total` with respect to each strength, at fixed continua
  std::vector<double> d_z;               ///< (n): of `total`
  bool outside = false;                  ///< a filter is not covered
};

/// Of an observed spectrum and its lines (LineLight as for paint()). Derivative with respect to z: lines move and
/// change by the factor of their strength; the observed continuum stays. Error(usage): reference is no filter.
Magnitudes magnitudes(std::span<const Filter> filters, std::span<const double> wave_obs, std::span<const double> flux,
                      const LineLight& light, const MagnitudeOptions& options = {});

/// Of a synthetic rest-frame spectrum (A, Lsun/Hz): apparent magnitudes at z > 0 in `cosmology`, absolute ones at
/// z = 0. Rest-frame EWs (A) of its own side-band continua (side_bands.hpp); NaN or 0: no line. Derivative with respect
/// to z: everything, the distance too. Lines are attenuated as the continuum is: EWs are those of the observed, dusty
/// spectrum, and one EW stands for the whole galaxy.
Magnitudes sed_magnitudes(std::span<const Filter> filters, std::span<const double> wave_rest,
                          std::span<const double> lum_nu, double z, std::span<const double, k_n_lines> ew,
                          const MagnitudeOptions& options = {}, const Cosmology& cosmology = {});

/// Line luminosities (erg/s): EW times the side-band mean of L_lambda of a rest-frame spectrum (A, Lsun/Hz); NaN where
/// the spectrum does not reach over the side bands.
std::array<double, k_n_lines> line_luminosities(std::span<const double> wave_rest, std::span<const double> lum_nu,
                                                std::span<const double, k_n_lines> ew);

}  // namespace starglow
