#include "model/jitter.hpp"

#include <array>
#include <cmath>

#include "starglow/spectra/extinction.hpp"

namespace starglow {
namespace {

constexpr std::uint32_t k_lane = 1U << 21;  // apart from the lanes of masks and of noise on the features
constexpr std::size_t k_luminosity_band = k_luminosity_bands[0];

}  // namespace

std::vector<double> dust_slopes(const FeatureRecipe& recipe, double z) {
  std::array<double, k_n_bands> brighter{};  // log10 of the flux
  for (std::size_t b = 0; b < k_n_bands; ++b)
    brighter[b] = 0.4 * milky_way_extinction(0.5 * (band_lo(b) + band_hi(b)) * (1 + z));
  std::vector<double> out(recipe.n_values(), 0.0);
  for (std::size_t i = 0; i < FeatureRecipe::k_n_ratios; ++i) out[i] = brighter[i + 1] - brighter[i];
  for (std::size_t i = 0; i < k_n_inputs; ++i)
    if (k_inputs[i].of_band && recipe.inputs.has(i)) out[recipe.at(i)] = brighter[k_luminosity_band];
  return out;
}

void Jitter::apply(const FeatureRecipe& recipe, const MaskPattern& lacks, std::size_t row, const RandomObject& own,
                   std::uint32_t own_draw, const RandomObject& step, std::uint32_t step_draw,
                   std::span<float> x) const {
  std::array<double, k_n_bands> change{};
  const std::uint32_t of_table = table.empty() ? 0U : table[row];
  for (std::uint32_t b = 0; b < k_n_bands; ++b) {
    if (object_sd > 0) change[b] += object_sd * own.normal(own_draw, k_lane + b);
    if (table_sd > 0) change[b] += table_sd * step.normal(step_draw, k_lane + 16 * of_table + b);
  }
  // Most of the sky has little dust: the square of a uniform number.
  double ebv = 0;
  if (!dust.empty() && dust[row] > 0) {
    const double u = own.uniform(own_draw, k_lane + k_n_bands);
    ebv = static_cast<double>(dust[row]) * u * u;
  }
  const auto there = [&](std::size_t b) { return (lacks.bands >> b & 1U) == 0; };
  for (std::size_t i = 0; i < FeatureRecipe::k_n_ratios; ++i) {
    if (!there(i) || !there(i + 1)) continue;
    x[i] += static_cast<float>((change[i + 1] - change[i]) / scale[i]);
    if (ebv > 0) x[i] += static_cast<float>(ebv) * dust_slope(row, i);
  }
  for (std::size_t i = 0; i < k_n_inputs; ++i) {
    if (!k_inputs[i].of_band || !recipe.inputs.has(i) || lacks.takes(i)) continue;
    const std::size_t at = recipe.at(i);
    x[at] += static_cast<float>(change[k_luminosity_band] / scale[at]);
    if (ebv > 0) x[at] += static_cast<float>(ebv) * dust_slope(row, at);
  }
}

}  // namespace starglow
