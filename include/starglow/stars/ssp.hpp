#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "starglow/base/view.hpp"

namespace starglow {

/// A grid of simple stellar populations in the units of DSPS (Hearin et al. 2023, MNRAS 521, 1741): the light of one
/// solar mass *formed*, for each metallicity and age.
struct SspGrid {
  std::vector<double> lgmet;           ///< (n_met) log10 Z, Z the mass fraction of metals; ascending; 1 or more
  std::vector<double> lg_age_gyr;      ///< (n_age) log10(age/Gyr), ascending; 2 or more
  std::vector<double> wave;            ///< (n_wave) A, vacuum, rest frame, ascending
  Matrix<double> flux;                 ///< (n_met * n_age, n_wave) L_sun/Hz/M_sun; the row of (m, a) is m * n_age + a
  std::vector<std::string> line_name;  ///< (n_line) names of nebular lines, e.g. "Ba_alpha_6563"; may be empty
  std::vector<double> line_wave;       ///< (n_line) A
  Matrix<double> line_luminosity;      ///< (n_met * n_age, n_line) erg/s/M_sun (in the file: L_sun/M_sun)
  std::string source;                  ///< where it comes from, for the provenance

  std::size_t n_met() const noexcept { return lgmet.size(); }
  std::size_t n_age() const noexcept { return lg_age_gyr.size(); }
  std::size_t n_wave() const noexcept { return wave.size(); }
  std::span<const double> spectrum(std::size_t met, std::size_t age) const noexcept {
    return flux.row(met * n_age() + age);
  }
};

/// Error(input) unless shapes fit, axes are finite and strictly ascending, and fluxes and luminosities are finite and
/// not negative.
void check_ssp(const SspGrid& grid);

/// How much the light within 10 A of Halpha exceeds the continuum beside it, in A of rest-frame equivalent width: the
/// largest over the populations younger than 10 Myr. A grid of stars alone has none (Halpha is in absorption); NaN
/// when the grid has no such population or no sampling there of 20 A or better.
double nebular_halpha_ew(const SspGrid& grid);
/// True when nebular_halpha_ew() is above 30 A: the fluxes hold nebular lines, and painting lines would count them
/// twice.
bool has_nebular_lines(const SspGrid& grid);

/// Replaces the light within 12 A (or 1.5 pixels, where that is more) of the ten lines, and of the stronger ones among
/// them, by a straight line between its ends: nebular lines are taken out, stellar absorption with them. Returns how
/// many pixels of each spectrum were replaced.
std::size_t mask_nebular_lines(SspGrid& grid);

}  // namespace starglow
