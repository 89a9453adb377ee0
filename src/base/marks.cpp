#include "starglow/base/marks.hpp"

#include <limits>

namespace starglow {
namespace {

void clear(Matrix<float>& ew, Matrix<float>& ivar) {
  const auto values = ew.flat();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (can_be_measured(static_cast<double>(values[i]))) continue;
    values[i] = std::numeric_limits<float>::quiet_NaN();
    if (!ivar.empty()) ivar.flat()[i] = 0;
  }
}

}  // namespace

void clear_marks(Galaxies& galaxies) {
  clear(galaxies.ew, galaxies.ew_ivar);
  clear(galaxies.sum_ew, galaxies.sum_ew_ivar);
}

}  // namespace starglow
