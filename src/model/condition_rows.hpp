#pragma once
#include <span>

#include "starglow/model/condition.hpp"

namespace starglow {

/// The lines of one galaxy and what is known of them.
struct KnownRow {
  JointDistribution* joint = nullptr;  ///< before, and after
  const Evidence* evidence = nullptr;
};

/// condition() of many galaxies, to about 1e-6 of each line's standard deviation: the sites of neighbours that have the
/// same correlations (those of one joint head) are made together by the kernel. A galaxy's result does not depend on
/// the others. `factors`: the answers have them; otherwise those from before stay.
void condition_rows(std::span<const KnownRow> rows, bool factors);

}  // namespace starglow
