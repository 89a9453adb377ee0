// Filter curves: ECSV, HDF5 as DSPS has it, plain text.
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "files/hdf5_contents.hpp"
#include "files/hdf5_file.hpp"
#include "files/units.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/spectra/air.hpp"
#include "starglow/spectra/filter.hpp"

namespace starglow {
namespace {

constexpr std::uintmax_t k_largest = 64u << 20;

/// Angstrom in one unit of the name; nothing for a word that is no unit of length.
std::optional<double> angstrom_in(std::string_view word) { return files::factor_of(word, files::Quantity::length); }

struct Text {
  std::string name;  ///< of the file, for messages
  [[noreturn]] void refuse(const std::string& what, std::string seen, std::string wanted,
                           std::string remedy = "") const {
    throw Error(ErrorKind::input, "'" + name + "' " + what, {std::move(seen), std::move(wanted), std::move(remedy)});
  }
};

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> out(1);
  for (const char c : line)
    if (c == ' ' || c == '\t' || c == ',' || c == ';' || c == '\r') {
      if (!out.back().empty()) out.emplace_back();
    } else {
      out.back() += c;
    }
  if (out.back().empty()) out.pop_back();
  return out;
}

double number(const std::string& word, std::size_t line, const Text& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size())
    text.refuse("line " + std::to_string(line) + " holds no number", "'" + word.substr(0, 40) + "'",
                "wavelength and transmission");
  return value;
}

/// The value of `key: value` in a flow mapping like {name: wavelength, unit: nm, datatype: float64}.
std::string yaml_value(std::string_view line, std::string_view key) {
  const std::string wanted = std::string(key) + ":";
  for (std::size_t at = line.find(wanted); at != std::string_view::npos; at = line.find(wanted, at + 1)) {
    if (at > 0 && line[at - 1] != ' ' && line[at - 1] != '{') continue;
    std::string value;
    for (std::size_t i = at + wanted.size(); i < line.size() && line[i] != ',' && line[i] != '}'; ++i)
      if (line[i] != ' ' && line[i] != '\'' && line[i] != '"') value += line[i];
    return value;
  }
  return "";
}

/// Whether a comment or a column's name says that wavelengths are in air ("airmass" does not).
bool says_air(std::string line) {
  std::transform(line.begin(), line.end(), line.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* word : {"in air", "air wavelength", "wavelength_air", "air_wavelength", "(air)", "airorvac: air",
                           "airorvac = 'air", "airorvac = air", "airorvac=air"})
    if (const auto at = line.find(word); at != std::string::npos)
      return !line.substr(at).starts_with("in airm") && !line.substr(at).starts_with("in air mass");
  return false;
}

/// A unit in brackets or behind "unit:" in a comment.
std::optional<std::string> unit_in_comment(std::string_view line) {
  for (const auto& [open, close] : {std::pair{'[', ']'}, std::pair{'(', ')'}}) {
    const auto a = line.find(open), b = line.find(close, a == std::string_view::npos ? 0 : a);
    if (a == std::string_view::npos || b == std::string_view::npos) continue;
    const std::string word(line.substr(a + 1, b - a - 1));
    if (files::is_unit(word)) return word;  // of wavelength, or it is refused
  }
  const auto at = line.find("unit");
  if (at == std::string_view::npos) return std::nullopt;
  for (const auto& word : words(line.substr(at)))
    if (files::is_unit(word)) return word;
  return std::nullopt;
}

