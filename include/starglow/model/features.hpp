#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "starglow/base/lines.hpp"
#include "starglow/model/inputs.hpp"

namespace starglow {

/// What a network sees of a galaxy, in this order: x_0..x_10 = log10(F_{i+1}/F_i), positive when the spectrum rises to
/// the red (K24); then the inputs of the recipe, in the order of k_inputs (inputs.hpp); then, where used, masks: 0 =
/// present, -1 = missing, for the twelve bands and for each input.
///
/// With masks, a feature that cannot be had is NaN and the network sees its mean (0 after standardisation): a ratio
/// when either band is missing, an input when it is not known. log_lum comes from the existing band nearest 6250 A.
struct FeatureRecipe {
  InputSet inputs = InputSet::of(k_input_log_lum);
  bool masks = false;
  /// The network sees the redshift clipped to these: those at which redshift told the training galaxies apart.
  double z_low = 0, z_high = 1e9;

  static constexpr std::size_t k_n_ratios = k_n_bands - 1;
  constexpr std::size_t n_values() const noexcept { return k_n_ratios + inputs.size(); }
  constexpr std::size_t size() const noexcept { return masks ? n_values() + k_n_bands + inputs.size() : n_values(); }
  constexpr std::size_t at(std::size_t input) const noexcept { return k_n_ratios + inputs.rank(input); }
  constexpr std::size_t at_band_mask(std::size_t band) const noexcept { return n_values() + band; }
  constexpr std::size_t at_mask(std::size_t input) const noexcept {
    return n_values() + k_n_bands + inputs.rank(input);
  }
  std::string name() const;  ///< "adjacent_log_ratios+log_lum+z+masks"
  /// Error(model) for a name that this version does not know.
  static FeatureRecipe parse(std::string_view name);
  bool operator==(const FeatureRecipe&) const = default;
};

/// What the domain (domain.hpp) looks at, as far as it is known, whatever the networks use.
inline constexpr FeatureRecipe k_of_domain{InputSet::of(k_input_log_lum), true};

/// Most features of any recipe.
inline constexpr std::size_t k_most_features = FeatureRecipe::k_n_ratios + k_n_bands + 2 * k_n_inputs;

/// What features are made of, of one galaxy.
struct FeatureSource {
  std::span<const double> flux;          ///< (12); without masks all positive and finite
  double z = 0;                          ///< without masks positive, where an input needs it
  bool luminosity = true;                ///< the flux scale is absolute
  std::span<const double> columns = {};  ///< (k_n_column_inputs), NaN = not known; empty: none
};

/// Flags of a row's twelve bands (ivar may be empty): BAND_MISSING, NEGATIVE_BAND, NONFINITE.
std::int32_t band_flags(std::span<const double> band_flux, std::span<const double> band_flux_ivar) noexcept;

/// Bands in the order in which they are asked for the luminosity: the one of 6100-6400 A (K24), then its neighbours.
inline constexpr std::array<std::size_t, k_n_bands> k_luminosity_bands{9, 8, 10, 7, 11, 6, 5, 4, 3, 2, 1, 0};

/// Features of one galaxy, out (recipe.size()). With masks: a band that is NaN or not positive is missing; an input is
/// where the galaxy lacks what it needs: a z that is NaN or not positive leaves log_lum and z missing.
void compute_features(const FeatureRecipe& recipe, const FeatureSource& from, std::span<double> out);
/// The same without columns.
inline void compute_features(const FeatureRecipe& recipe, std::span<const double> band_flux, double z,
                             std::span<double> out, bool luminosity = true) {
  compute_features(recipe, {band_flux, z, luminosity}, out);
}
/// The columns of a row, as FeatureSource wants them.
std::array<double, k_n_column_inputs> column_inputs(const Galaxies& galaxies, std::size_t row) noexcept;

/// d_flux (12) = d_features (recipe.size()) . dfeatures/dF: the reverse pass of compute_features at fixed z. Missing
/// bands have derivative 0.
void features_vjp(const FeatureRecipe& recipe, std::span<const double> band_flux, std::span<const double> d_features,
                  std::span<double> d_flux);
/// The same with respect to the redshift, at fixed bands: 0 where it is clipped.
double features_vjp_z(const FeatureRecipe& recipe, double z, std::span<const double> d_features);

/// What a network sees: (x - mean)/scale, 0 for a missing feature (NaN).
inline double standardise(double x, double mean, double scale) noexcept { return x != x ? 0.0 : (x - mean) / scale; }

}  // namespace starglow
