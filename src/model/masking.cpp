#include "model/masking.hpp"

#include <bit>

namespace starglow {
namespace {

constexpr std::uint32_t k_lane = 1U << 20;   // lanes of the masks, apart from those of the noise on the features
constexpr std::uint32_t k_column_lane = 64;  // of these, from here on: those of columns

std::uint32_t blue(std::uint32_t n) { return (1U << n) - 1U; }
std::uint32_t red(std::uint32_t n) { return blue(n) << (k_n_bands - n); }

}  // namespace

MaskPattern draw_mask(const RandomObject& random, std::uint32_t draw, double rate, double lum_rate) {
  MaskPattern out;
  const auto uniform = [&](std::uint32_t lane) { return random.uniform(draw, k_lane + lane); };
  const auto count = [&](std::uint32_t lane, double n) { return 1U + static_cast<std::uint32_t>(n * uniform(lane)); };
  if (uniform(0) < rate) {
    const double kind = uniform(1);
    if (kind < 0.3) {
      out.bands = blue(count(2, 5));
    } else if (kind < 0.6) {
      out.bands = red(count(2, 5));
    } else if (kind < 0.8) {
      out.bands = blue(count(2, 3)) | red(count(3, 3));
    } else {
      for (std::uint32_t b = 0; b < k_n_bands; ++b)
        if (uniform(10 + b) < 0.2 && std::popcount(out.bands) < static_cast<int>(k_n_bands - k_min_bands))
          out.bands |= 1U << b;
    }
  }
  if (uniform(4) < lum_rate) {
    out.log_lum = true;
    out.z = uniform(5) < 0.5;
  }
  for (const std::size_t input : k_column_inputs)
    if (uniform(k_column_lane + static_cast<std::uint32_t>(input)) < lum_rate)
      out.columns = out.columns | InputSet::of(input);
  return out;
}

void apply_mask(const FeatureRecipe& recipe, const MaskPattern& pattern, std::span<const float> log_lum,
                std::span<float> x) {
  const auto missing = [&](std::size_t b) { return (pattern.bands >> b & 1U) != 0; };
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    if (!missing(b)) continue;
    x[recipe.at_band_mask(b)] = -1.0F;
    if (b > 0) x[b - 1] = 0.0F;
    if (b + 1 < k_n_bands) x[b] = 0.0F;
  }
  for (std::size_t i = 0; i < k_n_inputs; ++i) {
    if (!recipe.inputs.has(i)) continue;
    if (pattern.takes(i)) {
      x[recipe.at(i)] = 0.0F;
      x[recipe.at_mask(i)] = -1.0F;
    } else if (k_inputs[i].of_band) {
      for (const auto b : k_luminosity_bands)
        if (!missing(b)) {
          x[recipe.at(i)] = log_lum[b];
          break;
        }
    }
  }
}

}  // namespace starglow
