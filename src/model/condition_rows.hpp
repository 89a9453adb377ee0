#pragma once
#include <span>

#include "starglow/model/condition.hpp"

namespace starglow {

/// The lines of one galaxy and what is known of them.
struct KnownRow {
  JointDistribution* joint = nullptr;  ///< before, and after
  const Evidence* evidence = nullptr;
};

/// condition() of many galaxies under one joint head, to about 1e-6 of each line's standard deviation: the sites of all
/// are made together by the kernel. A galaxy's result does not depend on the others. `factors`: the answers have them;
/// otherwise those of the head stay.
void condition_rows(std::span<const KnownRow> rows, const JointHead& head, bool factors);

}  // namespace starglow
