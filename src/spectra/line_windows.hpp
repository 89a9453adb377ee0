#pragma once
#include <array>

#include "starglow/base/lines.hpp"

namespace starglow {

inline constexpr double k_light_kms = 299792.458;

/// Other lines in emission, or absorbed by gas between the stars, that the fit of starlight leaves out. Vacuum, A
/// (NIST); half width of the window in km/s. Lines of lines.hpp beyond the ten are among them.
struct OtherLine {
  double wave_vac, half_width;
};
inline constexpr std::array<OtherLine, 27> k_other_lines{{
    {3704.91, 250}, {3751.22, 250}, {4923.31, 400},                   // H16+HeI H12 HeI
    {3771.70, 500}, {3798.98, 500}, {3836.48, 600}, {3869.86, 800},   // H11 H10 H9 [NeIII]
    {3890.16, 700}, {3969.5, 900},  {4027.33, 400}, {4102.89, 1200},  // H8+HeI  H7+[NeIII]  HeI  Hdelta
    {4069.75, 400}, {4364.44, 900}, {4472.73, 600}, {4687.02, 600},   // [SII] [OIII] HeI HeII
    {4712.6, 400},  {4741.4, 400},  {5201.7, 600},  {5756.19, 500},   // [ArIV] [ArIV] [NI] [NII]
    {5877.25, 800}, {5891.58, 500}, {5897.56, 500}, {6302.05, 900},   // HeI NaD NaD [OI]
    {6365.54, 700}, {6679.99, 600}, {7067.1, 600},  {7137.76, 800},   // [OI] HeI HeI [ArIII]
}};

static_assert(
    [] {
      for (const auto& line : k_all_lines) {
        bool masked = line.every_table;
        for (const auto& other : k_other_lines)
          masked = masked || (other.wave_vac - line.wave_vac < 0.1 && line.wave_vac - other.wave_vac < 0.1);
        if (!masked) return false;
      }
      return true;
    }(),
    "every line is kept out of the fit of starlight");

/// Half width (km/s) of the windows around the ten lines: 4 standard deviations of a line of 400 km/s. For quasars, the
/// Balmer lines: 5000. Chosen by the class of the object alone, never by what the line looks like: a window that grew
/// with the line would tell the model about it.
inline constexpr double k_galaxy_window = 1650.0, k_broad_window = 5000.0;

}  // namespace starglow
