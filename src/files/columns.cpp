#include "starglow/files/columns.hpp"

#include <algorithm>
#include <array>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

constexpr std::int64_t k_bands = static_cast<std::int64_t>(k_n_bands);
constexpr std::string_view k_flux = "10**-17 erg s-1 cm-2 Angstrom-1", k_flux_ivar = "10**34 erg-2 s2 cm4 Angstrom2";

constexpr std::array k_galaxy_columns{
    ColumnFacts{"TARGETID", 'K', 1, "", "id of the galaxy in its survey"},
    ColumnFacts{"SURVEY", 'A', 16, "", "survey that TARGETID belongs to"},
    ColumnFacts{"PROGRAM", 'A', 16, "", "program of the survey"},
    ColumnFacts{"ORIGINAL_ID", 'A', 64, "", "id of the file where that is no TARGETID"},
    ColumnFacts{"Z", 'D', 1, "", "redshift"},
    ColumnFacts{"Z_ERR", 'D', 1, "", "error of the redshift"},
    ColumnFacts{"ZWARN", 'K', 1, "", "warning bits of the redshift fit, 0 = none"},
    ColumnFacts{"SPECTYPE", 'A', 16, "", "class by the redshift fit: GALAXY, QSO or STAR"},
    ColumnFacts{"OBJTYPE", 'A', 16, "", "what the fibre was for: TGT, SKY or BAD"},
    ColumnFacts{"COADD_FIBERSTATUS", 'K', 1, "", "bits of the fibre, 0 = good"},
    ColumnFacts{"RA", 'D', 1, "deg", "right ascension"},
    ColumnFacts{"DEC", 'D', 1, "deg", "declination"},
    ColumnFacts{"EBV", 'D', 1, "mag", "E(B-V) of the Milky Way, SFD98 scale"},
    ColumnFacts{"DELTACHI2", 'D', 1, "", "chi2 of the second best redshift over that of the best"},
    ColumnFacts{"BAND_FLUX", 'D', k_bands, k_flux, "mean flux density without lines in 12 bands of 300 A from 3400 A"},
    ColumnFacts{"BAND_FLUX_IVAR", 'D', k_bands, k_flux_ivar, "inverse variance of BAND_FLUX, 0 = band missing"},
    ColumnFacts{"BAND_NPIX", 'J', k_bands, "", "good pixels of each band"},
    ColumnFacts{"SNR", 'E', 1, "", "median signal to noise a pixel of the starlight"},
    ColumnFacts{"D4000", 'E', 1, "", "4000 A break, 4000-4100 over 3850-3950 A in F_nu, without lines"},
    ColumnFacts{"D4000_IVAR", 'E', 1, "", "inverse variance of D4000"},
    ColumnFacts{"D4000_MODEL", 'E', 1, "", "the same break of the fitted starlight"},
    ColumnFacts{"LICK_HDELTA_A", 'E', 1, "Angstrom", "HdeltaA absorption (Worthey & Ottaviani 1997), without lines"},
    ColumnFacts{"LICK_HDELTA_A_IVAR", 'E', 1, "Angstrom-2", "inverse variance of LICK_HDELTA_A"},
    ColumnFacts{"VDISP", 'E', 1, "km s-1", "width of the stars beyond that of the templates, one of six steps"},
    ColumnFacts{"BROAD_SIGMA", 'E', 1, "km s-1", "width of the broad Balmer lines"},
    ColumnFacts{"BROAD_SIGMA_IVAR", 'E', 1, "s2 km-2", "inverse variance of BROAD_SIGMA"},
    ColumnFacts{"BROAD_VSHIFT", 'E', 1, "km s-1", "shift of the broad Balmer lines against Z"},
    ColumnFacts{"BROAD_VSHIFT_IVAR", 'E', 1, "s2 km-2", "inverse variance of BROAD_VSHIFT"},
    ColumnFacts{"BROAD_DELTACHI2", 'E', 1, "", "fall of chi2 by broad lines, NaN = no hint of them"},
    ColumnFacts{"BROAD_LOG_ODDS", 'E', 1, "", "ln of the odds for broad lines, NaN = no hint of them"},
    ColumnFacts{"P_LINELESS", 'E', 1, "", "probability that the EW of Halpha is below 2 A"},
    ColumnFacts{"DOMAIN", 'E', 1, "", "distance from the training galaxies, 0 = like them, 1 = unlike all"},
    ColumnFacts{"DRAW", 'J', 1, "", "number of the draw"},
    ColumnFacts{"T_OBS", 'E', 1, "Gyr", "age of the universe"},
    ColumnFacts{"SFR10", 'E', 1, "solMass yr-1", "star-formation rate of the last 10 Myr"},
    ColumnFacts{"SFR100", 'E', 1, "solMass yr-1", "star-formation rate of the last 100 Myr"},
    ColumnFacts{"LOG_QH", 'E', 1, "", "log10 of ionising photons a second"},
    ColumnFacts{"MASS_FORMED", 'E', 1, "solMass", "mass of all stars ever formed"},
    ColumnFacts{"MASS_SURVIVING", 'E', 1, "solMass", "mass of the stars that are left"},
    ColumnFacts{"HALPHA_EW_CASEB", 'E', 1, "Angstrom", "EW of Halpha by recombination, case B"},
    ColumnFacts{"HALPHA_LUM_CASEB", 'D', 1, "erg s-1", "luminosity of Halpha by recombination, case B, without dust"},
    ColumnFacts{"CLASS", 'A', 16, "", "kind of the galaxy in a mock of stars"},
    ColumnFacts{"WEIGHT", 'D', 1, "Mpc-3", "galaxies of the universe that the row stands for"},
    ColumnFacts{"UMAP", 'E', 2, "", "place on the map of galaxies"},
    ColumnFacts{"FLAGS", 'J', 1, "", "bits of docs/flags.md"},
};
constexpr std::array k_line_columns{
    ColumnFacts{"_EW", 'E', 1, "Angstrom", "rest-frame equivalent width, emission positive"},
    ColumnFacts{"_EW_IVAR", 'E', 1, "Angstrom-2", "inverse variance of the EW, 0 = no number"},
    ColumnFacts{"_EW_P16", 'E', 1, "Angstrom", "16 % quantile of the predicted EW"},
    ColumnFacts{"_EW_P84", 'E', 1, "Angstrom", "84 % quantile of the predicted EW"},
    ColumnFacts{"_EW_DRAW", 'E', 1, "Angstrom", "draws of the EW, joint over the lines"},
    ColumnFacts{"_EW_NOISY", 'E', 1, "Angstrom", "a draw of the EW with measurement noise"},
    ColumnFacts{"_EW_LIMIT", 'E', 1, "Angstrom", "upper limit of the EW, 95 % one-sided"},
    ColumnFacts{"_EW_CAT", 'E', 1, "Angstrom", "EW that came with the file"},
    ColumnFacts{"_EW_CAT_IVAR", 'E', 1, "Angstrom-2", "inverse variance of the EW that came with the file"},
    ColumnFacts{"_EW_GIVEN", 'E', 1, "Angstrom", "median EW by the continuum and the other lines"},
    ColumnFacts{"_EW_GIVEN_P16", 'E', 1, "Angstrom", "16 % quantile by the continuum and the other lines"},
    ColumnFacts{"_EW_GIVEN_P84", 'E', 1, "Angstrom", "84 % quantile by the continuum and the other lines"},
    ColumnFacts{"_EW_GIVEN_PULL", 'E', 1, "", "pull of the measured EW given the other lines"},
    ColumnFacts{"_EW_PRED", 'E', 1, "Angstrom", "median EW by the continuum alone"},
    ColumnFacts{"_EW_PRED_P16", 'E', 1, "Angstrom", "16 % quantile by the continuum alone"},
    ColumnFacts{"_EW_PRED_P84", 'E', 1, "Angstrom", "84 % quantile by the continuum alone"},
    ColumnFacts{"_FLUX", 'E', 1, "10**-17 erg s-1 cm-2", "flux, narrow line"},
    ColumnFacts{"_FLUX_P16", 'E', 1, "10**-17 erg s-1 cm-2", "16 % quantile of the predicted flux"},
    ColumnFacts{"_FLUX_P84", 'E', 1, "10**-17 erg s-1 cm-2", "84 % quantile of the predicted flux"},
    ColumnFacts{"_FLUX_IVAR", 'E', 1, "10**34 erg-2 s2 cm4", "inverse variance of the flux, 0 = no number"},
    ColumnFacts{"_FLUX_LIMIT", 'E', 1, "10**-17 erg s-1 cm-2", "upper limit of the flux, 95 % one-sided"},
    ColumnFacts{"_SIGMA", 'E', 1, "km s-1", "width, without the instrument's"},
    ColumnFacts{"_SIGMA_IVAR", 'E', 1, "s2 km-2", "inverse variance of the width"},
    ColumnFacts{"_VSHIFT", 'E', 1, "km s-1", "shift against Z, redder is positive"},
    ColumnFacts{"_VSHIFT_IVAR", 'E', 1, "s2 km-2", "inverse variance of the shift"},
    ColumnFacts{"_CONT", 'E', 1, k_flux, "continuum at the line"},
    ColumnFacts{"_CONT_IVAR", 'E', 1, k_flux_ivar, "inverse variance of the continuum"},
    ColumnFacts{"_BROAD_FLUX", 'E', 1, "10**-17 erg s-1 cm-2", "flux of the broad line"},
    ColumnFacts{"_BROAD_FLUX_IVAR", 'E', 1, "10**34 erg-2 s2 cm4", "inverse variance of the broad flux, 0 = none"},
    ColumnFacts{"_BROAD_EW", 'E', 1, "Angstrom", "EW of the broad line"},
    ColumnFacts{"_BROAD_EW_IVAR", 'E', 1, "Angstrom-2", "inverse variance of the broad EW, 0 = none"},
    ColumnFacts{"_LUM", 'D', 1, "erg s-1", "luminosity"},
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

std::string about_column(std::string_view name) {
  if (const auto found = std::ranges::find(k_galaxy_columns, name, &ColumnFacts::name); found != k_galaxy_columns.end())
    return std::string(found->about);
  for (const auto& line : k_all_lines) {
    if (!name.starts_with(line.name)) continue;
    const auto suffix = name.substr(line.name.size());
    if (const auto found = std::ranges::find(k_line_columns, suffix, &ColumnFacts::name); found != k_line_columns.end())
      return std::string(line.label) + ": " + std::string(found->about);
  }
  return "";
}

std::string data_model_page() {
  const auto type_of = [](const ColumnFacts& facts) {
    const std::string_view name = facts.type == 'K'   ? "int64"
                                  : facts.type == 'J' ? "int32"
                                  : facts.type == 'D' ? "float64"
                                  : facts.type == 'A' ? "text"
                                                      : "float32";
    return std::string(name) +
           (facts.repeat > 1 && facts.type != 'A' ? "[" + std::to_string(facts.repeat) + "]" : std::string());
  };
  std::string out =
      "# Columns of all tables\n\nMade from the schema of the program (`src/files/columns.cpp`); "
      "`STARGLOW_WRITE_PAGES=1 "
      "ctest -R DataModel` writes it\nagain. Units are those of `TUNIT`, what a column is stands in `TCOMM` of FITS "
      "and in "
      "the metadata of Parquet. Which\nverb writes which column, and what a null means: [tables](tables.md). How each "
      "is "
      "measured: [measuring](measuring.md).\n\n| column | type | unit | what it is |\n|---|---|---|---|\n";
  const auto row = [&](const std::string& name, const ColumnFacts& facts) {
    out += "| `" + name + "` | " + type_of(facts) + " | " + std::string(facts.unit) + " | " + std::string(facts.about) +
           " |\n";
  };
  for (const auto& facts : k_galaxy_columns) row(std::string(facts.name), facts);
  out +=
      "\nOf each line, `{LINE}` one of the names below:\n\n| column | type | unit | what it is |\n|---|---|---|---|\n";
  for (const auto& facts : k_line_columns) row("{LINE}" + std::string(facts.name), facts);
  out += "\n| line | | wavelength in vacuum, A | continuum at the line: windows, A |\n|---|---|---|---|\n";
  const auto number = [](double x) {
    std::string text = std::to_string(x);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
  };
  for (const auto& line : k_all_lines)
    out += "| `" + std::string(line.name) + "` | " + std::string(line.label) + " | " + number(line.wave_vac) + " | " +
           number(line.side_bands.blue_lo) + "-" + number(line.side_bands.blue_hi) + ", " +
           number(line.side_bands.red_lo) + "-" + number(line.side_bands.red_hi) + " |\n";
  return out;
}

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
