// The panels of the map as an SVG file: a row a line, a column a state, one colour scale a row; as wide as one column
// of a journal, text of 7 points. Galaxies are means over small cells: the file stays small however many there are.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "report/figure_text.hpp"
#include "report/text_html.hpp"
#include "starglow/report/map_panels.hpp"

namespace starglow {
namespace {

constexpr double k_page = 237.6;  // points: 3.3 inches
constexpr double k_left = 11, k_bar = 27, k_gap = 2.5, k_top = 12, k_foot = 12;
constexpr double k_cell = 0.9;        // points
constexpr std::size_t k_shades = 32;  // colours of the scale
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

// viridis (Smith, van der Walt & Firing), its anchors at equal steps, less the end that white paper swallows.
std::string shade(double u) {
  static constexpr std::array<std::array<int, 3>, 9> stops{{{0x44, 0x01, 0x54},
                                                            {0x48, 0x28, 0x78},
                                                            {0x3e, 0x49, 0x89},
                                                            {0x31, 0x68, 0x8e},
                                                            {0x26, 0x82, 0x8e},
                                                            {0x1f, 0x9e, 0x89},
                                                            {0x35, 0xb7, 0x79},
                                                            {0x6e, 0xce, 0x58},
                                                            {0xb5, 0xde, 0x2b}}};
  const double at = std::clamp(u, 0.0, 1.0) * static_cast<double>(stops.size() - 1);
  const auto k = std::min(static_cast<std::size_t>(at), stops.size() - 2);
  std::string out = "#";
  for (std::size_t c = 0; c < 3; ++c)
    out += fmt::format("{:02x}", static_cast<int>(std::lround(std::lerp(static_cast<double>(stops[k][c]),
                                                                        static_cast<double>(stops[k + 1][c]),
                                                                        at - static_cast<double>(k)))));
  return out;
}

// Nearly all of an axis over all panels: the middle 96 % and half as much again at either side, at most the middle
// 99.8 %. A stray galaxy does not shrink the map.
std::pair<double, double> reach(const Figure& figure, bool x) {
  std::vector<double> all;
  for (const auto& p : figure.panels)
    for (const auto& s : p.series) all.insert(all.end(), (x ? s.x : s.y).begin(), (x ? s.x : s.y).end());
  if (all.empty()) return {0, 1};
  std::sort(all.begin(), all.end());
  const auto at = [&](double p) { return all[static_cast<std::size_t>(p * static_cast<double>(all.size() - 1))]; };
  const double room = 0.5 * (at(0.98) - at(0.02)), low = std::max(at(0.001), at(0.02) - room),
               high = std::min(at(0.999), at(0.98) + room);
  return high > low ? std::pair{low, high} : std::pair{low - 0.5, low + 0.5};
}

struct Box {
  double left, top, width, height;
  std::pair<double, double> x, y;  // of the map
};

// Cells in the mean EW of their galaxies, one path a colour.
std::string cells(const FigureSeries& s, const Box& box, std::pair<double, double> range, std::size_t& outside) {
  const auto columns = static_cast<std::size_t>(box.width / k_cell),
             rows = static_cast<std::size_t>(box.height / k_cell);
  std::map<std::size_t, std::pair<double, std::size_t>> sums;
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    const double u = (s.x[i] - box.x.first) / (box.x.second - box.x.first),
                 v = (s.y[i] - box.y.first) / (box.y.second - box.y.first);
    if (!(u >= 0 && u <= 1 && v >= 0 && v <= 1)) {
      ++outside;
      continue;
    }
    const auto column = std::min(static_cast<std::size_t>(u * static_cast<double>(columns)), columns - 1),
               row = std::min(static_cast<std::size_t>((1 - v) * static_cast<double>(rows)), rows - 1);
    auto& cell = sums[row * columns + column];
    cell.first += std::asinh(s.c[i]);
    ++cell.second;
  }
  std::array<std::string, k_shades> paths;
  const double low = std::asinh(range.first), span = std::max(std::asinh(range.second) - low, 1e-12);
  for (const auto& [at, cell] : sums) {
    const double u = std::clamp((cell.first / static_cast<double>(cell.second) - low) / span, 0.0, 1.0);
    paths[static_cast<std::size_t>(u * (k_shades - 1) + 0.5)] +=
        fmt::format("M{:.1f} {:.2f}h{}", box.left + static_cast<double>(at % columns) * k_cell,
                    box.top + (static_cast<double>(at / columns) + 0.5) * k_cell, k_cell);
  }
  std::string out;
  for (std::size_t k = 0; k < k_shades; ++k)
    if (!paths[k].empty())
      out += fmt::format("<path d=\"{}\" stroke=\"{}\"/>", paths[k], shade(static_cast<double>(k) / (k_shades - 1)));
  return out;
}

// The scale of a row: asinh, a triangle at an end beyond which values lie.
std::string scale_bar(double left, double top, double height, std::pair<double, double> range, bool below, bool above) {
  std::string out;
  const double low = std::asinh(range.first), span = std::max(std::asinh(range.second) - low, 1e-12);
  for (std::size_t k = 0; k < k_shades; ++k)
    out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.2f}\" width=\"5\" height=\"{:.2f}\" fill=\"{}\"/>", left,
                       top + height * (1 - static_cast<double>(k + 1) / k_shades), height / k_shades + 0.1,
                       shade(static_cast<double>(k) / (k_shades - 1)));
  if (above) out += fmt::format("<path d=\"M{:.1f} {:.1f}h5l-2.5 -4z\" fill=\"{}\"/>", left, top - 0.6, shade(1));
  if (below)
    out += fmt::format("<path d=\"M{:.1f} {:.1f}h5l-2.5 4z\" fill=\"{}\"/>", left, top + height + 0.6, shade(0));
  double last = 1e9;
  for (const double ew : {0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0}) {
    if (ew < range.first || ew > range.second) continue;
    const double y = top + height * (1 - (std::asinh(ew) - low) / span);
    if (last - y < 7) continue;
    last = y;
    out += fmt::format(
        "<path d=\"M{:.1f} {:.1f}h2\" stroke=\"#000\" stroke-width=\".5\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\">{:g}</text>",
        left + 5, y, left + 8, y + 2.2, ew);
  }
  return out;
}

}  // namespace

