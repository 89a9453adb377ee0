#include <algorithm>
#include <cmath>
#include <iterator>
#include <type_traits>
#include <utility>

#include "files/fits/fits_file.hpp"
#include "files/fits/fits_guard.hpp"
#include "files/fits/fits_values.hpp"
#include "files/fits/medium.hpp"
#include "files/surveys/general_names.hpp"
#include "files/units.hpp"
#include "starglow/base/marks.hpp"
#include "starglow/files/table.hpp"

namespace starglow {
namespace {

using files::check_fits;

// FITS letter of a column type of the library; '?' for those that are not read, columns of variable length among them.
char letter_of(int type) {
  constexpr std::pair<int, char> known[]{{TLOGICAL, 'L'}, {TBYTE, 'B'},     {TSBYTE, 'B'},     {TSHORT, 'I'},
                                         {TUSHORT, 'J'},  {TLONG, 'J'},     {TINT, 'J'},       {TULONG, 'K'},
                                         {TUINT, 'K'},    {TLONGLONG, 'K'}, {TULONGLONG, 'K'}, {TFLOAT, 'E'},
                                         {TSTRING, 'A'},  {TDOUBLE, 'D'}};
  for (const auto& [code, letter] : known)
    if (code == type) return letter;
  return '?';  // of variable length, below 0, too
}

// GALAXIES, else the first table with band fluxes, else the first table; the number of HDUs where there is none.
std::size_t table_in(const files::FitsSummary& summary) {
  std::size_t best = summary.hdus.size();
  int rank = 0;
  for (std::size_t i = 0; i < summary.hdus.size(); ++i) {
    const auto& hdu = summary.hdus[i];
    if (hdu.kind != "BINTABLE") continue;
    const bool bands = std::any_of(hdu.columns.begin(), hdu.columns.end(),
                                   [](const auto& name) { return files::same_name(name, "BAND_FLUX"); });
    const int now = files::same_name(hdu.extname, "GALAXIES") ? 3 : bands ? 2 : 1;
    if (now > rank) best = i, rank = now;
  }
  return best;
}

}  // namespace

struct TableReader::State {
  explicit State(const std::filesystem::path& given) : name(given.string()), plain(given) {
    const auto summary = files::guard_fits(plain.path(), given);
    notes = summary.warnings;
    const std::size_t hdu = table_in(summary);
    if (hdu == summary.hdus.size()) {
      const bool packed =
          std::any_of(summary.hdus.begin(), summary.hdus.end(), [](const auto& h) { return h.kind == "ZTABLE"; });
      throw Error(ErrorKind::input, "'" + name + "' contains no table",
                  {packed ? "a table packed by tiles (ZTABLE)" : "no binary-table HDU", "an HDU GALAXIES",
                   packed ? "funpack unpacks it." : ""});
    }
    file = files::FitsFile::open(plain.path());
    int status = 0, type = 0;
    fits_movabs_hdu(file.get(), static_cast<int>(hdu) + 1, &type, &status);
    check_fits(status, ErrorKind::input, "'" + name + "' cannot be read");
    verify_checksum();
    read_structure();
    read_conventions();
    check_contract();
  }

  void verify_checksum() {
    int data = 0, whole = 0, status = 0;
    fits_verify_chksum(file.get(), &data, &whole, &status);
    check_fits(status, ErrorKind::input, "'" + name + "': checksum cannot be computed");
    if (data < 0 || whole < 0)
      throw Error(ErrorKind::input, "'" + name + "' was changed after it was written",
                  {data < 0 ? "DATASUM does not match the data" : "CHECKSUM does not match the HDU", "matching sums",
                   "Fetch the file again; or, where the change was meant, leave out the old sums as it is written "
                   "(astropy: table.meta.pop('CHECKSUM'), table.meta.pop('DATASUM'))."});
  }

