#pragma once
#include <cstdint>
#include <vector>

#include "model/fit_network.hpp"
#include "starglow/base/galaxies.hpp"
#include "starglow/model/features.hpp"

namespace starglow {

/// Features and targets of the rows that can be trained on: good bands, z > 0, a label.
struct TrainingSet {
  FeatureRecipe recipe;
  std::vector<std::size_t> rows;     ///< of the table
  std::vector<std::size_t> outputs;  ///< lines
  FitData data;
  std::vector<double> x_mean, x_scale;  ///< (n_in): of the rows that are trained on, validation rows included
  std::vector<double> y_mean, y_scale;  ///< (outputs), asinh EW
  std::size_t n_labels = 0;
};

/// Rows of `galaxies` usable at all, for any feature recipe: with twelve good bands, or, where a training knows what a
/// galaxy lacks (`gaps`), with k_min_bands. Error(input) when columns are missing or none is usable.
std::vector<std::size_t> usable_rows(const Galaxies& galaxies, bool gaps = false, InputSet inputs = {},
                                     const LineSet& lines = LineSet::standard());

/// Which bands a row lacks.
MaskPattern lacks_of(const Galaxies& galaxies, std::size_t row, InputSet inputs = {});

/// `standardise_target`: y = (asinh EW - mean)/sd; otherwise asinh EW itself (K24).
TrainingSet make_training_set(const Galaxies& galaxies, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                              std::vector<std::size_t> outputs, const TrainConfig& config, bool standardise_target);

}  // namespace starglow
