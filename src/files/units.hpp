#pragma once
#include <optional>
#include <string_view>

namespace starglow::files {

/// What a number of a file measures, and the unit that it has inside (names as docs/tables.md).
enum class Quantity {
  flux_density,       ///< 1e-17 erg s^-1 cm^-2 Angstrom^-1
  flux_density_ivar,  ///< its inverse square
  line_flux,          ///< 1e-17 erg s^-1 cm^-2
  line_flux_ivar,
  luminosity,  ///< erg s^-1
  length,      ///< Angstrom: wavelengths, equivalent widths
  length_ivar,
  velocity,   ///< km s^-1
  magnitude,  ///< mag
  pure,       ///< a number: redshifts
};

/// Factor from a unit as a header writes it to the one inside; nothing where it measures something else (Jy, nanomaggy,
/// km/s for a redshift) or is not understood. "" is 1 for a pure number, and nothing else. The one place for units.
std::optional<double> factor_of(std::string_view unit, Quantity quantity);

/// Whether a text is a unit at all, of whatever it measures.
bool is_unit(std::string_view text);

/// The unit inside, for messages and headers.
std::string_view unit_of(Quantity quantity);

/// What the columns of docs/tables.md hold, by their names (any case); nothing for other columns.
std::optional<Quantity> quantity_of(std::string_view column);

}  // namespace starglow::files
