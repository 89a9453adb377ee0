#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/judge/evaluate.hpp"

namespace starglow::cli {

/// For people: mean Spearman of predictions without some of the inputs, against the first; coverage of distributions.
std::string missing_table(const Galaxies& table, const std::vector<NamedPrediction>& all, std::int64_t resamples,
                          std::uint64_t seed, WorkerPool& pool);
/// A prediction against each baseline, on the rows that both answer.
std::string baseline_table(const Galaxies& table, const NamedPrediction& ours,
                           const std::vector<NamedPrediction>& baselines, std::int64_t resamples, std::uint64_t seed,
                           WorkerPool& pool);

}  // namespace starglow::cli
