#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "starglow/spectra/spectrum.hpp"

namespace starglow::line_fit {

/// What the level of starlight is in doubt by, over the width of a broad line; what part of the flux of the narrow line
/// may lie in wings that are not Gaussian; and by how many standard deviations a broad line must stand above noise and
/// doubts together.
inline constexpr double k_broad_doubt = 0.005, k_wing_doubt = 0.02, k_broad_snr = 2.5;
/// The least ln(odds) of lines that are told: odds of 1 to 20, as the noise gives them to one in 200 spectra without
/// any. Those who want few false ones among rare lines cut at higher odds.
inline constexpr double k_broad_least_odds = -3;
/// The prior of the strongest broad line is flat to this EW (A), of the others to twice what case B gives beside it.
inline constexpr double k_broad_most_ew = 200;
/// ln 100: one galaxy in a hundred of a flux-limited sample has broad lines (Hao et al. 2005, AJ 129, 1783: 1.5 %).
inline constexpr double k_broad_log_rarity = 4.605;

/// Pixels to use for broad lines: those of `good` outside of lines that the fit does not know.
std::vector<std::uint8_t> without_other_lines(const SpectrumView& s, std::span<const std::uint8_t> good);

}  // namespace starglow::line_fit
