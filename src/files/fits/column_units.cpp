#include "files/fits/column_units.hpp"

#include <cmath>

#include "files/fits/fits_guard.hpp"
#include "files/units.hpp"
#include "starglow/base/error.hpp"

namespace starglow::files {
namespace {

// What a column is the inverse variance of, NAME of NAME_IVAR and NAME_3 of NAME_IVAR_3; "" where it is none.
std::string numbers_of(const std::string& ivar) {
  constexpr std::string_view k_ivar = "_IVAR";
  const std::size_t digits = ivar.size() - (ivar.find_last_not_of("0123456789") + 1);
  const std::size_t tail = digits > 0 && digits < ivar.size() && ivar[ivar.size() - digits - 1] == '_' ? digits + 1 : 0;
  if (ivar.size() <= k_ivar.size() + tail) return "";
  const std::size_t end = ivar.size() - tail - k_ivar.size();
  if (!same_name(std::string_view(ivar).substr(end, k_ivar.size()), k_ivar)) return "";
  return ivar.substr(0, end) + ivar.substr(ivar.size() - tail);
}

// Columns whose numbers mean something else in another unit, so that its absence is told: not their inverse variances,
// quantiles and draws, which follow them.
bool needs_unit(std::string_view column) {
  if (same_name(column, "BAND_FLUX_0")) return true;
  for (const std::string_view end : {"BAND_FLUX", "_EW", "_FLUX", "_LUM"})
    if (column.size() >= end.size() && same_name(column.substr(column.size() - end.size()), end)) return true;
  return false;
}

}  // namespace

int find_column(const std::vector<ColumnInfo>& columns, std::string_view wanted) {
  int alike = 0, at = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == wanted) return static_cast<int>(i) + 1;
    if (!same_name(columns[i].name, wanted)) continue;
    ++alike;
    at = static_cast<int>(i) + 1;
  }
  return alike == 1 ? at : 0;
}

bool is_band_vector(std::string_view name) { return same_name(name, "BAND_FLUX") || same_name(name, "BAND_FLUX_IVAR"); }

std::vector<double> column_scales(std::vector<ColumnInfo>& columns, const FitsFile& file, const std::string& where,
                                  std::vector<std::string>& notes) {
  std::vector<double> scale(columns.size(), 1.0);
  std::vector<bool> absent(columns.size(), false);
  const auto meant = [&](std::size_t i) {
    return quantity_of(columns[i].name) && find_column(columns, columns[i].name) == static_cast<int>(i) + 1;
  };
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!meant(i)) continue;
    const auto quantity = quantity_of(columns[i].name);
    std::string& unit = columns[i].unit;
    const auto factor = factor_of(unit, *quantity);
    const std::string wanted(unit_of(*quantity));
    if (unit.empty() && !factor) {
      absent[i] = true;
      if (needs_unit(columns[i].name))
        notes.push_back("column " + columns[i].name + " has no unit; " + wanted + " is assumed");
    } else if (!factor) {
      throw Error(ErrorKind::input, where + ": column " + columns[i].name + " has another unit",
                  {"'" + unit + "'", wanted, "Convert the column, and set its TUNIT."});
    } else if (*factor != 1) {
      scale[i] = *factor;
      notes.push_back("column " + columns[i].name + " is converted from " + unit + " to " + wanted);
      unit = wanted;
    }
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string of = numbers_of(columns[i].name);
    const int at = of.empty() || !meant(i) ? 0 : find_column(columns, of);
    if (at == 0) continue;
    const double by = scale[static_cast<std::size_t>(at) - 1], wanted = 1 / (by * by);
    if (!absent[i] && std::fabs(scale[i] / wanted - 1) > 1e-6)
      throw Error(
          ErrorKind::input,
          where + ": " + columns[i].name + " is not in the unit of " + columns[static_cast<std::size_t>(at) - 1].name,
          {"'" + file.card("TUNIT" + std::to_string(i + 1)) + "' beside '" + file.card("TUNIT" + std::to_string(at)) +
               "'",
           "the inverse square of the other", "Correct the TUNIT that is wrong."});
    scale[i] = wanted;
  }
  return scale;
}

}  // namespace starglow::files
