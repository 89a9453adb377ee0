#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "files/fits/fits_file.hpp"

namespace starglow::files {

/// Numbers of FITS columns and images, nulls told from numbers in this one place (FITS 4.0, sections 4.4.2.5, 7.3.2 and
/// 10.2): TNULL and BLANK are compared with the stored integer, before TSCAL, BSCALE and the like; ZBLANK of packed
/// images; NaN of floating-point data. A null is NaN, or k_null_integer where integers are asked for.
/// Infinities stay what they are. Errors are of kind input and begin with `what`.
inline constexpr std::int64_t k_null_integer = std::numeric_limits<std::int64_t>::min();

/// Elements of a column from the first of row `first` (from 0) on, of the current HDU.
void read_column(fitsfile* file, int column, std::uint64_t first, std::span<double> into, const std::string& what);
void read_column(fitsfile* file, int column, std::uint64_t first, std::span<float> into, const std::string& what);
/// The same of columns of truth values too: 0 and 1; a null is NaN.
void read_numbers(fitsfile* file, int column, std::uint64_t first, std::span<double> into, const std::string& what);
/// Error(input) too for integers above 2^63 - 1.
void read_column(fitsfile* file, int column, std::uint64_t first, std::span<std::int64_t> into,
                 const std::string& what);
/// Rows of a text column, blanks at both ends removed; null is the empty text.
std::vector<std::string> read_texts(fitsfile* file, int column, std::uint64_t first, std::uint64_t count,
                                    const std::string& what);

/// Elements [first, first + into.size()) of the current image, flattened.
void read_image(fitsfile* file, std::uint64_t first, std::span<double> into, const std::string& what);
void read_image(fitsfile* file, std::uint64_t first, std::span<float> into, const std::string& what);
/// Bits of a mask in any numeric type; 0 = good. Bits above 31 and nulls come back as bit 30: not good.
void read_mask(fitsfile* file, std::uint64_t first, std::span<std::int32_t> into, const std::string& what);

/// Whether a column holds whole numbers as they are: an integer type without scale, or with the offset of unsigned
/// ones.
bool is_whole(fitsfile* file, int column);
/// Ids as 64-bit integers, never through a double: integer columns of any width, unsigned ones below 2^63, and text of
/// digits; a null is k_null_integer. Error(input): floating point, scaled or other columns. `name`: of the column.
std::vector<std::int64_t> read_ids(fitsfile* file, int column, std::uint64_t first, std::uint64_t count,
                                   const std::string& what, const std::string& name);

}  // namespace starglow::files
