// A figure as SVG: axes with round ticks, lines, steps, bands, points, matrices. Colours are CSS variables of the page
// (report.cpp) with a fallback, chosen to differ for colour-blind eyes (Okabe & Ito 2008).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "report/figure_text.hpp"
#include "report/text_html.hpp"
#include "starglow/report/figure.hpp"

namespace starglow {
namespace {

constexpr double k_width = 250, k_height = 200, k_left = 44, k_right = 8, k_top = 20, k_bottom = 38;
constexpr double k_legend = 18;

struct Frame {
  double x0, x1, y0, y1;  // data
  double left, top;       // of the panel, px
  double x(double v) const { return left + k_left + (v - x0) / (x1 - x0) * (k_width - k_left - k_right); }
  double y(double v) const { return top + k_height - k_bottom - (v - y0) / (y1 - y0) * (k_height - k_top - k_bottom); }
  bool holds(double a, double b) const { return a >= x0 && a <= x1 && b >= y0 && b <= y1; }
};

// 4 to 7 ticks at 1, 2 or 5 times a power of ten.
std::vector<double> ticks(double low, double high) {
  const double rough = (high - low) / 5, power = std::pow(10.0, std::floor(std::log10(rough)));
  const double step = power * (rough / power < 1.5 ? 1 : rough / power < 3.5 ? 2 : rough / power < 7.5 ? 5 : 10);
  std::vector<double> out;
  for (double at = std::ceil(low / step) * step; at <= high + 1e-9 * step; at += step)
    out.push_back(std::fabs(at) < 1e-9 * step ? 0 : at);
  return out;
}

std::string colour_of(const std::string& label, std::size_t place) {
  static const std::map<std::string, std::string, std::less<>> known{
      {"observed", "var(--observed,#222)"},
      {"measurements", "var(--observed,#222)"},
      {"galaxies", "var(--quiet,#8a8f98)"},
      {"predicted", "#e69f00"},
      {"predicted + noise", "#009e73"},
      {"68 %", "#e69f00"},
      {"median", "#d55e00"},
      {"one to one", "var(--observed,#222)"},
      {"flat", "var(--quiet,#8a8f98)"},
      {"68.3 %", "var(--observed,#222)"},
      {"Kauffmann et al. 2003", "var(--observed,#222)"},
      {"Kewley et al. 2001", "var(--observed,#222)"},
      {"95 %", "#cc79a7"},
  };
  if (const auto found = known.find(label); found != known.end()) return found->second;
  static constexpr std::array<const char*, 8> others{"#0072b2", "#e69f00", "#009e73", "#cc79a7",
                                                     "#56b4e9", "#d55e00", "#7a5195", "#b8a000"};
  return others[place % others.size()];
}

void extend(std::pair<double, double>& range, const std::vector<double>& v) {
  for (const double x : v)
    if (std::isfinite(x)) range = {std::min(range.first, x), std::max(range.second, x)};
}

Frame frame_of(const FigurePanel& p, double left, double top) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  auto x = p.x_range, y = p.y_range;
  if (x.first == x.second) {
    x = {inf, -inf};
    for (const auto& s : p.series) extend(x, s.x);
  }
  if (y.first == y.second) {
    y = {inf, -inf};
    bool from_zero = false;
    for (const auto& s : p.series) {
      extend(y, s.y);
      extend(y, s.y_low);
      extend(y, s.y_high);
      from_zero |= s.style == "steps";
    }
    if (from_zero) y.first = std::min(0.0, y.first);
    y.second += 0.05 * (y.second - y.first);
  }
  if (!(x.second > x.first)) x = {0, 1};
  if (!(y.second > y.first)) y = {0, 1};
  return {x.first, x.second, y.first, y.second, left, top};
}

// A number as it is printed: with a minus sign, not a hyphen.
std::string number(double value, const char* form) {
  std::string out = fmt::format(fmt::runtime(form), value);
  if (out.starts_with('-')) out.replace(0, 1, "−");
  return out;
}

// A curve inside of the frame: what leaves it ends at the edge, where it crosses it.
std::string curve_of(const FigureSeries& s, const Frame& f) {
  std::string d;
  for (std::size_t k = 1; k < s.x.size(); ++k) {
    const double ax = s.x[k - 1], ay = s.y[k - 1], bx = s.x[k], by = s.y[k];
    if (!std::isfinite(ax) || !std::isfinite(ay) || !std::isfinite(bx) || !std::isfinite(by)) continue;
    double from = 0, to = 1;  // the part of the step that lies inside (Liang & Barsky 1984)
    for (const auto& [start, step, low, high] :
         {std::array{ax, bx - ax, f.x0, f.x1}, std::array{ay, by - ay, f.y0, f.y1}}) {
      if (step == 0) {
        if (start < low || start > high) to = -1;
        continue;
      }
      const double a = (low - start) / step, b = (high - start) / step;
      from = std::max(from, std::min(a, b));
      to = std::min(to, std::max(a, b));
    }
    if (!(to > from)) continue;
    const auto at = [&](double u) {
      return fmt::format("{:.1f} {:.1f}", f.x(std::lerp(ax, bx, u)), f.y(std::lerp(ay, by, u)));
    };
    const std::string start = at(from);
    d += (d.ends_with("L" + start) ? "" : "M" + start) + "L" + at(to);
  }
  return d;
}

std::string path_of(const FigureSeries& s, const Frame& f) {
  std::string d;
  bool pen = false;
  const auto to = [&](double x, double y) {
    if (!std::isfinite(x) || !std::isfinite(y)) {
      pen = false;
      return;
    }
    d +=
        fmt::format("{}{:.1f} {:.1f}", pen ? "L" : "M", f.x(std::clamp(x, f.x0, f.x1)), f.y(std::clamp(y, f.y0, f.y1)));
    pen = true;
  };
  if (s.style == "steps") {
    for (std::size_t k = 0; k < s.y.size(); ++k) {
      to(s.x[k], s.y[k]);
      to(s.x[k + 1], s.y[k]);
    }
  } else if (s.style == "band") {
    for (std::size_t k = 0; k < s.x.size(); ++k) to(s.x[k], s.y_low[k]);
    for (std::size_t k = s.x.size(); k-- > 0;) to(s.x[k], s.y_high[k]);
    d += "Z";
  } else if (s.style == "points") {
    for (std::size_t k = 0; k < s.x.size(); ++k)
      if (f.holds(s.x[k], s.y[k])) d += fmt::format("M{:.1f} {:.1f}h0", f.x(s.x[k]), f.y(s.y[k]));
  } else {
    d = curve_of(s, f);
  }
  return d;
}

std::string style_of(const FigureSeries& s, const std::string& colour) {
  if (s.style == "points")
    return fmt::format(
        "fill=\"none\" style=\"stroke:{}\" stroke-width=\"1.7\" stroke-linecap=\"round\" "
        "stroke-opacity=\".45\"",
        colour);
  if (s.style == "band") return fmt::format("style=\"fill:{}\" fill-opacity=\".3\" stroke=\"none\"", colour);
  return fmt::format("fill=\"none\" style=\"stroke:{}\" stroke-width=\"1.4\"{}", colour,
                     s.style == "dash" ? " stroke-dasharray=\"4 3\"" : "");
}

std::string label_of(const FigureAxis& axis) { return html_escape(axis_text(axis)); }

// The note of a panel, a line of it below the other, in the corner of the frame where the fewest points and curves
// pass.
std::string note_of(const FigurePanel& p, const Frame& f) {
  if (p.note.empty()) return "";
  std::vector<std::string> lines;
  std::size_t widest = 0;
  for (std::size_t at = 0; at <= p.note.size();) {
    const auto end = std::min(p.note.find('\n', at), p.note.size());
    lines.push_back(p.note.substr(at, end - at));
    widest = std::max(widest, lines.back().size());
    at = end + 1;
  }
  const double left = f.left + k_left, right = f.left + k_width - k_right, top = f.top + k_top,
               bottom = f.top + k_height - k_bottom, width = 5.2 * static_cast<double>(widest) + 8,
               height = 11 * static_cast<double>(lines.size()) + 6;
  double x = 0, y = 0;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (const bool at_top : {true, false})
    for (const bool at_left : {true, false}) {
      const double x0 = at_left ? left : right - width, y0 = at_top ? top : bottom - height;
      std::size_t inside = 0;
      for (const auto& s : p.series)
        for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i)
          inside +=
              f.x(s.x[i]) > x0 && f.x(s.x[i]) < x0 + width && f.y(s.y[i]) > y0 && f.y(s.y[i]) < y0 + height ? 1U : 0U;
      if (inside < least) {
        least = inside;
        x = x0 + 4;
        y = y0 + 11;
      }
    }
  std::string out;
  for (const auto& line : lines) {
    out += fmt::format("<text class=\"note\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", x, y, html_escape(line));
    y += 11;
  }
  return out;
}

