#pragma once
#include <algorithm>

#include "starglow/model/model.hpp"

namespace starglow {

/// With the correlations of a head.
JointDistribution with_factor(const LineDistribution& lines, const JointHead& head);

/// What the options give of one row, whose distribution without it is `d`.
Evidence evidence_at(const Model& model, const Galaxies& galaxies, std::size_t row, const PredictOptions& options,
                     const LineDistribution& d);

inline bool knows(const Evidence& evidence) {
  return std::any_of(evidence.begin(), evidence.end(),
                     [](const LineEvidence& e) { return e.kind != LineEvidence::Kind::none; });
}

/// Slopes (10 x 10) by given EWs, made as if the strong member of each doublet had been given: where it was the weak
/// one, they go to its column. Nothing counted: all 0.
void to_given_partners(const GivenLines& given, std::size_t row, std::span<const double> ew_ratio, bool counted,
                       std::span<double> slopes);

/// Error(model): a point model. Error(usage): given lines of another shape. Error(input): a cut, and neither EW_IVAR
/// nor a noise law.
void check_conditions(const Model& model, const Galaxies& galaxies, const PredictOptions& options);

}  // namespace starglow
