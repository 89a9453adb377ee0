#include "starglow/model/train.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

#include "kernels/dispatch.hpp"
#include "model/label_gates.hpp"
#include "model/neighbours.hpp"
#include "model/stage.hpp"
#include "model/train_joint.hpp"
#include "model/training_tables.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/sha256.hpp"
#include "starglow/base/version.hpp"

namespace starglow {
namespace {

constexpr double k_domain_fraction = 0.01;  // of the training galaxies are OUT_OF_DOMAIN
constexpr std::size_t k_min_domain_rows = 500;
constexpr double k_beyond_z = 0.1;  // so far beyond the training's highest redshift the light is of another part

std::string number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};  // reads back equal
}

std::size_t labelled_lines(const Galaxies& g) {
  std::size_t n = 0;
  for (std::size_t k = 0; k < g.ew.flat().size(); ++k)
    n += g.ew_ivar.flat()[k] > 0 && std::isfinite(g.ew.flat()[k]) && std::isfinite(g.ew_ivar.flat()[k]) ? 1U : 0U;
  return n;
}

// What the weights depend on.
std::map<std::string, std::string> identity_of(const Galaxies& g, std::span<const std::size_t> rows,
                                               const TrainConfig& config) {
  std::map<std::string, std::string> identity;
  Sha256 sum;
  const Galaxies used = select_rows(g, rows);
  const auto add = [&](const auto& values) {
    sum.add(std::to_string(values.size()));
    sum.add(std::span(reinterpret_cast<const unsigned char*>(values.data()), values.size() * sizeof(*values.data())));
  };
  add(used.targetid);
  add(used.z);
  add(used.band_flux.flat());
  add(used.band_flux_ivar.flat());
  add(used.ew.flat());
  add(used.ew_ivar.flat());
  if (!used.sum_ew.empty()) {
    add(used.sum_ew.flat());
    add(used.sum_ew_ivar.flat());
  }
  if (!used.table.empty()) add(used.table);
  if (!config.inputs.columns().empty()) add(used.inputs.flat());
  identity["table"] = std::to_string(rows.size()) + " usable rows, SHA-256 " + sum.hex();
  for (const auto& field : train_config_fields()) identity[std::string(field.key)] = field.get(config);
  identity["version"] = std::string(version()) + " (" + std::string(revision()) + ")";
  identity["instruction set"] = std::string(kernels::active_isa());
  return identity;
}

void take_up(const Galaxies& g, std::span<const std::size_t> rows, const TrainConfig& config,
             TrainingCheckpoint& checkpoint) {
  auto now = identity_of(g, rows, config);
  TrainingState& state = checkpoint.state;
  if (!state.identity.empty()) {
    const auto differ = differences(state.identity, now);
    if (!differ.empty()) {
      std::string list;
      for (const auto& one : differ) list += "\n  " + one;
      throw Error(ErrorKind::model, "the checkpoint is of another training:" + list,
                  {"", "", "Give back what was changed, or begin anew."});
    }
  }
  state.identity = std::move(now);
}

