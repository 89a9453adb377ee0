#include "model/stage.hpp"

#include <algorithm>
#include <atomic>
#include <sstream>

namespace starglow {

Stage make_point_stage(const std::string& name, const Galaxies& g, std::span<const std::size_t> rows,
                       const FeatureRecipe& recipe, const TrainConfig& config) {
  Stage stage;
  stage.name = name;
  std::size_t n_nets = config.lines.size();
  if (config.per_line) {
    for (const std::size_t line : config.lines.lines())
      stage.sets.push_back(make_training_set(g, rows, recipe, {line}, config, false));
  } else {
    const auto lines = config.lines.independent();
    stage.sets.push_back(make_training_set(g, rows, recipe, {lines.begin(), lines.end()}, config, true));
    n_nets = static_cast<std::size_t>(config.joint ? std::max(config.members, config.point_members) : config.members);
  }
  if (!config.draw_masks)  // its galaxies lack what they lack, and no more
    for (auto& set : stage.sets) set.data.recipe.masks = false;
  stage.shape.activation = config.activation;
  stage.shape.sizes = {static_cast<std::int32_t>(recipe.size())};
  stage.shape.sizes.insert(stage.shape.sizes.end(), config.hidden.begin(), config.hidden.end());
  stage.shape.sizes.push_back(static_cast<std::int32_t>(stage.sets[0].outputs.size()));
  stage.shape.check();
  stage.plan = {config.epochs, config.learning_rate, config.warmup, config.final_rate};
  for (std::size_t k = 0; k < n_nets; ++k) stage.losses.push_back(std::make_unique<PointLoss>(config.huber));
  return stage;
}

void Tally::epoch(std::string_view stage, double loss) {
  const std::lock_guard lock(mutex_);
  epochs_done_ += 1;
  if (progress_) progress_({stage, networks_done_, networks_, epochs_done_, epochs_, loss});
}

void Tally::skip(double epochs) noexcept {
  const std::lock_guard lock(mutex_);
  epochs_done_ += epochs;
}

void Tally::network() noexcept {
  const std::lock_guard lock(mutex_);
  ++networks_done_;
}

namespace {
struct Stopped {};
}  // namespace

void fit_stages(std::span<Stage> stages, const TrainConfig& config, WorkerPool& pool, Tally& tally) {
  struct Task {
    Stage* stage;
    std::size_t net;
  };
  std::vector<Task> tasks;
  for (auto& stage : stages) {
    stage.results.resize(stage.n_nets());
    stage.starts.resize(stage.n_nets());
    for (std::size_t k = 0; k < stage.n_nets(); ++k) tasks.push_back({&stage, k});
  }
  std::atomic<bool> stop{false};
  const std::string name = tally.log.next_stage();
  // Whatever a thread throws stops the others at their next step.
  const auto stopping = [&](auto&& call) {
    try {
      call();
    } catch (...) {
      stop = true;
      throw;
    }
  };
  pool.for_shards(tasks.size(), [&](std::size_t t) {
    auto& [stage, k] = tasks[t];
    if (stop) return;
    const std::string network = name + std::to_string(t);
    FitHooks hooks;
    NetworkState before;  // a copy: `keep` replaces the log's
    if (const NetworkState* found = tally.log.find(network); found != nullptr) {
      before = *found;
      hooks.from = &before;
      tally.skip(static_cast<double>(before.epochs));
    }
    if (before.finished) {
      stage->losses[k]->restore(before);
      stage->results[k] = {before.params, before.loss, before.validation, before.best_epoch};
      tally.network();
      return;
    }
    bool ended = true;
    NetworkState last = before;  // no epoch may be left
    if (tally.log.active()) {
      hooks.keep = [&](const std::function<NetworkState()>& state) {
        last = state();
        stopping([&] { tally.log.keep(network, last); });
      };
      hooks.batch_done = [&] {
        stopping([&] { tally.log.poll(); });
        if (stop) throw Stopped{};
      };
    }
    try {
      stage->results[k] = fit_network(
          stage->set(k).data, stage->shape, config, stage->first_network + static_cast<std::int64_t>(k),
          *stage->losses[k], stage->plan, stage->starts[k],
          [&](double loss) {
            if (!stop) stopping([&] { tally.epoch(stage->name, loss); });
            ended = !stop;
            return ended;
          },
          hooks);
    } catch (const Stopped&) {
      return;  // the thread that was stopped first throws what stopped it
    }
    if (ended && tally.log.active()) {
      last.finished = true;
      last.params = stage->results[k].params;
      last.best_epoch = stage->results[k].best_epoch;
      last.best.clear();
      last.m.clear();
      last.v.clear();
      stopping([&] { tally.log.keep(network, std::move(last)); });
    }
    tally.network();
  });
}

NetworkBank make_bank(const Stage& stage, bool per_line) {
  NetworkBank bank;
  bank.shape = stage.shape;
  bank.features = stage.sets[0].recipe;
  bank.n_nets = stage.n_nets();
  bank.x_mean = Matrix<double>(bank.n_nets, bank.shape.n_in());
  bank.x_scale = Matrix<double>(bank.n_nets, bank.shape.n_in());
  for (std::size_t k = 0; k < bank.n_nets; ++k) {
    const auto& set = stage.set(k);
    bank.params.insert(bank.params.end(), stage.results[k].params.begin(), stage.results[k].params.end());
    std::copy(set.x_mean.begin(), set.x_mean.end(), bank.x_mean.row(k).begin());
    std::copy(set.x_scale.begin(), set.x_scale.end(), bank.x_scale.row(k).begin());
    if (k == 0 || per_line) {
      bank.outputs.insert(bank.outputs.end(), set.outputs.begin(), set.outputs.end());
      bank.y_mean.insert(bank.y_mean.end(), set.y_mean.begin(), set.y_mean.end());
      bank.y_scale.insert(bank.y_scale.end(), set.y_scale.begin(), set.y_scale.end());
    }
  }
  return bank;
}

std::string learning_curve(const std::vector<FitResult>& results, bool validation) {
  std::size_t epochs = 0;
  for (const auto& r : results) epochs = std::max(epochs, r.loss.size());
  std::ostringstream out;
  out.precision(6);
  const std::size_t stride = std::max<std::size_t>(1, epochs / 50);
  for (std::size_t e = 0; e < epochs; e += stride) {
    double sum = 0, count = 0;
    for (const auto& r : results) {
      const auto& curve = validation ? r.validation_loss : r.loss;
      if (e >= curve.size()) continue;
      sum += curve[e];
      count += 1;
    }
    if (count > 0) out << (out.tellp() > 0 ? "," : "") << e + 1 << ':' << sum / count;
  }
  return out.str();
}

}  // namespace starglow
