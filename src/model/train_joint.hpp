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
};

/// Two steps: networks of points; then, started from them, the joint distribution with the labels' noise taken out.
JointFit fit_joint(const Galaxies& galaxies, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                   const TrainConfig& config, std::int64_t first_network, const std::optional<NoiseModel>& noise,
                   WorkerPool& pool, Tally& tally);

/// Shift and slope of each line from models that have not seen the galaxies that they are judged on: parts by
/// a hash of TARGETID that is independent of fold_of().
void calibrate_by_folds(const Galaxies& galaxies, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                        const TrainConfig& config, std::int64_t first_network, const std::optional<NoiseModel>& noise,
                        WorkerPool& pool, Tally& tally, JointHead& head);

}  // namespace starglow
