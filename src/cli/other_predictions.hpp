#pragma once
#include <string>

#include "cli/settings.hpp"
#include "starglow/base/line_set.hpp"
#include "starglow/base/view.hpp"
#include "starglow/files/table.hpp"

namespace starglow::cli {

/// EWs (rows, 10) of the columns {LINE}_EW<suffix> of a table; NaN where there is no such column. Error(input): none.
Matrix<double> columns_with_suffix(const TableReader& reader, const std::string& suffix,
                                   const LineSet& lines = LineSet::standard());

/// A table of TARGETID, the EWs and, where they are, the pulls (rows, 10), with provenance.
void write_predictions(const std::string& path, const Galaxies& table, const Matrix<double>& ew,
                       const Matrix<double>& pulls, const LineSet& lines, const Settings& settings);

}  // namespace starglow::cli
