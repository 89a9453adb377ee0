#include "starglow/model/features.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"

namespace starglow {
namespace {

bool present(double flux) { return flux > 0 && std::isfinite(flux); }

// Band of the luminosity: the first of k_luminosity_bands that exists; k_n_bands: none.
std::size_t luminosity_band(const FeatureRecipe& recipe, std::span<const double> flux) {
  if (!recipe.masks) return k_luminosity_bands[0];
  for (const auto b : k_luminosity_bands)
    if (present(flux[b])) return b;
  return k_n_bands;
}

}  // namespace

InputSet InputSet::parse(std::string_view names, char separator) {
  InputSet out;
  if (names.empty()) return out;
  while (true) {
    const std::size_t end = names.find(separator);
    const std::string_view name = names.substr(0, end);
    const auto found = std::ranges::find(k_inputs, name, &InputInfo::name);
    const InputSet one =
        found == k_inputs.end() ? InputSet() : InputSet::of(static_cast<std::size_t>(found - k_inputs.begin()));
    if (one.empty() || out.overlaps(one)) {
      std::string known;
      for (const auto& input : k_inputs) known += (known.empty() ? "" : ", ") + std::string(input.name);
      throw Error(ErrorKind::model,
                  one.empty() ? "unknown input of the networks" : "an input of the networks is named twice",
                  {"'" + std::string(name) + "'", "each at most once: " + known, ""});
    }
    out = out | one;
    if (end == std::string_view::npos) return out;
    names = names.substr(end + 1);
  }
}

std::string InputSet::names(char separator) const {
  std::string out;
  for (std::size_t i = 0; i < k_n_inputs; ++i)
    if (has(i)) out += (out.empty() ? std::string() : std::string(1, separator)) + std::string(k_inputs[i].name);
  return out;
}

double column_input(const Galaxies& g, std::size_t row, std::size_t input) noexcept {
  const auto at = static_cast<std::size_t>(std::ranges::find(k_column_inputs, input) - k_column_inputs.begin());
  const double value = g.inputs.empty() ? std::numeric_limits<double>::quiet_NaN() : g.inputs(row, at);
  return value >= k_inputs[input].lo && value <= k_inputs[input].hi ? value : std::numeric_limits<double>::quiet_NaN();
}

InputSet lacking_columns(const Galaxies& g, std::size_t row, InputSet wanted) noexcept {
  InputSet out;
  for (const std::size_t input : k_column_inputs)
    if (wanted.has(input) && std::isnan(column_input(g, row, input))) out = out | InputSet::of(input);
  return out;
}

std::array<double, k_n_column_inputs> column_inputs(const Galaxies& g, std::size_t row) noexcept {
  std::array<double, k_n_column_inputs> out{};
  for (std::size_t k = 0; k < k_n_column_inputs; ++k) out[k] = column_input(g, row, k_column_inputs[k]);
  return out;
}

std::string FeatureRecipe::name() const {
  return "adjacent_log_ratios" + (inputs.empty() ? "" : "+" + inputs.names('+')) + (masks ? "+masks" : "");
}

FeatureRecipe FeatureRecipe::parse(std::string_view name) {
  constexpr std::string_view ratios = "adjacent_log_ratios", end = "+masks";
  FeatureRecipe recipe;
  if (name.starts_with(ratios)) {
    std::string_view inputs = name.substr(ratios.size());
    recipe.masks = inputs.ends_with(end);
    if (recipe.masks) inputs.remove_suffix(end.size());
    recipe.inputs = InputSet::parse(inputs.empty() ? inputs : inputs.substr(1), '+');
    if (recipe.name() == name) return recipe;
  }
  std::string wanted;
  for (const auto& input : k_inputs) wanted += "[+" + std::string(input.name) + "]";
  throw Error(ErrorKind::model, "unknown feature recipe",
              {"'" + std::string(name) + "'", std::string(ratios) + wanted + "[" + std::string(end) + "]", ""});
}

std::int32_t band_flags(std::span<const double> flux, std::span<const double> ivar) noexcept {
  std::int32_t flags = 0;
  for (std::size_t b = 0; b < flux.size(); ++b) {
    if (std::isnan(flux[b]) || (!ivar.empty() && !(ivar[b] > 0)))
      flags |= k_band_missing;
    else if (std::isinf(flux[b]))
      flags |= k_nonfinite;
    else if (flux[b] <= 0)
      flags |= k_negative_band | k_band_missing;
  }
  return flags;
}

void compute_features(const FeatureRecipe& recipe, const FeatureSource& from, std::span<double> out) {
  constexpr double missing = std::numeric_limits<double>::quiet_NaN();
  const auto flux = from.flux;
  double previous = std::log10(flux[0]);
  for (std::size_t b = 1; b < k_n_bands; ++b) {
    const double next = std::log10(flux[b]);
    const bool known = !recipe.masks || (present(flux[b]) && present(flux[b - 1]));
    out[b - 1] = known ? next - previous : missing;
    previous = next;
  }
  const bool z_known = !recipe.masks || (from.z > 0 && std::isfinite(from.z));
  const auto columns = from.columns.begin();
  for (std::size_t i = 0, column = 0; i < k_n_inputs; ++i) {
    const InputInfo& input = k_inputs[i];
    const std::size_t own_column = input.column.empty() ? 0 : column++;
    if (!recipe.inputs.has(i)) continue;
    double value = missing;
    if (!input.column.empty()) {
      if (!from.columns.empty()) value = columns[static_cast<std::ptrdiff_t>(own_column)];
    } else {
      const std::size_t band = input.of_band ? luminosity_band(recipe, flux) : 0;
      const bool known =
          (z_known || !input.needs_z) && (from.luminosity || !input.needs_luminosity) && band < k_n_bands;
      if (known) value = input.value(flux[band], from.z);
      if (known && i == k_input_z) value = std::clamp(value, recipe.z_low, recipe.z_high);
    }
    out[recipe.at(i)] = value;
    if (recipe.masks) out[recipe.at_mask(i)] = std::isnan(value) ? -1.0 : 0.0;
  }
  if (recipe.masks)
    for (std::size_t b = 0; b < k_n_bands; ++b) out[recipe.at_band_mask(b)] = present(flux[b]) ? 0.0 : -1.0;
}

void features_vjp(const FeatureRecipe& recipe, std::span<const double> flux, std::span<const double> d_features,
                  std::span<double> d_flux) {
  const auto known = [&](std::size_t b) { return !recipe.masks || present(flux[b]); };
  const std::size_t band = luminosity_band(recipe, flux);
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    double d_log = 0;  // with respect to log10 F_b
    if (b > 0 && known(b - 1)) d_log += d_features[b - 1];
    if (b + 1 < k_n_bands && known(b + 1)) d_log -= d_features[b];
    for (std::size_t i = 0; i < k_n_inputs && b == band; ++i)
      if (k_inputs[i].of_band && recipe.inputs.has(i)) d_log += d_features[recipe.at(i)];
    d_flux[b] = known(b) ? d_log / (flux[b] * std::numbers::ln10) : 0.0;
  }
}

double features_vjp_z(const FeatureRecipe& recipe, double z, std::span<const double> d_features) {
  double d_z = 0;
  for (std::size_t i = 0; i < k_n_inputs; ++i) {
    if (k_inputs[i].by_z == nullptr || !recipe.inputs.has(i)) continue;
    const double d = d_features[recipe.at(i)];
    if (d == 0 || (i == k_input_z && !(z > recipe.z_low && z < recipe.z_high))) continue;
    d_z += d * k_inputs[i].by_z(z);
  }
  return d_z;
}

}  // namespace starglow
