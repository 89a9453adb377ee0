#pragma once
#include <array>
#include <cstddef>

#include "starglow/base/lines.hpp"

// A namespace of its own: paint.hpp has components too.
namespace starglow::line_fit {

/// One Gaussian of the joint fit. `flux`: which of the fit's fluxes it has, times `share`; `group`: which lines
/// share a level beside them. Vacuum, A, FastSpecFit v3 (NIST).
struct Component {
  double wave;
  std::size_t flux;
  double share;
  bool balmer;
  std::size_t group;
  bool stellar = false;  ///< what the fit of starlight left of a Balmer absorption: broad, of fixed width, small
};
inline constexpr std::array<Component, 15> k_components{{
    {3727.10, 0, 1, false, 0},
    {3729.86, 1, 1, false, 0},
    {4341.692, 2, 1, true, 1},
    {4364.436, 3, 1, false, 1},
    {4862.71, 4, 1, true, 2},
    {4960.295, 5, 1 / 2.993, false, 3},
    {5008.240, 5, 1, false, 3},
    {6549.861, 7, 1 / 3.049, false, 4},
    {6564.60, 6, 1, true, 4},
    {6585.273, 7, 1, false, 4},
    {6718.294, 8, 1, false, 5},
    {6732.674, 9, 1, false, 5},
    {4341.692, 10, 1, true, 1, true},
    {4862.71, 11, 1, true, 2, true},
    {6564.60, 12, 1, true, 4, true},
}};
/// Component and flux of each of the ten lines ([OII]: the sum of fluxes 0 and 1).
inline constexpr std::array<std::size_t, k_n_lines> k_component_of{0, 2, 4, 5, 6, 7, 8, 9, 10, 11};

// Unknowns: ten fluxes and three remains of stellar absorption, six levels (in units of the continuum), then shift
// (km/s) and ln(width / km/s) of the Balmer and of the forbidden lines. Tied, the first pair serves both.
inline constexpr std::size_t k_n_flux = 13, k_first_stellar = 10, k_n_groups = 6, k_level = k_n_flux,
                             k_shape = k_level + k_n_groups;
inline constexpr std::size_t k_n = k_shape + 4;
inline constexpr double k_level_prior = 0.015;
// Starlight of one library leaves of another this much under a Balmer line (A of EW), in a profile this wide (km/s).
inline constexpr double k_stellar_prior = 0.7, k_stellar_sigma = 480;
inline constexpr double k_shift_prior = 100, k_width_centre = 4.787, k_width_prior = 0.8;  // ln 120 km/s
inline constexpr double k_min_sigma = 5, k_max_sigma = 1500;
inline constexpr double k_window = 1700;  // km/s beside the outer lines of a group
inline constexpr double k_core = 300;     // km/s: pixels that must be there
inline constexpr double k_apart_snr = 8;  // of both kinds of lines

}  // namespace starglow::line_fit
