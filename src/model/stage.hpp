#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "model/fit_network.hpp"
#include "model/training_log.hpp"
#include "model/training_set.hpp"
#include "starglow/model/model.hpp"
#include "starglow/model/train.hpp"

namespace starglow {

/// The networks of one bank: what they are fitted to, and later their results.
struct Stage {
  std::string name;
  std::vector<TrainingSet> sets;  ///< one, or one a line
  NetworkShape shape;
  FitPlan plan{};
  std::int64_t first_network = 0;                  ///< keys the random numbers
  std::vector<std::unique_ptr<BatchLoss>> losses;  ///< one a network
  std::vector<std::vector<float>> starts;          ///< one a network; empty: drawn
  std::vector<FitResult> results;                  ///< one a network

  std::size_t n_nets() const noexcept { return losses.size(); }
  const TrainingSet& set(std::size_t net) const { return sets[sets.size() == 1 ? 0 : net]; }
};

/// A stage of point networks: one trunk for the independent lines, or one network a line.
Stage make_point_stage(const std::string& name, const Galaxies& galaxies, std::span<const std::size_t> rows,
                       const FeatureRecipe& recipe, const TrainConfig& config);

/// Counts the epochs of a whole training for its progress callback, and keeps its state.
class Tally {
 public:
  Tally(std::int64_t networks, double epochs, const std::function<void(const TrainProgress&)>& progress,
        TrainingCheckpoint* checkpoint = nullptr)
      : log(checkpoint), networks_(networks), epochs_(epochs), progress_(progress) {}
  void epoch(std::string_view stage, double loss);  ///< from any thread; throws what the callback throws
  void skip(double epochs) noexcept;                ///< that were done before an interruption
  void network() noexcept;
  TrainingLog log;

 private:
  std::mutex mutex_;
  std::int64_t networks_, networks_done_ = 0;
  double epochs_, epochs_done_ = 0;
  const std::function<void(const TrainProgress&)>& progress_;
};

/// Fits all networks of the stages; each is one shard, trained by one thread from its own random numbers.
void fit_stages(std::span<Stage> stages, const TrainConfig& config, WorkerPool& pool, Tally& tally);

/// Networks, scalers and outputs as a bank; the outputs of a network are those of its results.
NetworkBank make_bank(const Stage& stage, bool per_line);

/// "epoch:loss" of the mean over networks, at most about 50 points.
std::string learning_curve(const std::vector<FitResult>& results, bool validation);

}  // namespace starglow
