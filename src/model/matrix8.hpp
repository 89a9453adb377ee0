#pragma once
#include <Eigen/Dense>

#include "starglow/base/lines.hpp"

namespace starglow {

/// Of the eight independent lines.
using Matrix8 = Eigen::Matrix<double, k_n_independent_lines, k_n_independent_lines>;
using Vector8 = Eigen::Matrix<double, k_n_independent_lines, 1>;

}  // namespace starglow
