#pragma once
#include <span>
#include <utility>
#include <vector>

namespace starglow {

/// Outline of the densest region that holds a fraction of the points, in a kernel density estimate (normal kernel,
/// Scott's rule: sd n^(-1/6) along each axis) on a grid.
struct Contour {
  std::vector<double> x, y;  ///< pieces of line one after the other, NaN between two; empty for fewer than 20 points
};

/// Contours of `fractions` of the finite points within the ranges; those outside count as outside.
std::vector<Contour> density_contours(std::span<const double> x, std::span<const double> y,
                                      std::span<const double> fractions, std::pair<double, double> x_range,
                                      std::pair<double, double> y_range);

}  // namespace starglow
