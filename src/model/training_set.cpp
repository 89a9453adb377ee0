#include "model/training_set.hpp"

#include <cmath>

#include "starglow/base/cosmology.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

bool labelled(const Galaxies& g, std::size_t row, std::size_t line) {
  return g.ew_ivar(row, line) > 0 && std::isfinite(g.ew(row, line)) && std::isfinite(g.ew_ivar(row, line));
}

// Kept for early stopping: a hash of the id that is independent of the cross-validation folds.
bool in_validation(const Galaxies& g, std::size_t row, double fraction) {
  const auto id = g.targetid.empty() ? static_cast<std::uint64_t>(row) : static_cast<std::uint64_t>(g.targetid[row]);
  return static_cast<double>(splitmix64(splitmix64(id)) >> 11) * 0x1p-53 < fraction;
}

}  // namespace

std::vector<std::size_t> usable_rows(const Galaxies& g) {
  for (const auto& [present, name] :
       {std::pair{!g.band_flux.empty(), "BAND_FLUX"}, std::pair{!g.z.empty(), "Z"},
        std::pair{!g.ew.empty(), "{LINE}_EW"}, std::pair{!g.ew_ivar.empty(), "{LINE}_EW_IVAR"}})
    if (!present) throw Error(ErrorKind::input, std::string("training needs the column ") + name);
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < g.n; ++i) {
    const auto ivar = g.band_flux_ivar.empty() ? std::span<const double>{} : g.band_flux_ivar.row(i);
    if (band_flags(g.band_flux.row(i), ivar) != 0 || !(g.z[i] > 0) || !std::isfinite(g.z[i])) continue;
    for (std::size_t line = 0; line < k_n_lines; ++line)
      if (labelled(g, i, line)) {
        rows.push_back(i);
        break;
      }
  }
  if (rows.size() < 20)
    throw Error(
        ErrorKind::input, "too few galaxies to train on",
        {std::to_string(rows.size()) + " of " + std::to_string(g.n) + " rows have all bands, a redshift and a label",
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
    throw Error(ErrorKind::input, "too few galaxies have a label of " + std::string(k_lines[set.outputs[0]].name),
                {std::to_string(n), "at least 20", ""});

  Matrix<double> x(n, n_in);
  set.x_mean.assign(n_in, 0.0);
  set.x_scale.assign(n_in, 0.0);
  for (std::size_t r = 0; r < n; ++r) {
    compute_features(recipe, g.band_flux.row(kept[r]), g.z[kept[r]], x.row(r));
    for (std::size_t i = 0; i < n_in; ++i) set.x_mean[i] += x(r, i) / static_cast<double>(n);
  }
  for (std::size_t r = 0; r < n; ++r)
    for (std::size_t i = 0; i < n_in; ++i)
      set.x_scale[i] += (x(r, i) - set.x_mean[i]) * (x(r, i) - set.x_mean[i]) / static_cast<double>(n);
  for (auto& scale : set.x_scale) scale = scale > 0 ? std::sqrt(scale) : 1.0;
  if (recipe.masks && recipe.log_lum) {
    const std::size_t at = recipe.at_log_lum();
    set.data.log_lum = Matrix<float>(n, k_n_bands);
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t b = 0; b < k_n_bands; ++b)
        set.data.log_lum(r, b) = static_cast<float>(
            standardise(log_lum(g.band_flux(kept[r], b), g.z[kept[r]]), set.x_mean[at], set.x_scale[at]));
  }

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
      if (count < 2) throw Error(ErrorKind::input, "no labels of " + std::string(k_lines[set.outputs[j]].name));
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
