#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/model.hpp"
#include "starglow/spectra/filter.hpp"
#include "starglow/stars/photons.hpp"
#include "starglow/stars/star_bands.hpp"
#include "starglow/stars/star_photometry.hpp"
#include "starglow/stars/star_population.hpp"

namespace starglow {

/// What the lines of synthetic galaxies follow.
enum class LinesFrom {
  continuum,  ///< the light, as the model learnt it from galaxies
  photons,    ///< Halpha from the stars' ionising photons; the other lines given that Halpha and the gas (nebular.hpp)
  both        ///< the product: the model's distribution given the Halpha of the photons, known within the scatter
};
LinesFrom parse_lines_from(std::string_view name);  ///< Error(usage): continuum, photons, both

struct StarMockOptions {
  StarPopulation population;
  std::string aperture = "fibre";  ///< APERTURE of the light: fibre, total, unknown
  std::uint64_t seed = 1;
  LinesFrom lines = LinesFrom::continuum;
  GasOptions gas;
  /// dex, of Halpha about the photons: that of the dust in front of the gas, so less where there is little of it.
  double photon_scatter = 0.1;
};

/// Synthetic galaxies: one row each.
struct StarMock {
  StarSample sample;
  StarLight light;
  Galaxies galaxies;                              ///< ids, z, measured bands
  std::vector<double> scale, distance;            ///< factor on the light of the histories as they stand; Mpc
  Prediction lines;                               ///< medians, quantiles, flags
  Matrix<double> draw, noisy;                     ///< (n, 10) A: one joint draw; the same with measurement noise
  Matrix<double> luminosity;                      ///< (n, 10) erg/s, of the draw, dust in it
  Matrix<double> magnitude, continuum_magnitude;  ///< (n, filters) AB, apparent
  StarBudget budget;                              ///< scaled: photons/s, M_sun, M_sun/yr
  /// Halpha that the photons give: erg/s before dust; EW behind the gas' dust on the galaxy's own continuum, A.
  std::vector<double> halpha_lum_caseb, halpha_ew_caseb;
  std::vector<double> halpha_dust;  ///< of the gas at Halpha, dex
};

/// The gas of galaxy g: `gas`, with what the population says of this galaxy's own.
GasOptions gas_of(const StarSample& sample, std::size_t g, const GasOptions& gas) noexcept;

/// The population that texts of its settings describe: keys are the names of k_star_draws, preset, sfh, dust_law,
/// bump_from_slope (true or false), h0, om0, band_offset, band_scatter. What is not given has the
/// preset's value.
/// Error(usage): an unknown key, a text that cannot be understood, redshifts outside 0 to 4.
StarPopulation star_population(const std::map<std::string, std::string>& texts);

/// Makes galaxies of a population: histories, starlight, then lines, luminosities and magnitudes. A galaxy depends on
/// (seed, id) alone: equal for any chunks and threads.
class StarMocker {
 public:
  /// Error(usage): gas options out of range, photon_scatter not in 0 to 1. Error(model): lines from photons, and a
  /// point model. The model and the pool are kept by reference.
  /// times: of the histories, Gyr; empty: 100 from 0.1 to 13.8.
  StarMocker(StarMockOptions options, const CompactSsp& compact, PhotonGrid photons, std::vector<Filter> filters,
             const Model& model, WorkerPool& pool, std::vector<double> times = {});

  const Conventions& conventions() const noexcept { return conventions_; }
  const std::vector<Filter>& filters() const noexcept { return filters_; }
  const std::vector<double>& times() const noexcept { return times_; }
  const StarMockOptions& options() const noexcept { return options_; }

  StarMock stars(std::int64_t first_id, std::size_t n) const;  ///< up to the measured bands
  /// The same of histories that somebody else has: at times(), one id a galaxy.
  StarMock stars(StarSample sample, std::vector<std::int64_t> ids) const;
  void lines(StarMock& mock, std::int64_t first_id) const;  ///< the rest

 private:
  void photons(StarMock& mock) const;
  void compare_with_photons(StarMock& mock) const;
  void lines_of_photons(StarMock& mock) const;
  StarMockOptions options_;
  std::vector<double> times_;
  StarBands bands_;
  StarPhotons photons_;
  std::vector<Filter> filters_;
  std::optional<StarFilters> photometry_;
  const Model& model_;
  WorkerPool& pool_;
  Conventions conventions_;
};

/// 1e-17 erg/s/cm2/A of the observed frame per L_sun/A, at a luminosity distance in Mpc.
double flux_per_luminosity(double mpc, double z) noexcept;

}  // namespace starglow
