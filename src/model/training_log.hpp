#pragma once
#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include "starglow/model/checkpoint.hpp"

namespace starglow {

/// The state of a training as its worker threads see it. Without a checkpoint it keeps nothing.
class TrainingLog {
 public:
  explicit TrainingLog(TrainingCheckpoint* checkpoint) : checkpoint_(checkpoint) {}

  bool active() const noexcept { return checkpoint_ != nullptr; }
  /// Name of the next stage; the stages of a training follow each other in the order of the recipe.
  std::string next_stage() { return std::to_string(stages_++) + "."; }
  /// Where a network stood in the state that the training started from, or null.
  const NetworkState* find(const std::string& network) const;
  /// Keeps a network's new state, and has all saved when the interval has passed.
  void keep(const std::string& network, NetworkState state);
  /// The same for the results of a step that is not a network: its numbers, or none.
  std::vector<double> step(const std::string& name) const;
  void keep_step(const std::string& name, const std::vector<double>& numbers);
  void poll();

 private:
  void save_in_time();
  using Clock = std::chrono::steady_clock;
  TrainingCheckpoint* checkpoint_;
  mutable std::mutex mutex_;
  std::size_t stages_ = 0;
  Clock::time_point saved_ = Clock::now();
};

}  // namespace starglow
