#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/files/provenance.hpp"

namespace starglow {

/// A column of a FITS binary table.
struct ColumnInfo {
  std::string name;
  char type = 'D';                     ///< L B I J K E D A (FITS letter)
  std::int64_t repeat = 1;             ///< elements a row
  std::string unit;                    ///< TUNIT; "" = none. A reader names the unit that it converts to
  std::optional<std::int64_t> null{};  ///< of integers: the value that means none (TNULL)

  bool is_text() const noexcept { return type == 'A'; }
  bool is_real() const noexcept { return type == 'E' || type == 'D'; }
};

/// Reads a table of galaxies from FITS: HDU `GALAXIES`, else the first table with BAND_FLUX, else the first. gzip files
/// too. Columns go by name, without regard to case where that is not ambiguous, in any numeric type and any unit of
/// their dimension; ids stay integers. Headers are checked before the library sees the file, checksums where present.
class TableReader {
 public:
  /// Error(input): no such file, broken structure, wrong checksum, wrong unit, wrong number of bands.
  explicit TableReader(const std::filesystem::path& path);
  ~TableReader();
  TableReader(TableReader&&) noexcept;
  TableReader& operator=(TableReader&&) noexcept;

  std::size_t rows() const noexcept;
  const std::vector<ColumnInfo>& columns() const noexcept;
  const Conventions& conventions() const noexcept;
  bool has_column(std::string_view name) const noexcept;
  /// What a reader should know: absent units, bytes after the end, absent ids.
  const std::vector<std::string>& notes() const noexcept;

  /// Rows [first, first + count) with all contract columns that the table has; memory for these rows only. `lines`:
  /// columns of ew and ew_ivar, k_n_lines or k_n_all_lines (LineSet::width()).
  Galaxies read(std::size_t first, std::size_t count, std::size_t lines = k_n_lines) const;
  /// A numeric column as doubles, (count, repeat), in the units of docs/tables.md; nulls are NaN. Error(input): no such
  /// column, or text.
  Matrix<double> read_column(std::string_view name, std::size_t first, std::size_t count) const;
  /// A numeric column as integers, (count * repeat), row by row; a null is k_null_id. TARGETID may be text of digits.
  std::vector<std::int64_t> read_integers(std::string_view name, std::size_t first, std::size_t count) const;
  /// A text column (type A), trailing blanks removed. Error(input): no such column, or numbers.
  std::vector<std::string> read_text(std::string_view name, std::size_t first, std::size_t count) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The whole table at once.
Galaxies read_table(const std::filesystem::path& path);

/// Writes a table of galaxies as FITS: EXTNAME GALAXIES, conventions, units, provenance, CHECKSUM and DATASUM. The file
/// appears whole at commit() or not at all. Without commit() nothing is left behind.
class TableWriter {
 public:
  /// Error(usage): the output exists and `overwrite` is false, or is being written. Error(output): cannot be written.
  TableWriter(const std::filesystem::path& path, std::vector<ColumnInfo> columns, const Conventions& conventions,
              bool overwrite = false);
  ~TableWriter();
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  /// Rows from `first` on of one column: values.size() = rows x repeat.
  void write(std::string_view column, std::size_t first, std::span<const double> values);
  void write(std::string_view column, std::size_t first, std::span<const float> values);
  void write(std::string_view column, std::size_t first, std::span<const std::int64_t> values);
  void write(std::string_view column, std::size_t first, std::span<const std::int32_t> values);
  void write(std::string_view column, std::size_t first, std::span<const std::string> values);

  /// Rows [first, first + count) of a column that both tables have, unchanged. Error(input): its type cannot be copied.
  void copy(const TableReader& from, std::string_view column, std::size_t first, std::size_t count);
  /// Whether copy() can take a column over: B I J K E D A.
  static bool can_copy(const ColumnInfo& column) noexcept;

  /// Into the header's card NOTES: what was assumed of the input, or done with it. Call it before the first row is
  /// written: behind long data a header grows slowly.
  void note(std::string_view text);

  void commit(const Provenance& provenance);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace starglow
