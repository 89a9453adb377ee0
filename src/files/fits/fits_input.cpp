#include "files/fits/fits_input.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace starglow::files {

FitsInput::FitsInput(const std::filesystem::path& path)
    : name_(path.string()),
      plain_(path),
      summary_(guard_fits(plain_.path(), path)),
      file_(FitsFile::open(plain_.path())) {
  verify_own(file_, summary_, name_, summary_.hdus.size());
  for (std::size_t i = 1; i < summary_.hdus.size(); ++i)
    if (summary_.hdus[i].extname.empty()) summary_.hdus[i].extname = "HDU " + std::to_string(i + 1);
}

void FitsInput::fail(const std::string& what, const std::string& seen, const std::string& wanted,
                     const std::string& remedy) const {
  throw Error(ErrorKind::input, "'" + name_ + "': " + what, {seen, wanted, remedy});
}

const HduSummary* FitsInput::hdu(std::string_view extname) const noexcept {
  for (const auto& hdu : summary_.hdus)
    if (hdu.extname == extname) return &hdu;
  for (const auto& hdu : summary_.hdus)
    if (same_name(hdu.extname, extname)) return &hdu;
  return extname == "PRIMARY" && !summary_.hdus.empty() ? summary_.hdus.data() : nullptr;
}

bool FitsInput::has(std::string_view extname) const noexcept { return hdu(extname) != nullptr; }

void FitsInput::move(std::string_view extname) {
  if (at_ == extname) return;
  const HduSummary* found = hdu(extname);
  if (found == nullptr)
    fail("no HDU " + std::string(extname), std::to_string(summary_.hdus.size()) + " HDUs of other names",
         "an HDU with EXTNAME " + std::string(extname));
  int status = 0, type = 0;
  fits_movabs_hdu(file_.get(), static_cast<int>(found - summary_.hdus.data()) + 1, &type, &status);
  check_fits(status, ErrorKind::input, "'" + name_ + "': HDU " + std::string(extname) + " cannot be read");
  at_ = extname;
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
  const std::string& kind = hdu(extname)->kind;
  if (kind == "ZTABLE")
    fail("HDU " + std::string(extname) + " is a table packed by tiles", "ZTABLE = T",
         "a table as it is; packed images are read", "funpack unpacks it.");
  int status = 0;
  if (kind != "BINTABLE" && kind != "TABLE")
    fail("HDU " + std::string(extname) + " is no table", "an image", "a table");
  LONGLONG rows = 0;
  fits_get_num_rowsll(file_.get(), &rows, &status);
  check_fits(status, ErrorKind::input, "'" + name_ + "': HDU " + std::string(extname) + " has no rows");
  return static_cast<std::uint64_t>(rows);
}

void FitsInput::verify(std::string_view extname) {
  move(extname);
  verify_sums(file_.get(), "'" + name_ + "': HDU " + std::string(extname));
}

std::string FitsInput::card(std::string_view extname, const std::string& key) {
  move(extname);
  return file_.card(key);
}

std::string FitsInput::image_name(std::string_view extname) const {
  return "'" + name_ + "': image " + std::string(extname) + " cannot be read";
}

void FitsInput::read_image(std::string_view extname, std::uint64_t first, std::span<double> into) {
  move(extname);
  files::read_image(file_.get(), first, into, image_name(extname));
}
void FitsInput::read_image(std::string_view extname, std::uint64_t first, std::span<float> into) {
  if (into.empty()) return;
  move(extname);
  files::read_image(file_.get(), first, into, image_name(extname));
}
void FitsInput::read_mask(std::string_view extname, std::uint64_t first, std::span<std::int32_t> into) {
  move(extname);
  files::read_mask(file_.get(), first, into, image_name(extname));
}

double FitsInput::unit_factor(std::string_view extname, Quantity quantity, std::optional<double> absent) {
  const std::string unit = card(extname, "BUNIT");
  if (unit.empty() && absent) return *absent;
  const auto factor = factor_of(unit, quantity);
  if (!factor)
    fail(std::string(extname) + " has another unit or none", unit.empty() ? "no BUNIT" : "BUNIT = " + unit,
         std::string(unit_of(quantity)), "Units of the same dimension are converted.");
  return *factor;
}

