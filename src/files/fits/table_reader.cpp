#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>
#include <limits>

#include "files/fits/fits_file.hpp"
#include "files/fits/fits_guard.hpp"
#include "files/unit_text.hpp"
#include "starglow/files/table.hpp"

namespace starglow {
namespace {

using files::check_fits;

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

bool is_angstrom(std::string_view unit) {
  const auto u = files::parse_unit(unit);
  return u.understood && u.log10_factor == 0 && u.powers == std::map<std::string, int>{{"angstrom", 1}};
}

}  // namespace

struct TableReader::State {
  explicit State(const std::filesystem::path& given) : name(given.string()), plain(given) {
    const auto summary = files::guard_fits(plain.path());
    notes = summary.warnings;
    std::size_t hdu = summary.hdus.size();
    for (std::size_t i = summary.hdus.size(); i-- > 0;)
      if (summary.hdus[i].kind == "BINTABLE") hdu = i;
    for (std::size_t i = summary.hdus.size(); i-- > 0;)
      if (summary.hdus[i].kind == "BINTABLE" && summary.hdus[i].extname == "GALAXIES") hdu = i;
    if (hdu == summary.hdus.size())
      throw Error(ErrorKind::input, "'" + name + "' holds no table", {"no binary-table HDU", "an HDU GALAXIES", ""});
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
      check_fits(status, ErrorKind::input, "'" + name + "': column " + std::to_string(i) + " cannot be understood");
      ColumnInfo column;
      column.name = file.card("TTYPE" + std::to_string(i));
      column.unit = file.card("TUNIT" + std::to_string(i));
      column.repeat = repeat;
      switch (std::abs(type)) {
        case TLOGICAL:
          column.type = 'L';
          break;
        case TBYTE:
        case TSBYTE:
          column.type = 'B';
          break;
        case TSHORT:
          column.type = 'I';
          break;
        case TUSHORT:
        case TLONG:
        case TINT:
          column.type = 'J';
          break;
        case TULONG:
        case TUINT:
        case TLONGLONG:
        case TULONGLONG:
          column.type = 'K';
          break;
        case TFLOAT:
          column.type = 'E';
          break;
        case TSTRING:
          column.type = 'A';
          break;
        case TDOUBLE:
          column.type = 'D';
          break;
        default:
          column.type = '?';
      }
      if (type < 0) column.type = '?';  // variable length
      for (const auto& other : columns)
        if (upper(other.name) == upper(column.name) && !column.name.empty())
          throw Error(ErrorKind::input, "'" + name + "' has two columns of one name",
                      {column.name, "unique names", ""});
      columns.push_back(std::move(column));
    }
    rows = static_cast<std::size_t>(n_rows);
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
    take("VACUUM", conventions.vacuum);
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

  int find(std::string_view wanted) const {
    const std::string key = upper(wanted);
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (upper(columns[i].name) == key) return static_cast<int>(i) + 1;
    return 0;
  }
  const ColumnInfo& info(int column) const { return columns[static_cast<std::size_t>(column) - 1]; }

  void check_unit(std::string_view column, bool (*matches)(std::string_view), const std::string& wanted) {
    const int i = find(column);
    if (i == 0) return;
    const std::string& unit = info(i).unit;
    if (unit.empty())
      notes.push_back("column " + std::string(column) + " has no unit; " + wanted + " is assumed");
    else if (!matches(unit))
      throw Error(ErrorKind::input, "'" + name + "': column " + std::string(column) + " has another unit",
                  {"'" + unit + "'", wanted, "Convert the column, and set its TUNIT."});
  }

