#include "model/training_set.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "model/compiled.hpp"
#include "model/training_tables.hpp"
#include "starglow/base/cosmology.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

// What changes in the bands at each step.
void set_jitter(const Galaxies& g, const TrainConfig& config, TrainingSet& set) {
  Jitter& jitter = set.data.jitter;
  const std::size_t n = set.rows.size(), n_values = set.recipe.n_values();
  jitter.object_sd = config.band_scatter / std::numbers::ln10;
  jitter.table_sd = config.table_scatter / std::numbers::ln10;
  jitter.scale.assign(set.x_scale.begin(), set.x_scale.begin() + static_cast<std::ptrdiff_t>(n_values));
  if (!g.table.empty() && jitter.table_sd > 0)
    for (const auto row : set.rows) jitter.table.push_back(g.table[row]);
  const auto rules = table_rules(g, config);
  if (std::none_of(rules.begin(), rules.end(), [](const TableRules& r) { return r.dust > 0; })) return;
  jitter.dust_slope = Matrix<float>(n, n_values);
  for (std::size_t r = 0; r < n; ++r) {
    const double most = rules_of(g, rules, set.rows[r]).dust;
    jitter.dust.push_back(static_cast<float>(most));
    if (!(most > 0)) continue;
    const auto slopes = dust_slopes(set.recipe, g.z[set.rows[r]]);
    for (std::size_t i = 0; i < n_values; ++i)
      jitter.dust_slope(r, i) = static_cast<float>(slopes[i] / jitter.scale[i]);
  }
}

bool labelled(const Galaxies& g, std::size_t row, std::size_t line) {
  return g.ew_ivar(row, line) > 0 && std::isfinite(g.ew(row, line)) && std::isfinite(g.ew_ivar(row, line));
}

// Kept for early stopping: a hash of the id that is independent of the cross-validation folds.
bool in_validation(const Galaxies& g, std::size_t row, double fraction) {
  const auto id = g.targetid.empty() ? static_cast<std::uint64_t>(row) : static_cast<std::uint64_t>(g.targetid[row]);
  return static_cast<double>(splitmix64(splitmix64(id)) >> 11) * 0x1p-53 < fraction;
}

}  // namespace

MaskPattern lacks_of(const Galaxies& g, std::size_t row, InputSet inputs) {
  const auto flux = usable_bands(g, row);
  MaskPattern out;
  for (std::size_t b = 0; b < k_n_bands; ++b)
    if (!(flux[b] > 0)) out.bands |= 1U << b;
  out.columns = lacking_columns(g, row, inputs);
  return out;
}

std::vector<std::size_t> usable_rows(const Galaxies& g, bool gaps, InputSet inputs, const LineSet& lines) {
  for (const auto& [present, name] :
       {std::pair{!g.band_flux.empty(), "BAND_FLUX"}, std::pair{!g.z.empty(), "Z"},
        std::pair{!g.ew.empty(), "{LINE}_EW"}, std::pair{!g.ew_ivar.empty(), "{LINE}_EW_IVAR"}})
    if (!present) throw Error(ErrorKind::input, std::string("training needs the column ") + name);
  for (const std::size_t line : lines.lines())
    if (line >= g.ew.cols() || line >= g.ew_ivar.cols())
      throw Error(ErrorKind::input,
                  "training needs the columns " + std::string(k_all_lines[line].name) + "_EW and _EW_IVAR");
  for (const std::size_t input : k_column_inputs) {
    std::size_t known = 0;
    for (std::size_t i = 0; i < g.n && inputs.has(input); ++i) known += std::isnan(column_input(g, i, input)) ? 0U : 1U;
    if (inputs.has(input) && known == 0)
      throw Error(
          ErrorKind::input,
          "training with input " + std::string(k_inputs[input].name) + " needs the column " +
              std::string(k_inputs[input].column),
          {"no number between " + std::to_string(k_inputs[input].lo) + " and " + std::to_string(k_inputs[input].hi), "",
           ""});
  }
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < g.n; ++i) {
    const auto ivar = g.band_flux_ivar.empty() ? std::span<const double>{} : g.band_flux_ivar.row(i);
    const std::int32_t flags = band_flags(g.band_flux.row(i), ivar);
    const bool enough =
        gaps ? (flags & k_nonfinite) == 0 &&
                   static_cast<std::size_t>(std::popcount(lacks_of(g, i).bands)) + k_min_bands <= k_n_bands
             : flags == 0;
    if (!enough || !(g.z[i] > 0) || !std::isfinite(g.z[i])) continue;
    if (!gaps && !lacking_columns(g, i, inputs).empty()) continue;
    for (const std::size_t line : lines.lines())
      if (labelled(g, i, line)) {
        rows.push_back(i);
        break;
      }
  }
  if (rows.size() < 20)
    throw Error(ErrorKind::input, "too few galaxies to train on",
                {std::to_string(rows.size()) + " of " + std::to_string(g.n) + " rows have all inputs and a label",
                 "at least 20", ""});
  return rows;
}

