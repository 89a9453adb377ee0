#include "cli/other_predictions.hpp"

#include <limits>
#include <utility>
#include <vector>

#include "cli/output.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/columns.hpp"

namespace starglow::cli {

Matrix<double> columns_with_suffix(const TableReader& reader, const std::string& suffix, const LineSet& lines) {
  Matrix<double> ew(reader.rows(), lines.width(), std::numeric_limits<double>::quiet_NaN());
  bool any = false;
  for (const std::size_t line : lines.lines()) {
    const std::string name = std::string(k_all_lines[line].name) + "_EW" + suffix;
    if (!reader.has_column(name)) continue;
    any = true;
    const auto values = reader.read_column(name, 0, reader.rows());
    for (std::size_t i = 0; i < reader.rows(); ++i) ew(i, line) = values(i, 0);
  }
  if (!any)
    throw Error(ErrorKind::input, "the table has no such prediction columns",
                {"no {LINE}_EW" + suffix, "HALPHA_EW" + suffix + " ...", ""});
  return ew;
}

void write_predictions(const std::string& path, const Galaxies& table, const Matrix<double>& ew,
                       const Matrix<double>& pulls, const LineSet& lines, const Settings& settings) {
  std::vector<ColumnInfo> columns{column("TARGETID")};
  const std::vector<LineInfo> infos = lines.infos();
  for (auto& its : line_columns("_EW", infos)) columns.push_back(std::move(its));
  if (!pulls.empty())
    for (auto& its : line_columns("_EW_GIVEN_PULL", infos)) columns.push_back(std::move(its));
  TableWriter writer(path, columns, table.conventions, settings.flag("overwrite"));
  writer.write("TARGETID", 0, std::span<const std::int64_t>(table.targetid));
  std::vector<float> values(table.n);
  for (const auto& [from, suffix] : {std::pair{&ew, "_EW"}, std::pair{&pulls, "_EW_GIVEN_PULL"}})
    for (const std::size_t line : lines.lines()) {
      if (from->empty()) break;
      for (std::size_t i = 0; i < table.n; ++i) values[i] = static_cast<float>((*from)(i, line));
      writer.write(std::string(k_all_lines[line].name) + suffix, 0, std::span<const float>(values));
    }
  Provenance provenance = provenance_of(settings);
  provenance.add_input(settings.positionals().at(0));
  writer.commit(provenance);
}

}  // namespace starglow::cli