// The networks of a model; returns the number of labels.
std::size_t train_networks(const Galaxies& g, std::span<const std::size_t> rows, const TrainConfig& config,
                           WorkerPool& pool, const std::function<void(const TrainProgress&)>& progress,
                           TrainingCheckpoint* checkpoint, Model::Parts& parts) {
  auto& m = parts.metadata;
  // The networks for galaxies that have everything, and the sibling for those that lack something.
  std::vector<std::pair<std::string, TrainConfig>> banks{{"full", config}};
  if (config.sibling && (!config.inputs.empty() || config.masks)) {
    TrainConfig partial = config;
    partial.members = config.sibling_members;
    partial.point_members = config.sibling_point_members;
    partial.epochs = config.sibling_epochs;
    partial.joint_epochs = config.sibling_joint_epochs;
    if (!config.masks) partial.inputs = {};
    banks.emplace_back("partial", partial);
  }
  std::int64_t networks = 0, epochs = 0;
  for (const auto& [name, c] : banks) {
    if (!c.joint) {
      const std::int64_t n = c.per_line ? static_cast<std::int64_t>(config.lines.size()) : c.members;
      networks += n;
      epochs += n * c.epochs;
      continue;
    }
    const std::int64_t rounds = 1 + c.calibration_folds, points = std::max(c.members, c.point_members),
                       widths = c.calibration_folds > 0 && c.width_epochs > 0 ? c.members : 0;
    networks += rounds * (points + c.members * (1 + c.site_refreshes)) + widths;
    epochs += rounds * (points * c.epochs + c.members * c.joint_epochs) + widths * c.width_epochs;
  }
  Tally tally(networks, static_cast<double>(epochs), progress, checkpoint);
  std::size_t labels = 0;
  std::vector<Matrix<double>> teachers;  // points of the full networks: trained on all rows, on those of each part
  for (const auto& [name, settings] : banks) {
    const bool full = name == "full";
    TrainConfig c = settings;
    c.draw_masks = !full && c.masks;
    const FeatureRecipe recipe{c.inputs, c.gaps || (!full && c.masks), config.z_low, config.z_high};
    const std::int64_t first_network = full ? 0 : 1000;  // a bank has networks of its own
    auto& into = full ? parts.full : parts.partial;
    if (c.joint) {
      const Matrix<double>* teacher = full || teachers.empty() || !(c.distil > 0) ? nullptr : &teachers[0];
      JointFit fit = fit_joint(g, rows, recipe, c, first_network, parts.noise, teacher, pool, tally);
      if (full) teachers.push_back(std::move(fit.points));
      if (c.calibration_folds > 0)
        calibrate_by_folds(g, rows, recipe, c, first_network, parts.noise, teachers, pool, tally, fit.bank);
      into = std::move(fit.bank);
      if (full) labels = fit.n_labels;
      m["learning_curve." + name + ".points"] = fit.point_curve;
      m["learning_curve." + name + ".joint"] = fit.joint_curve;
    } else {
      std::vector<Stage> stages;
      stages.push_back(make_point_stage("points", g, rows, recipe, c));
      stages[0].first_network = first_network;
      fit_stages(stages, c, pool, tally);
      into = make_bank(stages[0], c.per_line);
      m["learning_curve." + name] = learning_curve(stages[0].results, false);
      if (c.validation > 0) m["validation_curve." + name] = learning_curve(stages[0].results, true);
      if (full)
        for (const auto& set : stages[0].sets) labels += set.n_labels;
    }
  }
  if (config.inputs.empty() && !config.masks) std::swap(parts.full, parts.partial);  // they lack it always
  return labels;
}

}  // namespace

