#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "starglow/lines.hpp"

namespace starglow {

/// What a network sees of a galaxy, in this order: x_0..x_10 = log10(F_{i+1}/F_i), positive when the spectrum rises to
/// the red (K24); then, where used, log_lum (cosmology.hpp) and z.
struct FeatureRecipe {
  bool log_lum = true;
  bool z = false;

  static constexpr std::size_t k_n_ratios = k_n_bands - 1;
  std::size_t size() const noexcept { return k_n_ratios + (log_lum ? 1U : 0U) + (z ? 1U : 0U); }
  std::string name() const;  ///< "adjacent_log_ratios+log_lum+z"
  /// Error(model) for a name that this version does not know.
  static FeatureRecipe parse(std::string_view name);
  bool operator==(const FeatureRecipe&) const = default;
};

/// Flags of a row's twelve bands (ivar may be empty): BAND_MISSING, NEGATIVE_BAND, NONFINITE.
std::int32_t band_flags(std::span<const double> band_flux, std::span<const double> band_flux_ivar) noexcept;

/// Features of one galaxy; band_flux (12) positive and finite, out (recipe.size()).
void compute_features(const FeatureRecipe& recipe, std::span<const double> band_flux, double z, std::span<double> out);

/// d_flux (12) = d_features (recipe.size()) . dfeatures/dF: the reverse pass of compute_features at fixed z.
void features_vjp(const FeatureRecipe& recipe, std::span<const double> band_flux, std::span<const double> d_features,
                  std::span<double> d_flux);

}  // namespace starglow