  void read_structure() {
    int n = 0, status = 0;
    LONGLONG n_rows = 0;
    fits_get_num_cols(file.get(), &n, &status);
    fits_get_num_rowsll(file.get(), &n_rows, &status);
    for (int i = 1; i <= n; ++i) {
      int type = 0;
      LONGLONG repeat = 0, width = 0;
      fits_get_eqcoltypell(file.get(), i, &type, &repeat, &width, &status);
      check_fits(status, ErrorKind::input, "'" + name + "': column " + std::to_string(i) + " cannot be read");
      ColumnInfo column;
      column.name = file.card("TTYPE" + std::to_string(i));
      column.unit = file.card("TUNIT" + std::to_string(i));
      column.repeat = repeat;
      column.type = letter_of(type);
      for (const auto& other : columns)
        if (other.name == column.name && !column.name.empty())
          throw Error(ErrorKind::input, "'" + name + "' has two columns of one name",
                      {column.name, "unique names", ""});
      const std::string null = file.card("TNULL" + std::to_string(i)), zero = file.card("TZERO" + std::to_string(i));
      if (!null.empty() && std::string_view("BIJK").find(column.type) != std::string_view::npos)
        column.null = static_cast<std::int64_t>(static_cast<std::uint64_t>(std::strtoll(null.c_str(), nullptr, 10)) +
                                                static_cast<std::uint64_t>(std::strtoll(zero.c_str(), nullptr, 10)));
      columns.push_back(std::move(column));
    }
    rows = static_cast<std::size_t>(n_rows);
    scale.assign(columns.size(), 1.0);
  }

  void read_conventions() {
    const auto take = [&](const char* key, std::string& into) {
      const std::string value = file.card(key);
      if (!value.empty()) into = value;
    };
    take("APERTURE", conventions.aperture);
    take("MWCORR", conventions.mwcorr);
    take("MASKRULE", conventions.maskrule);
    take("CONTSRC", conventions.contsrc);
    take("LABELVER", conventions.labelver);
    take("FLUXSCAL", conventions.fluxscal);
    const auto medium = files::medium_of(file, "'" + name + "'");
    if (medium != files::Medium::unknown) conventions.vacuum = medium == files::Medium::air ? "F" : "T";
    const auto number = [&](const char* key, double wanted) {
      const std::string value = file.card(key);
      if (!value.empty() && std::fabs(std::strtod(value.c_str(), nullptr) - wanted) > 1e-6)
        throw Error(ErrorKind::input, "'" + name + "' has bands of another definition",
                    {std::string(key) + " = " + value, std::to_string(wanted), ""});
    };
    number("WAVELO", 3400);
    number("WAVEHI", 7000);
    number("NBAND", 12);
  }

