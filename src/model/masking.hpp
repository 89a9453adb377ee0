#pragma once
#include <cstdint>
#include <span>

#include "starglow/base/random.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/features.hpp"

namespace starglow {

/// What is taken away from a galaxy at one step of the training, so that a network learns to answer without it.
struct MaskPattern {
  std::uint32_t bands = 0;  ///< bit b: band b missing
  bool log_lum = false;     ///< luminosity missing
  bool z = false;           ///< redshift missing (and with it the luminosity)
  InputSet columns{};       ///< inputs missing that are columns of the table

  bool any() const noexcept { return bands != 0 || log_lum || z || !columns.empty(); }
  /// Whether an input cannot be had.
  bool takes(std::size_t input) const noexcept {
    const InputInfo& info = k_inputs[input];
    return columns.has(input) || (info.needs_luminosity && log_lum) || (info.needs_z && z);
  }
};

/// With probability `rate` some bands go: the 1-5 bluest, the 1-5 reddest, 1-3 at both ends, or each band with
/// probability 1/5 (at least k_min_bands stay); independently, with probability `lum_rate`, the luminosity goes, in
/// half of the cases with the redshift, and so does each input that is a column. Depends on (random, draw) alone.
MaskPattern draw_mask(const RandomObject& random, std::uint32_t draw, double rate, double lum_rate);

/// Whatever either takes away.
inline MaskPattern both(const MaskPattern& a, const MaskPattern& b) noexcept {
  return {a.bands | b.bands, a.log_lum || b.log_lum, a.z || b.z, a.columns | b.columns};
}

/// Takes the pattern away from standardised features x of a galaxy that has everything. `log_lum` (12): the galaxy's
/// standardised luminosity from each band.
void apply_mask(const FeatureRecipe& recipe, const MaskPattern& pattern, std::span<const float> log_lum,
                std::span<float> x);

/// Fewest bands that a model with masks answers from.
inline constexpr std::size_t k_min_bands = 6;

}  // namespace starglow
