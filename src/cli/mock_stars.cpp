#include "cli/mock_stars.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>

#include "cli/mock_report.hpp"
#include "cli/outcome.hpp"
#include "cli/output.hpp"
#include "cli/star_spectra.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/files/columns.hpp"
#include "starglow/files/history_reader.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/files/table.hpp"
#include "starglow/mock/star_mock.hpp"
#include "starglow/model/features.hpp"

namespace starglow::cli {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t k_chunk = 8192;
constexpr double k_oldest_young = 10.0;  // Myr
constexpr const char* k_group = "Stars (--population stars)";
constexpr const char* k_drn_grid = "ssp_data_fsps_v3.2_lgmet_age.h5";

struct Grid {
  CompactSsp compact;
  PhotonGrid photons = photon_grid();
  std::optional<SspGrid> full;  // kept when spectra are wanted
  fs::path file;                // "" for the shipped one
};

// --ssp, else DSPS_DRN, else the emulator.
Grid read_grid(const Settings& settings, bool photometry, bool spectra, Console& console) {
  Grid out;
  if (settings.is_set("ssp")) {
    out.file = settings.text("ssp");
  } else if (const char* drn = std::getenv("DSPS_DRN"); drn != nullptr && fs::exists(fs::path(drn) / k_drn_grid)) {
    out.file = fs::path(drn) / k_drn_grid;
    console.info("SSP grid from DSPS_DRN: " + out.file.string());
  }
  if (out.file.extension() == ".safetensors") {
    if (spectra)
      throw Error(ErrorKind::usage, "this file has the SSP grid reduced to bands, without spectra",
                  {out.file.string(), "a grid in HDF5, or the shipped one", ""});
    out.compact = load_compact_ssp(out.file);
    if (photometry && out.compact.photometry_count == 0)
      throw Error(ErrorKind::usage, "this file of reduced SSPs was made without filters",
                  {out.file.string(), "", "Make them again with --filters."});
    return out;
  }
  SspGrid grid = out.file.empty() ? shipped_ssp() : read_ssp(out.file);
  if (has_nebular_lines(grid)) {
    const double ew = nebular_halpha_ew(grid);
    if (settings.text("nebular") == "keep") {
      console.warn(fmt::format(
          "the SSP grid contains nebular lines (Halpha EW up to {:.0f} A); they are kept, so lines are counted twice",
          ew));
    } else {
      const auto pixels = mask_nebular_lines(grid);
      console.warn(
          fmt::format("the SSP grid contains nebular lines (Halpha EW up to {:.0f} A); {} pixels around them were "
                      "replaced by straight lines",
                      ew, pixels));
    }
  }
  out.photons = photon_grid(grid);
  const double youngest = std::pow(10.0, grid.lg_age_gyr.front() + 3);
  if (youngest > k_oldest_young)
    console.warn(
        fmt::format("the SSP grid has no stars younger than {:.3g} Myr: the light of young stars is missing, and "
                    "ionising photons are taken from a table ({})",
                    youngest, out.photons.source));
  CompactOptions options;
  options.photometry = photometry;
  if (settings.flag("exact_dust")) options.dust = DustQuadrature::exact;
  out.compact = compact(grid, options);
  if (!out.file.empty()) out.compact.metadata["input"] = out.file.filename().string();
  if (spectra) out.full = std::move(grid);
  return out;
}

StarPreset preset_of(const Settings& settings) {
  return settings.is_set("preset") ? parse_star_preset(settings.text("preset")) : StarPreset::desi_bgs;
}

StarMockOptions options_of(const Settings& settings) {
  std::map<std::string, std::string> texts;
  for (const char* key : {"sfh", "dust_law", "h0", "om0", "band_offset", "band_scatter"})
    texts[key] = settings.text(key);
  texts["preset"] = std::string(to_string(preset_of(settings)));
  texts["bump_from_slope"] = settings.flag("bump_from_slope") ? "true" : "false";
  for (const auto& draw : k_star_draws) texts[std::string(draw.name)] = settings.text(draw.name);
  StarMockOptions out;
  out.population = star_population(texts);
  out.aperture = settings.text("aperture");
  out.seed = settings.seed();
  out.lines = parse_lines_from(settings.text("lines"));
  out.gas = {settings.number("f_esc"), settings.number("f_dust"), settings.number("gas_dust"),
             parse_gas_curve(settings.text("gas_curve"))};
  out.photon_scatter =
      out.lines != LinesFrom::continuum ? settings.number("photon_scatter") : settings.unused_number("photon_scatter");
  return out;
}

std::string column_name(const std::string& filter) {
  std::string out = "MAG_";
  for (const char c : filter)
    out += std::isalnum(static_cast<unsigned char>(c)) != 0 ? static_cast<char>(std::toupper(c)) : '_';
  return out;
}

std::vector<ColumnInfo> columns_of(const std::vector<Filter>& filters, bool weights) {
  std::vector<ColumnInfo> columns;
  for (const char* name : {"TARGETID", "Z", "BAND_FLUX", "FLAGS", "T_OBS", "SFR10", "SFR100", "LOG_QH", "MASS_FORMED",
                           "MASS_SURVIVING", "HALPHA_EW_CASEB", "HALPHA_LUM_CASEB", "CLASS"})
    columns.push_back(column(name));
  if (weights) columns.push_back(column("WEIGHT"));
  for (const char* suffix : {"_EW", "_EW_DRAW", "_EW_NOISY", "_LUM"})
    for (auto& its : line_columns(suffix)) columns.push_back(std::move(its));
  for (std::size_t k = 1; k < k_n_star_draws; ++k) {
    std::string name = std::string(k_star_draws[k].name);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    columns.push_back(float_column(std::move(name), ""));
  }
  for (const auto& filter : filters)
    for (const char* suffix : {"", "_CONT"})
      columns.push_back(float_column(column_name(filter.name()) + suffix, "mag"));
  return columns;
}

void write_chunk(TableWriter& out, const std::vector<ColumnInfo>& columns, std::size_t first, const StarMock& c,
                 const std::vector<Filter>& filters, std::size_t n_all) {
  const std::size_t n = c.galaxies.n;
  std::vector<float> narrow(n);
  std::vector<double> wide(n);
  const auto floats = [&](const std::string& name, const auto& value) {
    for (std::size_t g = 0; g < n; ++g) narrow[g] = static_cast<float>(value(g));
    out.write(name, first, std::span<const float>(narrow));
  };
  out.write("TARGETID", first, std::span<const std::int64_t>(c.galaxies.targetid));
  out.write("Z", first, std::span<const double>(c.galaxies.z));
  out.write("BAND_FLUX", first, std::span<const double>(c.galaxies.band_flux.flat()));
  out.write("FLAGS", first, std::span<const std::int32_t>(c.lines.flags));
  floats("T_OBS", [&](std::size_t g) { return c.sample.inputs.t_obs[g]; });
  floats("SFR10", [&](std::size_t g) { return c.budget.sfr10[g]; });
  floats("SFR100", [&](std::size_t g) { return c.budget.sfr100[g]; });
  floats("LOG_QH", [&](std::size_t g) { return std::log10(c.budget.photons[g]); });
  floats("MASS_FORMED", [&](std::size_t g) { return c.budget.mass[g]; });
  floats("MASS_SURVIVING", [&](std::size_t g) { return c.budget.surviving[g]; });
  floats("HALPHA_EW_CASEB", [&](std::size_t g) { return c.halpha_ew_caseb[g]; });
  out.write("HALPHA_LUM_CASEB", first, std::span<const double>(c.halpha_lum_caseb));
  std::vector<std::string> classes(n);
  for (std::size_t g = 0; g < n; ++g) classes[g] = to_string(c.sample.galaxy_class[g]);
  out.write("CLASS", first, std::span<const std::string>(classes));
  if (!c.sample.weight.empty()) {
    for (std::size_t g = 0; g < n; ++g) wide[g] = c.sample.weight[g] / static_cast<double>(n_all);
    out.write("WEIGHT", first, std::span<const double>(wide));
  }
  for (std::size_t l = 0; l < k_n_lines; ++l) {
    const std::string name(k_lines[l].name);
    floats(name + "_EW", [&](std::size_t g) { return c.lines.ew(g, l); });
    floats(name + "_EW_DRAW", [&](std::size_t g) { return c.draw(g, l); });
    floats(name + "_EW_NOISY", [&](std::size_t g) { return c.noisy(g, l); });
    for (std::size_t g = 0; g < n; ++g) wide[g] = c.luminosity(g, l);
    out.write(name + "_LUM", first, std::span<const double>(wide));
  }
  const std::size_t parameters = columns.size() - 2 * filters.size() - (k_n_star_draws - 1);
  for (std::size_t k = 1; k < k_n_star_draws; ++k)
    floats(columns[parameters + k - 1].name, [&](std::size_t g) { return c.sample.parameters(g, k); });
  for (std::size_t f = 0; f < filters.size(); ++f) {
    floats(column_name(filters[f].name()), [&](std::size_t g) { return c.magnitude(g, f); });
    floats(column_name(filters[f].name()) + "_CONT", [&](std::size_t g) { return c.continuum_magnitude(g, f); });
  }
}

// Colours, luminosity and redshift: what two tables are compared in.
Matrix<double> features_of(const Galaxies& g) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < g.n; ++i)
    if (band_flags(g.band_flux.row(i), {}) == 0 && g.z[i] > 0) rows.push_back(i);
  Matrix<double> out(rows.size(), FeatureRecipe::k_n_ratios + 2);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    compute_features(FeatureRecipe{}, g.band_flux.row(rows[r]), g.z[rows[r]],
                     out.row(r).first(FeatureRecipe::k_n_ratios + 1));
    out(r, FeatureRecipe::k_n_ratios + 1) = g.z[rows[r]];
  }
  return out;
}
std::vector<std::string> feature_names() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < FeatureRecipe::k_n_ratios; ++i) names.push_back(fmt::format("log10 F{}/F{}", i + 1, i));
  names.insert(names.end(), {"log_lum", "z"});
  return names;
}

}  // namespace