// Characters as they are seen: UTF-8 bytes that go on do not count.
std::size_t letters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// The key: an entry a label, in as many rows as the width asks for. Returns its height.
double key_of(const Figure& f, double width, std::string& out) {
  double at = 6, row = 0;
  std::vector<std::string> seen;
  for (const auto& p : f.panels)
    for (std::size_t k = 0; k < p.series.size(); ++k) {
      const auto& s = p.series[k];
      if (std::find(seen.begin(), seen.end(), s.label) != seen.end()) continue;
      seen.push_back(s.label);
      const double length = 34 + 6.2 * static_cast<double>(letters(s.label));
      if (at > 6 && at + length > width) {
        at = 6;
        ++row;
      }
      const double y = 9 + k_legend * row;
      out += fmt::format(
          "<path d=\"M{:.0f} {:.0f}h18\" style=\"stroke:{}\" stroke-width=\"{}\"{}/><text x=\"{:.0f}\" "
          "y=\"{:.0f}\">{}</text>",
          at, y, colour_of(s.label, k),
          s.style == "band"     ? 8
          : s.style == "points" ? 4
                                : 2,
          s.style == "dash"   ? " stroke-dasharray=\"4 3\""
          : s.style == "band" ? " stroke-opacity=\".3\""
                              : "",
          at + 22, y + 3, html_escape(s.label));
      at += length;
    }
  return seen.empty() ? 0 : k_legend * (row + 1);
}

