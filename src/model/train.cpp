#include "starglow/train.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <limits>
#include <mutex>
#include <sstream>

#include "model/fit_network.hpp"
#include "model/training_set.hpp"
#include "starglow/error.hpp"

namespace starglow {
namespace {

/// The networks of one bank: their training sets and, later, their results.
struct Stage {
  std::string name;
  std::vector<TrainingSet> sets;  ///< one, or one a line
  NetworkShape shape;
  std::size_t n_nets = 0;
  std::vector<FitResult> results;
  const TrainingSet& set(std::size_t net) const { return sets[sets.size() == 1 ? 0 : net]; }
};

Stage make_stage(const std::string& name, const Galaxies& g, std::span<const std::size_t> rows,
                 const FeatureRecipe& recipe, const TrainConfig& config) {
  Stage stage;
  stage.name = name;
  if (config.per_line) {
    for (std::size_t line = 0; line < k_n_lines; ++line)
      stage.sets.push_back(make_training_set(g, rows, recipe, {line}, config, false));
    stage.n_nets = k_n_lines;
  } else {
    stage.sets.push_back(
        make_training_set(g, rows, recipe, {k_independent_lines.begin(), k_independent_lines.end()}, config, true));
    stage.n_nets = static_cast<std::size_t>(config.members);
  }
  stage.shape.activation = config.activation;
  stage.shape.sizes = {static_cast<std::int32_t>(recipe.size())};
  stage.shape.sizes.insert(stage.shape.sizes.end(), config.hidden.begin(), config.hidden.end());
  stage.shape.sizes.push_back(static_cast<std::int32_t>(stage.sets[0].outputs.size()));
  stage.shape.check();
  stage.results.resize(stage.n_nets);
  return stage;
}

NetworkBank make_bank(const Stage& stage, bool per_line) {
  NetworkBank bank;
  bank.shape = stage.shape;
  bank.features = stage.sets[0].recipe;
  bank.n_nets = stage.n_nets;
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

// "epoch:loss" of the mean over networks, at most about 50 points.
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

std::string number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};  // reads back equal
}

}  // namespace

Model train(const Galaxies& g, const TrainConfig& config, WorkerPool& pool,
            const std::function<void(const TrainProgress&)>& progress) {
  const auto rows = usable_rows(g);
  std::vector<Stage> stages;
  stages.push_back(make_stage(config.log_lum || config.z ? "with luminosity" : "without luminosity", g, rows,
                              {config.log_lum, config.z}, config));
  if (config.sibling && (config.log_lum || config.z))
    stages.push_back(make_stage("without luminosity", g, rows, {false, false}, config));

  // Networks are independent: each is one shard, trained by one thread from its own random numbers.
  struct Task {
    std::size_t stage, net;
  };
  std::vector<Task> tasks;
  for (std::size_t s = 0; s < stages.size(); ++s)
    for (std::size_t k = 0; k < stages[s].n_nets; ++k) tasks.push_back({s, k});
  std::mutex mutex;
  std::atomic<bool> stop{false};
  std::int64_t networks_done = 0;
  double epochs_done = 0;
  const double epochs = static_cast<double>(tasks.size()) * static_cast<double>(config.epochs);
  pool.for_shards(tasks.size(), [&](std::size_t t) {
    Stage& stage = stages[tasks[t].stage];
    const std::size_t k = tasks[t].net;
    if (stop) return;
    // The second stage has networks of its own, not the first one's start again.
    const auto network = static_cast<std::int64_t>(tasks[t].stage * 1000 + k);
    stage.results[k] = fit_network(stage.set(k).data, stage.shape, config, network, [&](double loss) {
      if (stop) return false;
      const std::lock_guard lock(mutex);
      epochs_done += 1;
      if (progress) try {
          progress({stage.name, networks_done, static_cast<std::int64_t>(tasks.size()), epochs_done, epochs, loss});
        } catch (...) {
          stop = true;
          throw;
        }
      return true;
    });
    const std::lock_guard lock(mutex);
    ++networks_done;
    epochs_done = std::max(epochs_done, static_cast<double>(networks_done) * static_cast<double>(config.epochs));
  });

  Model::Parts parts;
  parts.kind = config.per_line ? "k24" : "mlp";
  for (const auto& stage : stages) {
    const bool full = stage.sets[0].recipe.log_lum || stage.sets[0].recipe.z;
    (full ? parts.full : parts.no_luminosity) = make_bank(stage, config.per_line);
    const std::string key = full ? "full" : "no_luminosity";
    parts.metadata["learning_curve." + key] = learning_curve(stage.results, false);
    if (config.validation > 0) parts.metadata["validation_curve." + key] = learning_curve(stage.results, true);
  }
  double z_min = std::numeric_limits<double>::infinity(), z_max = 0;
  for (const auto row : rows) {
    z_min = std::min(z_min, g.z[row]);
    z_max = std::max(z_max, g.z[row]);
  }
  std::size_t labels = 0;
  for (const auto& set : stages[0].sets) labels += set.n_labels;
  auto& m = parts.metadata;
  m["output"] = "asinh_ew";
  m["z_min"] = number(z_min);
  m["z_max"] = number(z_max);
  m["aperture"] = g.conventions.aperture;
  m["mwcorr"] = g.conventions.mwcorr;
  m["maskrule"] = g.conventions.maskrule;
  m["contsrc"] = g.conventions.contsrc;
  m["labelver"] = g.conventions.labelver;
  m["n_galaxies"] = std::to_string(rows.size());
  m["n_labels"] = std::to_string(labels);
  m["train.preset"] = config.preset;
  for (const auto& field : train_config_fields()) m["train." + std::string(field.key)] = field.get(config);
  if (!config.per_line)
    for (const auto& doublet : k_doublets)
      m["ew_ratio_" + std::string(k_lines[static_cast<std::size_t>(doublet.weak)].name)] = number(doublet.ew_ratio);
  try {
    parts.noise = fit_noise_model(select_rows(g, rows));
  } catch (const Error& e) {
    m["noise_note"] = std::string("no noise model: ") + e.what();  // a small table still gives a point model
  }
  return Model(std::move(parts));
}

}  // namespace starglow
