#include "model/training_log.hpp"

namespace starglow {

std::vector<std::string> differences(const std::map<std::string, std::string>& then,
                                     const std::map<std::string, std::string>& now) {
  std::vector<std::string> out;
  const auto value = [](const std::map<std::string, std::string>& from, const std::string& key) {
    const auto found = from.find(key);
    return found == from.end() ? std::string("absent") : found->second.empty() ? std::string("''") : found->second;
  };
  std::map<std::string, std::string> all = then;
  all.insert(now.begin(), now.end());
  for (const auto& [key, ignored] : all)
    if (value(then, key) != value(now, key))
      out.push_back(key + ": " + value(then, key) + " in the checkpoint, " + value(now, key) + " here");
  return out;
}

const NetworkState* TrainingLog::find(const std::string& network) const {
  if (checkpoint_ == nullptr) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto found = checkpoint_->state.networks.find(network);
  return found == checkpoint_->state.networks.end() ? nullptr : &found->second;
}

void TrainingLog::keep(const std::string& network, NetworkState state) {
  if (checkpoint_ == nullptr) return;
  const std::lock_guard lock(mutex_);
  checkpoint_->state.networks[network] = std::move(state);
  save_in_time();
}

std::vector<double> TrainingLog::step(const std::string& name) const {
  if (checkpoint_ == nullptr) return {};
  const std::lock_guard lock(mutex_);
  const auto found = checkpoint_->state.steps.find(name);
  return found == checkpoint_->state.steps.end() ? std::vector<double>{} : found->second;
}

void TrainingLog::keep_step(const std::string& name, const std::vector<double>& numbers) {
  if (checkpoint_ == nullptr) return;
  const std::lock_guard lock(mutex_);
  checkpoint_->state.steps[name] = numbers;
  save_in_time();
}

void TrainingLog::save_in_time() {
  if (!checkpoint_->save) return;
  const auto now = Clock::now();
  if (std::chrono::duration<double>(now - saved_).count() < checkpoint_->interval) return;
  checkpoint_->save(checkpoint_->state);
  saved_ = Clock::now();
}

void TrainingLog::poll() {
  if (checkpoint_ == nullptr || !checkpoint_->poll) return;
  const std::lock_guard lock(mutex_);
  checkpoint_->poll();
}

}  // namespace starglow