  // The column of this name; else the only one that differs from it in case alone; 0: none, or more than one.
  int find(std::string_view wanted) const {
    int alike = 0, at = 0;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].name == wanted) return static_cast<int>(i) + 1;
      if (!files::same_name(columns[i].name, wanted)) continue;
      ++alike;
      at = static_cast<int>(i) + 1;
    }
    return alike == 1 ? at : 0;
  }
  // A column of numbers that may be there.
  int number(std::string_view wanted) const {
    const int i = find(wanted);
    return i != 0 && std::string_view("A?L").find(info(i).type) == std::string_view::npos ? i : 0;
  }
  const ColumnInfo& info(int column) const { return columns[static_cast<std::size_t>(column) - 1]; }

  // Units of one dimension are converted as numbers are read; others are refused where the column means something here.
  void check_units() {
    std::vector<bool> absent(columns.size(), false);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto quantity = files::quantity_of(columns[i].name);
      if (!quantity || find(columns[i].name) != static_cast<int>(i) + 1) continue;
      std::string& unit = columns[i].unit;
      const auto factor = files::factor_of(unit, *quantity);
      const std::string wanted(files::unit_of(*quantity));
      if (unit.empty() && !factor) {
        absent[i] = true;
        const std::string_view column = columns[i].name;
        if (files::same_name(column, "BAND_FLUX") || files::same_name(column.substr(column.size() - 3), "_EW"))
          notes.push_back("column " + columns[i].name + " has no unit; " + wanted + " is assumed");
      } else if (!factor) {
        throw Error(ErrorKind::input, "'" + name + "': column " + columns[i].name + " has another unit",
                    {"'" + unit + "'", wanted, "Convert the column, and set its TUNIT."});
      } else if (*factor != 1) {
        scale[i] = *factor;
        notes.push_back("column " + columns[i].name + " is converted from " + unit + " to " + wanted);
        unit = wanted;
      }
    }
    // An inverse variance without a unit has that of its column; another scale is a mistake in one of the two.
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string& ivar = columns[i].name;
      if (!files::quantity_of(ivar) || ivar.size() < 6 ||
          !files::same_name(std::string_view(ivar).substr(ivar.size() - 5), "_IVAR"))
        continue;
      const int of = find(std::string_view(ivar).substr(0, ivar.size() - 5));
      if (of == 0 || find(ivar) != static_cast<int>(i) + 1) continue;
      const double by = scale[static_cast<std::size_t>(of) - 1], wanted = 1 / (by * by);
      if (!absent[i] && std::fabs(scale[i] / wanted - 1) > 1e-6)
        throw Error(ErrorKind::input, "'" + name + "': " + ivar + " is not in the unit of " + info(of).name,
                    {"'" + file.card("TUNIT" + std::to_string(i + 1)) + "' beside '" +
                         file.card("TUNIT" + std::to_string(of)) + "'",
                     "the inverse square of the other", "Correct the TUNIT that is wrong."});
      scale[i] = wanted;
    }
  }

  void check_contract() {
    std::vector<std::string> scalars{"TARGETID", "Z", "EBV", "FLAGS"};
    for (const char* suffix : {"_EW", "_EW_IVAR"}) {
      for (const auto& line : k_lines) scalars.push_back(std::string(line.name) + suffix);
      for (const auto& sum : k_line_sums) scalars.push_back(std::string(sum.name) + suffix);
    }
    const auto unique = [&](const std::string& column) {
      if (find(column) == 0 &&
          std::any_of(columns.begin(), columns.end(), [&](const auto& c) { return files::same_name(c.name, column); }))
        throw Error(ErrorKind::input,
                    "'" + name + "' has columns that differ from " + column + " only in upper and lower case",
                    {"two of them", "one, or one that is called " + column, ""});
    };
    for (const char* column : {"BAND_FLUX", "BAND_FLUX_IVAR"}) {
      unique(column);
      if (const int i = find(column); i != 0 && info(i).repeat != static_cast<std::int64_t>(k_n_bands))
        throw Error(ErrorKind::input, "'" + name + "': column " + column + " has a wrong number of bands",
                    {std::to_string(info(i).repeat), "12", ""});
    }
    for (const auto& column : scalars) {
      unique(column);
      const int i = find(column);
      if (i != 0 && info(i).type != 'A' && info(i).repeat != 1)
        throw Error(ErrorKind::input, "'" + name + "': column " + column + " is not one number a row",
                    {std::to_string(info(i).repeat) + " a row", "1", ""});
    }
    if (const int i = find("TARGETID"); i != 0 && info(i).type != 'A' && !files::is_whole(file.get(), i))
      throw Error(ErrorKind::input, "'" + name + "': TARGETID is not an integer column",
                  {std::string("type ") + info(i).type, "a 64-bit integer (K)",
                   "TARGETIDs above 2^53 are not exact in floating point."});
    check_units();
    if (find("Z") == 0 && find("BAND_FLUX") != 0) notes.push_back(without_z());
    if (find("TARGETID") == 0) notes.push_back("no column TARGETID; row numbers are used instead");
  }

  std::string without_z() const {
    std::string alike;
    for (const auto& c : columns)
      for (const auto redshift : files::k_z_names)
        if (alike.empty() && files::same_name(c.name, redshift)) alike = c.name;
    return "no column Z; galaxies are predicted without redshift" +
           (alike.empty() ? "" : ": column " + alike + " is not read, rename it to Z if it is the redshift");
  }

  int require(std::string_view column) const {
    const int i = find(column);
    if (i == 0) throw Error(ErrorKind::input, "'" + name + "' has no column " + std::string(column));
    return i;
  }

  void check_range(std::size_t first, std::size_t count) const {
    if (first > rows || count > rows - first)
      throw Error(ErrorKind::usage, "rows outside the table",
                  {std::to_string(first) + " + " + std::to_string(count), "at most " + std::to_string(rows), ""});
  }

  std::string cannot(int column) const { return "'" + name + "': column " + info(column).name + " cannot be read"; }

  // Numbers of a column, converted to the units inside; nulls as in fits_values.hpp.
  template <class T>
  void numbers(int column, std::size_t first, std::span<T> out) const {
    const char type = info(column).type;
    if (type == 'A' || type == '?')
      throw Error(ErrorKind::input, "'" + name + "': column " + info(column).name + " is not numeric",
                  {std::string("type ") + type, "numbers", ""});
    files::read_column(file.get(), column, first, out, cannot(column));
    if constexpr (std::is_floating_point_v<T>)
      if (const double by = scale[static_cast<std::size_t>(column) - 1]; by != 1)
        for (T& x : out) x = static_cast<T>(static_cast<double>(x) * by);
  }
  void ids(int column, std::size_t first, std::span<std::int64_t> out) const {
    const auto read = files::read_ids(file.get(), column, first, out.size(), "'" + name + "'", info(column).name);
    std::copy(read.begin(), read.end(), out.begin());
  }

  std::string name;
  files::PlainFile plain;
  files::FitsFile file;
  std::size_t rows = 0;
  std::vector<ColumnInfo> columns;
  std::vector<double> scale;  // of each column, to the units inside
  Conventions conventions;
  std::vector<std::string> notes;
};

