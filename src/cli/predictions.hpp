#pragma once
#include <string>

#include "cli/console.hpp"
#include "starglow/base/galaxies.hpp"
#include "starglow/judge/evaluate.hpp"

namespace starglow::cli {

/// The predicted EWs of a file for the galaxies of a table, matched by TARGETID, SURVEY and PROGRAM; NaN where it has
/// none, which is said. Error(input): no predictions, no ids, or none of the table's galaxies.
NamedPrediction predictions_of_file(const std::string& path, const Galaxies& table, Console& console,
                                    const LineSet& lines = LineSet::standard());

/// The lines of a file of predictions: its own, where it has further ones than the ten.
LineSet lines_of_file(const std::string& path);

}  // namespace starglow::cli
