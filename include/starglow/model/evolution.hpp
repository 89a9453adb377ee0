#pragma once
#include <string>

#include "starglow/model/joint.hpp"

namespace starglow {

/// How lines of active galaxies grow with redshift at equal continuum, beyond the redshifts of a training: EW as
/// ((1 + z)/(1 + z0))^power, with a scatter of ln EW of width ln((1 + z)/(1 + z0)); nothing below z0. docs/evolution.md
/// has the numbers and their sources.
struct Evolution {
  double z0 = 0;
  LineDistribution::PerLine power{}, width{};  ///< in the order of k_independent_lines

  /// "0.31: OII_DOUBLET 1.6 0.5, HALPHA 1.3 0.3, ...": z0, then power and width of each independent line; a line that
  /// is not named does not grow. Error(usage).
  static Evolution parse(const std::string& text, const LineSet& lines = LineSet::standard());
  /// ln((1 + z)/(1 + z0)); 0 below z0 and where z is not known.
  double log_growth(double z) const noexcept;
};

}  // namespace starglow
