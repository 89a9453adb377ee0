#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/base/view.hpp"

namespace starglow {

/// What a map sees of a galaxy; each number is standardised over the galaxies of the map.
enum class MapFeatures {
  normalised_log_flux,  ///< log10 of the twelve band fluxes less their mean: the type of the galaxy, not its brightness
  log_flux,             ///< log10 of the twelve band fluxes
  flux,                 ///< the twelve band fluxes
  colours,              ///< eleven log10 ratios of adjacent bands
};
enum class MapMetric { euclidean, manhattan, cosine };

std::string_view to_string(MapFeatures features) noexcept;  ///< "normalised-log-flux", ...
std::string_view to_string(MapMetric metric) noexcept;
MapFeatures parse_map_features(std::string_view name);  ///< Error(usage) for another name
MapMetric parse_map_metric(std::string_view name);

/// How a map is made; names and defaults are those of UMAP (McInnes, Healy & Melville 2018, arXiv:1802.03426).
struct MapOptions {
  MapFeatures features = MapFeatures::normalised_log_flux;
  MapMetric metric = MapMetric::euclidean;
  std::size_t neighbours = 15;  ///< the galaxy itself counts as one; 3 to 200. More: the large structure
  double min_dist = 0.1;        ///< how close points may come in the map, 0 to spread. Less: denser clumps
  double spread = 1.0;          ///< scale of the map
  std::size_t epochs = 0;       ///< passes of the layout; 0: 500 up to 10,000 galaxies, 200 beyond
  std::uint64_t seed = 1;
};

/// A map of galaxies: where like continua lie together. Made once, and then fixed: other galaxies are put into it.
///
/// The layout moves all points of an epoch at once, from the places that they had before it (Jacobi, with the Adam rule
/// of steps), and its random numbers are a hash of (seed, epoch, galaxy): equal bits for any number of threads.
class GalaxyMap {
 public:
  struct Parts {
    MapOptions options;
    std::vector<double> mean, scale;              ///< of the features before standardisation
    Matrix<float> points;                         ///< (n, features) the galaxies of the map, standardised
    Matrix<float> position;                       ///< (n, 2) where they lie
    std::map<std::string, std::string> metadata;  ///< where the map comes from
  };
  /// epochs done, epochs of the whole layout; throwing in it stops the work.
  using Progress = std::function<void(std::size_t, std::size_t)>;

  /// The map of the galaxies that have all their features. Error(input): fewer than 2 * neighbours of them, or no
  /// BAND_FLUX. Error(usage): an option out of its range.
  static GalaxyMap fit(const Galaxies& galaxies, const MapOptions& options, WorkerPool& pool,
                       const Progress& progress = {});
  explicit GalaxyMap(Parts parts);  ///< Error(model): shapes that do not fit

  const Parts& parts() const noexcept { return parts_; }

  /// Places (n, 2) of galaxies in this map; the galaxies of the map itself get their own places back. Others: the
  /// weighted mean of the places of their nearest neighbours in the map, then some epochs in which only they move. A
  /// galaxy that lacks up to six bands is placed by the rest; NaN for one that lacks more. Bit-equal for any threads.
  Matrix<float> project(const Galaxies& galaxies, WorkerPool& pool) const;

 private:
  Parts parts_;
};

/// Parameters of the curve 1 / (1 + a d^(2b)) that stands for "1 below min_dist, exp(-(d - min_dist) / spread) beyond".
struct MapCurve {
  double a, b;
};
MapCurve fit_map_curve(double min_dist, double spread);

/// How well a map keeps neighbourhoods of k galaxies.
struct MapQuality {
  double trustworthiness = 0;  ///< Venna & Kaski 2001: 1 when no galaxy is a neighbour in the map alone
  double preservation = 0;     ///< fraction of the k neighbours that are neighbours in the map
  std::size_t sampled = 0;     ///< galaxies that were asked; all up to 5,000
};
/// points (n, features), position (n, 2), row by row. Euclidean in both. NaN for n <= 2 k.
MapQuality map_quality(MatrixView<const float> points, MatrixView<const float> position, std::size_t k,
                       std::uint64_t seed, WorkerPool& pool);

/// The k galaxies nearest in the map to each galaxy that has a place and a value; less than k + 1 such galaxies: none.
/// (n * k) row numbers; rows without a place have n. values: which galaxies count, NaN = not.
std::vector<std::size_t> map_neighbours(MatrixView<const float> position, std::span<const double> values, std::size_t k,
                                        WorkerPool& pool);

/// How a quantity varies over the map, from its values (n, NaN = none) and k map neighbours.
struct MapScatter {
  std::size_t n = 0;      ///< galaxies with a value
  double scatter = 0;     ///< mean over the galaxies of half the central 68 % width among their k neighbours
  double smoothness = 0;  ///< Spearman correlation of a galaxy's value with the median of its k neighbours'
};
MapScatter map_scatter(MatrixView<const float> position, std::span<const double> values, std::size_t k,
                       WorkerPool& pool);

}  // namespace starglow
