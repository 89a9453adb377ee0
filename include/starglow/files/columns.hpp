#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/lines.hpp"
#include "starglow/files/table.hpp"

namespace starglow {

/// A column that every part of the project writes in the same way (docs/tables.md); `{LINE}` columns by their suffix.
struct ColumnFacts {
  std::string_view name;   ///< "Z"; of lines the suffix, "_EW"
  char type;               ///< as in ColumnInfo
  std::int64_t repeat;     ///< elements a row
  std::string_view unit;   ///< TUNIT
  std::string_view about;  ///< what it is, for TCOMM and docs/data-model.md
};
/// The columns of galaxies, and those of which there is one a line.
std::span<const ColumnFacts> galaxy_columns() noexcept;
std::span<const ColumnFacts> line_column_facts() noexcept;

/// What a column of this name is, `{LINE}` columns with the line's label; "" = none of the schema.
std::string about_column(std::string_view name);
/// docs/data-model.md: every column with type, unit and meaning.
std::string data_model_page();

/// A column of galaxies by its name. Error(usage): none of galaxy_columns().
ColumnInfo column(std::string_view name);
/// {LINE}`suffix` of lines, `repeat` elements a row. Error(usage): none of line_column_facts().
std::vector<ColumnInfo> line_columns(std::string_view suffix, std::span<const LineInfo> lines = k_lines,
                                     std::size_t repeat = 1);
/// The same column of integers, with the value that stands for none.
ColumnInfo with_null(ColumnInfo integers);
/// A column of a name that only the caller knows, in single precision: magnitudes, parameters.
ColumnInfo float_column(std::string name, std::string_view unit);

}  // namespace starglow
