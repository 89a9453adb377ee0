#pragma once
#include <Eigen/Dense>

#include "starglow/base/lines.hpp"

namespace starglow {

/// Of the places of a distribution (LineSlots::places()).
template <std::size_t n>
using SquareOf = Eigen::Matrix<double, static_cast<int>(n), static_cast<int>(n)>;
template <std::size_t n>
using VectorOf = Eigen::Matrix<double, static_cast<int>(n), 1>;

/// Of the eight independent lines.
using Matrix8 = SquareOf<k_n_independent_lines>;
using Vector8 = VectorOf<k_n_independent_lines>;

}  // namespace starglow
