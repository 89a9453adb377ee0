#pragma once
#include <array>

#include "model/slopes.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/condition.hpp"

namespace starglow {

/// Slopes of t at p16, the median and p84 of a conditioned distribution, line by line.
struct ConditionedSlopes {
  std::array<Matrix<double>, 3> by_feature;  ///< (places, n_in + 2): the last two by Adjustment::r and widen
  std::array<Matrix<double>, 3> by_ew;       ///< (places, places): by the measured EW of each independent line
};
/// Error(model): more features than the code has room for.
ConditionedSlopes condition_slopes(const NetworkBank& bank, const RowOutputs& outputs, const Evidence& evidence);

}  // namespace starglow
