#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "map/umap_graph.hpp"
#include "starglow/base/random.hpp"
#include "starglow/judge/metrics.hpp"
#include "starglow/map/map.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_most_sampled = 5000;
constexpr std::size_t k_shard_rows = 32;

// Squared distances of all points from one of them; by columns, so that the loop is one over registers.
void squared_distances(const Matrix<float>& columns, std::size_t self, std::vector<float>& out) {
  std::fill(out.begin(), out.end(), 0.0F);
  for (std::size_t c = 0; c < columns.rows(); ++c) {
    const auto column = columns.row(c);
    const float here = column[self];
    for (std::size_t j = 0; j < out.size(); ++j) out[j] += (column[j] - here) * (column[j] - here);
  }
}

}  // namespace

MapQuality map_quality(MatrixView<const float> points, MatrixView<const float> position, std::size_t k,
                       std::uint64_t seed, WorkerPool& pool) {
  const std::size_t n = points.rows();
  MapQuality out;
  out.trustworthiness = out.preservation = std::numeric_limits<double>::quiet_NaN();
  if (n <= 2 * k) return out;
  std::vector<std::size_t> asked(n);
  std::iota(asked.begin(), asked.end(), std::size_t{0});
  if (n > k_most_sampled) {  // the galaxies of the smallest hashes
    std::sort(asked.begin(), asked.end(), [&](std::size_t a, std::size_t b) {
      return splitmix64(splitmix64(seed) ^ a) < splitmix64(splitmix64(seed) ^ b);
    });
    asked.resize(k_most_sampled);
  }
  Matrix<float> queries(asked.size(), points.cols()), placed(asked.size(), 2);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    std::copy(points.row(asked[i]).begin(), points.row(asked[i]).end(), queries.row(i).begin());
    std::copy(position.row(asked[i]).begin(), position.row(asked[i]).end(), placed.row(i).begin());
  }
  const auto true_near = umap::NeighbourSearch(points, MapMetric::euclidean).find(queries, k + 1, false, pool);
  const auto map_near = umap::NeighbourSearch(position, MapMetric::euclidean).find(placed, k + 1, false, pool);
  Matrix<float> columns(points.cols(), n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t c = 0; c < points.cols(); ++c) columns(c, i) = points(i, c);
  std::vector<double> penalty(asked.size(), 0), kept(asked.size(), 0);
  pool.for_shards(shard_count(asked.size(), k_shard_rows), [&](std::size_t s) {
    const Shard range = shard(s, asked.size(), k_shard_rows);
    std::vector<float> far(n), nearer;
    for (std::size_t i = range.first; i < range.last; ++i) {
      const std::size_t self = asked[i];
      // The k neighbours: without the galaxy itself, or, among copies of it, without the last.
      const auto of = [&](const umap::Neighbours& near) {
        std::vector<std::uint32_t> rows(near.row.begin() + static_cast<std::ptrdiff_t>(i * (k + 1)),
                                        near.row.begin() + static_cast<std::ptrdiff_t>((i + 1) * (k + 1)));
        const auto at = std::find(rows.begin(), rows.end(), static_cast<std::uint32_t>(self));
        rows.erase(at == rows.end() ? rows.end() - 1 : at);
        return rows;
      };
      const auto true_rows = of(true_near), map_rows = of(map_near);
      std::vector<std::uint32_t> intruders;
      for (const auto row : map_rows)
        if (std::find(true_rows.begin(), true_rows.end(), row) == true_rows.end()) intruders.push_back(row);
      kept[i] = static_cast<double>(k - intruders.size()) / static_cast<double>(k);
      if (intruders.empty()) continue;
      squared_distances(columns, self, far);
      far[self] = std::numeric_limits<float>::infinity();
      float farthest = 0;
      for (const auto row : intruders) farthest = std::max(farthest, far[row]);
      nearer.clear();  // few: no other can be nearer than an intruder
      std::copy_if(far.begin(), far.end(), std::back_inserter(nearer), [&](float d) { return d < farthest; });
      for (const auto row : intruders) {
        const auto rank = 1 + static_cast<std::size_t>(
                                  std::count_if(nearer.begin(), nearer.end(), [&](float d) { return d < far[row]; }));
        penalty[i] += rank > k ? static_cast<double>(rank - k) : 0.0;
      }
    }
  });
  const auto m = static_cast<double>(asked.size()), dk = static_cast<double>(k), dn = static_cast<double>(n);
  out.trustworthiness = 1 - 2 / (m * dk * (2 * dn - 3 * dk - 1)) * std::accumulate(penalty.begin(), penalty.end(), 0.0);
  out.preservation = std::accumulate(kept.begin(), kept.end(), 0.0) / m;
  out.sampled = asked.size();
  return out;
}

std::vector<std::size_t> map_neighbours(MatrixView<const float> position, std::span<const double> values, std::size_t k,
                                        WorkerPool& pool) {
  const std::size_t n = position.rows();
  std::vector<std::size_t> rows, out(n * k, n);
  for (std::size_t i = 0; i < n; ++i)
    if (std::isfinite(position(i, 0)) && std::isfinite(position(i, 1)) && std::isfinite(values[i])) rows.push_back(i);
  if (rows.size() <= k) return out;
  Matrix<float> placed(rows.size(), 2);
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy(position.row(rows[i]).begin(), position.row(rows[i]).end(), placed.row(i).begin());
  const auto near = umap::NeighbourSearch(placed, MapMetric::euclidean).find(placed, k, true, pool);
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < k; ++j) out[rows[i] * k + j] = rows[near.row[i * k + j]];
  return out;
}

MapScatter map_scatter(MatrixView<const float> position, std::span<const double> values, std::size_t k,
                       WorkerPool& pool) {
  const auto near = map_neighbours(position, values, k, pool);
  MapScatter out;
  std::vector<double> own, around;
  double sum = 0;
  for (std::size_t i = 0; i < position.rows(); ++i) {
    if (near[i * k] == position.rows()) continue;
    std::vector<double> v(k);
    for (std::size_t j = 0; j < k; ++j) v[j] = values[near[i * k + j]];
    std::sort(v.begin(), v.end());
    const auto at = [&](double fraction) {  // linear between the sorted values
      const double where = fraction * static_cast<double>(k - 1);
      const std::size_t low = static_cast<std::size_t>(where), high = std::min(low + 1, k - 1);
      return v[low] + (where - static_cast<double>(low)) * (v[high] - v[low]);
    };
    sum += (at(0.84) - at(0.16)) / 2;
    own.push_back(values[i]);
    around.push_back(median(v));
  }
  out.n = own.size();
  out.scatter = own.empty() ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(own.size());
  out.smoothness = spearman(own, around);
  return out;
}

}  // namespace starglow
