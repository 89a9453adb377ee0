#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "starglow/base/lines.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/features.hpp"

namespace starglow {

/// The baselines: a galaxy's lines from those of the training galaxies that look most like it. Features are
/// standardised and projected on their first principal components; neighbours are the k nearest there, by Euclidean
/// distance, with weights 1/distance.
///  - kind "knn": the weighted mean of their asinh EW;
///  - kind "llr": a weighted linear regression of asinh EW on a constant and the components (Beck et al. 2016, MNRAS
///    460, 1371: five components, k = 30), its value clamped to the range of the neighbours' values.
/// They see what a network of the same features sees.
struct NeighbourBank {
  bool local_linear = false;
  std::size_t k = 30;
  FeatureRecipe features;
  std::vector<double> x_mean, x_scale;  ///< (n_in)
  Matrix<double> components;            ///< (n_components, n_in), rows of length 1
  Matrix<float> points;                 ///< (n, n_components): the training galaxies, projected
  Matrix<float> t;                      ///< (n, 8): asinh(EW/A) of the independent lines, NaN = no label
  std::vector<double> t_mean;           ///< (8): the answer where no neighbour has a label

  std::size_t n_components() const noexcept { return components.rows(); }
  void check() const;  ///< Error(model) unless the shapes fit and the numbers are finite
};

}  // namespace starglow
