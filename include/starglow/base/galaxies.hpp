#pragma once
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/lines.hpp"
#include "starglow/base/view.hpp"

namespace starglow {

/// What the numbers of a table mean. Stored in its header and in a model's metadata, and compared: "unknown" clashes
/// with nothing but is reported. Values as in the header cards of the same meaning.
struct Conventions {
  std::string aperture = "unknown";  ///< APERTURE: fibre | total | unknown
  std::string mwcorr = "unknown";    ///< MWCORR: T | F | unknown, Galactic dust removed
  std::string maskrule = "unknown";  ///< MASKRULE: k24 | robust | ...
  std::string contsrc = "unknown";   ///< CONTSRC: masked data | model | synthetic
  std::string labelver = "unknown";  ///< LABELVER: catalogue release of the EWs
  std::string fluxscal = "unknown";  ///< FLUXSCAL: absolute | relative
  std::string vacuum = "unknown";    ///< VACUUM: T | F | unknown
};

/// A TARGETID that is null (TNULL, masked, a null of Arrow): the row has no id. It is keyed by its number, ID_IS_ROW.
inline constexpr std::int64_t k_null_id = std::numeric_limits<std::int64_t>::min();

/// A sum of lines that a catalogue measures in place of its members, `{name}_EW`; the strongest member first.
struct LineSum {
  std::string_view name;
  std::array<Line, 3> members;
  std::size_t n;
};
inline constexpr std::size_t k_n_line_sums = 2;
inline constexpr std::array<LineSum, k_n_line_sums> k_line_sums{{
    {"HALPHA_NII", {Line::HALPHA, Line::NII_6584, Line::NII_6548}, 3},
    {"SII_TOTAL", {Line::SII_6716, Line::SII_6731, Line::SII_6731}, 2},
}};

/// A table of galaxies in memory: one row a galaxy, columns as in the contract. An empty vector or matrix is an absent
/// column; otherwise it has `size()` rows. Fluxes in 1e-17 erg/s/cm2/A (observed-frame flux density), EWs in A (rest).
struct Galaxies {
  std::size_t n = 0;
  std::vector<std::int64_t> targetid;  ///< TARGETID; never through a double; k_null_id = none
  std::vector<std::string> survey;     ///< SURVEY, optional
  std::vector<std::string> program;    ///< PROGRAM, optional
  std::vector<double> z;               ///< Z
  std::vector<double> z_err;           ///< Z_ERR, one standard deviation of Z, optional; NaN = unknown
  std::vector<double> ebv;             ///< EBV, E(B-V) of the Milky Way, mag, SFD98 scale, optional; NaN = unknown
  Matrix<double> band_flux;            ///< BAND_FLUX (n, 12)
  Matrix<double> band_flux_ivar;       ///< BAND_FLUX_IVAR (n, 12), optional; 0 = band missing
  Matrix<float> ew;                    ///< {LINE}_EW (n, 10), optional
  Matrix<float> ew_ivar;               ///< {LINE}_EW_IVAR (n, 10), A^-2, optional; 0 = no number
  Matrix<double> inputs;               ///< columns that networks may use (model/inputs.hpp), optional; NaN = not known
  std::vector<std::int32_t> flags;     ///< FLAGS, optional
  Matrix<float> sum_ew, sum_ew_ivar;   ///< (n, k_n_line_sums): labels that are sums of lines, optional
  std::vector<std::uint16_t> table;    ///< of several tables in one: which of `tables` a row is of; empty: all of one
  std::vector<std::string> tables;     ///< their names; empty: one without a name
  Conventions conventions;

  std::size_t size() const noexcept { return n; }
};

/// Whether a row has an id of its own.
bool has_id(const Galaxies& galaxies, std::size_t row) noexcept;

/// What keys the random numbers of a row: object_id() of TARGETID, SURVEY and PROGRAM, or `first_row` + row where there
/// is no TARGETID.
std::int64_t random_id(const Galaxies& galaxies, std::size_t row, std::size_t first_row);

/// The given rows, in the given order (a row may be taken more than once).
Galaxies select_rows(const Galaxies& from, std::span<const std::size_t> rows);

}  // namespace starglow
