#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace starglow {

/// A stretch of wavelengths, A.
struct Window {
  double lo = 0, hi = 0;
};

/// The two windows beside a line in which its continuum is taken. Rest frame, vacuum, A.
struct SideBands {
  double blue_lo, blue_hi, red_lo, red_hi;
};

/// One Gaussian of a line that is several. Vacuum, A.
struct LineComponent {
  std::string_view name;
  double wave_vac = 0;         ///< 0: none
  std::string_view sdss = {};  ///< in SPZLINE of SDSS
  std::string_view dsps = {};  ///< in the grids of DSPS and in diffsky
};

/// All that this project knows of a line. Wavelengths in A, rest frame, vacuum (FastSpecFit v3, NIST).
struct LineInfo {
  std::string_view name;   ///< as in the catalogue's columns, `{name}_EW`
  std::string_view label;  ///< for people
  double wave_vac;
  std::string_view sdss = {}, dsps = {};  ///< as in LineComponent, of a line that is one; "" = not there
  double wave_mask_k24 = 0;               ///< centre of the K24 mask; 0: not masked there
  std::array<LineComponent, 2> pair{};    ///< of a line that is two
  bool balmer = false;
  /// The strong partner of a doublet of fixed atomic ratio, with the ratios strong/weak of the fluxes and, the measured
  /// median, of the EWs: the flux ratio times the ratio of the continua (docs/decisions/0003-doublets.md).
  std::string_view strong = {};
  double flux_ratio = 0, ew_ratio = 0;
  /// At least 4 standard deviations of a line of 400 km/s away from the group of lines that they serve ([OIII] pair,
  /// Halpha with [NII], [SII] pair; [OII] 3.4), and clear of other strong lines.
  SideBands side_bands;
  Window integration;     ///< where the second method, against side bands alone, sums the line up
  std::size_t group;      ///< lines of one group have one level of continuum beside them in the fit
  bool leads = false;     ///< the line that stands for those that share its side bands
  bool own_shape = true;  ///< takes part in the fit of shift and width; else it is measured with those of the others
  double trust;           ///< relative error of the fitted starlight in the side bands; the blue end is known least
  double ew_floor;  ///< A of EW: what two libraries of starlight differ by under the line (bench/synthetic_truth.py)
  bool map_panel = false;    ///< shown by the panels of the map
  bool every_table = false;  ///< one of the ten lines that every model of this version predicts
};

