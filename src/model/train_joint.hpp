#pragma once
#include <optional>
#include <string>

#include "model/stage.hpp"
#include "starglow/joint.hpp"

namespace starglow {

/// Networks and head of a joint model.
struct JointFit {
  NetworkBank bank;  ///< with a head that is not calibrated
  std::string point_curve, joint_curve;
  std::size_t n_labels = 0;
  Matrix<double> points;  ///< of the first step, (galaxies with a label, 8), standardised t, everything known
};

/// `teacher`, where given: `points` of networks that see more, for the same galaxies. The first step learns from both,
/// from the teacher with the weight config.distil (Lopez-Paz et al. 2016, arXiv:1511.03643).
/// Two steps: networks of points; then, started from them, the joint distribution with the labels' noise taken out.
JointFit fit_joint(const Galaxies& galaxies, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                   const TrainConfig& config, std::int64_t first_network, const std::optional<NoiseModel>& noise,
                   const Matrix<double>* teacher, WorkerPool& pool, Tally& tally);

/// Shift and slope of each line from models that have not seen the galaxies that they are judged on: parts by
/// a hash of TARGETID that is independent of fold_of(). `teachers`: the first is not used, then one a part;
/// networks that see everything append theirs, those with masks learn from them.
void calibrate_by_folds(const Galaxies& galaxies, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                        const TrainConfig& config, std::int64_t first_network, const std::optional<NoiseModel>& noise,
                        std::vector<Matrix<double>>& teachers, WorkerPool& pool, Tally& tally, JointHead& head);

}  // namespace starglow
