#pragma once
#include "map/umap_graph.hpp"

namespace starglow::umap {

/// The first two principal components of the points, the larger coordinate scaled to +-10.
Matrix<float> principal_start(MatrixView<const float> points);

/// Moves `position` (n, 2) so that pairs of the graph come near and others go apart.
void lay_out(const Graph& graph, MapCurve curve, std::size_t epochs, std::uint64_t seed, WorkerPool& pool,
             const GalaxyMap::Progress& progress, Matrix<float>& position);

/// Places (queries, 2) among fixed ones: from the weighted mean of the neighbours' places on, some epochs of the same
/// pulls and pushes. ids: what the random numbers of a query are keyed by.
Matrix<float> place(const Neighbours& near, std::span<const float> weights, MatrixView<const float> fixed,
                    MapCurve curve, std::uint64_t seed, std::span<const std::int64_t> ids, WorkerPool& pool);

}  // namespace starglow::umap
