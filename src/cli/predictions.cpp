#include "cli/predictions.hpp"

#include <limits>

#include "files/fits/join.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/table.hpp"

namespace starglow::cli {

NamedPrediction predictions_of_file(const std::string& path, const Galaxies& table, Console& console,
                                    const LineSet& lines) {
  const TableReader reader(path);
  for (const auto& note : reader.notes()) console.warn(path + ": " + note);
  const Galaxies other = reader.read(0, reader.rows(), lines.width());
  if (other.ew.empty()) throw Error(ErrorKind::input, "'" + path + "' has no {LINE}_EW columns");
  if (other.targetid.empty() || table.targetid.empty())
    throw Error(ErrorKind::input, "predictions from a file need TARGETID",
                {"no such column", "TARGETID in both tables", ""});
  // By SURVEY and PROGRAM too: TARGETIDs repeat over surveys.
  const auto rows = files::match_rows({table.targetid, table.survey, table.program},
                                      {other.targetid, other.survey, other.program}, "'" + path + "'");
  NamedPrediction out{path, Matrix<double>(table.n, lines.width(), std::numeric_limits<double>::quiet_NaN())};
  std::size_t missing = 0;
  for (std::size_t i = 0; i < table.n; ++i) {
    if (rows[i] == files::k_no_row) {
      ++missing;
      continue;
    }
    for (const std::size_t line : lines.lines()) out.ew(i, line) = static_cast<double>(other.ew(rows[i], line));
  }
  if (missing == table.n && table.n > 0)
    throw Error(
        ErrorKind::input, "'" + path + "' has no galaxy of the table",
        {"no common TARGETID (with SURVEY and PROGRAM, where both tables have them)", "predictions of the table", ""});
  if (missing > 0)
    console.info("'" + path + "' has no prediction of " + std::to_string(missing) + " of " + std::to_string(table.n) +
                 " galaxies: the scores are those of the others");
  return out;
}

LineSet lines_of_file(const std::string& path) {
  const TableReader reader(path);
  std::vector<std::size_t> lines;
  for (std::size_t line = 0; line < k_n_all_lines; ++line)
    if (reader.has_column(std::string(k_all_lines[line].name) + "_EW")) lines.push_back(line);
  if (lines.empty() || lines.back() < k_n_lines) return LineSet::standard();
  return LineSet(std::move(lines));
}

}  // namespace starglow::cli
