#include "cli/paint_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "starglow/base/error.hpp"
#include "starglow/files/starlight.hpp"

namespace starglow::cli {
namespace {

constexpr std::int64_t k_max_draws = 1000;
constexpr double k_max_sigma = 10000;  // km/s

std::optional<double> number_of(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return text.empty() || end != text.c_str() + text.size() ? std::nullopt : std::optional(value);
}

double checked(const char* key, const std::string& text, double lo, double hi) {
  const auto value = number_of(text);
  if (!value || !(*value >= lo && *value <= hi))
    throw Error(ErrorKind::usage, fmt::format("--{} out of range", key), {text, fmt::format("{} to {}", lo, hi), ""});
  return *value;
}

// "120", "balmer=90,forbidden=120,OIII_5007=150", or the name of a column.
void parse_widths(const Settings& settings, PaintSettings& out) {
  out.sigma_v.fill(100);
  const auto parts = settings.list("sigma_v");
  for (const auto& part : parts) {
    const auto equals = part.find('=');
    if (equals == std::string::npos) {
      if (parts.size() > 1)
        throw Error(ErrorKind::usage, "--sigma-v: one number, one column, or groups",
                    {settings.text("sigma_v"), "balmer=90,forbidden=120", ""});
      if (number_of(part))
        out.sigma_v.fill(checked("sigma-v", part, 0, k_max_sigma));
      else
        out.sigma_column = part;
      continue;
    }
    const std::string group = part.substr(0, equals);
    const double value = checked("sigma-v", part.substr(equals + 1), 0, k_max_sigma);
    const auto line = find_any_line(group);
    if (!line && group != "balmer" && group != "forbidden") {
      std::vector<std::string> names{"balmer", "forbidden"};
      for (const auto& info : k_all_lines) names.emplace_back(info.name);
      throw Error(ErrorKind::usage, "--sigma-v: no such group of lines",
                  {group, "balmer, forbidden, or the name of a line", did_you_mean(group, names)});
    }
    for (std::size_t l = 0; l < k_n_all_lines; ++l)
      if (line ? l == *line : k_all_lines[l].balmer == (group == "balmer")) out.sigma_v[l] = value;
  }
}

void parse_filters(const Settings& settings, PaintSettings& out) {
  for (const auto& path : settings.list("filters")) {
    out.filters.push_back(load_filter(path, settings.text("filter_unit")));
    for (std::size_t k = 0; k + 1 < out.filters.size(); ++k)
      if (magnitude_column(out.filters[k]) == magnitude_column(out.filters.back()))
        throw Error(ErrorKind::usage, "two filters have the same name",
                    {out.filters.back().name(), "different names", ""});
  }
  const std::string& total = settings.text("total");
  if (total == "add") return;
  const std::string wanted = total.starts_with("keep:") ? total.substr(5) : "";
  std::vector<std::string> names;
  for (const auto& filter : out.filters) names.push_back(filter.name());
  const auto found = std::find(names.begin(), names.end(), wanted);
  if (found == names.end())
    throw Error(ErrorKind::usage, "--total: no such filter in --filters",
                {total, "add, or keep:NAME with one of the filters", did_you_mean(wanted, names)});
  out.magnitudes.total = LineTotal::keep;
  out.magnitudes.reference = static_cast<std::size_t>(found - names.begin());
}

}  // namespace

std::string magnitude_column(const Filter& filter) {
  std::string name = "MAG_" + filter.name();
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? static_cast<char>(std::toupper(c)) : '_';
  return name;
}

void declare_paint(OptionSet& set) {
  set.positional = {"continua.fits", "continuum spectra: GALAXIES with Z, WAVE, CONTINUUM or FLUX", 1, 1};
  set.add({"output", OptionType::text, "spectra to write", "", "FILE", 'o'});
  set.add({"from",
           OptionType::text,
           "source of the line strengths: predicted by the model, or given in columns {LINE}_EW (A), {LINE}_FLUX "
           "(1e-17 erg/s/cm2) or {LINE}_LUM (erg/s)",
           "model",
           "SOURCE",
           0,
           "Options",
           {"model", "ew", "flux", "luminosity"}});
  set.add({"table", OptionType::text,
           "table with these columns, one row per galaxy; default: the table GALAXIES of the input", "", "FILE"});
  set.add({"model", OptionType::text, "model file or name; default: the shipped model", "", "FILE"});
  set.add({"draws", OptionType::integer,
           "number of joint draws per galaxy, each painted as a separate spectrum; 0: paint the medians", "0", "K"});
  set.add({"sigma_v", OptionType::text,
           "velocity dispersion of the gas, km/s: one number, one per group (balmer=90,forbidden=120), or the name of "
           "a column",
           "100", "WIDTH"});
  set.add({"resolution", OptionType::text,
           "instrumental resolution, wavelength/FWHM; or matrix = the image RESOLUTION of the input; default: no "
           "instrument",
           "", "R"});
  set.add({"density", OptionType::number, "electron density, cm^-3; it sets the [OII] doublet ratio", "100", "N"});
  set.add({"oii_ratio", OptionType::number, "flux ratio [OII] 3729/3726, instead of --density", "", "RATIO"});
  set.add({"noise",
           OptionType::text,
           "noise to add: from the input's IVAR, or a model of DESI's noise",
           "none",
           "KIND",
           0,
           "Options",
           {"none", "ivar", "desi"}});
  set.add({"noise_level", OptionType::number, "with --noise desi: sigma of a dark pixel at 6500 A, 1e-17 erg/s/cm2/A",
           "0.15", "SIGMA"});
  set.add({"filters", OptionType::text, "filter curves for AB magnitudes (ECSV, HDF5 or text), separated by commas", "",
           "FILES"});
  set.add({"filter_unit", OptionType::text,
           "wavelength unit of filter curves that do not state it: Angstrom, nm, micron", "", "UNIT"});
  set.add({"total", OptionType::text,
           "add = lines on top of the continuum; keep:FILTER = the continuum's magnitude in that filter already "
           "includes the lines, so scale everything to keep it",
           "add", "WHICH"});
  set.add(
      {"figures", OptionType::text, "folder for figures of single spectra, as numbers (docs/figures.md)", "", "DIR"});
  set.add({"figure_rows", OptionType::text, "rows of the input for --figures, separated by commas", "0", "ROWS"});
  set.add({"allow_partial", OptionType::flag, "exit with code 0 even if some rows have no result", "false"});
  set.add({"chunk", OptionType::integer, "number of painted spectra in memory at a time", "64", "ROWS"});
}

PaintSettings paint_settings(const Settings& settings) {
  PaintSettings out;
  const std::string& from = settings.text("from");
  out.from_model = from == "model";
  if (from == "flux") {
    out.options.lines.strength = Strength::flux;
    out.suffix = "_FLUX";
  } else if (from == "luminosity") {
    out.options.lines.strength = Strength::luminosity;
    out.suffix = "_LUM";
  }
  if (out.from_model && settings.is_set("table"))
    throw Error(ErrorKind::usage, "--table needs --from", {"--from model", "--from ew, flux or luminosity", ""});
  if (!out.from_model && settings.is_given("draws") && settings.integer("draws") != 0)
    throw Error(ErrorKind::usage, "--draws needs the model", {"--from " + from, "--from model", ""});
  const auto draws = settings.integer("draws"), chunk = settings.integer("chunk");
  if (draws < 0 || draws > k_max_draws)
    throw Error(ErrorKind::usage, "draws out of range",
                {settings.text("draws"), fmt::format("0 to {}", k_max_draws), ""});
  if (chunk < 1 || chunk > 65536)
    throw Error(ErrorKind::usage, "chunk out of range", {settings.text("chunk"), "1 to 65536", ""});
  out.draws = static_cast<std::size_t>(draws);
  out.chunk = static_cast<std::size_t>(chunk);
  parse_widths(settings, out);
  if (settings.is_set("resolution")) {
    if (settings.text("resolution") == "matrix")
      out.options.matrix = true;
    else
      out.options.resolving_power = checked("resolution", settings.text("resolution"), 1, 1e6);
  }
  out.options.lines.oii_ratio = settings.is_set("oii_ratio")
                                    ? checked("oii-ratio", settings.text("oii_ratio"), 0, 100)
                                    : oii_flux_ratio(checked("density", settings.text("density"), 0, 1e9));
  const std::string& noise = settings.text("noise");
  out.options.noise = noise == "ivar"   ? SpectrumNoise::ivar
                      : noise == "desi" ? SpectrumNoise::desi
                                        : SpectrumNoise::none;
  if (noise == "desi") out.options.noise_level = checked("noise-level", settings.text("noise_level"), 0, 1e6);
  out.options.seed = settings.seed();
  parse_filters(settings, out);
  if (settings.is_set("figures"))
    for (const auto& row : settings.list("figure_rows")) {
      const double value = checked("figure-rows", row, 0, 1e15);
      out.figure_rows.push_back(static_cast<std::size_t>(value));
    }
  return out;
}

}  // namespace starglow::cli
