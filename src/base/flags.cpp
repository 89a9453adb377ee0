#include "starglow/base/flags.hpp"

namespace starglow {

const std::array<FlagInfo, 21> k_flags{{
    {k_nonfinite, "NONFINITE", "a needed input is infinite, or so far off that there is no finite answer"},
    {k_band_missing, "BAND_MISSING", "at least one band absent"},
    {k_negative_band, "NEGATIVE_BAND", "a band flux is not positive"},
    {k_no_luminosity, "NO_LUMINOSITY", "the model without luminosity was used"},
    {k_out_of_domain, "OUT_OF_DOMAIN", "unlike the training galaxies"},
    {k_z_range, "Z_RANGE", "z outside the calibrated range"},
    {k_line_outside, "LINE_OUTSIDE", "a line lies off the spectrum"},
    {k_poor_continuum, "POOR_CONTINUUM", "continuum at a line not positive or too noisy"},
    {k_clipped, "CLIPPED", "a parameter was outside a grid and was clipped"},
    {k_no_answer, "NO_ANSWER", "too few bands for any model"},
    {k_id_is_row, "ID_IS_ROW", "no TARGETID; random numbers keyed by the row"},
    {k_bad_pixels, "BAD_PIXELS", "pixels without a finite flux or with a negative ivar"},
    {k_zwarn, "ZWARN", "the redshift fit warns, or there is none"},
    {k_filter_outside, "FILTER_OUTSIDE", "a filter is not covered by the spectrum"},
    {k_photon_budget, "PHOTON_BUDGET", "lines and ionising photons of the stars disagree by more than a factor of two"},
    {k_bounded, "BOUNDED", "an answer lies beyond the largest that galaxies have"},
    {k_not_galaxy, "NOT_GALAXY", "no galaxy by SPECTYPE, OBJTYPE or fibre status"},
    {k_conditioned, "CONDITIONED", "given lines or a cut were taken into account"},
    {k_broad_line, "BROAD_LINE", "a broad component beside the narrow lines"},
    {k_repeated, "REPEATED", "the TARGETID stands there more than once"},
    {k_input_missing, "INPUT_MISSING", "a column that the model uses has no number; networks without it answered"},
}};

void FlagCounts::add(std::span<const std::int32_t> flags) noexcept {
  rows_ += flags.size();
  for (const auto row : flags) {
    fatal_ += (row & k_fatal_flags) != 0 ? 1U : 0U;
    flagged_ += row != 0 ? 1U : 0U;
    for (std::size_t k = 0; k < k_flags.size(); ++k) each_[k] += (row & k_flags[k].bit) != 0 ? 1U : 0U;
  }
}

std::string FlagCounts::text() const {
  std::string out;
  for (std::size_t k = 0; k < k_flags.size(); ++k)
    if (each_[k] > 0) out += (out.empty() ? "" : ", ") + std::to_string(each_[k]) + " " + std::string(k_flags[k].name);
  return out;
}

std::string flag_names(std::int32_t flags) {
  std::string names;
  for (const auto& flag : k_flags)
    if ((flags & flag.bit) != 0) names += (names.empty() ? "" : "|") + std::string(flag.name);
  return names.empty() ? "0" : names;
}

}  // namespace starglow
