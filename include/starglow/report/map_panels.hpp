#pragma once
#include <array>
#include <string>
#include <vector>

#include "starglow/base/lines.hpp"
#include "starglow/map/map.hpp"
#include "starglow/report/figure.hpp"

namespace starglow {

/// The lines that the panels of the map show.
inline constexpr auto k_map_lines = lines::where<lines::count(lines::has_panel)>(lines::has_panel);

/// EWs to set beside the measured ones: medians, or medians with noise. (n, 10), A; NaN = none.
struct MapState {
  std::string name;  ///< "predicted", "predicted + noise", "K24 + noise"
  Matrix<double> ew;
};

/// How much a line varies among neighbours in the map. All of asinh(EW / A), of galaxies whose line was measured with
/// EW > 0 and, for a state, whose EW there is positive as well.
struct MapLine {
  std::size_t line = 0;
  MapScatter observed;
  std::vector<MapScatter> states;  ///< scatter over that observed: below 1, the state is smoother than the sky
};

struct MapPanels {
  std::size_t k = 0;           ///< map neighbours of a galaxy
  std::vector<MapLine> lines;  ///< of k_map_lines
  Figure figure;               ///< a panel a line and state: observed, then the states
};

/// position (n, 2) of the table's galaxies.
MapPanels map_panels(const Galaxies& table, MatrixView<const float> position, const std::vector<MapState>& states,
                     std::size_t k, WorkerPool& pool);

/// The figure as an SVG file of its own: 3.3 inches wide (one column of a journal), text of 7 points; galaxies are
/// averaged over cells of 0.9 points (mean asinh EW), those in the outermost 0.1 % of an axis lie beyond the frame.
std::string map_panels_svg(const Figure& figure);

}  // namespace starglow
