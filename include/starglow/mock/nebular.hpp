#pragma once
#include <span>

#include "starglow/base/lines.hpp"
#include "starglow/stars/photons.hpp"

namespace starglow {

/// Halpha over Hbeta and Hgamma of case B at 1e4 K, and the least Balmer decrement that a line without noise may have
/// (2e4 K has 2.75, 1.5e4 K 2.79: Osterbrock & Ferland 2006, table 4.4).
inline constexpr double k_case_b_hbeta = 2.86, k_case_b_hgamma = 6.11, k_least_decrement = 2.80;

/// Ratios of lines of HII regions, log10 of fluxes before dust.
struct NebularTrack {
  double nii_halpha, sii_halpha;  ///< [NII] 6584; [SII] 6716 + 6731
  double oiii_hbeta, oii_hbeta;   ///< [OIII] 5007; [OII] 3726 + 3729
};
/// By 12 + log10 O/H, held within 7.6 and 8.85: Curti et al. 2017 (MNRAS 465, 1384; [SII]: 2020, MNRAS 491, 944), from
/// stacks of SDSS galaxies on the scale of electron temperatures. With redshift [OIII]/Hbeta rises at fixed [NII]/Ha
/// from the locus of SDSS (Kewley et al. 2013, ApJ 774, 100) to that of z = 2.3 (Shapley et al. 2015, ApJ 801, 88),
/// linear in z, at most by 0.6 dex.
NebularTrack nebular_track(double oxygen, double z) noexcept;

/// The gas of one galaxy, for hold_to_gas().
struct GalaxyGas {
  double oxygen = 8.69, z = 0, av = 0;
  double intrinsic_ew = 0;            ///< A: Halpha of case B, were the gas no dustier than the stars
  std::span<const double> continuum;  ///< (10) in the lines' side bands, any unit
};
/// Rows of EWs (A) as the galaxies' light and Halpha have them become those of the galaxy's own gas. Hbeta and Hgamma:
/// case B behind the gas' dust, `fainter` times that of GasOptions. Metal lines: the whole distribution, of which
/// `middle` is the median, moves along until its middle lies on the track; as far as star formation makes the lines
/// (all of it where Halpha is above 14 A, none below 3 A: Lacerda et al. 2018, MNRAS 474, 3727) and the row lies on the
/// star-forming side of Kauffmann et al. 2003 (MNRAS 346, 1055) in the BPT plane. `middle` may be `ew` itself.
void hold_to_gas(std::span<double> ew, std::span<const double> middle, const GalaxyGas& galaxy, const GasOptions& gas,
                 double fainter = 1) noexcept;

/// Hbeta no brighter than k_least_decrement allows.
void hold_decrement(std::span<double> ew, std::span<const double> continuum) noexcept;

}  // namespace starglow