TableReader::TableReader(const std::filesystem::path& path) : state_(std::make_unique<State>(path)) {}
TableReader::~TableReader() = default;
TableReader::TableReader(TableReader&&) noexcept = default;
TableReader& TableReader::operator=(TableReader&&) noexcept = default;

std::size_t TableReader::rows() const noexcept { return state_->rows; }
const std::vector<ColumnInfo>& TableReader::columns() const noexcept { return state_->columns; }
const Conventions& TableReader::conventions() const noexcept { return state_->conventions; }
bool TableReader::has_column(std::string_view name) const noexcept { return state_->find(name) != 0; }
const std::vector<std::string>& TableReader::notes() const noexcept { return state_->notes; }

Matrix<double> TableReader::read_column(std::string_view name, std::size_t first, std::size_t count) const {
  const State& s = *state_;
  const int column = s.require(name);
  s.check_range(first, count);
  Matrix<double> out(count, static_cast<std::size_t>(s.info(column).repeat));
  s.numbers(column, first, out.flat());
  return out;
}

std::vector<std::int64_t> TableReader::read_integers(std::string_view name, std::size_t first,
                                                     std::size_t count) const {
  const State& s = *state_;
  const int column = s.require(name);
  s.check_range(first, count);
  std::vector<std::int64_t> out(count * static_cast<std::size_t>(s.info(column).repeat));
  if (files::same_name(name, "TARGETID"))
    s.ids(column, first, out);
  else
    s.numbers(column, first, std::span(out));
  return out;
}

std::vector<std::string> TableReader::read_text(std::string_view name, std::size_t first, std::size_t count) const {
  const State& s = *state_;
  const int column = s.require(name);
  s.check_range(first, count);
  if (s.info(column).type != 'A')
    throw Error(ErrorKind::input, "'" + s.name + "': column " + s.info(column).name + " is not text",
                {std::string("type ") + s.info(column).type, "type A", ""});
  return files::read_texts(s.file.get(), column, first, count, s.cannot(column));
}

