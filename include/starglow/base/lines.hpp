#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace starglow {

inline constexpr std::size_t k_n_lines = 10;
inline constexpr std::size_t k_n_bands = 12;

/// The ten emission lines, in the order of every table, model and array of this project.
enum class Line : std::size_t {
  OII_DOUBLET,
  HGAMMA,
  HBETA,
  OIII_4959,
  OIII_5007,
  NII_6548,
  HALPHA,
  NII_6584,
  SII_6716,
  SII_6731
};

/// Facts about a line. Wavelengths in Angstrom, vacuum.
struct LineInfo {
  std::string_view name;   ///< as in the catalogue's columns, `{name}_EW`
  std::string_view label;  ///< for people
  double wave_vac;         ///< FastSpecFit v3 (NIST); the doublet: mean of 3727.10 and 3729.86
  double wave_mask_k24;    ///< centre of the K24 mask
};

inline constexpr std::array<LineInfo, k_n_lines> k_lines{{
    {"OII_DOUBLET", "[OII] 3726,3729", 3728.48, 3728.5},
    {"HGAMMA", "Hgamma", 4341.692, 4342.0},
    {"HBETA", "Hbeta", 4862.71, 4862.7},
    {"OIII_4959", "[OIII] 4959", 4960.295, 4960.3},
    {"OIII_5007", "[OIII] 5007", 5008.24, 5008.2},
    {"NII_6548", "[NII] 6548", 6549.861, 6549.9},
    {"HALPHA", "Halpha", 6564.6, 6564.6},
    {"NII_6584", "[NII] 6584", 6585.273, 6585.3},
    {"SII_6716", "[SII] 6716", 6718.294, 6718.3},
    {"SII_6731", "[SII] 6731", 6732.674, 6732.7},
}};

/// Index of a line by its catalogue name, or nothing.
std::optional<std::size_t> find_line(std::string_view name) noexcept;

/// The weak member of a doublet of fixed atomic ratio, its strong partner, and the measured median ratio of the EWs
/// EW(strong)/EW(weak): flux ratios 2.993 and 3.049 times the ratio of the continua (docs/decisions).
struct Doublet {
  Line weak, strong;
  double ew_ratio;
};
inline constexpr std::array<Doublet, 2> k_doublets{{
    {Line::OIII_4959, Line::OIII_5007, 3.161},
    {Line::NII_6548, Line::NII_6584, 2.978},
}};

/// The eight independent lines: all but the weak members of the doublets.
inline constexpr std::size_t k_n_independent_lines = 8;
inline constexpr std::array<std::size_t, k_n_independent_lines> k_independent_lines{0, 1, 2, 4, 6, 7, 8, 9};

/// Twelve top hats of 300 A, rest frame, vacuum: band i covers [3400 + 300 i, 3700 + 300 i).
inline constexpr double k_band_start = 3400.0, k_band_width = 300.0;
inline constexpr double band_lo(std::size_t i) noexcept { return k_band_start + k_band_width * static_cast<double>(i); }
inline constexpr double band_hi(std::size_t i) noexcept { return band_lo(i) + k_band_width; }

}  // namespace starglow