/// The lines, in the order of every table, model and array of this project. A line is added by adding its row, last;
/// where it is strong, spectra/line_windows.hpp keeps it out of the fit of starlight.
inline constexpr std::array k_all_lines{
    LineInfo{.name = "OII_DOUBLET",
             .label = "[OII] 3726,3729",
             .wave_vac = 3728.48,
             .wave_mask_k24 = 3728.5,
             .pair = {{{"OII_3726", 3727.10, "[O_II] 3725", "O_II_3726"},
                       {"OII_3729", 3729.86, "[O_II] 3727", "O_II_3729"}}},
             .side_bands = {3685.0, 3711.0, 3745.0, 3771.0},
             .integration = {3717.0, 3740.0},
             .group = 0,
             .leads = true,
             .trust = 0.05,
             .ew_floor = 0.30,
             .map_panel = true,
             .every_table = true},
    LineInfo{.name = "HGAMMA",
             .label = "Hgamma",
             .wave_vac = 4341.692,
             .sdss = "H_gamma",
             .dsps = "Ba_gamma_4341",
             .wave_mask_k24 = 4342.0,
             .balmer = true,
             .side_bands = {4296.0, 4318.0, 4372.0, 4394.0},  // between the G band and [OIII] 4363
             .integration = {4331.0, 4352.0},
             .group = 1,
             .leads = true,
             .trust = 0.02,
             .ew_floor = 0.25,
             .every_table = true},
    LineInfo{.name = "HBETA",
             .label = "Hbeta",
             .wave_vac = 4862.71,
             .sdss = "H_beta",
             .dsps = "Ba_beta_4861",
             .wave_mask_k24 = 4862.7,
             .balmer = true,
             .side_bands = {4805.0, 4835.0, 4890.0, 4920.0},
             .integration = {4850.0, 4875.0},
             .group = 2,
             .leads = true,
             .trust = 0.02,
             .ew_floor = 0.16,
             .map_panel = true,
             .every_table = true},
    LineInfo{.name = "OIII_4959",
             .label = "[OIII] 4959",
             .wave_vac = 4960.295,
             .sdss = "[O_III] 4959",
             .dsps = "O_III_4959",
             .wave_mask_k24 = 4960.3,
             .strong = "OIII_5007",
             .flux_ratio = 2.993,
             .ew_ratio = 3.161,
             .side_bands = {4900.0, 4930.0, 5036.0, 5066.0},
             .integration = {4950.0, 4970.0},
             .group = 3,
             .trust = 0.02,
             .ew_floor = 0.04,
             .every_table = true},
    LineInfo{.name = "OIII_5007",
             .label = "[OIII] 5007",
             .wave_vac = 5008.24,
             .sdss = "[O_III] 5007",
             .dsps = "O_III_5007",
             .wave_mask_k24 = 5008.2,
             .side_bands = {4900.0, 4930.0, 5036.0, 5066.0},
             .integration = {4997.0, 5019.0},
             .group = 3,
             .leads = true,
             .trust = 0.02,
             .ew_floor = 0.11,
             .map_panel = true,
             .every_table = true},
    LineInfo{.name = "NII_6548",
             .label = "[NII] 6548",
             .wave_vac = 6549.861,
             .sdss = "[N_II] 6548",
             .dsps = "N_II_6548",
             .wave_mask_k24 = 6549.9,
             .strong = "NII_6584",
             .flux_ratio = 3.049,
             .ew_ratio = 2.978,
             .side_bands = {6470.0, 6510.0, 6622.0, 6662.0},
             .integration = {6542.0, 6556.0},
             .group = 4,
             .trust = 0.02,
             .ew_floor = 0.03,
             .every_table = true},
    LineInfo{.name = "HALPHA",
             .label = "Halpha",
             .wave_vac = 6564.6,
             .sdss = "H_alpha",
             .dsps = "Ba_alpha_6563",
             .wave_mask_k24 = 6564.6,
             .balmer = true,
             .side_bands = {6470.0, 6510.0, 6622.0, 6662.0},
             .integration = {6556.0, 6574.0},
             .group = 4,
             .leads = true,
             .trust = 0.02,
             .ew_floor = 0.16,
             .map_panel = true,
             .every_table = true},
    LineInfo{.name = "NII_6584",
             .label = "[NII] 6584",
             .wave_vac = 6585.273,
             .sdss = "[N_II] 6583",
             .dsps = "N_II_6584",
             .wave_mask_k24 = 6585.3,
             .side_bands = {6470.0, 6510.0, 6622.0, 6662.0},
             .integration = {6574.0, 6597.0},
             .group = 4,
             .trust = 0.02,
             .ew_floor = 0.07,
             .map_panel = true,
             .every_table = true},
    LineInfo{.name = "SII_6716",
             .label = "[SII] 6716",
             .wave_vac = 6718.294,
             .sdss = "[S_II] 6716",
             .dsps = "S_II_6716",
             .wave_mask_k24 = 6718.3,
             .side_bands = {6640.0, 6680.0, 6772.0, 6812.0},
             .integration = {6706.0, 6725.5},
             .group = 5,
             .leads = true,
             .trust = 0.02,
             .ew_floor = 0.05,
             .map_panel = true,
             .every_table = true},
    LineInfo{.name = "SII_6731",
             .label = "[SII] 6731",
             .wave_vac = 6732.674,
             .sdss = "[S_II] 6730",
             .dsps = "S_II_6731",
             .wave_mask_k24 = 6732.7,
             .side_bands = {6640.0, 6680.0, 6772.0, 6812.0},
             .integration = {6725.5, 6745.0},
             .group = 5,
             .trust = 0.02,
             .ew_floor = 0.06,
             .every_table = true},
    LineInfo{.name = "NEIII_3869",
             .label = "[NeIII] 3869",
             .wave_vac = 3869.86,
             .sdss = "[Ne_III] 3868",
             .side_bands = {3806.0, 3826.0, 3904.0, 3924.0},  // between H10 and H9; between H8 and Ca K
             .integration = {3858.0, 3882.0},
             .group = 6,
             .leads = true,
             .own_shape = false,
             .trust = 0.04,
             .ew_floor = 0.20},
    LineInfo{.name = "HDELTA",
             .label = "Hdelta",
             .wave_vac = 4102.892,
             .sdss = "H_delta",
             .balmer = true,
             .side_bands = {4038.0, 4062.0, 4130.0, 4160.0},
             .integration = {4092.0, 4114.0},
             .group = 7,
             .leads = true,
             .own_shape = false,
             .trust = 0.03,
             .ew_floor = 0.30},
    LineInfo{.name = "HEI_5876",
             .label = "HeI 5876",
             .wave_vac = 5877.249,
             .side_bands = {5800.0, 5840.0, 5912.0, 5950.0},  // Na D stands between
             .integration = {5865.0, 5889.0},
             .group = 8,
             .leads = true,
             .own_shape = false,
             .trust = 0.02,
             .ew_floor = 0.10},
    LineInfo{.name = "OIII_4363",
             .label = "[OIII] 4363",
             .wave_vac = 4364.436,
             .sdss = "[O_III] 4363",
             .side_bands = {4296.0, 4318.0, 4372.0, 4394.0},  // those of Hgamma
             .integration = {4354.0, 4374.0},
             .group = 1,
             .trust = 0.02,
             .ew_floor = 0.20},
    LineInfo{.name = "OI_6300",
             .label = "[OI] 6300",
             .wave_vac = 6302.046,
             .sdss = "[O_I] 6300",
             .side_bands = {6230.0, 6264.0, 6385.0, 6420.0},  // [SIII] 6312 and [OI] 6364 stand between
             .integration = {6291.0, 6311.0},
             .group = 9,
             .leads = true,
             .own_shape = false,
             .trust = 0.02,
             .ew_floor = 0.08},
};
inline constexpr std::size_t k_n_all_lines = k_all_lines.size();

