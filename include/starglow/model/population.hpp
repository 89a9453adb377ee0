#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/lines.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/base/view.hpp"

namespace starglow {

/// A population of continua: a mixture of normal distributions over
///   x_0..x_10  log10(F_{i+1}/F_i)
///   x_11       log_lum (cosmology.hpp)
///   x_12       log((z - z_low)/(z_high - z))
///   x_13       log10 of the relative noise of the 6400-6700 A band
/// fitted to a table of galaxies. The table's band fluxes hold their measurement noise, so those drawn here do too.
/// Noise of the bands: tables of this kind have no BAND_FLUX_IVAR, so it is inferred from the errors of the EWs
/// (docs/mock.md gives the relation) and its shape over the bands is one for all galaxies.
struct Population {
  static constexpr std::size_t k_n_features = 14;
  std::vector<double> weight;  ///< (components), sum 1
  Matrix<double> mean;         ///< (components, 14), of standardised features
  Matrix<double> factor;       ///< (components, 14 * 14), lower Cholesky factor of the covariance
  std::array<double, k_n_features> centre{}, scale{};  ///< standardisation
  std::array<double, k_n_features> low{}, high{};      ///< range of the training galaxies; draws are clamped to it
  std::array<double, k_n_bands> noise_shape{};  ///< noise of a band's flux in units of that of the 6400-6700 A band
  double z_low = 0, z_high = 1;
  std::map<std::string, std::string> metadata;

  /// Galaxies first_id .. first_id + n - 1 of the population: TARGETID, Z, BAND_FLUX, BAND_FLUX_IVAR. Depends on (seed,
  /// id) alone: equal for any threads, chunks or order.
  Galaxies sample(std::uint64_t seed, std::int64_t first_id, std::size_t n, WorkerPool& pool) const;
};

struct PopulationOptions {
  std::int64_t components = 0;    ///< 0: the best of 1, 2, 4, 8, 12 by five-fold cross-validated likelihood
  std::int64_t iterations = 200;  ///< of expectation and maximisation, at most
  std::uint64_t seed = 1;
};

/// Error(input): fewer than 200 usable galaxies or absent columns. `note(text)` reports progress.
Population fit_population(const Galaxies& galaxies, const PopulationOptions& options,
                          const std::function<void(const std::string&)>& note = {});

/// The 14 features of the rows that have all of them (bands, z, HALPHA_EW_IVAR or BAND_FLUX_IVAR).
Matrix<double> population_features(const Galaxies& galaxies, double z_low, double z_high);
std::span<const std::string> population_feature_names();

/// Largest distance between two cumulative distributions (two-sample Kolmogorov-Smirnov).
double ks_distance(std::vector<double> a, std::vector<double> b);

}  // namespace starglow
