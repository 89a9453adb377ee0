#pragma once
#include <cstdint>
#include <span>

#include "starglow/base/random.hpp"

namespace starglow {

/// Galaxies by mass and redshift, as surveys found them. Masses are those in stars and remnants today (Chabrier),
/// log10 M_sun; H0 = 70, Om0 = 0.3. What is ours and not published stands in docs/mocks.md.

/// Mass function, Mpc^-3 dex^-1: Baldry et al. 2012 (MNRAS 421, 621) up to z = 0.1; the continuity model of Leja et al.
/// 2020 (ApJ 893, 111) from z = 0.5 on, its masses 0.1 dex lighter; between them the logarithm is interpolated.
double universe_mass_function(double lgmass, double z) noexcept;
/// Share of quiescent galaxies: a logistic function of mass, near the shares with EW(Halpha) < 3 A of SDSS galaxies and
/// those of Muzzin et al. 2013 (ApJ 777, 18) at z = 0.35 to 1.75.
double universe_quiescent_share(double lgmass, double z) noexcept;
/// log10 of the star-formation rate of the main sequence, M_sun/yr: 0.2 + 0.65 (lgmass - 10.5) + 2.8 lg((1 + z)/1.1),
/// between the slopes of Speagle et al. 2014 (0.52 at z = 0.1) and Renzini & Peng 2015 (0.76), with the evolution of
/// Sargent et al. 2012 (ApJ 747, L31). Scatter 0.3 dex.
double universe_log_sfr(double lgmass, double z) noexcept;
/// Attenuation of Halpha, mag: Garn & Best 2010 (MNRAS 409, 421), equation 6, held outside lgmass 8.67 and 11.5.
double universe_halpha_dust(double lgmass) noexcept;
/// E(B-V) of the gas over that of the stars at z, relative to z = 0: 0.44 / (0.44 + 0.2 z), Saito et al. 2020 (MNRAS
/// 494, 199); held beyond z = 2.8, where both are equal.
double universe_gas_dust(double z) noexcept;
/// 12 + log10 O/H of the gas: the relation with mass and star-formation rate of Curti et al. 2020 (MNRAS 491, 944),
/// its richest gas 0.06 dex richer and its turnover mass 0.4 dex higher: so [NII]/Halpha by mass is that of SDSS
/// galaxies.
double universe_oxygen(double lgmass, double log_sfr) noexcept;
/// log10 Z of the stars of quiescent galaxies: the medians of Gallazzi et al. 2005 (MNRAS 362, 41).
double universe_old_lgmet(double lgmass) noexcept;

/// log10 Z of stars as rich as gas of 12 + log10 O/H, and back: solar is 8.69 and Z = 0.0142 (Asplund et al. 2009).
double lgmet_of_oxygen(double oxygen) noexcept;
double oxygen_of_lgmet(double lgmet) noexcept;

/// A galaxy of these relations.
struct UniverseGalaxy {
  bool quiescent = false;
  double log_sfr = 0;  ///< M_sun/yr at the time of observation; at most 10^-8.4 of the mass a year
  double t_start = 0;  ///< Gyr: its history begins
  double lgtau = 0;    ///< of its history, log10 Gyr
  double av = 0;       ///< mag, of the stars
  double lgmet = 0;    ///< log10 Z
  /// Share of the ionising photons that meet no gas: none in star-forming galaxies; 1 - u^2 with u uniform in quiescent
  /// ones, whose shares form a broad sequence from 0 to beyond 0.9 (Papaderos et al. 2013, A&A 555, L1).
  double escape = 0;
};
/// Class, rate, dust, metallicity of a galaxy of this mass and redshift, scatter included, and how its history runs; it
/// begins at `first` (Gyr), or later where star formation is too rapid for that.
UniverseGalaxy universe_galaxy(double lgmass, double z, double t_obs, double first, const RandomObject& random);
/// Its history, M_sun/yr at `times`: a delayed exponential of lgtau times an excursion of the last half Gyr, full
/// in the last 0.15, which brings it to log_sfr; 10^lgmass is what is left of it at t_obs.
void universe_history(const UniverseGalaxy& galaxy, double lgmass, double t_obs, std::span<const double> times,
                      std::span<double> sfr);

}  // namespace starglow