/// Index of a line by its catalogue name; a name that is not in the table does not compile.
consteval std::size_t line_index(std::string_view name) {
  for (std::size_t i = 0; i < k_n_all_lines; ++i)
    if (k_all_lines[i].name == name) return i;
  throw "no such line";
}

/// The lines that code singles out; others need no name here.
enum class Line : std::size_t {
  OII_DOUBLET = line_index("OII_DOUBLET"),
  HGAMMA = line_index("HGAMMA"),
  HBETA = line_index("HBETA"),
  OIII_4959 = line_index("OIII_4959"),
  OIII_5007 = line_index("OIII_5007"),
  NII_6548 = line_index("NII_6548"),
  HALPHA = line_index("HALPHA"),
  NII_6584 = line_index("NII_6584"),
  SII_6716 = line_index("SII_6716"),
  SII_6731 = line_index("SII_6731"),
};

namespace lines {
consteval std::size_t count(bool (*is)(const LineInfo&)) {
  std::size_t n = 0;
  for (const auto& line : k_all_lines) n += is(line) ? 1U : 0U;
  return n;
}
template <std::size_t n>
consteval std::array<std::size_t, n> where(bool (*is)(const LineInfo&)) {
  std::array<std::size_t, n> out{};
  std::size_t k = 0;
  for (std::size_t i = 0; i < k_n_all_lines; ++i)
    if (is(k_all_lines[i])) out[k++] = i;
  return out;
}
constexpr bool in_every_table(const LineInfo& line) { return line.every_table; }
constexpr bool is_weak(const LineInfo& line) { return !line.strong.empty(); }
constexpr bool is_independent(const LineInfo& line) { return line.every_table && line.strong.empty(); }
constexpr bool has_panel(const LineInfo& line) { return line.map_panel; }
constexpr std::size_t n_components(const LineInfo& line) { return line.pair[1].wave_vac > 0 ? 2 : 1; }
constexpr LineComponent component(const LineInfo& line, std::size_t k) {
  return n_components(line) == 1 ? LineComponent{line.name, line.wave_vac, line.sdss, line.dsps} : line.pair[k];
}
}  // namespace lines

/// The ten lines of every table and model: the first rows.
inline constexpr std::size_t k_n_lines = lines::count(lines::in_every_table);
inline constexpr std::span<const LineInfo, k_n_lines> k_lines{k_all_lines.data(), k_n_lines};
static_assert(lines::where<k_n_lines>(lines::in_every_table).back() == k_n_lines - 1, "the ten lines come first");

/// Index of one of the ten lines by its catalogue name, or nothing; of any line.
std::optional<std::size_t> find_line(std::string_view name) noexcept;
std::optional<std::size_t> find_any_line(std::string_view name) noexcept;

/// The weak member of a doublet of fixed atomic ratio and its strong partner.
struct Doublet {
  Line weak, strong;
  double ew_ratio, flux_ratio;  ///< strong/weak
};
inline constexpr std::size_t k_n_doublets = lines::count(lines::is_weak);
inline constexpr std::array<Doublet, k_n_doublets> k_doublets = [] {
  std::array<Doublet, k_n_doublets> out{};
  std::size_t k = 0;
  for (const std::size_t weak : lines::where<k_n_doublets>(lines::is_weak))
    for (std::size_t i = 0; i < k_n_all_lines; ++i)
      if (k_all_lines[i].name == k_all_lines[weak].strong)
        out[k++] = {static_cast<Line>(weak), static_cast<Line>(i), k_all_lines[weak].ew_ratio,
                    k_all_lines[weak].flux_ratio};
  return out;
}();

static_assert(
    [] {
      for (const auto& d : k_doublets)
        if (d.weak == d.strong || !(d.flux_ratio > 0) || !(d.ew_ratio > 0)) return false;
      return true;
    }(),
    "a weak line names its strong partner and both ratios");

/// The independent lines of the ten: all but the weak members of the doublets.
inline constexpr std::size_t k_n_independent_lines = lines::count(lines::is_independent);
inline constexpr std::array<std::size_t, k_n_independent_lines> k_independent_lines =
    lines::where<k_n_independent_lines>(lines::is_independent);

/// Room for the independent lines of a model with lines of its own: every row of k_all_lines, and a few to come.
inline constexpr std::size_t k_most_independent_lines = 16;
static_assert(k_n_all_lines - k_n_doublets <= k_most_independent_lines);

/// Twelve top hats of 300 A, rest frame, vacuum: band i covers [3400 + 300 i, 3700 + 300 i).
inline constexpr std::size_t k_n_bands = 12;
inline constexpr double k_band_start = 3400.0, k_band_width = 300.0;
inline constexpr double band_lo(std::size_t i) noexcept { return k_band_start + k_band_width * static_cast<double>(i); }
inline constexpr double band_hi(std::size_t i) noexcept { return band_lo(i) + k_band_width; }

}  // namespace starglow
