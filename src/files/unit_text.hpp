#pragma once
#include <map>
#include <string>
#include <string_view>

namespace starglow::files {

/// A unit as written in a header: power of ten and exponent of each named unit.
struct UnitText {
  bool understood = false;
  double log10_factor = 0;
  std::map<std::string, int> powers;  ///< lower case; "a" and "angstroms" are "angstrom"
  bool operator==(const UnitText&) const = default;
};

/// Reads products, quotients and powers as FITS, OGIP, astropy and DESI write them:
/// "1e-17 erg/s/cm2/A", "10**-17 erg/(s cm2 Angstrom)", "10**-17 Angstrom-1 cm-2 erg s-1", "10^(-17) erg s^-1 ...".
UnitText parse_unit(std::string_view text);

/// 1e-17 erg/s/cm2/A, however it is written.
bool is_flux_unit(std::string_view unit);

}  // namespace starglow::files
