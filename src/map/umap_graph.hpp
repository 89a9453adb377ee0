#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "starglow/map/map.hpp"

namespace starglow::umap {

/// Nearest neighbours: galaxy i's are at [i k, (i + 1) k), nearest first.
struct Neighbours {
  std::size_t k = 0;
  std::vector<std::uint32_t> row;
  std::vector<float> distance;
};

/// Exact nearest neighbours by a k-d tree of the points (n, features). Rows of unit length are what the cosine metric
/// needs (as_metric_space).
class NeighbourSearch {
 public:
  NeighbourSearch(MatrixView<const float> points, MapMetric metric);
  ~NeighbourSearch();
  /// The k nearest points of each query row. `self`: query i is point i, which is left out.
  Neighbours find(MatrixView<const float> queries, std::size_t k, bool self, WorkerPool& pool) const;

 private:
  struct Tree;
  std::unique_ptr<Tree> tree_;
};

/// Points as the metric sees them: for the cosine, rows divided by their length, so that euclidean distances sort
/// alike.
Matrix<float> as_metric_space(MatrixView<const float> points, MapMetric metric);

/// Weights of the neighbours in (0, 1]: exp(-(d - rho) / sigma), rho the nearest distance (0 without `connect`), sigma
/// such that they sum to log2(target) (McInnes et al. 2018, section 3.1).
std::vector<float> neighbour_weights(const Neighbours& near, double target, bool connect, WorkerPool& pool);

/// The symmetric graph w_ij + w_ji - w_ij w_ji; neighbours of i at [start[i], start[i + 1]), in order of their rows.
struct Graph {
  std::vector<std::size_t> start;
  std::vector<std::uint32_t> row;
  std::vector<float> weight;
};
Graph fuzzy_union(const Neighbours& near, std::span<const float> weights);

}  // namespace starglow::umap