void declare_stars(OptionSet& set) {
  const auto add = [&](Option option) {
    option.group = k_group;
    set.add(std::move(option));
  };
  add({"preset", OptionType::text,
       "preset that sets the defaults below, and implies --population stars: desi-bgs = like that survey, light in a "
       "fibre (default); universe = galaxies of a comoving volume, with weights",
       "", "NAME"});
  add({"histories", OptionType::text,
       "file with your star-formation histories, instead of drawn ones (docs/mocks.md); implies --population stars, "
       "aperture total and lines photons",
       "", "FILE"});
  add({"ssp", OptionType::text,
       "SSP grid: HDF5 in the layout of DSPS, or a file of --save-ssp; default: " + std::string(k_drn_grid) +
           " in the folder of the environment variable DSPS_DRN, or else the shipped emulator",
       "", "FILE"});
  add({"save_ssp", OptionType::text, "also save the SSP grid reduced to bands, for --ssp of later runs", "", "FILE"});
  add({"nebular",
       OptionType::text,
       "nebular lines in the fluxes of the grid: mask them, or keep them (they are then counted twice)",
       "mask",
       "",
       0,
       "",
       {"mask", "keep"}});
  add({"model", OptionType::text, "model of the lines; default: the shipped one", "", "FILE"});
  add({"allow_partial", OptionType::flag, "exit with code 0 even if some galaxies have no prediction", "false"});
  add({"filters", OptionType::text, "filter curves for magnitudes, with and without lines", "", "FILE,..."});
  add({"spectra", OptionType::text, "also write the continuum spectra, for the command paint", "", "FILE"});
  add({"spectra_lo", OptionType::number, "shortest rest-frame wavelength of these spectra, A", "3000"});
  add({"spectra_hi", OptionType::number, "longest wavelength, A", "10500"});
  add({"report", OptionType::text,
       "also write a page into this folder: the mock beside what surveys measured (index.html, figures/*.json)", "",
       "DIR"});
  add({"aperture",
       OptionType::text,
       "fibre = light in a DESI fibre, as in the default population; total = light of the whole galaxy",
       "fibre",
       "",
       0,
       "",
       {"fibre", "total", "unknown"}});
  add({"lines",
       OptionType::text,
       "how lines are made: predicted from the continuum; Halpha from the ionising photons of the stars, and the other "
       "lines given that Halpha; or both combined",
       "continuum",
       "",
       0,
       "",
       {"continuum", "photons", "both"}});
  add({"photon_scatter", OptionType::number, "scatter of Halpha at given ionising photons, dex", "0.1"});
  add({"f_esc", OptionType::number, "fraction of the ionising photons that escape", "0"});
  add({"f_dust", OptionType::number, "fraction of the remaining ones that dust absorbs", "0"});
  add({"gas_dust", OptionType::number, "ratio of E(B-V) of the gas to that of the stars", "2.27"});
  add({"gas_curve",
       OptionType::text,
       "attenuation curve of the gas",
       "calzetti",
       "",
       0,
       "",
       {"calzetti", "milky_way"}});
  add({"sfh",
       OptionType::text,
       "form of the star-formation histories",
       "delayed_tau",
       "",
       0,
       "",
       {"constant", "tau", "delayed_tau", "lognormal", "double_power_law", "diffstar", "main_sequence"}});
  add({"dust_law",
       OptionType::text,
       "attenuation",
       "salim18",
       "",
       0,
       "",
       {"calzetti00", "leitherer02", "noll09", "salim18", "smooth"}});
  add({"bump_from_slope", OptionType::flag, "set the amplitude of the UV bump to 0.85 - 1.9 slope", "true"});
  add({"exact_dust", OptionType::flag, "apply dust at every wavelength of the grid, instead of interpolating",
       "false"});
  add({"band_offset", OptionType::text, "offset of the measured bands, dex: one number, or one per band",
       std::string(StarPopulation::default_band_offset()), "TEXT"});
  add({"band_scatter", OptionType::text,
       "scatter of the measured bands, dex (noise, calibration, limits of the stellar populations)",
       std::string(StarPopulation::default_band_scatter()), "TEXT"});
  add({"h0", OptionType::number, "Hubble constant, km/s/Mpc", "70"});
  add({"om0", OptionType::number, "matter density", "0.3"});
  for (std::size_t k = 0; k < k_n_star_draws; ++k)
    add({std::string(k_star_draws[k].name), OptionType::text,
         "distribution of " + std::string(k_star_draws[k].meaning) +
             (k_star_draws[k].unit.empty() ? "" : ", " + std::string(k_star_draws[k].unit)),
         std::string(StarPopulation::default_text(static_cast<StarDraw>(k))), "TEXT"});
}

