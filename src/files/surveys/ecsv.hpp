#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace starglow::files {

/// A table of numbers and words in astropy's ECSV, whole in memory.
struct Ecsv {
  struct Column {
    std::string name, unit;
    std::vector<std::string> cells;  ///< "" where masked
  };
  std::vector<Column> columns;
  std::map<std::string, std::string> meta;  ///< plain values of the header
  std::size_t rows() const noexcept { return columns.empty() ? 0 : columns[0].cells.size(); }
  /// The column of this name, without regard to case; null: none.
  const Column* find(std::string_view name) const noexcept;
};

/// Error(input): no ECSV file, more than 256 MiB, rows that do not fit the header, a column of arrays.
Ecsv read_ecsv(const std::filesystem::path& path);

/// Numbers of a column, NaN where a cell is empty. Error(input): words; `file` names the file.
std::vector<double> numbers_of(const Ecsv::Column& column, const std::string& file);

}  // namespace starglow::files
