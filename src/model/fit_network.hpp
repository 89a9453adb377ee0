#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "model/jitter.hpp"
#include "model/masking.hpp"
#include "starglow/base/view.hpp"
#include "starglow/kernels/network.hpp"
#include "starglow/model/checkpoint.hpp"
#include "starglow/model/features.hpp"
#include "starglow/model/train.hpp"

namespace starglow {

/// What a network is fitted to: standardised features (rows, n_in), standardised targets (rows, n_out) and a weight for
/// each target; weight 0 = no label, whatever the target says.
struct FitData {
  FeatureRecipe recipe;
  Matrix<float> x, y, weight;
  Matrix<float> log_lum;           ///< (rows, 12) standardised luminosity from each band, for masks
  std::vector<MaskPattern> lacks;  ///< of each row, what it lacks by itself; empty: nothing
  Jitter jitter;
  std::vector<std::size_t> train, validation;  ///< rows
};

/// What a network is fitted by.
class BatchLoss {
 public:
  virtual ~BatchLoss() = default;
  /// Outputs y of some rows of `data`: writes dy = d(mean loss)/dy, returns the sum of the losses.
  virtual double operator()(const FitData& data, std::span<const std::size_t> rows, MatrixView<const float> y,
                            MatrixView<float> dy) = 0;
  /// One step of parameters that the loss has itself, after the gradients of a batch.
  virtual void update(double /*rate*/) {}
  /// Parameters of its own, to and from a checkpoint.
  virtual void keep(NetworkState& /*into*/) {}
  virtual void restore(const NetworkState& /*from*/) {}
};

/// batch_loss() with the targets of the data.
class PointLoss : public BatchLoss {
 public:
  explicit PointLoss(double huber) : huber_(huber) {}
  double operator()(const FitData& data, std::span<const std::size_t> rows, MatrixView<const float> y,
                    MatrixView<float> dy) override;

 private:
  double huber_;
  Matrix<float> target_, weight_;
};

/// How long and how fast.
struct FitPlan {
  std::int64_t epochs;
  double rate, warmup, final_rate;
  std::vector<float> scales{};  ///< of the rate, one a parameter; empty: 1. 0 leaves a parameter as it starts
};

struct FitResult {
  std::vector<float> params;  ///< of the last epoch, or of the best one by validation
  std::vector<double> loss;   ///< mean training loss of each epoch
  std::vector<double> validation_loss;
  std::int64_t best_epoch = 0;
};

/// How a fit is watched, taken up and left.
struct FitHooks {
  const NetworkState* from = nullptr;  ///< goes on from here
  /// After each epoch but before `epoch_done`; the state is made only when it is called.
  std::function<void(const std::function<NetworkState()>& state)> keep = {};
  std::function<void()> batch_done = {};  ///< what it throws stops the training
};

/// Loss and its gradient of one batch: mean over rows and outputs of weight * rho(y - target), rho a square or Huber's.
/// dy (rows, n_out) is written; returns the sum (not the mean) of the losses.
double batch_loss(MatrixView<const float> y, MatrixView<const float> target, MatrixView<const float> weight,
                  double huber, MatrixView<float> dy);

/// Trains one network by mini-batch AdamW. Depends on (data, shape, config, network, loss, plan, start) alone;
/// `network` keys the random numbers. `start`: initial parameters; empty: drawn. Calls `epoch_done(loss)` after each
/// epoch; false from it stops the training at once.
FitResult fit_network(const FitData& data, const NetworkShape& shape, const TrainConfig& config, std::int64_t network,
                      BatchLoss& loss, const FitPlan& plan, std::vector<float> start,
                      const std::function<bool(double)>& epoch_done, const FitHooks& hooks = {});

}  // namespace starglow