double FitsInput::ivar_factor(std::string_view extname, double of, const std::string& of_name) {
  const std::string unit = card(extname, "BUNIT");
  const double wanted = 1 / (of * of);
  if (unit.empty()) return wanted;
  const double made = unit_factor(extname, Quantity::flux_density_ivar);
  if (std::fabs(made / wanted - 1) > 1e-6)
    fail(std::string(extname) + " is not in the unit of " + of_name,
         "BUNIT = " + unit + " beside " + card(of_name, "BUNIT"), "the inverse square of the other",
         "Correct the BUNIT that is wrong.");
  return wanted;
}

bool FitsInput::has_column(std::string_view extname, const std::string& column) {
  const HduSummary* found = hdu(extname);
  if (found == nullptr) return false;
  return std::any_of(found->columns.begin(), found->columns.end(),
                     [&](const auto& name) { return same_name(name, column); });
}

int FitsInput::column(std::string_view extname, const std::string& wanted) {
  if (!has_column(extname, wanted))
    fail("HDU " + std::string(extname) + " has no column " + wanted, "", "a column " + wanted);
  move(extname);
  const auto& columns = hdu(extname)->columns;
  std::size_t at = columns.size(), alike = 0;
  for (std::size_t i = columns.size(); i-- > 0;)
    if (columns[i] == wanted) at = i;
  for (std::size_t i = columns.size(); i-- > 0 && (at == columns.size() || alike > 0);)
    if (same_name(columns[i], wanted)) at = i, ++alike;
  if (alike > 1)
    fail("two columns differ from " + wanted + " only in upper and lower case", columns[at] + " and another",
         "one of them");
  return static_cast<int>(at) + 1;
}

std::uint64_t FitsInput::column_width(std::string_view extname, const std::string& wanted) {
  const int number = column(extname, wanted);
  int status = 0, type = 0;
  LONGLONG repeat = 0, width = 0;
  fits_get_coltypell(file_.get(), number, &type, &repeat, &width, &status);
  check_fits(status, ErrorKind::input, "'" + name_ + "': column " + wanted + " cannot be read");
  if (type < 0)
    fail("column " + wanted + " of HDU " + std::string(extname) + " has rows of different lengths", "TFORM P or Q",
         "rows of one length");
  return type == TSTRING ? 1 : static_cast<std::uint64_t>(repeat);
}

int FitsInput::scalar(std::string_view extname, const std::string& wanted) {
  if (const auto width = column_width(extname, wanted); width != 1)
    fail("column " + wanted + " of HDU " + std::string(extname) + " is not one value a row",
         std::to_string(width) + " a row", "1");
  return column(extname, wanted);
}

std::string FitsInput::column_name(const std::string& column) const {
  return "'" + name_ + "': column " + column + " cannot be read";
}

std::vector<double> FitsInput::doubles(std::string_view extname, const std::string& wanted, std::uint64_t first,
                                       std::uint64_t count) {
  const int number = scalar(extname, wanted);
  std::vector<double> out(count);
  read_numbers(file_.get(), number, first, std::span(out), column_name(wanted));
  return out;
}

void FitsInput::vectors(std::string_view extname, const std::string& wanted, std::uint64_t first,
                        std::span<double> into) {
  read_numbers(file_.get(), column(extname, wanted), first, into, column_name(wanted));
}

std::vector<std::int64_t> FitsInput::integers(std::string_view extname, const std::string& wanted, std::uint64_t first,
                                              std::uint64_t count) {
  const int number = scalar(extname, wanted);
  if (!is_whole(file_.get(), number))
    fail("column " + wanted + " is not an integer column", "another type", "an integer column");
  std::vector<std::int64_t> out(count);
  read_column(file_.get(), number, first, std::span(out), column_name(wanted));
  return out;
}

std::vector<std::int64_t> FitsInput::ids(std::string_view extname, const std::string& wanted, std::uint64_t first,
                                         std::uint64_t count) {
  const int number = scalar(extname, wanted);
  return read_ids(file_.get(), number, first, count, "'" + name_ + "'", "column " + wanted);
}

std::vector<std::string> FitsInput::texts(std::string_view extname, const std::string& wanted, std::uint64_t first,
                                          std::uint64_t count) {
  return read_texts(file_.get(), scalar(extname, wanted), first, count, column_name(wanted));
}

std::string FitsInput::column_unit(std::string_view extname, const std::string& wanted) {
  const int number = column(extname, wanted);
  return file_.card("TUNIT" + std::to_string(number));
}

}  // namespace starglow::files
