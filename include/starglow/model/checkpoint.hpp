#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace starglow {

/// Where one network of a training stands, after a whole number of epochs.
struct NetworkState {
  bool finished = false;
  std::int64_t epochs = 0;
  std::int64_t best_epoch = 0;           ///< of the validation
  std::vector<float> params;             ///< as the optimiser left them
  std::vector<float> best;               ///< of the best epoch, when there is a validation
  std::vector<float> m, v;               ///< moments of AdamW; empty when finished
  std::int64_t steps = 0;                ///< of AdamW
  std::vector<double> loss, validation;  ///< one an epoch
  std::vector<float> own;                ///< what the loss fits beside the network, with its moments
  std::int64_t own_steps = 0;
};

/// An unfinished training: what it depends on, and where its networks stand. A training that starts from it ends with
/// the same bits as one that was never interrupted.
struct TrainingState {
  std::map<std::string, std::string> identity;       ///< hash of the table, settings, seed, version, instruction set
  std::map<std::string, NetworkState> networks;      ///< by "stage.network"
  std::map<std::string, std::vector<double>> steps;  ///< results of long steps between the networks
};

/// "epochs: 90, here 100" for all that differs; empty when a training can go on.
std::vector<std::string> differences(const std::map<std::string, std::string>& then,
                                     const std::map<std::string, std::string>& now);

/// How `train` keeps its state. Both functions are called by one thread at a time.
struct TrainingCheckpoint {
  TrainingState state;   ///< to start from, where not empty; always the latest
  double interval = 30;  ///< seconds between calls of `save`
  std::function<void(const TrainingState&)> save = {};
  /// Called between the steps of a network, often; what it throws stops the training.
  std::function<void()> poll = {};
};

}  // namespace starglow
