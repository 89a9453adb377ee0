#include "starglow/files/columns.hpp"

#include <algorithm>
#include <array>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

constexpr std::int64_t k_bands = static_cast<std::int64_t>(k_n_bands);
constexpr std::string_view k_flux = "10**-17 erg s-1 cm-2 Angstrom-1", k_flux_ivar = "10**34 erg-2 s2 cm4 Angstrom2";

constexpr std::array k_galaxy_columns{
    ColumnFacts{"TARGETID", 'K', 1, ""},
    ColumnFacts{"SURVEY", 'A', 16, ""},
    ColumnFacts{"PROGRAM", 'A', 16, ""},
    ColumnFacts{"ORIGINAL_ID", 'A', 64, ""},
    ColumnFacts{"Z", 'D', 1, ""},
    ColumnFacts{"Z_ERR", 'D', 1, ""},
    ColumnFacts{"ZWARN", 'K', 1, ""},
    ColumnFacts{"SPECTYPE", 'A', 16, ""},
    ColumnFacts{"OBJTYPE", 'A', 16, ""},
    ColumnFacts{"COADD_FIBERSTATUS", 'K', 1, ""},
    ColumnFacts{"RA", 'D', 1, "deg"},
    ColumnFacts{"DEC", 'D', 1, "deg"},
    ColumnFacts{"EBV", 'D', 1, "mag"},
    ColumnFacts{"DELTACHI2", 'D', 1, ""},
    ColumnFacts{"BAND_FLUX", 'D', k_bands, k_flux},
    ColumnFacts{"BAND_FLUX_IVAR", 'D', k_bands, k_flux_ivar},
    ColumnFacts{"BAND_NPIX", 'J', k_bands, ""},
    ColumnFacts{"VDISP", 'E', 1, "km s-1"},
    ColumnFacts{"P_LINELESS", 'E', 1, ""},
    ColumnFacts{"DOMAIN", 'E', 1, ""},
    ColumnFacts{"DRAW", 'J', 1, ""},
    ColumnFacts{"T_OBS", 'E', 1, "Gyr"},
    ColumnFacts{"SFR10", 'E', 1, "solMass yr-1"},
    ColumnFacts{"SFR100", 'E', 1, "solMass yr-1"},
    ColumnFacts{"LOG_QH", 'E', 1, ""},
    ColumnFacts{"MASS_FORMED", 'E', 1, "solMass"},
    ColumnFacts{"MASS_SURVIVING", 'E', 1, "solMass"},
    ColumnFacts{"HALPHA_EW_CASEB", 'E', 1, "Angstrom"},
    ColumnFacts{"HALPHA_LUM_CASEB", 'D', 1, "erg s-1"},
    ColumnFacts{"CLASS", 'A', 16, ""},
    ColumnFacts{"WEIGHT", 'D', 1, "Mpc-3"},
    ColumnFacts{"UMAP", 'E', 2, ""},
    ColumnFacts{"FLAGS", 'J', 1, ""},
};
constexpr std::array k_line_columns{
    ColumnFacts{"_EW", 'E', 1, "Angstrom"},
    ColumnFacts{"_EW_IVAR", 'E', 1, "Angstrom-2"},
    ColumnFacts{"_EW_P16", 'E', 1, "Angstrom"},
    ColumnFacts{"_EW_P84", 'E', 1, "Angstrom"},
    ColumnFacts{"_EW_DRAW", 'E', 1, "Angstrom"},
    ColumnFacts{"_EW_NOISY", 'E', 1, "Angstrom"},
    ColumnFacts{"_EW_LIMIT", 'E', 1, "Angstrom"},
    ColumnFacts{"_EW_CAT", 'E', 1, "Angstrom"},
    ColumnFacts{"_EW_CAT_IVAR", 'E', 1, "Angstrom-2"},
    ColumnFacts{"_EW_GIVEN_PULL", 'E', 1, ""},
    ColumnFacts{"_EW_PRED", 'E', 1, "Angstrom"},
    ColumnFacts{"_EW_PRED_P16", 'E', 1, "Angstrom"},
    ColumnFacts{"_EW_PRED_P84", 'E', 1, "Angstrom"},
    ColumnFacts{"_FLUX", 'E', 1, "10**-17 erg s-1 cm-2"},
    ColumnFacts{"_FLUX_IVAR", 'E', 1, "10**34 erg-2 s2 cm4"},
    ColumnFacts{"_SIGMA", 'E', 1, "km s-1"},
    ColumnFacts{"_CONT", 'E', 1, k_flux},
    ColumnFacts{"_CONT_IVAR", 'E', 1, k_flux_ivar},
    ColumnFacts{"_LUM", 'D', 1, "erg s-1"},
};

const ColumnFacts& find(std::span<const ColumnFacts> in, std::string_view name) {
  const auto found = std::ranges::find(in, name, &ColumnFacts::name);
  if (found == in.end())
    throw Error(ErrorKind::usage, "no such column in the schema of tables", {std::string(name), "", ""});
  return *found;
}

}  // namespace

std::span<const ColumnFacts> galaxy_columns() noexcept { return k_galaxy_columns; }
std::span<const ColumnFacts> line_column_facts() noexcept { return k_line_columns; }

ColumnInfo column(std::string_view name) {
  const ColumnFacts& facts = find(k_galaxy_columns, name);
  return {std::string(facts.name), facts.type, facts.repeat, std::string(facts.unit), {}};
}

std::vector<ColumnInfo> line_columns(std::string_view suffix, std::span<const LineInfo> lines, std::size_t repeat) {
  const ColumnFacts& facts = find(k_line_columns, suffix);
  std::vector<ColumnInfo> out;
  for (const auto& line : lines)
    out.push_back({std::string(line.name) + std::string(suffix),
                   facts.type,
                   facts.repeat * static_cast<std::int64_t>(repeat),
                   std::string(facts.unit),
                   {}});
  return out;
}

ColumnInfo with_null(ColumnInfo integers) {
  integers.null = k_null_id;
  return integers;
}

ColumnInfo float_column(std::string name, std::string_view unit) {
  return {std::move(name), 'E', 1, std::string(unit), {}};
}

}  // namespace starglow
