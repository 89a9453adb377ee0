#include "starglow/map/map.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "map/umap_graph.hpp"
#include "map/umap_layout.hpp"
#include "starglow/base/error.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t k_least_bands = 6;  // as the models answer from
constexpr std::size_t k_epochs_small = 500, k_epochs_large = 200, k_small = 10000;
constexpr std::size_t k_shard_rows = 16;
constexpr double k_brightest = 1e30;  // fluxes whose squares can be summed

constexpr std::array<std::string_view, 4> k_feature_names{"normalised-log-flux", "log-flux", "flux", "colours"};
constexpr std::array<std::string_view, 3> k_metric_names{"euclidean", "manhattan", "cosine"};

template <class Enum, std::size_t n>
Enum parse(std::string_view name, const std::array<std::string_view, n>& names, const char* what) {
  std::string list;
  for (std::size_t i = 0; i < n; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
    list += (i == 0 ? "" : ", ") + std::string(names[i]);
  }
  throw Error(ErrorKind::usage, std::string("unknown ") + what, {"'" + std::string(name) + "'", "one of " + list, ""});
}

std::size_t n_features(MapFeatures features) { return features == MapFeatures::colours ? k_n_bands - 1 : k_n_bands; }

// A band that is there: positive, finite, ivar not 0.
bool has_band(const Galaxies& g, std::size_t row, std::size_t band) {
  const double flux = g.band_flux(row, band);
  if (!(flux > 0) || !std::isfinite(flux)) return false;
  return g.band_flux_ivar.empty() || g.band_flux_ivar(row, band) > 0;
}

// The features (n, f) before standardisation; NaN where they are not known.
Matrix<double> raw_features(const Galaxies& g, MapFeatures features) {
  if (g.n > 0 && g.band_flux.rows() != g.n)
    throw Error(ErrorKind::input, "a map needs band fluxes", {"no column BAND_FLUX", "12 band fluxes a row", ""});
  Matrix<double> out(g.n, n_features(features), k_nan);
  for (std::size_t i = 0; i < g.n; ++i) {
    std::array<double, k_n_bands> value;
    double sum = 0, known = 0;
    for (std::size_t b = 0; b < k_n_bands; ++b) {
      const bool there = has_band(g, i, b);
      const double flux = there ? g.band_flux(i, b) : k_nan;
      value[b] = features != MapFeatures::flux ? std::log10(flux) : flux < k_brightest ? flux : k_nan;
      if (!there) continue;
      sum += value[b];
      known += 1;
    }
    for (std::size_t j = 0; j < out.cols(); ++j)
      out(i, j) = features == MapFeatures::colours               ? value[j + 1] - value[j]
                  : features == MapFeatures::normalised_log_flux ? value[j] - sum / known
                                                                 : value[j];
  }
  return out;
}

bool complete(std::span<const double> x) {
  return std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); });
}

// Standardised features that a map in float32 can hold: the sum of their squares stays below its largest number.
constexpr double k_farthest = 1e17;
bool within_reach(std::span<const double> raw, const GalaxyMap::Parts& map) {
  for (std::size_t j = 0; j < raw.size(); ++j)
    if (std::fabs((raw[j] - map.mean[j]) / map.scale[j]) > k_farthest) return false;  // a NaN is none of them
  return true;
}

void check(const MapOptions& o) {
  if (o.neighbours < 3 || o.neighbours > 200)
    throw Error(ErrorKind::usage, "neighbours of the map out of range", {std::to_string(o.neighbours), "3 to 200", ""});
  if (!(o.spread > 0) || !std::isfinite(o.spread))
    throw Error(ErrorKind::usage, "spread of the map out of range", {std::to_string(o.spread), "above 0", ""});
  if (!(o.min_dist >= 0 && o.min_dist <= o.spread))
    throw Error(ErrorKind::usage, "min_dist of the map out of range",
                {std::to_string(o.min_dist), "0 to the spread, " + std::to_string(o.spread), ""});
  if (o.epochs > 100000)
    throw Error(ErrorKind::usage, "epochs of the map out of range", {std::to_string(o.epochs), "at most 100000", ""});
}

// Least squares of the curve at 300 distances (as the reference implementation has it), by Gauss and Newton with
// halved steps.
double curve_error(MapCurve c, double min_dist, double spread, double (&normal)[3], double (&right)[2]) {
  double error = 0;
  normal[0] = normal[1] = normal[2] = right[0] = right[1] = 0;
  constexpr int n = 300;
  for (int i = 0; i < n; ++i) {
    const double d = 3 * spread * i / (n - 1);
    const double wanted = d < min_dist ? 1.0 : std::exp(-(d - min_dist) / spread);
    const double power = d > 0 ? std::pow(d, 2 * c.b) : 0.0, value = 1 / (1 + c.a * power);
    const double da = -power * value * value;
    const double db = d > 0 ? -2 * c.a * power * std::log(d) * value * value : 0.0;
    const double rest = wanted - value;
    error += rest * rest;
    normal[0] += da * da, normal[1] += da * db, normal[2] += db * db;
    right[0] += da * rest, right[1] += db * rest;
  }
  return error;
}

}  // namespace