int run_stars(const Settings& settings, Console& console) {
  std::optional<HistoryReader> histories;
  if (settings.is_set("histories")) {
    for (const char* other : {"preset", "compare"})
      if (settings.is_set(other))
        throw Error(ErrorKind::usage, "histories that are given are not drawn from a population",
                    {"--histories with --" + std::string(other), "one of them", ""});
    histories.emplace(settings.text("histories"));
    for (const auto& note : histories->notes()) console.info(note);
  }
  const auto n_given = histories ? static_cast<std::int64_t>(histories->rows()) : settings.integer("n"),
             first_id = settings.integer("first_id");
  if (n_given < 1 || n_given > 100'000'000'000)
    throw Error(ErrorKind::usage, "number of galaxies out of range", {std::to_string(n_given), "1 to 1e11", ""});
  if (first_id < 0)
    throw Error(ErrorKind::usage, "the first id of mock galaxies is negative",
                {std::to_string(first_id), "0 or more", ""});
  if (settings.is_set("population_file"))
    throw Error(ErrorKind::usage, "--population-file needs --population bands",
                {"", "", "For --population stars use --config FILE.toml."});
  const auto n = static_cast<std::size_t>(n_given);
  std::vector<Filter> filters;
  for (const auto& file : settings.list("filters")) filters.push_back(load_filter(file));
  const Model model = settings.is_set("model") ? Model::load(settings.text("model")) : Model::shipped();
  need_ten_lines(model, "mock --population stars");
  const bool spectra = settings.is_set("spectra");
  const Grid grid = read_grid(settings, !filters.empty(), spectra, console);
  WorkerPool pool(settings.threads());
  const StarMocker maker(options_of(settings), grid.compact, grid.photons, std::move(filters), model, pool,
                         histories ? histories->times() : std::vector<double>{});
  if (settings.is_set("compare")) {
    const Galaxies real = read_table(settings.text("compare"));
    if (real.band_flux.empty() || real.z.empty())
      throw Error(ErrorKind::input, "a comparison needs the columns BAND_FLUX and Z",
                  {settings.text("compare"), "", ""});
    if (settings.flag("dry_run")) {
      console.info(
          fmt::format("would compare {} drawn galaxies with the {} rows of {}", n, real.n, settings.text("compare")));
      return 0;
    }
    if (settings.is_set("save_ssp")) save(grid.compact, settings.text("save_ssp"), settings.flag("overwrite"));
    const StarMock c = maker.stars(first_id, n);
    console.data(compare_features(features_of(c.galaxies), features_of(real), feature_names()));
    return 0;
  }
  if (!settings.is_set("output")) throw Error(ErrorKind::usage, "no output given", {"", "", "-o mock.fits names it."});
  const auto columns = columns_of(maker.filters(), maker.options().population.preset == StarPreset::universe);
  if (settings.flag("dry_run")) {
    console.info(fmt::format("would draw {} galaxies with lines into {}, {} columns", n, settings.text("output"),
                             columns.size()));
    return 0;
  }
  std::optional<MockReport> report;
  if (settings.is_set("report")) {
    check_folder_output(settings.text("report"), {"index.html"}, settings.flag("overwrite"));
    report.emplace(n);
  }
  for (const auto& note : model.compare(maker.conventions()).notes) console.info(note);
  TableWriter out(settings.text("output"), columns, maker.conventions(), settings.flag("overwrite"));
  std::optional<SpectraOutput> spectra_out;
  if (spectra) spectra_out.emplace(settings, *grid.full, maker, n);
  Outcome outcome(settings, console, "galaxies");
  in_chunks(console, "drawing", "galaxies", n, [&](std::size_t first) {
    const std::size_t count = std::min(k_chunk, n - first);
    StarMock c;
    if (histories) {
      StarHistories rows = histories->read(first, count);
      StarSample sample = sample_of(rows, maker.options().population, settings.seed());
      c = maker.stars(std::move(sample), std::move(rows.targetid));
    } else {
      c = maker.stars(first_id + static_cast<std::int64_t>(first), count);
    }
    maker.lines(c, first_id + static_cast<std::int64_t>(first));
    write_chunk(out, columns, first, c, maker.filters(), n);
    if (spectra_out) spectra_out->write(first, c, pool);
    if (report) report->add(c);
    outcome.count(c.lines.flags);
    return count;
  });
  outcome.check();
  if (settings.is_set("save_ssp")) save(grid.compact, settings.text("save_ssp"), settings.flag("overwrite"));
  Provenance provenance = provenance_of(settings);
  provenance.model_hash = model.hash();
  if (!grid.file.empty()) provenance.add_input(grid.file);
  if (settings.is_set("histories")) provenance.add_input(settings.text("histories"));
  for (const auto& file : settings.list("filters")) provenance.add_input(file);
  out.commit(provenance);
  if (spectra_out) spectra_out->commit(provenance);
  if (report) report->write(settings, provenance, console);
  return outcome.finish(settings.text("output"));
}

}  // namespace starglow::cli