  void check_contract() {
    for (const char* column : {"BAND_FLUX", "BAND_FLUX_IVAR"})
      if (const int i = find(column); i != 0 && info(i).repeat != static_cast<std::int64_t>(k_n_bands))
        throw Error(ErrorKind::input, "'" + name + "': column " + column + " has a wrong number of bands",
                    {std::to_string(info(i).repeat), "12", ""});
    if (const int i = find("TARGETID"); i != 0 && std::string_view("BIJK").find(info(i).type) == std::string_view::npos)
      throw Error(ErrorKind::input, "'" + name + "': TARGETID is not an integer column",
                  {std::string("type ") + info(i).type, "a 64-bit integer (K)",
                   "A TARGETID exceeds 2^53: in a float column it is already damaged."});
    for (const char* column : {"TARGETID", "Z", "EBV", "FLAGS"})
      if (const int i = find(column); i != 0 && info(i).repeat != 1)
        throw Error(ErrorKind::input, "'" + name + "': column " + column + " is not one number a row",
                    {std::to_string(info(i).repeat) + " a row", "1", ""});
    check_unit("BAND_FLUX", files::is_flux_unit, "1e-17 erg s^-1 cm^-2 Angstrom^-1");
    for (const auto& line : k_lines) {
      check_unit(std::string(line.name) + "_EW", is_angstrom, "Angstrom");
      for (const char* suffix : {"_EW", "_EW_IVAR"})
        if (const int i = find(std::string(line.name) + suffix); i != 0 && info(i).repeat != 1)
          throw Error(ErrorKind::input, "'" + name + "': column " + info(i).name + " is not one number a row",
                      {std::to_string(info(i).repeat) + " a row", "1", ""});
    }
    if (find("TARGETID") == 0) notes.push_back("no column TARGETID; rows are known by their number");
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

  template <class T>
  void numbers(int column, int fits_type, T null, std::size_t first, std::size_t elements, T* out) const {
    if (elements == 0) return;
    const char type = info(column).type;
    if (type == 'A' || type == '?')
      throw Error(ErrorKind::input, "'" + name + "': column " + info(column).name + " is not numeric",
                  {std::string("type ") + type, "numbers", ""});
    int status = 0, any = 0;
    // The library's test for null would turn infinities of float columns into NaN; they need none.
    T* substitute = type == 'E' || type == 'D' ? nullptr : &null;
    fits_read_col(file.get(), fits_type, column, static_cast<LONGLONG>(first) + 1, 1, static_cast<LONGLONG>(elements),
                  substitute, out, &any, &status);
    check_fits(status, ErrorKind::input, "'" + name + "': column " + info(column).name + " cannot be read");
  }

  std::vector<std::string> strings(int column, std::size_t first, std::size_t count) const {
    const auto width = static_cast<std::size_t>(info(column).repeat);
    std::vector<char> buffer(count * (width + 1));
    std::vector<char*> pointers(count);
    for (std::size_t i = 0; i < count; ++i) pointers[i] = buffer.data() + i * (width + 1);
    int status = 0, any = 0;
    char none[] = "";
    fits_read_col(file.get(), TSTRING, column, static_cast<LONGLONG>(first) + 1, 1, static_cast<LONGLONG>(count), none,
                  pointers.data(), &any, &status);
    check_fits(status, ErrorKind::input, "'" + name + "': column " + info(column).name + " cannot be read");
    return {pointers.begin(), pointers.end()};
  }

  std::string name;
  files::PlainFile plain;
  files::FitsFile file;
  std::size_t rows = 0;
  std::vector<ColumnInfo> columns;
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
  s.numbers(column, TDOUBLE, std::numeric_limits<double>::quiet_NaN(), first, out.flat().size(), out.data());
  return out;
}

std::vector<std::int64_t> TableReader::read_integers(std::string_view name, std::size_t first,
                                                     std::size_t count) const {
  const State& s = *state_;
  const int column = s.require(name);
  s.check_range(first, count);
  std::vector<std::int64_t> out(count * static_cast<std::size_t>(s.info(column).repeat));
  static_assert(sizeof(LONGLONG) == sizeof(std::int64_t));
  s.numbers(column, TLONGLONG, std::int64_t{0}, first, out.size(), out.data());
  return out;
}

std::vector<std::string> TableReader::read_text(std::string_view name, std::size_t first, std::size_t count) const {
  const State& s = *state_;
  const int column = s.require(name);
  s.check_range(first, count);
  if (s.info(column).type != 'A')
    throw Error(ErrorKind::input, "'" + s.name + "': column " + s.info(column).name + " is not text",
                {std::string("type ") + s.info(column).type, "type A", ""});
  return s.strings(column, first, count);
}

Galaxies TableReader::read(std::size_t first, std::size_t count) const {
  const State& s = *state_;
  s.check_range(first, count);
  Galaxies g;
  g.n = count;
  g.conventions = s.conventions;
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
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
    if (targetid != 0) s.numbers(targetid, TLONGLONG, std::int64_t{0}, row, n, g.targetid.data() + at);
    if (flags != 0) {
      s.numbers(flags, TLONGLONG, std::int64_t{0}, row, n, integers.data());
      for (std::size_t i = 0; i < n; ++i) g.flags[at + i] = static_cast<std::int32_t>(integers[i]);
    }
    if (z != 0) s.numbers(z, TDOUBLE, nan, row, n, g.z.data() + at);
    if (ebv != 0) s.numbers(ebv, TDOUBLE, nan, row, n, g.ebv.data() + at);
    if (flux != 0) s.numbers(flux, TDOUBLE, nan, row, n * k_n_bands, g.band_flux.data() + at * k_n_bands);
    if (ivar != 0) s.numbers(ivar, TDOUBLE, nan, row, n * k_n_bands, g.band_flux_ivar.data() + at * k_n_bands);
    for (const auto& m : measured) {
      s.numbers(m.column, TFLOAT, std::nanf(""), row, n, values.data());
      for (std::size_t i = 0; i < n; ++i) (*m.into)(at + i, m.line) = values[i];
    }
    for (const char* name : {"SURVEY", "PROGRAM"})
      if (const int column = s.find(name); column != 0 && s.info(column).type == 'A') {
        auto& into = name[0] == 'S' ? g.survey : g.program;
        auto more = s.strings(column, row, n);
        std::move(more.begin(), more.end(), std::back_inserter(into));
      }
  }
  return g;
}

Galaxies read_table(const std::filesystem::path& path) {
  const TableReader reader(path);
  return reader.read(0, reader.rows());
}

}  // namespace starglow