std::string curves(const Figure& figure, const FigurePanel& p, double left, double top) {
  const Frame f = frame_of(p, left, top);
  std::string out;
  const double bottom = top + k_height - k_bottom, right = left + k_width - k_right;
  for (const double at : ticks(f.x0, f.x1))
    out += fmt::format(
        "<path class=\"tick\" d=\"M{0:.1f} {1:.1f}v4\"/><text x=\"{0:.1f}\" y=\"{2:.1f}\" "
        "text-anchor=\"middle\">{3}</text>",
        f.x(at), bottom, bottom + 14, number(at, "{:.4g}"));
  for (const double at : ticks(f.y0, f.y1))
    out += fmt::format(
        "<path class=\"tick\" d=\"M{0:.1f} {1:.1f}h-4\"/><text x=\"{2:.1f}\" y=\"{3:.1f}\" "
        "text-anchor=\"end\">{4}</text>",
        left + k_left, f.y(at), left + k_left - 6, f.y(at) + 3, number(at, "{:.4g}"));
  for (std::size_t k = 0; k < p.series.size(); ++k)
    out += fmt::format("<path d=\"{}\" {}/>", path_of(p.series[k], f),
                       style_of(p.series[k], colour_of(p.series[k].label, k)));
  out += fmt::format("<path class=\"frame\" d=\"M{:.1f} {:.1f}H{:.1f}V{:.1f}H{:.1f}Z\"/>", left + k_left, top + k_top,
                     right, bottom, left + k_left);
  out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>", (left + k_left + right) / 2,
                     bottom + 30, label_of(figure.x));
  out += fmt::format("<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
                     left + 10, (top + k_top + bottom) / 2, label_of(figure.y));
  return out + note_of(p, f);
}

std::string matrix(const FigureMatrix& m, double left, double top) {
  std::string out;
  const double label = 78,
               cell_w = (k_width - label - 4) / static_cast<double>(std::max<std::size_t>(m.columns.size(), 1)),
               foot = 70,  // for the names of the columns
      cell_h = (k_height - k_top - foot) / static_cast<double>(std::max<std::size_t>(m.rows.size(), 1));
  for (std::size_t j = 0; j < m.columns.size(); ++j)
    out += fmt::format("<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\" text-anchor=\"end\">{}</text>",
                       left + label + (static_cast<double>(j) + 0.5) * cell_w + 3, top + k_height - foot + 4,
                       html_escape(m.columns[j]));
  for (std::size_t i = 0; i < m.rows.size(); ++i) {
    const double y = top + k_top + static_cast<double>(i) * cell_h;
    out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", left + label - 4,
                       y + cell_h / 2 + 3, html_escape(m.rows[i]));
    for (std::size_t j = 0; j < m.columns.size(); ++j) {
      const double v = m.values[i][j];
      if (!std::isfinite(v)) continue;
      out += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\" "
          "fill-opacity=\"{:.2f}\"><title>{}, {}: {}</title></rect>"
          "<text class=\"cell\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
          left + label + static_cast<double>(j) * cell_w, y, cell_w - 1, cell_h - 1, v < 0 ? "#0072b2" : "#d55e00",
          std::min(1.0, std::fabs(v)), html_escape(m.rows[i]), html_escape(m.columns[j]), number(v, "{:.3f}"),
          left + label + (static_cast<double>(j) + 0.5) * cell_w, y + cell_h / 2 + 3, number(v, "{:.2f}"));
    }
  }
  return out;
}

}  // namespace

std::string figure_svg(const Figure& f, std::size_t columns) {
  columns = std::clamp<std::size_t>(columns, 1, std::max<std::size_t>(f.panels.size(), 1));
  const std::size_t rows = (f.panels.size() + columns - 1) / columns;
  const double width = k_width * static_cast<double>(columns);
  std::string key;
  const double head = key_of(f, width, key), height = head + k_height * static_cast<double>(rows);
  std::string out =
      fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" style=\"max-width:{:.0f}px\" role=\"img\" aria-label=\"{}\">",
                  width, height, width, html_escape(f.title + ". " + f.caption)) +
      key;
  for (std::size_t k = 0; k < f.panels.size(); ++k) {
    const double left = k_width * static_cast<double>(k % columns),
                 top = head + k_height * static_cast<double>(k / columns);
    out += fmt::format("<text class=\"panel\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
                       left + (k_left + k_width - k_right) / 2, top + 14, html_escape(f.panels[k].title));
    out +=
        f.panels[k].matrix.values.empty() ? curves(f, f.panels[k], left, top) : matrix(f.panels[k].matrix, left, top);
  }
  return out + "</svg>";
}

}  // namespace starglow
