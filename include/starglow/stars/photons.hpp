#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/parallel.hpp"
#include "starglow/base/view.hpp"
#include "starglow/stars/ssp.hpp"
#include "starglow/stars/stars.hpp"

namespace starglow {

/// Rates of hydrogen-ionising photons (below 911.75 A) of simple stellar populations.
struct PhotonGrid {
  std::vector<double> lgmet, lg_age_gyr;  ///< as of an SspGrid
  Matrix<double> rate;                    ///< (n_met * n_age, 1) photons/s per M_sun formed
  std::string source;                     ///< where it comes from, in words
  bool own = false;                       ///< integrals over the grid's own spectra
};

/// The table inside the library: FSPS 2 of solar metallicity (Z = 0.0190) by age, post-AGB stars included
/// (stars/photon_table.hpp), times the dependence on metallicity of Ly et al. 2016 (ApJS 226, 5, from Starburst99):
///   log10 Q = log10 Q_sun - 0.39 y - 0.127 y^2,  y = lg Z - lg 0.0190, held beyond Z = 0.0004 and 0.05.
PhotonGrid photon_grid();
/// Integrals over a grid's own spectra, where it has stars of 1 Myr and light from 100 A on; else the table.
PhotonGrid photon_grid(const SspGrid& grid);

/// What the stars of n galaxies are and give. Of the histories as they stand: everything is proportional to the rates.
struct StarBudget {
  std::vector<double> photons;        ///< (n) photons/s
  std::vector<double> mass;           ///< M_sun formed
  std::vector<double> surviving;      ///< M_sun in stars and remnants (surviving_mass_fraction(), Chabrier)
  std::vector<double> sfr10, sfr100;  ///< M_sun/yr, means over the last 10 and 100 Myr; a burst does not count
};

class StarPhotons {
 public:
  /// Error(input): as SfhTable.
  StarPhotons(PhotonGrid grid, std::span<const double> t_gyr);
  const PhotonGrid& grid() const noexcept { return grid_; }
  /// NaN where the history has no answer. Equal for any threads.
  StarBudget budget(const StarInputs& in, WorkerPool& pool) const;
  /// Slopes of the photons of one galaxy without burst, by its rates, metallicity, scatter and time.
  RestSedGradient slopes(std::span<const double> sfr, double lgmet, double lgmet_scatter, double t_obs) const;

 private:
  PhotonGrid grid_;
  StarSynthesis synthesis_;
  SspGrid as_ssp_;  ///< of one wavelength, for the reverse pass
};

enum class GasCurve {
  calzetti,  ///< Calzetti et al. 2000
  milky_way  ///< Cardelli, Clayton & Mathis 1989 (ApJ 345, 245), R_V = 3.1
};
GasCurve parse_gas_curve(std::string_view name);  ///< Error(usage): calzetti, milky_way

/// From photons to lines.
struct GasOptions {
  double f_esc = 0;           ///< share of the photons that escape
  double f_dust = 0;          ///< share of the others that dust takes before they ionise
  double dust_factor = 2.27;  ///< E(B-V) of the gas over that of the stars (Calzetti et al. 2000)
  GasCurve curve = GasCurve::calzetti;
  void check() const;  ///< Error(usage): shares outside 0 to 1, a negative factor
};
/// Halpha, erg/s, before dust: 1.37e-12 erg Q_H (1 - f_esc)(1 - f_dust), case B at 1e4 K (Osterbrock & Ferland 2006).
double halpha_case_b(double photons, const GasOptions& gas) noexcept;
/// Attenuation of a line of the gas, mag, where the stars have av (mag at 0.55 micron; E(B-V) = av / 4.05).
double gas_attenuation(double wave, double av, const GasOptions& gas) noexcept;

}  // namespace starglow
