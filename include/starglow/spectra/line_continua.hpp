#pragma once
#include <array>
#include <span>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/lines.hpp"
#include "starglow/base/view.hpp"

namespace starglow {

/// Continuum in the side bands of the ten lines from the twelve band fluxes, in their unit: for each line a weighted
/// sum of the three nearest bands. The weights were fitted to synthetic starlight (tools/line_continua.py), which they
/// meet within 1.3 % (95 % of it), 2.7 % at Hgamma. NaN where one of the three bands is NaN or not positive.
std::array<double, k_n_lines> line_continua(std::span<const double> band_flux) noexcept;

/// BAND_FLUX (n, 12) of galaxies, NaN where the ivar says that a band is missing.
Matrix<double> bands_that_are_there(const Galaxies& galaxies);

/// Observed line fluxes, 1e-17 erg/s/cm2, of rest-frame EWs (n, 10), A, on bands (n, 12) in 1e-17 erg/s/cm2/A of the
/// observed frame: EW (1 + z) times the continuum, as attenuated as the bands are. [OIII] 4959 and [NII] 6548 by their
/// strong partners and the ratios of fluxes of lines.hpp. z: n redshifts, or none: NaN. NaN where the continuum is NaN,
/// or z is not finite and above -1. Error(input): numbers of rows differ.
Matrix<double> line_fluxes(const Matrix<double>& ew, const Matrix<double>& band_flux, std::span<const double> z);

}  // namespace starglow
