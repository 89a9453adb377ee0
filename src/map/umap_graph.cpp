#include "map/umap_graph.hpp"

#include <algorithm>
#include <cmath>

namespace starglow::umap {
namespace {

constexpr std::size_t k_shard_rows = 256;
constexpr int k_bisections = 64;
constexpr double k_least_sigma = 1e-3;  // in units of the mean distance

}  // namespace

Matrix<float> as_metric_space(MatrixView<const float> points, MapMetric metric) {
  Matrix<float> out(points.rows(), points.cols());
  for (std::size_t i = 0; i < points.rows(); ++i) {
    double length = 0;
    for (const float x : points.row(i)) length += static_cast<double>(x) * static_cast<double>(x);
    const double factor = metric == MapMetric::cosine && length > 0 ? 1 / std::sqrt(length) : 1.0;
    for (std::size_t j = 0; j < points.cols(); ++j)
      out(i, j) = static_cast<float>(factor * static_cast<double>(points(i, j)));
  }
  return out;
}

std::vector<float> neighbour_weights(const Neighbours& near, double target, bool connect, WorkerPool& pool) {
  const std::size_t k = near.k, n = near.row.size() / k;
  std::vector<float> out(near.row.size());
  double mean_all = 0;
  for (const float d : near.distance) mean_all += static_cast<double>(d) / static_cast<double>(near.distance.size());
  const double wanted = std::log2(target);
  pool.for_shards(shard_count(n, k_shard_rows), [&](std::size_t s) {
    const Shard range = shard(s, n, k_shard_rows);
    for (std::size_t i = range.first; i < range.last; ++i) {
      const std::span<const float> d(near.distance.data() + i * k, k);
      double rho = 0, mean = 0;
      if (connect)
        for (const float x : d)
          if (x > 0) {
            rho = static_cast<double>(x);
            break;
          }
      for (const float x : d) mean += static_cast<double>(x) / static_cast<double>(k);
      const auto weight = [&](float x, double sigma) {
        const double excess = static_cast<double>(x) - rho;
        return excess > 0 ? std::exp(-excess / sigma) : 1.0;
      };
      double low = 0, high = 0, sigma = 1;
      for (int step = 0; step < k_bisections; ++step) {
        double sum = 0;
        for (const float x : d) sum += weight(x, sigma);
        if (std::fabs(sum - wanted) < 1e-5) break;
        (sum > wanted ? high : low) = sigma;
        sigma = high > 0 ? (low + high) / 2 : 2 * sigma;
      }
      sigma = std::max(sigma, k_least_sigma * (rho > 0 ? mean : mean_all));
      if (!(sigma > 0)) sigma = 1;  // copies of one galaxy
      for (std::size_t j = 0; j < k; ++j) out[i * k + j] = static_cast<float>(weight(d[j], sigma));
    }
  });
  return out;
}

Graph fuzzy_union(const Neighbours& near, std::span<const float> weights) {
  struct Edge {
    std::uint32_t from, to;
    float there, back;
  };
  const std::size_t k = near.k, n = near.row.size() / k;
  std::vector<Edge> edges;
  edges.reserve(2 * near.row.size());
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i * k; j < (i + 1) * k; ++j) {
      edges.push_back({static_cast<std::uint32_t>(i), near.row[j], weights[j], 0.0F});
      edges.push_back({near.row[j], static_cast<std::uint32_t>(i), 0.0F, weights[j]});
    }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
    return a.from != b.from ? a.from < b.from : (a.to != b.to ? a.to < b.to : a.there > b.there);
  });
  Graph graph;
  graph.start.assign(n + 1, 0);
  for (std::size_t e = 0; e < edges.size(); ++e) {
    float there = edges[e].there, back = edges[e].back;
    if (e + 1 < edges.size() && edges[e + 1].from == edges[e].from && edges[e + 1].to == edges[e].to)
      back = edges[++e].back;
    graph.row.push_back(edges[e].to);
    graph.weight.push_back(there + back - there * back);
    graph.start[edges[e].from + 1] = graph.row.size();
  }
  for (std::size_t i = 0; i < n; ++i) graph.start[i + 1] = std::max(graph.start[i + 1], graph.start[i]);
  return graph;
}

}  // namespace starglow::umap
