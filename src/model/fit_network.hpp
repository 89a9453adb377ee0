#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "starglow/network.hpp"
#include "starglow/train.hpp"
#include "starglow/view.hpp"

namespace starglow {

/// What a network is fitted to: standardised features (rows, n_in), standardised targets (rows, n_out) and a weight for
/// each target; weight 0 = no label, whatever the target says.
struct FitData {
  Matrix<float> x, y, weight;
  std::vector<std::size_t> train, validation;  ///< rows
};

struct FitResult {
  std::vector<float> params;  ///< of the last epoch, or of the best one by validation
  std::vector<double> loss;   ///< mean training loss of each epoch
  std::vector<double> validation_loss;
  std::int64_t best_epoch = 0;
};

/// Loss and its gradient of one batch: mean over rows and outputs of weight * rho(y - target), rho a square or Huber's.
/// dy (rows, n_out) is written; returns the sum (not the mean) of the losses.
double batch_loss(MatrixView<const float> y, MatrixView<const float> target, MatrixView<const float> weight,
                  double huber, MatrixView<float> dy);

/// Trains one network by mini-batch AdamW. Depends on (data, shape, config, network) alone; `network` keys the random
/// numbers. Calls `epoch_done(loss)` after each epoch; false from it stops the training at once.
FitResult fit_network(const FitData& data, const NetworkShape& shape, const TrainConfig& config, std::int64_t network,
                      const std::function<bool(double)>& epoch_done);

}  // namespace starglow