std::string map_panels_svg(const Figure& figure) {
  const std::size_t columns = std::max<std::size_t>(figure.columns, 1), rows = figure.panels.size() / columns;
  const auto x = reach(figure, true), y = reach(figure, false);
  const double width = (k_page - k_left - k_bar - k_gap * static_cast<double>(columns)) / static_cast<double>(columns),
               height = width * std::clamp((y.second - y.first) / (x.second - x.first), 0.45, 1.2),
               page = k_top + static_cast<double>(rows) * (height + k_gap + 4) + k_foot;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.1f}pt\" height=\"{1:.1f}pt\" viewBox=\"0 0 {0:.1f} "
      "{1:.1f}\" "
      "class=\"map\" font-family=\"Helvetica,Arial,'DejaVu Sans',sans-serif\" font-size=\"7\" role=\"img\">\n"
      "<title>{2}</title><desc>{3} {4} galaxies.</desc><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
      k_page, page, html_escape(figure.title), html_escape(figure.caption), figure.n);
  std::size_t beyond = 0;  // galaxies outside of a panel, at most
  for (std::size_t row = 0; row < rows; ++row) {
    const double top = k_top + static_cast<double>(row) * (height + k_gap + 4);
    bool below = false, above = false;
    std::pair<double, double> range{k_nan, k_nan};
    for (std::size_t column = 0; column < columns; ++column) {
      const FigurePanel& p = figure.panels[row * columns + column];
      const double left = k_left + static_cast<double>(column) * (width + k_gap);
      range = p.c_range;
      if (range.first == range.second) range = {0, 1};
      if (row == 0)
        out += fmt::format("<text x=\"{:.1f}\" y=\"8\" text-anchor=\"middle\">{}</text>", left + width / 2,
                           html_escape(p.column));
      std::size_t outside = 0;
      out += fmt::format("<g fill=\"none\" stroke-width=\"{}\">", k_cell);
      for (const auto& s : p.series) {
        out += cells(s, {left, top, width, height, x, y}, range, outside);
        for (const double c : s.c) {
          below |= c < range.first;
          above |= c > range.second;
        }
      }
      beyond = std::max(beyond, outside);
      out += fmt::format(
          "</g><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"none\" "
          "stroke=\"#555\" stroke-width=\".5\"/>",
          left, top, width, height);
      if (!p.note.empty())
        out +=
            fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\" font-size=\"5.5\" fill=\"#333\">{}</text>",
                        left + width - 2, top + height - 2.5, html_escape(p.note));
    }
    out += fmt::format("<text transform=\"translate(7 {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
                       top + height / 2, html_escape(figure.panels[row * columns].row));
    out += scale_bar(k_page - k_bar + 1, top + 5, height - 10, range, below, above) + "\n";
  }
  out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
                     k_left + (k_page - k_left - k_bar) / 2, page - 3,
                     html_escape(figure.x.label + " (across), " + figure.y.label + " (up)" +
                                 (beyond > 0 ? fmt::format("; {} beyond the frame", beyond) : "")));
  out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", k_page - 1, page - 3,
                     html_escape(axis_text(figure.c)));
  return out + "</svg>\n";
}

}  // namespace starglow
