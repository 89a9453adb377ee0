#pragma once
#include <array>
#include <span>

#include "starglow/base/random.hpp"
#include "starglow/model/joint.hpp"

namespace starglow {

/// The (8 x 8) factors of the components' correlations, in the order of a distribution.
using Factors = std::array<std::span<const double>, LineDistribution::k_max_components>;

/// Joint draws of one galaxy: out (10 * draws), draw k of line l at [l * draws + k], the eight independent lines only.
/// key: of the object in stream intrinsic.
void draw_lines(const LineDistribution& d, const Factors& factors, std::span<const std::size_t> lines, Words key,
                std::size_t draws, std::span<float> out);

}  // namespace starglow
