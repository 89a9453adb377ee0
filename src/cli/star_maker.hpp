#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/settings.hpp"
#include "starglow/model/model.hpp"
#include "starglow/stars/star_photometry.hpp"
#include "starglow/stars/star_population.hpp"

namespace starglow::cli {

// Everything about a chunk of galaxies.
struct Chunk {
  StarSample sample;
  StarLight light;
  Galaxies galaxies;
  std::vector<double> scale, distance;  // of the light; Mpc
  Prediction lines;
  Matrix<double> draw, noisy, luminosity, magnitude, continuum_magnitude;
};

/// The setting of a parameter's distribution.
std::string key_of(std::size_t parameter);

/// The population that the settings of `mock --population stars` describe. Error(usage).
StarPopulation population_of(const Settings& settings);

/// Makes galaxies of a population in memory, chunk by chunk: starlight, then lines, luminosities and magnitudes.
class Maker {
 public:
  Maker(StarPopulation population, const std::string& aperture, std::uint64_t seed, const CompactSsp& compact,
        std::vector<Filter> filters, const Model& model, WorkerPool& pool);

  const Conventions& conventions() const noexcept { return conventions_; }
  const std::vector<Filter>& filters() const noexcept { return filters_; }
  const std::vector<double>& times() const noexcept { return times_; }

  Chunk stars(std::int64_t first_id, std::size_t n) const;  ///< up to the measured bands
  void lines(Chunk& chunk, std::int64_t first_id) const;    ///< the rest

  /// 1e-17 erg/s/cm2/A of the observed frame per L_sun/A, at a distance in Mpc.
  static double flux_per_luminosity(double mpc, double z) noexcept;

 private:
  StarPopulation population_;
  std::vector<double> times_;
  StarBands bands_;
  std::vector<Filter> filters_;
  std::optional<StarFilters> photometry_;
  const Model& model_;
  WorkerPool& pool_;
  std::uint64_t seed_;
  Conventions conventions_;
};

}  // namespace starglow::cli
