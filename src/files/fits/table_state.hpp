#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "files/fits/column_units.hpp"
#include "files/fits/fits_file.hpp"
#include "files/fits/fits_guard.hpp"
#include "files/fits/fits_values.hpp"
#include "files/fits/medium.hpp"
#include "files/surveys/general_names.hpp"
#include "files/units.hpp"
#include "starglow/base/marks.hpp"
#include "starglow/files/table.hpp"
#include "starglow/model/inputs.hpp"

namespace starglow {
namespace files {

// FITS letter of a column type of the library; '?' for those that are not read, columns of variable length among them.
inline char letter_of(int type) {
  constexpr std::pair<int, char> known[]{{TLOGICAL, 'L'}, {TBYTE, 'B'},     {TSBYTE, 'B'},     {TSHORT, 'I'},
                                         {TUSHORT, 'J'},  {TLONG, 'J'},     {TINT, 'J'},       {TULONG, 'K'},
                                         {TUINT, 'K'},    {TLONGLONG, 'K'}, {TULONGLONG, 'K'}, {TFLOAT, 'E'},
                                         {TSTRING, 'A'},  {TDOUBLE, 'D'}};
  for (const auto& [code, letter] : known)
    if (code == type) return letter;
  return '?';  // of variable length, below 0, too
}

// GALAXIES, else the first table with band fluxes, else the first table; the number of HDUs where there is none.
inline std::size_t table_in(const FitsSummary& summary) {
  std::size_t best = summary.hdus.size();
  int rank = 0;
  for (std::size_t i = 0; i < summary.hdus.size(); ++i) {
    const auto& hdu = summary.hdus[i];
    if (hdu.kind != "BINTABLE") continue;
    const bool bands = std::any_of(hdu.columns.begin(), hdu.columns.end(), [](const auto& name) {
      return same_name(name, "BAND_FLUX") || same_name(name, "BAND_FLUX_0");
    });
    const int now = same_name(hdu.extname, "GALAXIES") ? 3 : bands ? 2 : 1;
    if (now > rank) best = i, rank = now;
  }
  return best;
}

}  // namespace files

/// An open table and what is known of it: structure, units, conventions.
struct TableReader::State {
  explicit State(const std::filesystem::path& given) : name(given.string()), plain(given) {
    const auto summary = files::guard_fits(plain.path(), given);
    notes = summary.warnings;
    const std::size_t hdu = files::table_in(summary);
    if (hdu == summary.hdus.size()) {
      const bool packed =
          std::any_of(summary.hdus.begin(), summary.hdus.end(), [](const auto& h) { return h.kind == "ZTABLE"; });
      throw Error(ErrorKind::input, "'" + name + "' contains no table",
                  {packed ? "a table packed by tiles (ZTABLE)" : "no binary-table HDU", "an HDU GALAXIES",
                   packed ? "funpack unpacks it." : ""});
    }
    file = files::FitsFile::open(plain.path());
    files::verify_own(file, summary, name, hdu);
    int status = 0, type = 0;
    fits_movabs_hdu(file.get(), static_cast<int>(hdu) + 1, &type, &status);
    files::check_fits(status, ErrorKind::input, "'" + name + "' cannot be read");
    files::verify_sums(file.get(), "'" + name + "'");
    read_structure();
    read_conventions();
    check_contract();
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
      files::check_fits(status, ErrorKind::input, "'" + name + "': column " + std::to_string(i) + " cannot be read");
      ColumnInfo column;
      column.name = file.card("TTYPE" + std::to_string(i));
      column.unit = file.card("TUNIT" + std::to_string(i));
      column.repeat = repeat;
      column.type = files::letter_of(type);
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
  }

  void read_conventions() {
    const auto take = [&](const char* key, std::string& into) {
      const std::string value = file.card(key);
      if (!value.empty()) into = files::convention_word(key, value);
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

  int find(std::string_view wanted) const { return files::find_column(columns, wanted); }
  // A column of vectors, or twelve columns NAME_0 to NAME_11 of numbers; empty where there is neither.
  std::vector<int> bands(std::string_view wanted) const {
    if (const int whole = find(wanted); whole != 0) return {whole};
    std::vector<int> parts;
    std::string absent;
    for (std::size_t b = 0; b < k_n_bands; ++b) {
      const std::string part = std::string(wanted) + "_" + std::to_string(b);
      if (const int i = find(part); i != 0)
        parts.push_back(i);
      else if (absent.empty())
        absent = part;
    }
    if (!parts.empty() && !absent.empty())
      throw Error(ErrorKind::input, "'" + name + "' has no column " + absent,
                  {std::to_string(parts.size()) + " of 12 columns " + std::string(wanted) + "_0 to " +
                       std::string(wanted) + "_11",
                   "all twelve, or one column " + std::string(wanted) + " of vectors", ""});
    return parts;
  }
  // A column of numbers that may be there.
  int number(std::string_view wanted) const {
    const int i = find(wanted);
    return i != 0 && std::string_view("A?L").find(info(i).type) == std::string_view::npos ? i : 0;
  }
  const ColumnInfo& info(int column) const { return columns[static_cast<std::size_t>(column) - 1]; }

  void check_contract() {
    std::vector<std::string> scalars{"TARGETID", "Z", "Z_ERR", "EBV", "FLAGS"};
    for (const std::size_t input : k_column_inputs) scalars.emplace_back(k_inputs[input].column);
    for (const char* suffix : {"_EW", "_EW_IVAR"}) {
      for (const auto& line : k_all_lines) scalars.push_back(std::string(line.name) + suffix);
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
      if (const auto parts = bands(column); parts.size() > 1)
        for (const int part : parts) scalars.push_back(info(part).name);
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
    scale = files::column_scales(columns, file, "'" + name + "'", notes);
    if (find("Z") == 0 && !bands("BAND_FLUX").empty()) notes.push_back(without_z());
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
  // Twelve numbers a row: of one column, or of twelve.
  void vectors(const std::vector<int>& from, std::size_t first, std::span<double> out) const {
    if (from.size() == 1) return numbers(from[0], first, out);
    std::vector<double> one(out.size() / k_n_bands);
    for (std::size_t b = 0; b < k_n_bands; ++b) {
      numbers(from[b], first, std::span(one));
      for (std::size_t i = 0; i < one.size(); ++i) out[i * k_n_bands + b] = one[i];
    }
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

}  // namespace starglow
