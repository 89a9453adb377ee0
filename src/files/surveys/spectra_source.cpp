// What the readers of the surveys' layouts share.
#include "files/surveys/spectra_source.hpp"

#include <algorithm>
#include <cctype>
#include <numbers>

#include "files/fits/medium.hpp"
#include "files/units.hpp"
#include "starglow/base/flags.hpp"

namespace starglow::files {
namespace {

constexpr std::int64_t k_restricted = 1 << 3;  // the fibre's reach was restricted; its spectrum is good

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

// The values of the first of the columns that is there, for rows in any order; the range that holds them is read.
template <class T, class Read>
std::vector<T> column_if(FitsInput& file, const std::string& hdu, std::initializer_list<const char*> names,
                         std::span<const std::size_t> rows, const T& absent, const Read& read) {
  const auto* const name =
      std::find_if(names.begin(), names.end(), [&](const char* n) { return file.has_column(hdu, n); });
  if (name == names.end()) return {};
  std::size_t low = static_cast<std::size_t>(-1), high = 0;
  for (const auto row : rows)
    if (row != static_cast<std::size_t>(-1)) {
      low = std::min(low, row);
      high = std::max(high, row + 1);
    }
  std::vector<T> out(rows.size(), absent);
  if (high == 0) return out;
  const auto all = read(*name, low, high - low);
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i] != static_cast<std::size_t>(-1)) out[i] = all[rows[i] - low];
  return out;
}

// What brings a column of targets to its unit here: E(B-V) in mag, angles in degrees.
double to_our_unit(FitsInput& file, const std::string& hdu, std::string_view name) {
  const std::string unit = file.column_unit(hdu, std::string(name)), large = upper(unit);
  if (unit.empty()) return 1;
  if (name == "EBV" || name == "SFD_EBV" || name == "E_BV") {
    const auto factor = factor_of(unit, Quantity::magnitude);
    if (!factor)
      file.fail("column " + std::string(name) + " of " + hdu + " has another unit", unit, "mag",
                "Correct its TUNIT, or leave the column out.");
    return *factor;
  }
  if (!name.ends_with("RA") && !name.ends_with("DEC")) return 1;
  if (large == "RAD" || large == "RADIAN") return 180 / std::numbers::pi;
  return large == "H" || large == "HR" || large == "HOUR" || large == "HOURANGLE" ? 15 : 1;
}

}  // namespace

void SpectraSource::keep(FitsInput& file, const std::string& hdu,
                         std::initializer_list<std::pair<const char*, const char*>> ours_and_theirs) {
  for (const auto& [ours, theirs] : ours_and_theirs)
    if (file.has_column(hdu, theirs) && std::find(kept.begin(), kept.end(), ours) == kept.end())
      kept.emplace_back(ours);
}

std::vector<std::string> desi_cameras(const FitsInput& file) {
  std::vector<std::string> out;
  for (const char* camera : {"B", "R", "Z", "BR", "RZ", "BZ", "BRZ"})
    if (file.has(std::string(camera) + "_FLUX")) out.push_back(std::string(camera) + "_");
  return out;
}

Layout layout_of(const FitsInput& file) {
  if (file.has("GALAXIES") && file.has("WAVE")) return Layout::own;
  if (file.has("FASTSPEC")) return Layout::fastspec;
  // Redshifts may be inside. Without FIBERMAP it is a broken file of DESI's, which its reader says.
  const bool grids = file.has("B_WAVELENGTH") || file.has("R_WAVELENGTH") || file.has("Z_WAVELENGTH");
  if (!desi_cameras(file).empty() && (file.has("FIBERMAP") || grids)) return Layout::desi;
  if (file.has("REDSHIFTS") || file.has("ZBEST")) return Layout::redrock;
  if (file.has("COADD") && (file.has("SPECOBJ") || file.has("SPALL"))) return Layout::sdss;
  return Layout::general;
}

Spectra empty_batch(std::size_t count, std::size_t pixels) {
  Spectra s;
  s.wave_obs = Matrix<double>(1, pixels);
  s.flux = Matrix<double>(count, pixels);
  s.ivar = Matrix<double>(count, pixels);
  s.mask = Matrix<std::int32_t>(count, pixels);
  s.flags.assign(count, 0);
  return s;
}

bool is_air(FitsInput& file, std::vector<std::string> hdus) {
  hdus.emplace_back("PRIMARY");
  for (const std::string& hdu : hdus) {
    Medium seen = Medium::unknown;
    for (const char* key : {"AIRORVAC", "VACUUM", "CTYPE1"}) {
      const Medium now = medium_of_card(key, file.card(hdu, key), "'" + file.name() + "', HDU " + hdu);
      if (seen == Medium::unknown) seen = now;
    }
    if (seen != Medium::unknown) return seen == Medium::air;
  }
  return false;
}

std::vector<double> numbers_if(FitsInput& file, const std::string& hdu, std::initializer_list<const char*> names,
                               std::span<const std::size_t> rows, double absent) {
  return column_if(file, hdu, names, rows, absent, [&](const char* name, std::size_t first, std::size_t count) {
    auto values = file.doubles(hdu, name, first, count);
    if (const double by = to_our_unit(file, hdu, name); by != 1)
      for (double& x : values) x *= by;
    return values;
  });
}

std::vector<std::int64_t> integers_if(FitsInput& file, const std::string& hdu, std::initializer_list<const char*> names,
                                      std::span<const std::size_t> rows, std::int64_t absent) {
  return column_if(file, hdu, names, rows, absent, [&](const char* name, std::size_t first, std::size_t count) {
    return file.integers(hdu, name, first, count);
  });
}

std::vector<std::string> texts_if(FitsInput& file, const std::string& hdu, std::initializer_list<const char*> names,
                                  std::span<const std::size_t> rows) {
  return column_if(file, hdu, names, rows, std::string(), [&](const char* name, std::size_t first, std::size_t count) {
    return file.texts(hdu, name, first, count);
  });
}

void flag_targets(Spectra& s) {
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (i < s.spectype.size()) {
      const std::string type = upper(s.spectype[i]);
      if (!type.empty() && type != "GALAXY" && type != "QSO") s.flags[i] |= k_not_galaxy;
    }
    if (i < s.objtype.size() && !s.objtype[i].empty() && upper(s.objtype[i]) != "TGT") s.flags[i] |= k_not_galaxy;
    if (i < s.fiberstatus.size() && s.fiberstatus[i] != k_null_integer && (s.fiberstatus[i] & ~k_restricted) != 0)
      s.flags[i] |= k_not_galaxy;
    if (i < s.zwarn.size() && s.zwarn[i] != 0) s.flags[i] |= k_zwarn;
  }
}

}  // namespace starglow::files
