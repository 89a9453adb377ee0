#pragma once
#include <cstdint>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/model.hpp"
#include "starglow/model/selection.hpp"
#include "starglow/model/train.hpp"

namespace starglow {

/// The labels of a table as the likelihood of a training sees them, under the distributions that a model has now.
struct LabelRows {
  std::vector<std::size_t> rows;           ///< of the table: six bands, a redshift and a label of the eight lines
  std::vector<std::uint8_t> full;          ///< (rows) 1: the networks that need everything answer, 0: their sibling
  Matrix<double> centre, variance;         ///< (rows, 8) sites of the labels (sites.hpp), of t = asinh(EW / A)
  std::vector<std::vector<LineCut>> cuts;  ///< (rows) the cut by which a galaxy came into the table; empty: none
};

/// As a training with this config would have them, whose rules of tables, label gates and site settings are used: sites
/// by expectation propagation with the model's own mixtures as the prior, `site_passes` passes.
/// Error(model): a model without a distribution; Error(input): as train().
LabelRows label_rows(const Model& model, const Galaxies& table, const TrainConfig& config, WorkerPool& pool);

/// ln p of each row of labels, in double: JointLoss of the members' mean outputs, in densities of t, over the
/// probability of passing the row's cut. Before the calibration of quantiles, as in a training.
struct LabelLikelihood {
  std::vector<double> value;  ///< (rows)
  /// Of the sum of the values, of each bank (empty where the model lacks it): (networks, parameters); (components, 64).
  struct Gradient {
    Matrix<double> params, factor;
  } full, partial;
};
LabelLikelihood log_likelihood(const Model& model, const Galaxies& table, const LabelRows& labels);

/// The fixed points of SelectionTerm, (sets x nodes, 8) standard normals; row r takes set r modulo the number of sets.
Matrix<double> selection_nodes();

}  // namespace starglow
