#pragma once
#include <array>
#include <cstddef>
#include <utility>

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
  bool broad = false;    ///< the gas of an active nucleus: a width of its own, beside the narrow Balmer line
};

namespace detail {
constexpr std::size_t components_of(bool (*is)(const LineInfo&)) {
  std::size_t n = 0;
  for (const auto& line : k_all_lines) n += is(line) ? lines::n_components(line) : 0;
  return n;
}
constexpr bool fitted(const LineInfo& line) { return line.own_shape; }
constexpr bool has_flux(const LineInfo& line) { return line.own_shape && line.strong.empty(); }
constexpr bool has_remains(const LineInfo& line) { return line.own_shape && line.balmer; }
constexpr std::size_t n_groups() {
  std::size_t n = 0;
  for (const auto& line : k_all_lines)
    if (line.own_shape && line.group >= n) n = line.group + 1;
  return n;
}
}  // namespace detail

// Unknowns: the fluxes (weak partners have that of their strong line), the remains of stellar absorption, the broad
// Balmer fluxes, a level (in units of the continuum) a group, then shift (km/s) and ln(width / km/s) of the Balmer, of
// the forbidden and of the broad lines. Tied, the first pair serves the first two.
inline constexpr std::size_t k_n_own_balmer = lines::count(detail::has_remains),
                             k_first_stellar = detail::components_of(detail::has_flux),
                             k_first_broad = k_first_stellar + k_n_own_balmer,
                             k_n_flux = k_first_broad + k_n_own_balmer, k_n_groups = detail::n_groups(),
                             k_level = k_n_flux, k_shape = k_level + k_n_groups, k_broad_shape = k_shape + 4;
inline constexpr std::size_t k_n = k_shape + 6;
inline constexpr std::size_t k_n_components = detail::components_of(detail::fitted) + 2 * k_n_own_balmer;

struct Table {
  std::array<Component, k_n_components> components{};  ///< by wavelength; remains of absorption and broad ones last
  std::array<std::size_t, k_n_all_lines> first{};      ///< of a line; k_n_components: not fitted here
};
/// From the rows of lines.hpp. Fluxes are numbered by wavelength.
consteval Table make_table() {
  struct One {
    double wave;
    std::size_t line, part;
  };
  std::array<One, detail::components_of(detail::fitted)> order{};
  std::size_t n = 0;
  for (std::size_t l = 0; l < k_n_all_lines; ++l)
    for (std::size_t k = 0; k_all_lines[l].own_shape && k < lines::n_components(k_all_lines[l]); ++k)
      order[n++] = {lines::component(k_all_lines[l], k).wave_vac, l, k};
  for (std::size_t i = 1; i < n; ++i)
    for (std::size_t j = i; j > 0 && order[j].wave < order[j - 1].wave; --j) std::swap(order[j], order[j - 1]);
  std::array<std::array<std::size_t, 2>, k_n_all_lines> flux{};
  std::size_t next = 0;
  for (const One& one : order)
    if (k_all_lines[one.line].strong.empty()) flux[one.line][one.part] = next++;
  Table out;
  out.first.fill(k_n_components);
  std::size_t c = 0;
  for (const One& one : order) {
    const LineInfo& line = k_all_lines[one.line];
    if (one.part == 0) out.first[one.line] = c;
    double share = 1;
    std::size_t source = one.line;
    for (const auto& doublet : k_doublets)
      if (static_cast<std::size_t>(doublet.weak) == one.line) {
        source = static_cast<std::size_t>(doublet.strong);
        share = 1 / doublet.flux_ratio;
      }
    out.components[c++] = {one.wave, flux[source][one.part], share, line.balmer, line.group};
  }
  for (const One& one : order)
    if (k_all_lines[one.line].balmer)
      out.components[c++] = {one.wave, next++, 1, true, k_all_lines[one.line].group, true};
  for (const One& one : order)
    if (k_all_lines[one.line].balmer)
      out.components[c++] = {one.wave, next++, 1, true, k_all_lines[one.line].group, false, true};
  return out;
}
inline constexpr Table k_table = make_table();
inline constexpr const auto& k_components = k_table.components;

inline constexpr double k_level_prior = 0.015;
// Starlight of one library leaves of another this much under a Balmer line (A of EW), in a profile this wide (km/s).
inline constexpr double k_stellar_prior = 0.7, k_stellar_sigma = 480;
inline constexpr double k_shift_prior = 100, k_width_centre = 4.787, k_width_prior = 0.8;  // ln 120 km/s
inline constexpr double k_min_sigma = 5, k_max_sigma = 1500;
inline constexpr double k_window = 1700;                        // km/s beside the outer lines of a group
inline constexpr double k_core = 300;                           // km/s: pixels that must be there
inline constexpr double k_apart_snr = 8;                        // of both kinds of lines
inline constexpr double k_least_gain = 3e-3, k_rough_gain = 1;  // of chi2, by the last step of a fit

// Broad lines: shift and ln(width) have priors of this width, wide enough for FWHM of 1000 to 10,000 km/s. Groups that
// come to lie in the window of a broad line are one group, whose second level is a slope.
inline constexpr double k_broad_shift_prior = 600, k_broad_width_centre = 7.3, k_broad_width_prior = 0.6;
inline constexpr double k_min_broad = 425, k_max_broad = 5000;  // km/s: FWHM 1000 to 11,800
inline constexpr double k_max_beside_broad = 500;               // of the narrow lines then, km/s
inline constexpr double k_broad_reach = 10000;                  // km/s beside a broad line

}  // namespace starglow::line_fit