std::string_view to_string(MapFeatures features) noexcept {
  return k_feature_names[static_cast<std::size_t>(features)];
}
std::string_view to_string(MapMetric metric) noexcept { return k_metric_names[static_cast<std::size_t>(metric)]; }
MapFeatures parse_map_features(std::string_view name) {
  return parse<MapFeatures>(name, k_feature_names, "features of a map");
}
MapMetric parse_map_metric(std::string_view name) { return parse<MapMetric>(name, k_metric_names, "metric of a map"); }

MapCurve fit_map_curve(double min_dist, double spread) {
  MapCurve c{1, 1};
  double normal[3], right[2];
  double error = curve_error(c, min_dist, spread, normal, right);
  for (int step = 0; step < 200; ++step) {
    const double determinant = normal[0] * normal[2] - normal[1] * normal[1];
    const double da = (normal[2] * right[0] - normal[1] * right[1]) / determinant;
    const double db = (normal[0] * right[1] - normal[1] * right[0]) / determinant;
    double fraction = 1;
    for (; fraction > 1e-10; fraction /= 2) {
      const MapCurve tried{c.a + fraction * da, c.b + fraction * db};
      if (!(tried.a > 0) || !(tried.b > 0)) continue;
      const double now = curve_error(tried, min_dist, spread, normal, right);
      if (now <= error) {
        error = now;
        c = tried;
        break;
      }
    }
    if (fraction <= 1e-10 || std::fabs(da) + std::fabs(db) < 1e-12) break;
  }
  return c;
}

GalaxyMap::GalaxyMap(Parts parts) : parts_(std::move(parts)) {
  check(parts_.options);
  const std::size_t f = n_features(parts_.options.features), n = parts_.points.rows();
  const auto refuse = [](const std::string& what, std::size_t seen, const std::string& wanted) {
    throw Error(ErrorKind::model, "a map has a wrong " + what, {std::to_string(seen), wanted, ""});
  };
  if (parts_.points.cols() != f) refuse("number of features", parts_.points.cols(), std::to_string(f));
  if (parts_.mean.size() != f || parts_.scale.size() != f)
    refuse("number of standardised features", parts_.mean.size(), std::to_string(f));
  if (parts_.position.rows() != n || parts_.position.cols() != 2)
    refuse("number of places", parts_.position.rows(), std::to_string(n) + " with two coordinates");
  if (n < 2 * parts_.options.neighbours)
    refuse("number of galaxies", n, "at least " + std::to_string(2 * parts_.options.neighbours));
  for (const double s : parts_.scale)
    if (!(s > 0) || !std::isfinite(s))
      throw Error(ErrorKind::model, "a map has a scale that is not positive", {std::to_string(s), "", ""});
  const auto finite = [](double v) { return std::isfinite(v); };
  if (!std::all_of(parts_.mean.begin(), parts_.mean.end(), finite) ||
      !std::all_of(parts_.points.flat().begin(), parts_.points.flat().end(), finite) ||
      !std::all_of(parts_.position.flat().begin(), parts_.position.flat().end(), finite))
    throw Error(ErrorKind::model, "a map has a number that is not finite");
}

GalaxyMap GalaxyMap::fit(const Galaxies& galaxies, const MapOptions& options, WorkerPool& pool,
                         const Progress& progress) {
  check(options);
  const Matrix<double> raw = raw_features(galaxies, options.features);
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < galaxies.n; ++i)
    if (complete(raw.row(i))) rows.push_back(i);
  if (rows.size() < 2 * options.neighbours)
    throw Error(ErrorKind::input, "too few galaxies for a map",
                {std::to_string(rows.size()) + " with all twelve bands",
                 "at least " + std::to_string(2 * options.neighbours), "Ask for fewer neighbours."});
  if (rows.size() > std::numeric_limits<std::uint32_t>::max() / 2)
    throw Error(ErrorKind::input, "too many galaxies for one map", {std::to_string(rows.size()), "at most 2e9", ""});
  Parts parts;
  parts.options = options;
  const std::size_t f = raw.cols();
  const auto n = static_cast<double>(rows.size());
  parts.mean.assign(f, 0);
  parts.scale.assign(f, 0);
  for (std::size_t j = 0; j < f; ++j) {
    for (const std::size_t i : rows) parts.mean[j] += raw(i, j) / n;
    for (const std::size_t i : rows) parts.scale[j] += std::pow(raw(i, j) - parts.mean[j], 2) / n;
    parts.scale[j] = parts.scale[j] > 0 ? std::sqrt(parts.scale[j]) : 1.0;
  }
  parts.points = Matrix<float>(rows.size(), f);
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < f; ++j)
      parts.points(i, j) = static_cast<float>((raw(rows[i], j) - parts.mean[j]) / parts.scale[j]);
  const Matrix<float> space = umap::as_metric_space(parts.points, options.metric);
  const auto near = umap::NeighbourSearch(space, options.metric).find(space, options.neighbours - 1, true, pool);
  const auto graph =
      umap::fuzzy_union(near, umap::neighbour_weights(near, static_cast<double>(options.neighbours), true, pool));
  parts.position = umap::principal_start(space);
  const std::size_t epochs =
      options.epochs > 0 ? options.epochs : (rows.size() <= k_small ? k_epochs_small : k_epochs_large);
  umap::lay_out(graph, fit_map_curve(options.min_dist, options.spread), epochs, options.seed, pool, progress,
                parts.position);
  parts.metadata["n_galaxies"] = std::to_string(rows.size());
  parts.metadata["epochs"] = std::to_string(epochs);
  return GalaxyMap(std::move(parts));
}

