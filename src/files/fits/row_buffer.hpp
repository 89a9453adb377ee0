#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "starglow/files/table.hpp"

namespace starglow::files {

/// Rows of a binary table as the file holds them (big endian, one row after the other), gathered column by column, so
/// that they can be written in one piece.
class RowBuffer {
 public:
  explicit RowBuffer(std::span<const ColumnInfo> columns);

  std::size_t row_bytes() const noexcept { return row_bytes_; }
  std::size_t first() const noexcept { return first_; }
  std::size_t rows() const noexcept { return rows_; }
  bool holds(std::size_t first, std::size_t rows) const noexcept { return first == first_ && rows == rows_; }
  bool empty() const noexcept { return n_filled_ == 0; }
  bool complete() const noexcept { return n_filled_ == columns_.size(); }
  bool filled(std::size_t column) const noexcept { return filled_[column] != 0; }

  /// Begins anew with rows [first, first + rows).
  void start(std::size_t first, std::size_t rows);
  /// Values of one column of all rows; the type must be the column's own (see `fits`).
  void put(std::size_t column, std::span<const double> values) { put_numbers(column, values); }
  void put(std::size_t column, std::span<const float> values) { put_numbers(column, values); }
  void put(std::size_t column, std::span<const std::int64_t> values) { put_numbers(column, values); }
  void put(std::size_t column, std::span<const std::int32_t> values) { put_numbers(column, values); }
  void put(std::size_t column, std::span<const std::string> values);  ///< cut or filled with blanks

  std::span<const unsigned char> bytes() const noexcept { return {bytes_.data(), rows_ * row_bytes_}; }
  std::size_t offset(std::size_t column) const noexcept { return offset_[column]; }
  std::size_t width(std::size_t column) const noexcept;
  void clear() noexcept;

  /// Whether values of this type are written as they are.
  static bool fits(const ColumnInfo& c, const double*) noexcept { return c.type == 'D'; }
  static bool fits(const ColumnInfo& c, const float*) noexcept { return c.type == 'E'; }
  static bool fits(const ColumnInfo& c, const std::int64_t*) noexcept { return c.type == 'K'; }
  static bool fits(const ColumnInfo& c, const std::int32_t*) noexcept { return c.type == 'J'; }
  static bool fits(const ColumnInfo& c, const std::string*) noexcept { return c.type == 'A'; }

 private:
  template <class T>
  void put_numbers(std::size_t column, std::span<const T> values);
  std::vector<ColumnInfo> columns_;
  std::vector<std::size_t> offset_;
  std::vector<std::uint8_t> filled_;
  std::vector<unsigned char> bytes_;
  std::size_t row_bytes_ = 0, first_ = 0, rows_ = 0, n_filled_ = 0;
};

/// The sum of FITS checksums over bytes that come one piece after the other: 32-bit big-endian words in ones'
/// complement (FITS 4.0, appendix J).
class OnesSum {
 public:
  void add(std::span<const unsigned char> bytes) noexcept;
  /// Of all bytes so far, filled up with zeros to a whole word.
  std::uint32_t value() const noexcept;

 private:
  std::uint64_t sum_ = 0, bytes_ = 0;
};

}  // namespace starglow::files
