#include "starglow/features.hpp"

#include <cmath>
#include <numbers>

#include "starglow/cosmology.hpp"
#include "starglow/error.hpp"
#include "starglow/flags.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_luminosity_band = 9;  // 6100-6400 A (k24: the band whose centre is nearest above 6000)

}  // namespace

std::string FeatureRecipe::name() const {
  return std::string("adjacent_log_ratios") + (log_lum ? "+log_lum" : "") + (z ? "+z" : "");
}

FeatureRecipe FeatureRecipe::parse(std::string_view name) {
  for (const bool log_lum : {false, true})
    for (const bool z : {false, true}) {
      const FeatureRecipe recipe{log_lum, z};
      if (recipe.name() == name) return recipe;
    }
  throw Error(ErrorKind::model, "unknown feature recipe",
              {"'" + std::string(name) + "'", "adjacent_log_ratios[+log_lum][+z]", ""});
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

void compute_features(const FeatureRecipe& recipe, std::span<const double> flux, double z, std::span<double> out) {
  double previous = std::log10(flux[0]);
  for (std::size_t b = 1; b < k_n_bands; ++b) {
    const double next = std::log10(flux[b]);
    out[b - 1] = next - previous;
    previous = next;
  }
  std::size_t at = FeatureRecipe::k_n_ratios;
  if (recipe.log_lum) out[at++] = log_lum(flux[k_luminosity_band], z);
  if (recipe.z) out[at] = z;
}

void features_vjp(const FeatureRecipe& recipe, std::span<const double> flux, std::span<const double> d_features,
                  std::span<double> d_flux) {
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    double d_log = 0;  // with respect to log10 F_b
    if (b > 0) d_log += d_features[b - 1];
    if (b + 1 < k_n_bands) d_log -= d_features[b];
    if (recipe.log_lum && b == k_luminosity_band) d_log += d_features[FeatureRecipe::k_n_ratios];
    d_flux[b] = d_log / (flux[b] * std::numbers::ln10);
  }
}

}  // namespace starglow
