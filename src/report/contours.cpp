#include "report/contours.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace starglow {
namespace {

constexpr std::size_t k_grid = 96, k_fewest = 20;
constexpr double k_reach = 4;  // of the kernel, in its sd

double sd_of(const std::vector<double>& v) {
  const double n = static_cast<double>(v.size()), mean = std::accumulate(v.begin(), v.end(), 0.0) / n;
  double sum = 0;
  for (const double x : v) sum += (x - mean) * (x - mean);
  return std::sqrt(sum / n);
}

// Densities at k_grid cells along one axis become those smoothed by a normal kernel of `sd` cells.
void smooth(std::vector<double>& cells, double sd, std::size_t step, std::size_t other) {
  const auto reach = static_cast<std::ptrdiff_t>(std::ceil(k_reach * sd));
  std::vector<double> kernel;
  for (std::ptrdiff_t d = -reach; d <= reach; ++d)
    kernel.push_back(std::exp(-0.5 * std::pow(static_cast<double>(d) / sd, 2)));
  const double sum = std::accumulate(kernel.begin(), kernel.end(), 0.0);
  std::array<double, k_grid> line;
  for (std::size_t l = 0; l < k_grid; ++l) {
    for (std::size_t i = 0; i < k_grid; ++i) line[i] = cells[l * other + i * step];
    for (std::size_t i = 0; i < k_grid; ++i) {
      double total = 0;
      for (std::ptrdiff_t d = -reach; d <= reach; ++d) {
        const auto from = static_cast<std::ptrdiff_t>(i) + d;
        if (from >= 0 && from < static_cast<std::ptrdiff_t>(k_grid))
          total += kernel[static_cast<std::size_t>(d + reach)] * line[static_cast<std::size_t>(from)];
      }
      cells[l * other + i * step] = total / sum;
    }
  }
}

}  // namespace

std::vector<Contour> density_contours(std::span<const double> x, std::span<const double> y,
                                      std::span<const double> fractions, std::pair<double, double> x_range,
                                      std::pair<double, double> y_range) {
  std::vector<Contour> out(fractions.size());
  std::vector<double> px, py;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (std::isfinite(x[i]) && std::isfinite(y[i])) {
      px.push_back(x[i]);
      py.push_back(y[i]);
    }
  if (px.size() < k_fewest) return out;
  const double wide = (x_range.second - x_range.first) / k_grid, high = (y_range.second - y_range.first) / k_grid;
  const double rule = std::pow(static_cast<double>(px.size()), -1.0 / 6);
  std::vector<double> cells(k_grid * k_grid, 0.0);
  const auto cell = [](double v, double low, double size) {
    const double at = std::floor((v - low) / size);
    return at >= 0 && at < k_grid ? static_cast<std::size_t>(at) : k_grid;
  };
  std::vector<std::size_t> place;
  for (std::size_t i = 0; i < px.size(); ++i) {
    const std::size_t cx = cell(px[i], x_range.first, wide), cy = cell(py[i], y_range.first, high);
    if (cx == k_grid || cy == k_grid) continue;
    place.push_back(cy * k_grid + cx);
    cells[place.back()] += 1;
  }
  smooth(cells, std::max(sd_of(px) * rule / wide, 0.5), 1, k_grid);
  smooth(cells, std::max(sd_of(py) * rule / high, 0.5), k_grid, 1);
  std::vector<double> of_points;
  for (const std::size_t p : place) of_points.push_back(cells[p]);
  std::sort(of_points.begin(), of_points.end(), std::greater<>());

  for (std::size_t f = 0; f < fractions.size(); ++f) {
    const auto wanted = static_cast<std::size_t>(std::ceil(fractions[f] * static_cast<double>(px.size())));
    if (wanted == 0 || wanted > of_points.size()) continue;  // it would leave the ranges
    const double level = of_points[wanted - 1];
    const auto value = [&](std::size_t cx, std::size_t cy) { return cells[cy * k_grid + cx]; };
    const auto add = [&](double cx, double cy) {  // in cells, from the middle of the first
      out[f].x.push_back(x_range.first + (cx + 0.5) * wide);
      out[f].y.push_back(y_range.first + (cy + 0.5) * high);
    };
    // Squares between four cells: each side that the level crosses gives a point; two points make a piece.
    for (std::size_t cy = 0; cy + 1 < k_grid; ++cy)
      for (std::size_t cx = 0; cx + 1 < k_grid; ++cx) {
        const std::array<std::array<double, 3>, 5> corner{{{0, 0, value(cx, cy)},
                                                           {1, 0, value(cx + 1, cy)},
                                                           {1, 1, value(cx + 1, cy + 1)},
                                                           {0, 1, value(cx, cy + 1)},
                                                           {0, 0, value(cx, cy)}}};
        std::size_t n = 0;
        for (std::size_t k = 0; k < 4; ++k) {
          const auto &a = corner[k], &b = corner[k + 1];
          if ((a[2] >= level) == (b[2] >= level)) continue;
          const double t = (level - a[2]) / (b[2] - a[2]);
          add(static_cast<double>(cx) + std::lerp(a[0], b[0], t), static_cast<double>(cy) + std::lerp(a[1], b[1], t));
          if (++n % 2 == 0) {
            out[f].x.push_back(std::numeric_limits<double>::quiet_NaN());
            out[f].y.push_back(std::numeric_limits<double>::quiet_NaN());
          }
        }
      }
  }
  return out;
}

}  // namespace starglow
