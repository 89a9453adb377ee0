#include "files/fits/fits_input.hpp"

#include <array>
#include <cmath>
#include <limits>

namespace starglow::files {

FitsInput::FitsInput(const std::filesystem::path& path)
    : name_(path.string()), plain_(path), summary_(guard_fits(plain_.path())), file_(FitsFile::open(plain_.path())) {}

void FitsInput::fail(const std::string& what, const std::string& seen, const std::string& wanted,
                     const std::string& remedy) const {
  throw Error(ErrorKind::input, "'" + name_ + "': " + what, {seen, wanted, remedy});
}

bool FitsInput::has(std::string_view extname) const noexcept {
  for (const auto& hdu : summary_.hdus)
    if (hdu.extname == extname) return true;
  return false;
}

void FitsInput::move(std::string_view extname) {
  if (at_ == extname) return;
  for (std::size_t i = 0; i < summary_.hdus.size(); ++i) {
    if (summary_.hdus[i].extname != extname && !(extname == "PRIMARY" && i == 0)) continue;
    int status = 0, type = 0;
    fits_movabs_hdu(file_.get(), static_cast<int>(i) + 1, &type, &status);
    check_fits(status, ErrorKind::input, "'" + name_ + "': HDU " + std::string(extname) + " cannot be read");
    at_ = extname;
    return;
  }
  fail("no HDU " + std::string(extname), std::to_string(summary_.hdus.size()) + " HDUs of other names",
       "an HDU with EXTNAME " + std::string(extname));
}

std::vector<std::uint64_t> FitsInput::shape(std::string_view extname) {
  move(extname);
  int status = 0, type = 0;
  fits_get_hdu_type(file_.get(), &type, &status);
  std::vector<std::uint64_t> out;
  if (type == IMAGE_HDU || fits_is_compressed_image(file_.get(), &status) != 0) {
    int axes = 0;
    std::array<LONGLONG, 16> size{};
    fits_get_img_dim(file_.get(), &axes, &status);
    fits_get_img_sizell(file_.get(), 16, size.data(), &status);
    for (int i = axes; i-- > 0;) out.push_back(static_cast<std::uint64_t>(size[static_cast<std::size_t>(i)]));
  } else {
    LONGLONG rows = 0;
    fits_get_num_rowsll(file_.get(), &rows, &status);
    out.push_back(static_cast<std::uint64_t>(rows));
  }
  check_fits(status, ErrorKind::input, "'" + name_ + "': HDU " + std::string(extname) + " has no shape");
  return out;
}

std::uint64_t FitsInput::table_rows(std::string_view extname) {
  move(extname);
  int status = 0, type = 0;
  fits_get_hdu_type(file_.get(), &type, &status);
  if (type == IMAGE_HDU) fail("HDU " + std::string(extname) + " is no table", "an image", "a table");
  LONGLONG rows = 0;
  fits_get_num_rowsll(file_.get(), &rows, &status);
  check_fits(status, ErrorKind::input, "'" + name_ + "': HDU " + std::string(extname) + " has no rows");
  return static_cast<std::uint64_t>(rows);
}

void FitsInput::verify(std::string_view extname) {
  move(extname);
  int data = 0, whole = 0, status = 0;
  fits_verify_chksum(file_.get(), &data, &whole, &status);
  check_fits(status, ErrorKind::input,
             "'" + name_ + "': checksum of HDU " + std::string(extname) + " cannot be computed");
  if (data < 0 || whole < 0)
    fail("HDU " + std::string(extname) + " was changed after it was written",
         data < 0 ? "DATASUM does not match the data" : "CHECKSUM does not match the HDU", "matching sums",
         "Fetch the file again.");
}

std::string FitsInput::card(std::string_view extname, const std::string& key) {
  move(extname);
  return file_.card(key);
}

template <class T>
void FitsInput::image(std::string_view extname, int type, std::uint64_t first, std::span<T> into) {
  if (into.empty()) return;
  move(extname);
  int status = 0, any = 0;
  fits_read_img(file_.get(), type, static_cast<LONGLONG>(first) + 1, static_cast<LONGLONG>(into.size()), nullptr,
                into.data(), &any, &status);
  check_fits(status, ErrorKind::input, "'" + name_ + "': image " + std::string(extname) + " cannot be read");
}

void FitsInput::read_image(std::string_view e, std::uint64_t first, std::span<double> into) {
  image(e, TDOUBLE, first, into);
}
void FitsInput::read_image(std::string_view e, std::uint64_t first, std::span<float> into) {
  image(e, TFLOAT, first, into);
}
void FitsInput::read_image(std::string_view e, std::uint64_t first, std::span<std::int32_t> into) {
  image(e, TINT, first, into);
}

bool FitsInput::has_column(std::string_view extname, const std::string& column) {
  move(extname);
  int number = 0, status = 0;
  std::string name = column;
  fits_get_colnum(file_.get(), CASEINSEN, name.data(), &number, &status);
  fits_clear_errmsg();
  return status == 0;
}

int FitsInput::column(std::string_view extname, const std::string& wanted) {
  if (!has_column(extname, wanted))
    fail("HDU " + std::string(extname) + " has no column " + wanted, "", "a column " + wanted);
  int number = 0, status = 0, type = 0;
  LONGLONG repeat = 0, width = 0;
  std::string name = wanted;
  fits_get_colnum(file_.get(), CASEINSEN, name.data(), &number, &status);
  fits_get_coltypell(file_.get(), number, &type, &repeat, &width, &status);
  check_fits(status, ErrorKind::input, "'" + name_ + "': column " + wanted + " cannot be understood");
  if (type < 0 || (type != TSTRING && repeat != 1))
    fail("column " + wanted + " of HDU " + std::string(extname) + " is not one value a row",
         std::to_string(repeat) + " a row", "1");
  return number;
}

std::vector<double> FitsInput::doubles(std::string_view extname, const std::string& wanted, std::uint64_t first,
                                       std::uint64_t count) {
  const int number = column(extname, wanted);
  std::vector<double> out(count);
  int status = 0, any = 0;
  double null = std::numeric_limits<double>::quiet_NaN();
  if (count > 0)
    fits_read_col(file_.get(), TDOUBLE, number, static_cast<LONGLONG>(first) + 1, 1, static_cast<LONGLONG>(count),
                  &null, out.data(), &any, &status);
  check_fits(status, ErrorKind::input, "'" + name_ + "': column " + wanted + " cannot be read");
  return out;
}

std::vector<std::int64_t> FitsInput::integers(std::string_view extname, const std::string& wanted, std::uint64_t first,
                                              std::uint64_t count) {
  const int number = column(extname, wanted);
  int status = 0, any = 0, type = 0;
  LONGLONG repeat = 0, width = 0;
  fits_get_coltypell(file_.get(), number, &type, &repeat, &width, &status);
  if (type == TFLOAT || type == TDOUBLE || type == TSTRING)
    fail("column " + wanted + " is not an integer column", type == TSTRING ? "text" : "floating point",
         "an integer column", "An id exceeds 2^53: in a float column it is already damaged.");
  std::vector<std::int64_t> out(count);
  static_assert(sizeof(LONGLONG) == sizeof(std::int64_t));
  LONGLONG null = 0;
  if (count > 0)
    fits_read_col(file_.get(), TLONGLONG, number, static_cast<LONGLONG>(first) + 1, 1, static_cast<LONGLONG>(count),
                  &null, out.data(), &any, &status);
  check_fits(status, ErrorKind::input, "'" + name_ + "': column " + wanted + " cannot be read");
  return out;
}

std::vector<std::string> FitsInput::texts(std::string_view extname, const std::string& wanted, std::uint64_t first,
                                          std::uint64_t count) {
  const int number = column(extname, wanted);
  int status = 0, any = 0, width = 0;
  fits_get_col_display_width(file_.get(), number, &width, &status);
  std::vector<char> buffer(count * (static_cast<std::size_t>(width) + 1));
  std::vector<char*> pointers(count);
  for (std::size_t i = 0; i < count; ++i) pointers[i] = buffer.data() + i * (static_cast<std::size_t>(width) + 1);
  char none[] = "";
  if (count > 0)
    fits_read_col(file_.get(), TSTRING, number, static_cast<LONGLONG>(first) + 1, 1, static_cast<LONGLONG>(count), none,
                  pointers.data(), &any, &status);
  check_fits(status, ErrorKind::input, "'" + name_ + "': column " + wanted + " cannot be read");
  std::vector<std::string> out(pointers.begin(), pointers.end());
  for (auto& text : out) {
    while (!text.empty() && text.back() == ' ') text.pop_back();
    while (!text.empty() && text.front() == ' ') text.erase(text.begin());
  }
  return out;
}

std::string FitsInput::column_unit(std::string_view extname, const std::string& wanted) {
  const int number = column(extname, wanted);
  return file_.card("TUNIT" + std::to_string(number));
}

}  // namespace starglow::files