TrainingSet make_training_set(const Galaxies& g, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                              std::vector<std::size_t> outputs, const TrainConfig& config, bool standardise_target) {
  TrainingSet set;
  set.recipe = recipe;
  set.data.recipe = recipe;
  set.outputs = std::move(outputs);
  auto& kept = set.rows;
  for (const auto row : rows)
    for (const auto line : set.outputs)
      if (labelled(g, row, line)) {
        kept.push_back(row);
        break;
      }
  const std::size_t n = kept.size(), n_in = recipe.size(), n_out = set.outputs.size();
  if (n < 20)
    throw Error(ErrorKind::input, "too few galaxies have a label of " + std::string(k_all_lines[set.outputs[0]].name),
                {std::to_string(n), "at least 20", ""});

  Matrix<double> x(n, n_in);
  set.x_mean.assign(n_in, 0.0);
  set.x_scale.assign(n_in, 0.0);
  std::vector<double> there(n_in, 0.0);
  for (std::size_t r = 0; r < n; ++r) {
    const auto flux = usable_bands(g, kept[r]);
    const auto columns = column_inputs(g, kept[r]);
    compute_features(recipe, {flux, g.z[kept[r]], true, columns}, x.row(r));
    for (std::size_t i = 0; i < n_in; ++i) there[i] += std::isnan(x(r, i)) ? 0.0 : 1.0;
  }
  for (std::size_t r = 0; r < n; ++r)
    for (std::size_t i = 0; i < n_in; ++i)
      if (!std::isnan(x(r, i))) set.x_mean[i] += x(r, i) / there[i];
  for (std::size_t r = 0; r < n; ++r)
    for (std::size_t i = 0; i < n_in; ++i)
      if (!std::isnan(x(r, i))) set.x_scale[i] += (x(r, i) - set.x_mean[i]) * (x(r, i) - set.x_mean[i]) / there[i];
  if (recipe.masks)  // a mask is what it says, 0 or -1, however many galaxies lack something
    for (std::size_t i = recipe.n_values(); i < n_in; ++i) set.x_mean[i] = set.x_scale[i] = 0.0;
  for (auto& scale : set.x_scale) scale = scale > 0 ? std::sqrt(scale) : 1.0;
  if (recipe.masks && recipe.inputs.has(k_input_log_lum)) {
    const std::size_t at = recipe.at(k_input_log_lum);
    set.data.log_lum = Matrix<float>(n, k_n_bands);
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t b = 0; b < k_n_bands; ++b)
        set.data.log_lum(r, b) = static_cast<float>(
            standardise(log_lum(g.band_flux(kept[r], b), g.z[kept[r]]), set.x_mean[at], set.x_scale[at]));
  }

  for (std::size_t r = 0; r < n && recipe.masks; ++r) {
    const MaskPattern lacks = lacks_of(g, kept[r], recipe.inputs);
    if (!lacks.any()) continue;
    if (set.data.lacks.empty()) set.data.lacks.resize(n);
    set.data.lacks[r] = lacks;
  }
  set_jitter(g, config, set);

  set.y_mean.assign(n_out, 0.0);
  set.y_scale.assign(n_out, 1.0);
  if (standardise_target)
    for (std::size_t j = 0; j < n_out; ++j) {
      double count = 0, sum = 0, squares = 0;
      for (const auto row : kept) {
        if (!labelled(g, row, set.outputs[j])) continue;
        const double t = std::asinh(static_cast<double>(g.ew(row, set.outputs[j])));
        count += 1;
        sum += t;
        squares += t * t;
      }
      if (count < 2) throw Error(ErrorKind::input, "no labels of " + std::string(k_all_lines[set.outputs[j]].name));
      set.y_mean[j] = sum / count;
      const double variance = squares / count - set.y_mean[j] * set.y_mean[j];
      set.y_scale[j] = variance > 0 ? std::sqrt(variance) : 1.0;
    }

  set.data.x = Matrix<float>(n, n_in);
  set.data.y = Matrix<float>(n, n_out);
  set.data.weight = Matrix<float>(n, n_out);
  for (std::size_t r = 0; r < n; ++r) {
    for (std::size_t i = 0; i < n_in; ++i)
      set.data.x(r, i) = static_cast<float>(standardise(x(r, i), set.x_mean[i], set.x_scale[i]));
    for (std::size_t j = 0; j < n_out; ++j) {
      const std::size_t line = set.outputs[j];
      if (!labelled(g, kept[r], line)) continue;
      const double ew = static_cast<double>(g.ew(kept[r], line));
      set.data.y(r, j) = static_cast<float>((std::asinh(ew) - set.y_mean[j]) / set.y_scale[j]);
      double weight = 1.0;
      if (config.noise_floor > 0) {
        // sd of asinh EW by propagation: sigma_EW / sqrt(1 + EW^2)
        const double ratio =
            1.0 / (config.noise_floor * std::sqrt(static_cast<double>(g.ew_ivar(kept[r], line)) * (1.0 + ew * ew)));
        weight = 1.0 / (1.0 + ratio * ratio);
      }
      set.data.weight(r, j) = static_cast<float>(weight);
      ++set.n_labels;
    }
    (config.validation > 0 && in_validation(g, kept[r], config.validation) ? set.data.validation : set.data.train)
        .push_back(r);
  }
  if (set.data.train.empty()) throw Error(ErrorKind::input, "the validation fraction leaves no galaxies to train on");
  return set;
}

}  // namespace starglow