Model train(const Galaxies& table, const TrainConfig& config, WorkerPool& pool,
            const std::function<void(const TrainProgress&)>& progress, TrainingCheckpoint* checkpoint) {
  const bool baseline = config.method != "network";
  if (baseline && config.joint)
    throw Error(ErrorKind::usage, "a baseline gives points",
                {"method " + config.method + ", joint", "joint=false", ""});
  if (baseline && !config.lines.is_standard())
    throw Error(ErrorKind::usage, "a baseline predicts the ten lines", {"lines " + config.lines.names(), "", ""});
  if (config.joint && !config.evolution.empty()) (void)Evolution::parse(config.evolution, config.lines);
  if (config.joint && config.per_line)
    throw Error(ErrorKind::usage, "a joint distribution needs one network for all lines",
                {"joint and per_line", "one of them", "per_line=false or joint=false"});
  const LabelGates gates = config.label_gates ? find_bad_labels(table) : LabelGates{};
  const Galaxies cleaned = gates.entries.empty() ? Galaxies{} : without_labels(table, gates);
  const Galaxies& gated = gates.entries.empty() ? table : cleaned;
  const auto rules = table_rules(gated, config);
  const bool prepare = needs_preparation(gated, rules);
  const Galaxies prepared = prepare ? prepare_labels(gated, rules) : Galaxies{};
  const Galaxies& g = prepare ? prepared : gated;
  const auto rows = usable_rows(g, config.gaps, config.inputs, config.lines);
  Model::Parts parts;
  parts.lines = config.lines;
  parts.kind = baseline ? config.method : config.joint ? "joint" : config.per_line ? "k24" : "mlp";
  auto& m = parts.metadata;
  try {
    // The law is that of one instrument: of the first table.
    std::vector<std::size_t> first;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(first),
                 [&](std::size_t row) { return g.table.empty() || g.table[row] == 0; });
    parts.noise = fit_noise_model(select_rows(gated, first), config.lines.independent());
  } catch (const Error& e) {
    m["noise_note"] = std::string("no noise model: ") + e.what();  // a small table still gives a model
  }
  if (rows.size() >= k_min_domain_rows)
    parts.domain = fit_domain(g, rows, k_domain_fraction, config.seed, config.contrast);
  std::size_t labels = 0;
  if (baseline) {
    std::string tried;
    parts.neighbours = fit_neighbours(g, rows, config, pool, tried);
    if (!tried.empty()) m["tried"] = tried;
    for (const float t : parts.neighbours->t.flat()) labels += std::isnan(t) ? 0U : 1U;
  } else {
    if (checkpoint != nullptr) take_up(g, rows, config, *checkpoint);
    labels = train_networks(g, rows, config, pool, progress, checkpoint, parts);
  }
  double z_min = std::numeric_limits<double>::infinity(), z_max = 0;
  for (const auto row : rows) {
    z_min = std::min(z_min, g.z[row]);
    z_max = std::max(z_max, g.z[row]);
  }
  m["output"] = "asinh_ew";
  if (config.gaps) m["z_domain"] = number(z_max + k_beyond_z);
  if (config.joint && !config.evolution.empty()) {
    m["evolution"] = config.evolution;
    m["evolution.components"] = number(static_cast<double>(config.components - (config.weak_component ? 1 : 0)));
  }
  if (config.joint && config.widen > 0) m["domain.widen"] = number(config.widen);
  m["z_min"] = number(z_min);
  m["z_max"] = number(z_max);
  // Of several tables: what they have in common. Where dust may be left in some, the model is of bands without it.
  const auto common = [](const std::string& value) { return value == "mixed" ? std::string("unknown") : value; };
  const bool dust = std::any_of(rules.begin(), rules.end(), [](const TableRules& r) { return r.dust > 0; });
  m["aperture"] = common(g.conventions.aperture);
  m["mwcorr"] = dust ? "T" : common(g.conventions.mwcorr);
  m["maskrule"] = g.conventions.maskrule;
  m["contsrc"] = g.conventions.contsrc;
  m["labelver"] = g.conventions.labelver;
  m["n_galaxies"] = std::to_string(rows.size());
  m["n_labels"] = std::to_string(labels);
  for (std::size_t k = 0; k < g.tables.size(); ++k) {
    const auto n = std::count_if(rows.begin(), rows.end(), [&](std::size_t row) { return g.table[row] == k; });
    m["table." + std::to_string(k)] = g.tables[k] + ": " + std::to_string(n) + " galaxies";
  }
  if (const std::string unused = unused_rules(g, config); !unused.empty())
    m["rules_not_used"] = "settings of tables that are not here: " + unused;
  if (const std::string text = gates.text(labelled_lines(table)); !text.empty()) m["label_gates"] = text;
  m["train.preset"] = config.preset;
  for (const auto& field : train_config_fields()) m["train." + std::string(field.key)] = field.get(config);
  if (!config.per_line)
    for (const auto& doublet : k_doublets)
      if (config.lines.has(static_cast<std::size_t>(doublet.weak)))
        m["ew_ratio_" + std::string(k_lines[static_cast<std::size_t>(doublet.weak)].name)] = number(doublet.ew_ratio);
  return Model(std::move(parts));
}

}  // namespace starglow