Galaxies TableReader::read(std::size_t first, std::size_t count) const {
  const State& s = *state_;
  s.check_range(first, count);
  Galaxies g;
  g.n = count;
  g.conventions = s.conventions;
  const int targetid = s.find("TARGETID"), flags = s.find("FLAGS"), z = s.find("Z"), ebv = s.find("EBV"),
            flux = s.find("BAND_FLUX"), ivar = s.find("BAND_FLUX_IVAR");
  g.targetid.resize(targetid != 0 ? count : 0);
  g.flags.resize(flags != 0 ? count : 0);
  g.z.resize(z != 0 ? count : 0);
  g.ebv.resize(ebv != 0 ? count : 0);
  g.band_flux = Matrix<double>(flux != 0 ? count : 0, k_n_bands);
  g.band_flux_ivar = Matrix<double>(ivar != 0 ? count : 0, k_n_bands);
  struct Measured {
    int column;
    std::size_t line;
    Matrix<float>* into;
  };
  std::vector<Measured> measured;
  for (const char* suffix : {"_EW", "_EW_IVAR"}) {
    Matrix<float>& into = suffix[3] == '\0' ? g.ew : g.ew_ivar;
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const int column = s.find(std::string(k_lines[line].name) + suffix);
      if (column == 0) continue;
      if (into.empty() && count > 0) into = Matrix<float>(count, k_n_lines, suffix[3] == '\0' ? std::nanf("") : 0.0F);
      measured.push_back({column, line, &into});
    }
    Matrix<float>& sums = suffix[3] == '\0' ? g.sum_ew : g.sum_ew_ivar;
    for (std::size_t k = 0; k < k_n_line_sums; ++k)
      if (const int column = s.find(std::string(k_line_sums[k].name) + suffix); column != 0 && count > 0) {
        if (sums.empty()) sums = Matrix<float>(count, k_n_line_sums, suffix[3] == '\0' ? std::nanf("") : 0.0F);
        measured.push_back({column, k, &sums});
      }
  }
  // All columns of as many rows as the library's buffers hold: each byte of the file is then read once.
  int status = 0;
  long fits = 0;
  fits_get_rowsize(s.file.get(), &fits, &status);
  check_fits(status, ErrorKind::input, "'" + s.name + "' cannot be read");
  const std::size_t step = std::max<std::size_t>(1, static_cast<std::size_t>(std::max(fits, 1L)));
  std::vector<std::int64_t> integers(std::min(step, count));
  std::vector<float> values(std::min(step, count));
  for (std::size_t at = 0; at < count; at += step) {
    const std::size_t n = std::min(step, count - at), row = first + at;
    const auto rows_of = [&](auto& column, std::size_t width) {
      return std::span(column).subspan(at * width, n * width);
    };
    if (targetid != 0) s.ids(targetid, row, rows_of(g.targetid, 1));
    if (flags != 0) {
      s.numbers(flags, row, std::span(integers).first(n));
      for (std::size_t i = 0; i < n; ++i)
        g.flags[at + i] = integers[i] == k_null_id ? 0 : static_cast<std::int32_t>(integers[i]);
    }
    if (z != 0) s.numbers(z, row, rows_of(g.z, 1));
    if (ebv != 0) s.numbers(ebv, row, rows_of(g.ebv, 1));
    if (flux != 0) s.numbers(flux, row, g.band_flux.flat().subspan(at * k_n_bands, n * k_n_bands));
    if (ivar != 0) s.numbers(ivar, row, g.band_flux_ivar.flat().subspan(at * k_n_bands, n * k_n_bands));
    for (const auto& m : measured) {
      s.numbers(m.column, row, std::span(values).first(n));
      for (std::size_t i = 0; i < n; ++i) (*m.into)(at + i, m.line) = values[i];
    }
    for (const char* name : {"SURVEY", "PROGRAM"})
      if (const int column = s.find(name); column != 0 && s.info(column).type == 'A') {
        auto& into = name[0] == 'S' ? g.survey : g.program;
        auto more = files::read_texts(s.file.get(), column, row, n, s.cannot(column));
        std::move(more.begin(), more.end(), std::back_inserter(into));
      }
  }
  clear_marks(g);
  return g;
}

Galaxies read_table(const std::filesystem::path& path) {
  const TableReader reader(path);
  return reader.read(0, reader.rows());
}

}  // namespace starglow
