// Star-formation histories from FITS and HDF5.
#include "starglow/files/history_reader.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <fstream>
#include <map>
#include <optional>

#include "files/fits/fits_guard.hpp"
#include "files/hdf5_contents.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/table.hpp"

namespace starglow {
namespace {

constexpr std::array<std::string_view, 11> k_names{
    "TARGETID", "Z", "LGMET", "SFR", "SFH_TIME", "AV", "LGMET_SCATTER", "SLOPE", "BUMP", "FIBRE_FRACTION", "T_OBS"};
constexpr double k_oldest = 20;  // Gyr: no cosmology is older
constexpr std::string_view k_needed = "SFH_TIME (Gyr), SFR (M_sun/yr), Z, LGMET (log10 Z)";

bool is_hdf5(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::array<char, 8> first{};
  in.read(first.data(), first.size());
  return in && std::string_view(first.data(), first.size()) == "\x89HDF\r\n\x1a\n";
}

// "Msun yr^-1" as "msunyr-1".
std::string plain_unit(std::string_view unit) {
  std::string out;
  for (const char c : unit)
    if (c != ' ' && c != '_' && c != '*' && c != '^' && c != '.')
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Gyr in one unit of the name.
std::optional<double> gyr_in(const std::string& unit) {
  static const std::map<std::string, double, std::less<>> known{
      {"gyr", 1}, {"ga", 1}, {"myr", 1e-3}, {"ma", 1e-3}, {"kyr", 1e-6}, {"yr", 1e-9}, {"year", 1e-9}, {"a", 1e-9}};
  const auto found = known.find(unit);
  return found == known.end() ? std::nullopt : std::optional(found->second);
}

// What brings a column of a history to the unit here; nothing for another dimension.
std::optional<double> history_factor(std::string_view column, std::string_view given) {
  const std::string unit = plain_unit(given);
  if (unit.empty()) return 1.0;
  if (column == "SFH_TIME" || column == "T_OBS") return gyr_in(unit);
  if (column == "LGMET" || column == "LGMET_SCATTER")
    return unit == "dex" || unit == "none" || unit.starts_with("log") ? std::optional(1.0) : std::nullopt;
  if (column == "AV") return unit == "mag" ? std::optional(1.0) : unit == "mmag" ? std::optional(1e-3) : std::nullopt;
  if (column != "SFR") return 1.0;
  for (const std::string_view sun : {"msun", "solmass", "msol", "solarmass"}) {
    if (!unit.starts_with(sun)) continue;
    std::string per = unit.substr(sun.size());
    if (per.starts_with("/")) per.erase(0, 1);
    if (per.ends_with("-1")) per.erase(per.size() - 2);
    if (const auto gyr = gyr_in(per)) return 1e-9 / *gyr;
  }
  return std::nullopt;
}

}  // namespace

struct HistoryReader::State {
  explicit State(const std::filesystem::path& from) : path(from) {
    if (is_hdf5(path))
      read_hdf5();
    else
      fits.emplace(path);
    for (const char* name : {"Z", "LGMET", "SFR", "SFH_TIME"})
      if (!has(name)) refuse("has no " + std::string(name), "", std::string(k_needed));
    rows = fits ? fits->rows() : numbers.at("Z").rows();
    if (rows == 0) refuse("holds no galaxies", "0 rows", "at least one");
    if (fits) read_units();
    const Matrix<double> first = fits ? column("SFH_TIME", 0, 1) : numbers.at("SFH_TIME");
    times.assign(first.flat().begin(), first.flat().end());
    for (std::size_t i = 1; i < times.size(); ++i)
      if (!(times[i] > times[i - 1]))
        refuse("has times that do not ascend", std::to_string(times[i]) + " Gyr at index " + std::to_string(i),
               "Gyr since the Big Bang, ascending");
    if (!times.empty() && !(times.back() <= k_oldest))
      refuse("has times beyond the age of the universe", std::to_string(times.back()) + " Gyr",
             "Gyr since the Big Bang");
    if (fits) return;
    for (const auto& [name, values] : numbers)
      if (name != "SFH_TIME" && values.rows() != rows)
        refuse("has a dataset of another length: " + name, std::to_string(values.rows()), std::to_string(rows));
  }

  [[noreturn]] void refuse(const std::string& what, const std::string& seen, const std::string& wanted) const {
    throw Error(ErrorKind::input, "'" + path.filename().string() + "' " + what, {seen, wanted, ""});
  }

