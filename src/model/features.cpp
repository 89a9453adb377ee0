#include "starglow/model/features.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "starglow/base/cosmology.hpp"
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

std::string FeatureRecipe::name() const {
  return std::string("adjacent_log_ratios") + (log_lum ? "+log_lum" : "") + (z ? "+z" : "") + (masks ? "+masks" : "");
}

FeatureRecipe FeatureRecipe::parse(std::string_view name) {
  for (const bool log_lum : {false, true})
    for (const bool z : {false, true})
      for (const bool masks : {false, true}) {
        const FeatureRecipe recipe{log_lum, z, masks};
        if (recipe.name() == name) return recipe;
      }
  throw Error(ErrorKind::model, "unknown feature recipe",
              {"'" + std::string(name) + "'", "adjacent_log_ratios[+log_lum][+z][+masks]", ""});
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

void compute_features(const FeatureRecipe& recipe, std::span<const double> flux, double z, std::span<double> out,
                      bool luminosity) {
  constexpr double missing = std::numeric_limits<double>::quiet_NaN();
  double previous = std::log10(flux[0]);
  for (std::size_t b = 1; b < k_n_bands; ++b) {
    const double next = std::log10(flux[b]);
    const bool known = !recipe.masks || (present(flux[b]) && present(flux[b - 1]));
    out[b - 1] = known ? next - previous : missing;
    previous = next;
  }
  const bool z_known = !recipe.masks || (z > 0 && std::isfinite(z));
  if (recipe.log_lum) {
    const std::size_t band = luminosity_band(recipe, flux);
    const bool known = z_known && luminosity && band < k_n_bands;
    out[recipe.at_log_lum()] = known ? log_lum(flux[band], z) : missing;
    if (recipe.masks) out[recipe.at_log_lum_mask()] = known ? 0.0 : -1.0;
  }
  if (recipe.z) {
    out[recipe.at_z()] = z_known ? std::clamp(z, recipe.z_low, recipe.z_high) : missing;
    if (recipe.masks) out[recipe.at_z_mask()] = z_known ? 0.0 : -1.0;
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
    if (recipe.log_lum && b == band) d_log += d_features[recipe.at_log_lum()];
    d_flux[b] = known(b) ? d_log / (flux[b] * std::numbers::ln10) : 0.0;
  }
}

}  // namespace starglow
