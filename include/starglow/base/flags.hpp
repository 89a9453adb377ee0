#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace starglow {

/// Bits of the column FLAGS. A flag never removes a row. docs/flags.md has the table for people.
enum Flag : std::int32_t {
  k_nonfinite = 1 << 0,        ///< a needed input is NaN or infinite                                   fatal
  k_band_missing = 1 << 1,     ///< at least one band absent, the answer uses the rest
  k_negative_band = 1 << 2,    ///< a band flux is not positive; treated as missing
  k_no_luminosity = 1 << 3,    ///< z or flux scale absent or of another aperture; model without luminosity used
  k_out_of_domain = 1 << 4,    ///< unlike the training galaxies
  k_z_range = 1 << 5,          ///< z <= 0, or outside the catalogue's calibrated range
  k_line_outside = 1 << 6,     ///< a line lies off the spectrum (measurement)
  k_poor_continuum = 1 << 7,   ///< continuum at a line not positive or too noisy
  k_clipped = 1 << 8,          ///< a parameter was outside a grid and was clipped (stars)
  k_no_answer = 1 << 9,        ///< too few bands for any model                                         fatal
  k_id_is_row = 1 << 10,       ///< no TARGETID, or a null one: random numbers are keyed by the row index
  k_bad_pixels = 1 << 11,      ///< pixels without a finite flux, or of negative ivar, were taken as no data
  k_zwarn = 1 << 12,           ///< the redshift fit warns (ZWARN), or there is no redshift for this spectrum
  k_filter_outside = 1 << 13,  ///< a filter is not covered by the spectrum: its magnitudes are NaN
  k_photon_budget = 1 << 14,   ///< the lines ask for more than twice the stars' ionising photons, or less than half
  k_bounded = 1 << 15,         ///< an answer lies beyond the largest that galaxies have (limits.hpp)
  k_not_galaxy = 1 << 16,      ///< the file says that this is no galaxy: SPECTYPE, OBJTYPE, fibre status
  k_conditioned = 1 << 17,     ///< the answer takes given lines or a cut into account
  k_broad_line = 1 << 18,      ///< a broad component beside the narrow lines (measurement)
  k_repeated = 1 << 19,        ///< the TARGETID stands in the table more than once
  k_input_missing = 1 << 20,   ///< a column that the model uses has no number; networks without it answered
};
inline constexpr std::int32_t k_fatal_flags = k_nonfinite | k_no_answer;

struct FlagInfo {
  Flag bit;
  std::string_view name;
  std::string_view meaning;
};
/// Every bit in use, in order.
extern const std::array<FlagInfo, 21> k_flags;

/// "BAND_MISSING|Z_RANGE"; "0" for no flag.
std::string flag_names(std::int32_t flags);

/// How many rows have each flag.
class FlagCounts {
 public:
  void add(std::span<const std::int32_t> flags) noexcept;

  std::size_t rows() const noexcept { return rows_; }
  std::size_t flagged() const noexcept { return flagged_; }  ///< rows with any flag
  std::size_t fatal() const noexcept { return fatal_; }      ///< rows without a finite answer
  std::string text() const;                                  ///< "3 BAND_MISSING, 1 Z_RANGE"; "" when there are none

 private:
  std::array<std::size_t, k_flags.size()> each_{};
  std::size_t rows_ = 0, flagged_ = 0, fatal_ = 0;
};

}  // namespace starglow
