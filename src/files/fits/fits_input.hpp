#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "files/fits/fits_file.hpp"
#include "files/fits/fits_guard.hpp"
#include "files/fits/fits_values.hpp"
#include "files/units.hpp"
#include "starglow/base/view.hpp"

namespace starglow::files {

/// A FITS file opened for reading by names: HDUs by EXTNAME (without one "HDU 2", ...), columns by TTYPE, both without
/// regard to case (a name in the case asked for goes first). Nulls as in fits_values.hpp. Headers are checked before
/// the library sees the file; gzip is unpacked to a temporary file. Error(input) names the file, the HDU and the
/// column.
class FitsInput {
 public:
  explicit FitsInput(const std::filesystem::path& path);

  const std::string& name() const noexcept { return name_; }
  const std::filesystem::path& plain_path() const noexcept { return plain_.path(); }
  const FitsSummary& summary() const noexcept { return summary_; }
  bool has(std::string_view extname) const noexcept;
  /// Axes of an image HDU, slowest first ("C order"); of a table: rows.
  std::vector<std::uint64_t> shape(std::string_view extname);
  /// Rows of a table. Error(input): the HDU is an image.
  std::uint64_t table_rows(std::string_view extname);
  /// Error(input) when CHECKSUM or DATASUM of this HDU are there and do not match.
  void verify(std::string_view extname);
  std::string card(std::string_view extname, const std::string& key);

  /// Elements [first, first + into.size()) of an image, flattened.
  void read_image(std::string_view extname, std::uint64_t first, std::span<double> into);
  void read_image(std::string_view extname, std::uint64_t first, std::span<float> into);
  void read_mask(std::string_view extname, std::uint64_t first, std::span<std::int32_t> into);  ///< 0 = good
  /// What an image of another unit (BUNIT) is multiplied by. Error(input): another dimension; none, unless `absent`
  /// says what that means.
  double unit_factor(std::string_view extname, Quantity quantity, std::optional<double> absent = std::nullopt);

  /// That of an image of inverse variances beside the image `of_name`, whose factor is `of`: without BUNIT it has its
  /// unit. Error(input): another scale, for which of the two is wrong cannot be known.
  double ivar_factor(std::string_view extname, double of, const std::string& of_name);

  bool has_column(std::string_view extname, const std::string& column);
  /// Rows [first, first + count) of a scalar column. A null is NaN, k_null_integer or "".
  std::vector<double> doubles(std::string_view extname, const std::string& column, std::uint64_t first,
                              std::uint64_t count);
  std::vector<std::int64_t> integers(std::string_view extname, const std::string& column, std::uint64_t first,
                                     std::uint64_t count);
  std::vector<std::int64_t> ids(std::string_view extname, const std::string& column, std::uint64_t first,
                                std::uint64_t count);  ///< read_ids()
  /// Rows of a vector column of `width` numbers.
  void vectors(std::string_view extname, const std::string& column, std::uint64_t first, std::span<double> into);
  std::uint64_t column_width(std::string_view extname, const std::string& column);  ///< numbers a row
  std::vector<std::string> texts(std::string_view extname, const std::string& column, std::uint64_t first,
                                 std::uint64_t count);
  std::string column_unit(std::string_view extname, const std::string& column);

  [[noreturn]] void fail(const std::string& what, const std::string& seen, const std::string& wanted,
                         const std::string& remedy = "") const;

 private:
  void move(std::string_view extname);
  int column(std::string_view extname, const std::string& name);
  const HduSummary* hdu(std::string_view extname) const noexcept;
  int scalar(std::string_view extname, const std::string& name);  ///< number of a column of one value a row
  std::string image_name(std::string_view extname) const;
  std::string column_name(const std::string& column) const;

  std::string name_;
  PlainFile plain_;
  FitsSummary summary_;
  FitsFile file_;
  std::string at_ = "\n";  // EXTNAME of the current HDU
};

}  // namespace starglow::files
