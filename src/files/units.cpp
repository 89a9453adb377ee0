#include "files/units.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <string>

#include "files/unit_text.hpp"
#include "starglow/base/galaxies.hpp"
#include "starglow/base/lines.hpp"

namespace starglow::files {
namespace {

// Powers of length (m), time (s), mass (kg) and of what cannot be converted (magnitudes, counts), and a factor.
struct Dimension {
  int length = 0, time = 0, mass = 0, other = 0;
  double log10_factor = 0;
  bool same(const Dimension& b) const {
    return length == b.length && time == b.time && mass == b.mass && other == b.other;
  }
};

const std::map<std::string, Dimension, std::less<>>& named_units() {
  static const double jansky = -26, sun = std::log10(3.828e26);  // IAU 2015 B3
  static const std::map<std::string, Dimension, std::less<>> known{{"angstrom", {1, 0, 0, 0, -10}},
                                                                   {"angstroem", {1, 0, 0, 0, -10}},
                                                                   {"nm", {1, 0, 0, 0, -9}},
                                                                   {"nanometer", {1, 0, 0, 0, -9}},
                                                                   {"nanometers", {1, 0, 0, 0, -9}},
                                                                   {"nanometre", {1, 0, 0, 0, -9}},
                                                                   {"nanometres", {1, 0, 0, 0, -9}},
                                                                   {"um", {1, 0, 0, 0, -6}},
                                                                   {"micron", {1, 0, 0, 0, -6}},
                                                                   {"microns", {1, 0, 0, 0, -6}},
                                                                   {"micrometer", {1, 0, 0, 0, -6}},
                                                                   {"micrometers", {1, 0, 0, 0, -6}},
                                                                   {"micrometre", {1, 0, 0, 0, -6}},
                                                                   {"mm", {1, 0, 0, 0, -3}},
                                                                   {"cm", {1, 0, 0, 0, -2}},
                                                                   {"m", {1, 0, 0, 0, 0}},
                                                                   {"meter", {1, 0, 0, 0, 0}},
                                                                   {"metre", {1, 0, 0, 0, 0}},
                                                                   {"km", {1, 0, 0, 0, 3}},
                                                                   {"s", {0, 1, 0, 0, 0}},
                                                                   {"sec", {0, 1, 0, 0, 0}},
                                                                   {"second", {0, 1, 0, 0, 0}},
                                                                   {"seconds", {0, 1, 0, 0, 0}},
                                                                   {"hz", {0, -1, 0, 0, 0}},
                                                                   {"ghz", {0, -1, 0, 0, 9}},
                                                                   {"thz", {0, -1, 0, 0, 12}},
                                                                   {"ev", {2, -2, 1, 0, -18.795}},
                                                                   {"erg", {2, -2, 1, 0, -7}},
                                                                   {"ergs", {2, -2, 1, 0, -7}},
                                                                   {"j", {2, -2, 1, 0, 0}},
                                                                   {"joule", {2, -2, 1, 0, 0}},
                                                                   {"w", {2, -3, 1, 0, 0}},
                                                                   {"watt", {2, -3, 1, 0, 0}},
                                                                   {"jy", {0, -2, 1, 0, jansky}},
                                                                   {"mjy", {0, -2, 1, 0, jansky - 3}},
                                                                   {"ujy", {0, -2, 1, 0, jansky - 6}},
                                                                   {"njy", {0, -2, 1, 0, jansky - 9}},
                                                                   {"lsun", {2, -3, 1, 0, sun}},
                                                                   {"mag", {0, 0, 0, 1, 0}},
                                                                   {"mmag", {0, 0, 0, 1, -3}}};
  return known;
}

std::optional<Dimension> dimension_of(std::string_view unit) {
  const UnitText text = parse_unit(unit);
  if (!text.understood) return std::nullopt;
  Dimension out;
  out.log10_factor = text.log10_factor;
  for (const auto& [name, power] : text.powers) {
    const auto found = named_units().find(name);
    if (found == named_units().end()) return std::nullopt;
    const Dimension& d = found->second;
    out.length += power * d.length;
    out.time += power * d.time;
    out.mass += power * d.mass;
    out.other += power * d.other;
    out.log10_factor += power * d.log10_factor;
  }
  return out;
}

struct Inside {
  std::string_view unit, name;
};
Inside inside(Quantity quantity) {
  switch (quantity) {
    case Quantity::flux_density:
      return {"1e-17 erg / (s cm2 Angstrom)", "1e-17 erg s^-1 cm^-2 Angstrom^-1"};
    case Quantity::flux_density_ivar:
      return {"1e34 s2 cm4 Angstrom2 / (erg2)", "1e34 erg^-2 s^2 cm^4 Angstrom^2"};
    case Quantity::line_flux:
      return {"1e-17 erg / (s cm2)", "1e-17 erg s^-1 cm^-2"};
    case Quantity::line_flux_ivar:
      return {"1e34 s2 cm4 / (erg2)", "1e34 erg^-2 s^2 cm^4"};
    case Quantity::luminosity:
      return {"erg / s", "erg s^-1"};
    case Quantity::length:
      return {"Angstrom", "Angstrom"};
    case Quantity::length_ivar:
      return {"Angstrom-2", "Angstrom^-2"};
    case Quantity::velocity:
      return {"km / s", "km s^-1"};
    case Quantity::magnitude:
      return {"mag", "mag"};
    case Quantity::pure:
      break;
  }
  return {"1", "a pure number"};
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

}  // namespace

std::optional<double> factor_of(std::string_view unit, Quantity quantity) {
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  while (!unit.empty() && unit.back() == ' ') unit.remove_suffix(1);
  if (quantity == Quantity::pure) {
    const std::string word = upper(unit);
    for (const char* none : {"", "NONE", "REDSHIFT", "DIMENSIONLESS", "UNITLESS"})
      if (word == none) return 1.0;
  }
  if (unit.empty()) return std::nullopt;
  const auto seen = dimension_of(unit);
  const auto wanted = dimension_of(inside(quantity).unit);
  if (!seen || !wanted || !seen->same(*wanted)) return std::nullopt;
  const double power = seen->log10_factor - wanted->log10_factor;
  if (std::fabs(power) < 1e-9) return 1.0;
  const double whole = std::round(power);
  return std::pow(10.0, std::fabs(power - whole) < 1e-9 ? whole : power);
}

bool is_unit(std::string_view text) {
  const UnitText parsed = parse_unit(text);
  return parsed.understood && !parsed.powers.empty() && dimension_of(text).has_value();
}

std::string_view unit_of(Quantity quantity) { return inside(quantity).name; }

std::optional<Quantity> quantity_of(std::string_view column) {
  const std::string name = upper(column);
  static const std::map<std::string, Quantity, std::less<>> whole{{"BAND_FLUX", Quantity::flux_density},
                                                                  {"BAND_FLUX_IVAR", Quantity::flux_density_ivar},
                                                                  {"Z", Quantity::pure},
                                                                  {"Z_ERR", Quantity::pure},
                                                                  {"EBV", Quantity::magnitude},
                                                                  {"VDISP", Quantity::velocity}};
  if (const auto found = whole.find(name); found != whole.end()) return found->second;
  // one band of twelve: BAND_FLUX_3, BAND_FLUX_IVAR_3
  if (const auto stem = name.find_last_not_of("0123456789") + 1;
      name.starts_with("BAND_FLUX_") && stem + 2 >= name.size() && stem < name.size())
    if (const auto found = whole.find(name.substr(0, stem - 1)); found != whole.end()) return found->second;
  static constexpr std::array<std::pair<std::string_view, Quantity>, 16> suffixes{
      {{"_EW", Quantity::length},
       {"_EW_IVAR", Quantity::length_ivar},
       {"_EW_P16", Quantity::length},
       {"_EW_P84", Quantity::length},
       {"_EW_DRAW", Quantity::length},
       {"_EW_NOISY", Quantity::length},
       {"_FLUX", Quantity::line_flux},
       {"_FLUX_IVAR", Quantity::line_flux_ivar},
       {"_FLUX_LIMIT", Quantity::line_flux},
       {"_FLUX_P16", Quantity::line_flux},
       {"_FLUX_P84", Quantity::line_flux},
       {"_VSHIFT", Quantity::velocity},
       {"_LUM", Quantity::luminosity},
       {"_CONT", Quantity::flux_density},
       {"_CONT_IVAR", Quantity::flux_density_ivar},
       {"_SIGMA", Quantity::velocity}}};
  const auto of_line = [&](std::string_view line) -> std::optional<Quantity> {
    if (!name.starts_with(line)) return std::nullopt;
    const std::string_view rest = std::string_view(name).substr(line.size());
    for (const auto& [suffix, quantity] : suffixes)
      if (rest == suffix) return quantity;
    return std::nullopt;
  };
  for (const auto& line : k_all_lines)
    if (const auto found = of_line(line.name)) return found;
  for (const auto& sum : k_line_sums)
    if (const auto found = of_line(sum.name)) return found;
  return std::nullopt;
}

}  // namespace starglow::files
