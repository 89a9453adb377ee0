#pragma once
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace starglow {

/// What a figure shows, as numbers (docs/figures.md): written to figures/NAME.json for starglow.plots, drawn as SVG in
/// the report. Bins, curves, quantiles and thinning are done here; drawing only draws.
struct FigureSeries {
  std::string label;
  std::string style;  ///< "line", "dash", "steps" (x: edges, one more than y), "points", "band" (y_low, y_high)
  std::vector<double> x, y, y_low = {}, y_high = {};
  std::vector<double> c = {};  ///< colour value of each point; empty: one colour
};

struct FigureMatrix {
  std::vector<std::string> rows, columns;
  std::vector<std::vector<double>> values;
};

struct FigurePanel {
  std::string title;
  std::vector<FigureSeries> series;
  FigureMatrix matrix = {};                              ///< kind "matrix" alone
  std::pair<double, double> x_range = {}, y_range = {};  ///< equal: the range of the series
  std::pair<double, double> c_range = {};                ///< ends of the colour scale; equal: those of the series
  std::string row = {}, column = {};  ///< in a grid of panels (Figure::columns): what its row and column show
  std::string note = {};              ///< a number or two of the panel, for a corner of it
};

struct FigureAxis {
  std::string label, unit;
};

struct Figure {
  std::string name;  ///< of the file; letters, digits, _
  std::string kind;  ///< "lines", "steps", "matrix", "points", "spectrum", "map"
  std::string title;
  std::string caption;  ///< a sentence or two: what is drawn of which rows
  FigureAxis x, y;
  std::vector<FigurePanel> panels;
  std::size_t n = 0;        ///< galaxies behind it
  FigureAxis c = {};        ///< what colours mean
  std::size_t columns = 0;  ///< panels in a row where they form a grid; 0: as they fit
};

/// The figure as the schema "starglow-figure-1". provenance: (key, value).
std::string figure_json(const Figure& figure, const std::vector<std::pair<std::string, std::string>>& provenance);

/// The figure as an SVG element to stand in a page: panels in rows of `columns`, colours by CSS classes with fallbacks.
std::string figure_svg(const Figure& figure, std::size_t columns = 4);

}  // namespace starglow
