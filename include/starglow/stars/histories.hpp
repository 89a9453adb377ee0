#pragma once
#include <cstdint>
#include <vector>

#include "starglow/base/view.hpp"
#include "starglow/stars/star_population.hpp"

namespace starglow {

/// Star-formation histories that somebody else has: one row a galaxy, times in common.
struct StarHistories {
  std::vector<double> times;           ///< (n_times) Gyr since the Big Bang, ascending
  Matrix<double> sfr;                  ///< (n, n_times) M_sun/yr
  std::vector<std::int64_t> targetid;  ///< (n)
  std::vector<double> z, lgmet;        ///< (n) redshift; log10 Z of the stars
  /// (n) or empty for the value in brackets: mag at 0.55 micron (0); dex (0.2); slope of the attenuation (0); amplitude
  /// of the bump (0.85, or by the slope); share of the light in the fibre (1); Gyr (the age of the universe at z).
  std::vector<double> av, lgmet_scatter, slope, bump, fibre_fraction, t_obs;
  std::size_t size() const noexcept { return z.size(); }
};
/// As galaxies for StarMocker, in the cosmology and with the dust law and bands' scatter of a population. A row with a
/// rate that is negative or not finite, z not in 0 to 4 or a parameter that is not finite has no answer (t_obs NaN).
/// Error(input): sizes that differ.
StarSample sample_of(const StarHistories& histories, const StarPopulation& population, std::uint64_t seed);

}  // namespace starglow