namespace {

// Neighbours of a galaxy that lacks bands, by what it has: the mean square of the differences. Of normalised fluxes the
// unknown mean is the one that fits each galaxy of the map best.
void nearest_by_known(const GalaxyMap::Parts& map, std::span<const double> raw, std::size_t k, std::uint32_t* row,
                      float* distance) {
  const std::size_t f = raw.size();
  std::vector<std::size_t> known;
  for (std::size_t j = 0; j < f; ++j)
    if (std::isfinite(raw[j])) known.push_back(j);
  std::vector<std::pair<float, std::uint32_t>> all(map.points.rows());
  const bool free = map.options.features == MapFeatures::normalised_log_flux;
  for (std::size_t i = 0; i < all.size(); ++i) {
    double offset = 0, weight = 0, sum = 0;
    if (free) {
      for (const std::size_t j : known) {
        const double w = 1 / (map.scale[j] * map.scale[j]);
        offset += w * (raw[j] - map.mean[j] - map.scale[j] * static_cast<double>(map.points(i, j)));
        weight += w;
      }
      offset /= weight;
    }
    for (const std::size_t j : known) {
      const double d = (raw[j] - offset - map.mean[j]) / map.scale[j] - static_cast<double>(map.points(i, j));
      sum += d * d;
    }
    const double scaled = sum * static_cast<double>(f) / static_cast<double>(known.size());
    all[i] = {static_cast<float>(std::sqrt(scaled)), static_cast<std::uint32_t>(i)};
  }
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k), all.end());
  for (std::size_t j = 0; j < k; ++j) {
    distance[j] = all[j].first;
    row[j] = all[j].second;
  }
}

}  // namespace

Matrix<float> GalaxyMap::project(const Galaxies& galaxies, WorkerPool& pool) const {
  const Matrix<double> raw = raw_features(galaxies, parts_.options.features);
  const std::size_t f = raw.cols(), k = parts_.options.neighbours;
  std::vector<std::size_t> whole, partial;
  for (std::size_t i = 0; i < galaxies.n; ++i) {
    std::size_t bands = 0;
    for (std::size_t b = 0; b < k_n_bands; ++b) bands += has_band(galaxies, i, b) ? 1U : 0U;
    if (!within_reach(raw.row(i), parts_)) continue;
    if (complete(raw.row(i)))
      whole.push_back(i);
    else if (bands >= k_least_bands &&
             std::any_of(raw.row(i).begin(), raw.row(i).end(), [](double x) { return std::isfinite(x); }))
      partial.push_back(i);
  }
  Matrix<float> standard(whole.size(), f);
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (std::size_t j = 0; j < f; ++j)
      standard(i, j) = static_cast<float>((raw(whole[i], j) - parts_.mean[j]) / parts_.scale[j]);
  const Matrix<float> space = umap::as_metric_space(parts_.points, parts_.options.metric);
  umap::Neighbours near = umap::NeighbourSearch(space, parts_.options.metric)
                              .find(umap::as_metric_space(standard, parts_.options.metric), k, false, pool);
  near.row.resize((whole.size() + partial.size()) * k);
  near.distance.resize(near.row.size());
  pool.for_shards(shard_count(partial.size(), k_shard_rows), [&](std::size_t s) {
    const Shard range = shard(s, partial.size(), k_shard_rows);
    for (std::size_t i = range.first; i < range.last; ++i)
      nearest_by_known(parts_, raw.row(partial[i]), k, near.row.data() + (whole.size() + i) * k,
                       near.distance.data() + (whole.size() + i) * k);
  });
  std::vector<std::size_t> rows = whole;
  rows.insert(rows.end(), partial.begin(), partial.end());
  std::vector<std::int64_t> ids(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    ids[i] = galaxies.targetid.empty() ? static_cast<std::int64_t>(rows[i]) : galaxies.targetid[rows[i]];
  const auto weights = umap::neighbour_weights(near, static_cast<double>(k), false, pool);
  const Matrix<float> placed =
      umap::place(near, weights, parts_.position, fit_map_curve(parts_.options.min_dist, parts_.options.spread),
                  parts_.options.seed, ids, pool);
  Matrix<float> out(galaxies.n, 2, std::numeric_limits<float>::quiet_NaN());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool own = i < whole.size() && near.distance[i * k] == 0.0F;  // a galaxy of the map itself
    for (std::size_t c = 0; c < 2; ++c) out(rows[i], c) = own ? parts_.position(near.row[i * k], c) : placed(i, c);
  }
  return out;
}

}  // namespace starglow
