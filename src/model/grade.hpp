#pragma once
#include <algorithm>

#include "starglow/model/domain.hpp"

namespace starglow {

/// Domain::grade() of a score: half of it at the threshold, which 1 % of the training galaxies lie beyond; all where
/// the logarithm is twice that.
inline double grade_of(const Domain& domain, double score) {
  return std::clamp(k_limit_grade * score / domain.parts().threshold, 0.0, 1.0);
}

}  // namespace starglow
