#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "starglow/base/lines.hpp"

namespace starglow {

/// What a network sees of a galaxy, in this order: x_0..x_10 = log10(F_{i+1}/F_i), positive when the spectrum rises to
/// the red (K24); then, where used, log_lum (cosmology.hpp) and z; then, where used, masks: 0 = present, -1 = missing,
/// for the twelve bands, for log_lum and for z.
///
/// With masks, a feature that cannot be had is NaN and the network sees its mean (0 after standardisation): a ratio
/// when either band is missing, log_lum and z when they are not given. log_lum comes from the existing band nearest
/// 6250 A.
struct FeatureRecipe {
  bool log_lum = true;
  bool z = false;
  bool masks = false;
  /// The network sees the redshift clipped to these: those at which redshift told the training galaxies apart.
  double z_low = 0, z_high = 1e9;

  static constexpr std::size_t k_n_ratios = k_n_bands - 1;
  constexpr std::size_t n_values() const noexcept { return k_n_ratios + (log_lum ? 1U : 0U) + (z ? 1U : 0U); }
  constexpr std::size_t size() const noexcept { return masks ? 2 * n_values() + 1 : n_values(); }
  std::size_t at_log_lum() const noexcept { return k_n_ratios; }
  std::size_t at_z() const noexcept { return k_n_ratios + (log_lum ? 1U : 0U); }
  std::size_t at_band_mask(std::size_t band) const noexcept { return n_values() + band; }
  std::size_t at_log_lum_mask() const noexcept { return n_values() + k_n_bands; }
  std::size_t at_z_mask() const noexcept { return n_values() + k_n_bands + (log_lum ? 1U : 0U); }
  std::string name() const;  ///< "adjacent_log_ratios+log_lum+z+masks"
  /// Error(model) for a name that this version does not know.
  static FeatureRecipe parse(std::string_view name);
  bool operator==(const FeatureRecipe&) const = default;
};

/// Flags of a row's twelve bands (ivar may be empty): BAND_MISSING, NEGATIVE_BAND, NONFINITE.
std::int32_t band_flags(std::span<const double> band_flux, std::span<const double> band_flux_ivar) noexcept;

/// Bands in the order in which they are asked for the luminosity: the one of 6100-6400 A (K24), then its neighbours.
inline constexpr std::array<std::size_t, k_n_bands> k_luminosity_bands{9, 8, 10, 7, 11, 6, 5, 4, 3, 2, 1, 0};

/// Features of one galaxy; band_flux (12), out (recipe.size()). Without masks: all bands positive and finite, z > 0
/// where it is used. With masks: a band that is NaN or not positive is missing; z that is NaN or not positive leaves
/// log_lum and z missing, `luminosity` = false leaves log_lum missing.
void compute_features(const FeatureRecipe& recipe, std::span<const double> band_flux, double z, std::span<double> out,
                      bool luminosity = true);

/// d_flux (12) = d_features (recipe.size()) . dfeatures/dF: the reverse pass of compute_features at fixed z. Missing
/// bands have derivative 0.
void features_vjp(const FeatureRecipe& recipe, std::span<const double> band_flux, std::span<const double> d_features,
                  std::span<double> d_flux);

/// What a network sees: (x - mean)/scale, 0 for a missing feature (NaN).
inline double standardise(double x, double mean, double scale) noexcept { return x != x ? 0.0 : (x - mean) / scale; }

}  // namespace starglow
