#pragma once
#include "starglow/files/table.hpp"
#include "starglow/judge/evaluate.hpp"
#include "starglow/report/report.hpp"

namespace starglow::cli {

/// Adds the panels of the map to a report: observed, predicted, predicted + noise (one draw where the prediction has
/// draws) over the table's UMAP, or over the principal components of its bands where it has none; the caption says
/// which.
void add_map(Report& report, const TableReader& reader, const Galaxies& table, const NamedPrediction& prediction,
             std::uint64_t seed, WorkerPool& pool);

}  // namespace starglow::cli