  void read_hdf5() {
    const files::Hdf5Contents contents(path, k_names);
    for (const auto name : k_names) {
      const std::string key(name);
      if (!contents.has(key)) continue;
      const auto shape = contents.shape(key);
      const bool table = name == "SFR", line = name == "SFH_TIME";
      if (shape.size() != (table ? 2U : 1U))
        refuse("has a dataset of another shape: " + key, std::to_string(shape.size()) + " dimensions",
               table ? "2" : "1");
      const auto values = contents.doubles(key);
      Matrix<double> m(line ? 1 : shape[0], table ? shape[1] : line ? shape[0] : 1);
      std::copy(values.begin(), values.end(), m.flat().begin());
      numbers.emplace(key, std::move(m));
    }
  }

  void read_units() {
    for (const auto& column : fits->columns())
      for (const auto name : k_names) {
        if (!files::same_name(column.name, name)) continue;
        const auto by = history_factor(name, column.unit);
        if (!by) refuse("has another unit in " + column.name, column.unit, std::string(k_needed));
        if (*by != 1) factor[std::string(name)] = *by;
      }
  }

  bool has(const std::string& name) const { return fits ? fits->has_column(name) : numbers.contains(name); }

  Matrix<double> column(const std::string& name, std::size_t first, std::size_t count) const {
    if (fits) {
      Matrix<double> out = fits->read_column(name, first, count);
      if (const auto by = factor.find(name); by != factor.end())
        for (double& x : out.flat()) x *= by->second;
      return out;
    }
    const auto& all = numbers.at(name);
    Matrix<double> out(count, all.cols());
    std::copy_n(all.flat().begin() + static_cast<std::ptrdiff_t>(first * all.cols()), count * all.cols(),
                out.flat().begin());
    return out;
  }

  std::filesystem::path path;
  std::optional<TableReader> fits;
  std::map<std::string, double> factor;           // to the units here, where they differ
  std::map<std::string, Matrix<double>> numbers;  // of HDF5
  std::size_t rows = 0;
  std::vector<double> times;
};

HistoryReader::HistoryReader(const std::filesystem::path& path) : state_(std::make_unique<State>(path)) {}
HistoryReader::~HistoryReader() = default;
std::size_t HistoryReader::rows() const noexcept { return state_->rows; }
const std::vector<double>& HistoryReader::times() const noexcept { return state_->times; }
std::vector<std::string> HistoryReader::notes() const {
  auto out = state_->fits ? state_->fits->notes() : std::vector<std::string>{};
  if (!state_->has("AV")) out.emplace_back("the histories have no AV: galaxies without dust");
  return out;
}

StarHistories HistoryReader::read(std::size_t first, std::size_t count) const {
  const State& s = *state_;
  StarHistories out;
  out.times = s.times;
  if (s.fits) {
    const auto times = s.column("SFH_TIME", first, count);
    for (std::size_t g = 0; g < count; ++g)
      if (!std::ranges::equal(times.row(g), s.times))
        s.refuse("has times that differ from row to row", "row " + std::to_string(first + g), "the same in every row");
  }
  out.sfr = s.column("SFR", first, count);
  if (out.sfr.cols() != s.times.size())
    s.refuse("has other numbers of rates and times", std::to_string(out.sfr.cols()) + " rates",
             std::to_string(s.times.size()));
  const auto numbers = [&](const char* name, std::vector<double>& to) {
    if (!s.has(name)) return;
    const auto values = s.column(name, first, count);
    if (values.cols() != 1) s.refuse("has several numbers a galaxy in " + std::string(name), "", "one");
    to.assign(values.flat().begin(), values.flat().end());
  };
  numbers("Z", out.z);
  numbers("LGMET", out.lgmet);
  for (std::size_t g = 0; g < out.lgmet.size(); ++g)
    if (out.lgmet[g] > 0)
      s.refuse("has more metals than mass in row " + std::to_string(first + g), "LGMET " + std::to_string(out.lgmet[g]),
               "log10 of the mass fraction, below 0");
  numbers("AV", out.av);
  numbers("LGMET_SCATTER", out.lgmet_scatter);
  numbers("SLOPE", out.slope);
  numbers("BUMP", out.bump);
  numbers("FIBRE_FRACTION", out.fibre_fraction);
  numbers("T_OBS", out.t_obs);
  out.targetid.resize(count);
  for (std::size_t g = 0; g < count; ++g) out.targetid[g] = static_cast<std::int64_t>(first + g + 1);
  if (!s.has("TARGETID")) return out;
  if (s.fits) {
    out.targetid = s.fits->read_integers("TARGETID", first, count);
  } else {
    const auto ids = s.column("TARGETID", first, count);
    for (std::size_t g = 0; g < count; ++g) {
      const double id = ids(g, 0);
      if (!(std::abs(id) < 9007199254740992.0) || id != std::floor(id))
        s.refuse("has a TARGETID that is no whole number below 2^53", std::to_string(id), "an id, as HDF5 holds it");
      out.targetid[g] = static_cast<std::int64_t>(id);
    }
  }
  return out;
}

}  // namespace starglow