Filter from_text(const std::filesystem::path& path, std::string_view given) {
  const Text text{path.string()};
  std::ifstream in(path, std::ios::binary);
  if (!in) text.refuse("cannot be read", "", "a file");
  std::optional<std::string> unit;
  std::vector<double> wave, transmission;
  std::vector<std::string> declared;  // columns of an ECSV header
  bool ecsv = false, titled = false, air = false;
  std::size_t wave_at = 0, value_at = 1, number_of_line = 0;
  for (std::string line; std::getline(in, line);) {
    ++number_of_line;
    if (line.size() > 100000) text.refuse("line " + std::to_string(number_of_line) + " is too long", "", "a table");
    if (line.starts_with("# %ECSV")) ecsv = true;
    if (line.starts_with("#")) {
      air = air || says_air(line);
      if (ecsv) {
        if (const auto name = yaml_value(line, "name"); line.starts_with("# - {") && !name.empty()) {
          declared.push_back(name);
          if (name == "wavelength" || name == "wave") {
            unit = yaml_value(line, "unit");
            if (unit->empty()) unit.reset();
          }
        }
      } else if (!unit) {
        unit = unit_in_comment(line);
      }
      continue;
    }
    const auto parts = words(line);
    if (parts.empty()) continue;
    if (ecsv && !titled) {  // the row of column names
      titled = true;
      std::optional<std::size_t> w, v;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i] == "wavelength" || parts[i] == "wave") w = i;
        if (parts[i] == "response" || parts[i] == "transmission" || parts[i] == "throughput") v = i;
      }
      if (!w || !v)
        text.refuse("has no columns of a filter", "'" + line.substr(0, 80) + "'",
                    "wavelength, and response, transmission or throughput");
      wave_at = *w;
      value_at = *v;
      continue;
    }
    if (parts.size() <= std::max(wave_at, value_at))
      text.refuse("line " + std::to_string(number_of_line) + " is too short", std::to_string(parts.size()) + " columns",
                  "wavelength and transmission");
    wave.push_back(number(parts[wave_at], number_of_line, text));
    transmission.push_back(number(parts[value_at], number_of_line, text));
  }
  if (wave.empty()) text.refuse("holds no filter", "no rows", "wavelength and transmission");
  if (!unit && given.empty())
    text.refuse(
        "does not say the unit of its wavelengths", "", "Angstrom, nm or micron",
        ecsv ? "Add the unit to the column in its header." : "Begin it with '# wavelength [nm]', or give the unit.");
  if (unit && !angstrom_in(*unit)) text.refuse("has wavelengths of another unit", *unit, "Angstrom, nm or micron");
  const double by_hand = given.empty() ? 0 : angstrom_in(given).value_or(0);
  if (!given.empty() && by_hand == 0)
    throw Error(ErrorKind::usage, "unknown unit of wavelength", {std::string(given), "Angstrom, nm or micron", ""});
  const double scale = unit ? angstrom_in(*unit).value_or(0) : by_hand;
  if (by_hand != 0 && by_hand != scale)
    text.refuse("names another unit than the one given", *unit, std::string(given), "Leave the unit to the file.");
  for (double& w : wave) w *= scale;
  if (air) to_vacuum(wave);
  return {path.stem().string(), std::move(wave), std::move(transmission)};
}

}  // namespace

Filter load_filter(const std::filesystem::path& path, std::string_view unit) {
  std::error_code failed;
  const Text text{path.string()};
  if (!std::filesystem::is_regular_file(path, failed)) text.refuse("cannot be read", "no such file", "a filter curve");
  if (const auto size = std::filesystem::file_size(path, failed); size > k_largest)
    text.refuse("is too large for a filter", std::to_string(size) + " bytes", "at most 64 MiB");
  std::array<char, 8> magic{};
  std::ifstream(path, std::ios::binary).read(magic.data(), 8);
  if (std::string_view(magic.data(), 4) != "\x89HDF") return from_text(path, unit);
  static constexpr std::array<std::string_view, 2> names{"wave", "transmission"};
  const files::Hdf5Contents file(path, names);
  for (const auto& name : names)
    if (const auto shape = file.shape(std::string(name)); shape.size() != 1)
      file.refuse("'" + std::string(name) + "' is no curve", std::to_string(shape.size()) + " dimensions", "one");
  return {path.stem().string(), file.doubles("wave"), file.doubles("transmission")};
}

}  // namespace starglow
