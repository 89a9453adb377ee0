#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "report/figure_text.hpp"
#include "starglow/report/map_panels.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

// asinh(EW / A) where there is a detection, EW > 0.
std::vector<double> detected(const Matrix<double>& ew, std::size_t line, std::span<const double> where) {
  std::vector<double> out(ew.rows(), k_nan);
  for (std::size_t i = 0; i < out.size(); ++i)
    if (ew(i, line) > 0 && std::isfinite(where[i])) out[i] = std::asinh(ew(i, line));
  return out;
}

// The middle nine tenths of the values that are there, as EWs: between the neighbours in order, linearly.
std::pair<double, double> middle_range(std::vector<double> t) {
  std::erase_if(t, [](double v) { return !std::isfinite(v); });
  if (t.empty()) return {};
  for (double& v : t) v = std::sinh(v);
  std::sort(t.begin(), t.end());
  const auto at = [&](double p) {
    const double place = p * static_cast<double>(t.size() - 1);
    const auto low = static_cast<std::size_t>(place);
    return std::lerp(t[low], t[std::min(low + 1, t.size() - 1)], place - static_cast<double>(low));
  };
  return {at(0.05), at(0.95)};
}

}  // namespace

MapPanels map_panels(const Galaxies& table, MatrixView<const float> position, const std::vector<MapState>& states,
                     std::size_t k, WorkerPool& pool) {
  MapPanels out;
  out.k = k;
  Matrix<double> measured(table.n, k_n_lines, k_nan);
  if (!table.ew.empty())
    for (std::size_t i = 0; i < table.n; ++i)
      for (std::size_t line = 0; line < k_n_lines; ++line)
        if (!table.ew_ivar.empty() && table.ew_ivar(i, line) > 0)
          measured(i, line) = static_cast<double>(table.ew(i, line));
  const std::vector<double> all(table.n, 0.0);
  Figure& figure = out.figure;
  figure.name = "map";
  figure.kind = "map";
  figure.title = "The lines on the map of continua";
  figure.caption = fmt::format(
      "Each point is a galaxy at its position on the map; the colour is its EW, on one scale for each line "
      "(5th "
      "to 95th percentile of the measured EWs that are positive). Numbers: the scatter of asinh(EW / Å) among the {} "
      "nearest galaxies on the map; for predictions, its ratio to the observed scatter.",
      k);
  figure.x = {"UMAP 1", ""};
  figure.y = {"UMAP 2", ""};
  figure.n = table.n;
  figure.c = {"EW", "Angstrom"};
  figure.columns = 1 + states.size();
  for (const std::size_t line : k_map_lines) {
    const auto observed = detected(measured, line, all);
    MapLine scores;
    scores.line = line;
    scores.observed = map_scatter(position, observed, k, pool);
    const auto range = middle_range(observed);
    const auto panel = [&](const std::string& state, const std::vector<double>& t, const char* what, double number) {
      FigurePanel p;
      p.row = line_title(line);
      p.column = state;
      p.title = p.row + ", " + state;
      p.c_range = range;
      if (std::isfinite(number)) p.note = fmt::format("{} {:.2f}", what, number);
      FigureSeries s;
      s.label = line_title(line);
      s.style = "points";
      for (std::size_t i = 0; i < table.n; ++i) {
        if (!std::isfinite(t[i]) || !std::isfinite(position(i, 0))) continue;
        s.x.push_back(static_cast<double>(position(i, 0)));
        s.y.push_back(static_cast<double>(position(i, 1)));
        s.c.push_back(std::sinh(t[i]));
      }
      p.series.push_back(std::move(s));
      figure.panels.push_back(std::move(p));
    };
    panel("observed", observed, "scatter", scores.observed.scatter);
    for (const MapState& state : states) {
      // The galaxies whose line was detected, in both: the same question to both.
      const auto t = detected(state.ew, line, observed);
      scores.states.push_back(map_scatter(position, t, k, pool));
      panel(state.name, t, "ratio", scores.states.back().scatter / scores.observed.scatter);
    }
    out.lines.push_back(std::move(scores));
  }
  return out;
}

}  // namespace starglow
