#include "files/fits/fits_values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace starglow::files {
namespace {

constexpr std::int32_t k_other_bits = 1 << 30;

bool is_floating(int type) { return type == TFLOAT || type == TDOUBLE || type == TCOMPLEX || type == TDBLCOMPLEX; }

// The stored type of a column, before any scale.
int stored_type(fitsfile* file, int column) {
  int type = 0, status = 0;
  LONGLONG repeat = 0, width = 0;
  fits_get_coltypell(file, column, &type, &repeat, &width, &status);
  check_fits(status, ErrorKind::input,
             "the type of a column cannot be read");  // else its buffer would be taken as read
  return std::abs(type);
}

template <class T>
void column_of(fitsfile* file, int type, int column, std::uint64_t first, std::span<T> into, T null,
               const std::string& what) {
  if (into.empty()) return;
  int status = 0, any = 0;
  // The library's test for null would turn infinities of floating-point columns into NaN; those need none.
  T* substitute = is_floating(stored_type(file, column)) ? nullptr : &null;
  fits_read_col(file, type, column, static_cast<LONGLONG>(first) + 1, 1, static_cast<LONGLONG>(into.size()), substitute,
                into.data(), &any, &status);
  check_fits(status, ErrorKind::input, what);
}

template <class T>
void image_of(fitsfile* file, int type, std::uint64_t first, std::span<T> into, T null, const std::string& what) {
  if (into.empty()) return;
  int status = 0, any = 0, stored = 0;
  const bool packed = fits_is_compressed_image(file, &status) != 0;
  fits_get_img_type(file, &stored, &status);
  T* substitute = stored < 0 && !packed ? nullptr : &null;
  fits_read_img(file, type, static_cast<LONGLONG>(first) + 1, static_cast<LONGLONG>(into.size()), substitute,
                into.data(), &any, &status);
  check_fits(status, ErrorKind::input, what);
}

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

void read_column(fitsfile* file, int column, std::uint64_t first, std::span<double> into, const std::string& what) {
  column_of(file, TDOUBLE, column, first, into, k_nan, what);
}

void read_numbers(fitsfile* file, int column, std::uint64_t first, std::span<double> into, const std::string& what) {
  if (stored_type(file, column) != TLOGICAL) return read_column(file, column, first, into, what);
  if (into.empty()) return;
  std::vector<char> truth(into.size());
  int status = 0, any = 0;
  char null = 2;
  fits_read_col(file, TLOGICAL, column, static_cast<LONGLONG>(first) + 1, 1, static_cast<LONGLONG>(into.size()), &null,
                truth.data(), &any, &status);
  check_fits(status, ErrorKind::input, what);
  std::transform(truth.begin(), truth.end(), into.begin(), [](char t) { return t == 2 ? k_nan : t == 0 ? 0.0 : 1.0; });
}

void read_column(fitsfile* file, int column, std::uint64_t first, std::span<float> into, const std::string& what) {
  column_of(file, TFLOAT, column, first, into, std::nanf(""), what);
}

void read_column(fitsfile* file, int column, std::uint64_t first, std::span<std::int64_t> into,
                 const std::string& what) {
  if (into.empty()) return;
  static_assert(sizeof(LONGLONG) == sizeof(std::int64_t));
  int status = 0, any = 0;
  LONGLONG null = k_null_integer;
  fits_read_col(file, TLONGLONG, column, static_cast<LONGLONG>(first) + 1, 1, static_cast<LONGLONG>(into.size()), &null,
                into.data(), &any, &status);
  if (status == NUM_OVERFLOW) {
    fits_clear_errmsg();
    throw Error(ErrorKind::input, what, {"an unsigned number above 2^63 - 1", "64-bit integers with a sign", ""});
  }
  check_fits(status, ErrorKind::input, what);
}

std::vector<std::string> read_texts(fitsfile* file, int column, std::uint64_t first, std::uint64_t count,
                                    const std::string& what) {
  int status = 0, any = 0, width = 0;
  fits_get_col_display_width(file, column, &width, &status);
  const std::size_t room = static_cast<std::size_t>(width) + 1;
  std::vector<char> buffer(count * room);
  std::vector<char*> pointers(count);
  for (std::size_t i = 0; i < count; ++i) pointers[i] = buffer.data() + i * room;
  char none[] = "";
  if (count > 0)
    fits_read_col(file, TSTRING, column, static_cast<LONGLONG>(first) + 1, 1, static_cast<LONGLONG>(count), none,
                  pointers.data(), &any, &status);
  check_fits(status, ErrorKind::input, what);
  std::vector<std::string> out(pointers.begin(), pointers.end());
  for (auto& text : out) {
    while (!text.empty() && text.back() == ' ') text.pop_back();
    while (!text.empty() && text.front() == ' ') text.erase(text.begin());
  }
  return out;
}

void read_image(fitsfile* file, std::uint64_t first, std::span<double> into, const std::string& what) {
  image_of(file, TDOUBLE, first, into, k_nan, what);
}

void read_image(fitsfile* file, std::uint64_t first, std::span<float> into, const std::string& what) {
  image_of(file, TFLOAT, first, into, std::nanf(""), what);
}

void read_mask(fitsfile* file, std::uint64_t first, std::span<std::int32_t> into, const std::string& what) {
  std::vector<double> values(into.size());  // exact to 2^53, and masks of 32 bits are what there is
  image_of(file, TDOUBLE, first, std::span(values), k_nan, what);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double v = values[i];
    const bool plain = v >= 0 && v < k_other_bits && v == std::floor(v);
    into[i] = plain ? static_cast<std::int32_t>(v) : k_other_bits;
  }
}

bool is_whole(fitsfile* file, int column) {
  int type = 0, status = 0;
  LONGLONG repeat = 0, width = 0;
  fits_get_eqcoltypell(file, column, &type, &repeat, &width, &status);
  return status == 0 && type > 0 && !is_floating(type) && type != TSTRING && type != TBIT && type != TLOGICAL;
}

std::vector<std::int64_t> read_ids(fitsfile* file, int column, std::uint64_t first, std::uint64_t count,
                                   const std::string& what, const std::string& name) {
  std::vector<std::int64_t> out(count);
  if (is_whole(file, column)) {
    read_column(file, column, first, std::span(out), what);
    return out;
  }
  const bool text = stored_type(file, column) == TSTRING;
  const auto refuse = [&](const std::string& seen) {
    throw Error(ErrorKind::input, what + ": " + name + " is not an integer column",
                {seen, "64-bit integers (K)",
                 "Large ids (above 2^53) are not exact in floating point. Give ids as whole numbers."});
  };
  if (!text) refuse("floating point, scaled or logical numbers");
  const auto words = read_texts(file, column, first, count, what);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& word = words[i];
    if (word.empty()) {
      out[i] = k_null_integer;
      continue;
    }
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out[i]);
    if (error != std::errc{} || end != word.data() + word.size()) refuse("text, '" + word.substr(0, 40) + "'");
  }
  return out;
}

}  // namespace starglow::files
