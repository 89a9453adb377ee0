#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/pipeline.hpp"
#include "cli/conditions.hpp"
#include "cli/outcome.hpp"
#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/files/columns.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/table.hpp"
#include "starglow/model/noise.hpp"
#include "starglow/spectra/line_continua.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_default_chunk = 16384;
constexpr std::size_t k_max_drawn = std::size_t{1} << 21;  // draws of all lines of a chunk, where no chunk was given
constexpr std::int64_t k_max_draws = 100000;

void declare(OptionSet& set) {
  set.positional = {"table.fits", "table with BAND_FLUX and Z (Z is needed for the luminosity)", 1, 1};
  set.add({"output", OptionType::text, "table to write", "", "FILE", 'o'});
  set.add({"model", OptionType::text, "model file or name; default: the shipped model", "", "FILE"});
  set.add({"noise", OptionType::flag,
           "also write {LINE}_EW_NOISY: a draw with measurement noise, from the row's EW_IVAR, or else from the noise "
           "model",
           "false"});
  set.add({"fluxes", OptionType::flag,
           "also write {LINE}_FLUX, _FLUX_P16, _FLUX_P84: observed line fluxes, 1e-17 erg/s/cm2, EW (1 + z) times the "
           "continuum of the bands",
           "false"});
  set.add({"draws", OptionType::integer, "number of joint draws per galaxy (models of kind joint)", "0", "K"});
  set.add({"out_of_domain",
           OptionType::text,
           "result for galaxies unlike the training galaxies: warn = predict and flag; nan = no prediction; clip = "
           "predict at the edge of the training sample; prior = distribution of all training galaxies",
           "warn",
           "POLICY",
           0,
           "Options",
           {"warn", "nan", "clip", "prior"}});
  set.add({"no_evolution", OptionType::flag, "lines beyond the redshifts of the training as if galaxies were nearer",
           "false"});
  set.add({"given", OptionType::text,
           "measured lines to use (columns {LINE}_EW and {LINE}_EW_IVAR): the other lines are predicted given them", "",
           "LINES"});
  set.add({"selected", OptionType::text,
           "predict for galaxies that pass this cut on measured lines, e.g. 'HBETA,OIII_5007,HALPHA,NII_6584 > 0'", "",
           "CUT"});
  set.add({"allow_partial", OptionType::flag, "exit with code 0 even if some rows have no result", "false"});
  set.add({"float64", OptionType::flag, "compute the networks in double precision", "false"});
  set.add({"chunk", OptionType::integer, "rows processed at a time", std::to_string(k_default_chunk), "ROWS"});
}

std::vector<ColumnInfo> output_columns(const TableReader& reader, const Model& model, std::size_t draws, bool noise,
                                       bool fluxes) {
  std::vector<ColumnInfo> columns{column("TARGETID")};
  if (reader.has_column("Z")) columns.push_back(column("Z"));
  for (auto& its : survey_columns(reader)) columns.push_back(std::move(its));
  const std::vector<LineInfo> lines = model.lines().infos();
  const auto add = [&](std::string_view suffix, std::size_t repeat) {
    for (auto& its : line_columns(suffix, lines, repeat)) columns.push_back(std::move(its));
  };
  add("_EW", 1);
  if (model.has_distribution()) {
    add("_EW_P16", 1);
    add("_EW_P84", 1);
    if (model.lines().slots().halpha != LineSlots::k_none) columns.push_back(column("P_LINELESS"));
  }
  if (model.parts().domain) columns.push_back(column("DOMAIN"));
  if (draws > 0) add("_EW_DRAW", draws);
  if (noise) add("_EW_NOISY", 1);
  if (fluxes) {
    add("_FLUX", 1);
    if (model.has_distribution()) add("_FLUX_P16", 1), add("_FLUX_P84", 1);
  }
  columns.push_back(column("FLAGS"));
  return columns;
}

// Some rows on their way through the program.
struct Chunk {
  std::size_t first = 0;
  Galaxies galaxies;
  Prediction prediction;
  Matrix<double> noisy;  // as the prediction, or empty
  /// Bands as the table has them, where line fluxes are wanted; then these fluxes.
  Matrix<double> bands, flux, flux_p16, flux_p84;
};

struct Writer {
  TableWriter& out;
  const LineSet& predicted;
  std::size_t n_draws;
  bool has_domain;

  void operator()(const Chunk& chunk) const {
    const Galaxies& g = chunk.galaxies;
    const Prediction& p = chunk.prediction;
    const std::size_t first = chunk.first;
    std::vector<std::int64_t> ids(g.n);
    for (std::size_t i = 0; i < g.n; ++i) ids[i] = has_id(g, i) ? g.targetid[i] : static_cast<std::int64_t>(first + i);
    out.write("TARGETID", first, std::span<const std::int64_t>(ids));
    if (!g.z.empty()) out.write("Z", first, std::span<const double>(g.z));
    if (!g.survey.empty()) out.write("SURVEY", first, std::span<const std::string>(g.survey));
    if (!g.program.empty()) out.write("PROGRAM", first, std::span<const std::string>(g.program));
    lines(p.ew, first, "_EW");
    lines(p.p16, first, "_EW_P16");
    lines(p.p84, first, "_EW_P84");
    if (!p.p_lineless.empty()) single("P_LINELESS", p.p_lineless, first);
    if (n_draws > 0) draws(p.draws, first);
    lines(chunk.noisy, first, "_EW_NOISY");
    lines(chunk.flux, first, "_FLUX");
    lines(chunk.flux_p16, first, "_FLUX_P16");
    lines(chunk.flux_p84, first, "_FLUX_P84");
    if (has_domain) single("DOMAIN", p.domain, first);
    out.write("FLAGS", first, std::span<const std::int32_t>(p.flags));
  }

 private:
  void single(const char* name, const std::vector<double>& from, std::size_t first) const {
    const std::vector<float> values(from.begin(), from.end());
    out.write(name, first, std::span<const float>(values));
  }
  void lines(const Matrix<double>& ew, std::size_t first, const char* suffix) const {
    std::vector<float> values(ew.rows());
    if (ew.empty()) return;
    for (const std::size_t line : predicted.lines()) {
      for (std::size_t i = 0; i < ew.rows(); ++i) values[i] = static_cast<float>(ew(i, line));
      out.write(std::string(k_all_lines[line].name) + suffix, first, std::span<const float>(values));
    }
  }
  void draws(const Matrix<float>& all, std::size_t first) const {
    std::vector<float> values(all.rows() * n_draws);
    for (const std::size_t line : predicted.lines()) {
      for (std::size_t i = 0; i < all.rows(); ++i)
        std::copy_n(all.row(i).begin() + static_cast<std::ptrdiff_t>(line * n_draws), n_draws,
                    values.begin() + static_cast<std::ptrdiff_t>(i * n_draws));
      out.write(std::string(k_all_lines[line].name) + "_EW_DRAW", first, std::span<const float>(values));
    }
  }
};

int run(const Settings& settings, Console& console) {
  if (!settings.is_set("output")) throw Error(ErrorKind::usage, "no output given", {"", "", "-o out.fits names it."});
  const bool noise = settings.flag("noise"), fluxes = settings.flag("fluxes");
  const Model model = settings.is_set("model") ? Model::load(settings.text("model")) : Model::shipped();
  const bool joint = model.has_distribution();
  if (settings.integer("draws") < 0 || settings.integer("draws") > k_max_draws)
    throw Error(ErrorKind::usage, "draws out of range",
                {settings.text("draws"), "0 to " + std::to_string(k_max_draws), ""});
  const auto draws = static_cast<std::size_t>(settings.integer("draws"));
  if (draws > 0 && !joint)
    throw Error(ErrorKind::model, "this model kind has no draws",
                {"kind " + model.parts().kind, "--draws 0", "--noise adds measurement noise to its predictions."});
  const std::string& named = settings.text("out_of_domain");
  const OutOfDomain policy = named == "nan"     ? OutOfDomain::nan
                             : named == "clip"  ? OutOfDomain::clip
                             : named == "prior" ? OutOfDomain::prior
                                                : OutOfDomain::warn;
  const Conditions conditions = conditions_of(settings);
  const auto chunk = settings.integer("chunk");
  if (chunk < 1 || chunk > (1 << 24))
    throw Error(ErrorKind::usage, "chunk out of range", {std::to_string(chunk), "1 to 16777216", ""});

  const std::string input = settings.positionals().at(0);
  const TableReader reader(input);
  for (const auto& note : reader.notes()) console.warn(note);
  const auto notes = model.compare(reader.conventions(), reader.has_column("EBV")).notes;
  for (const auto& note : notes) console.info(note);
  if (!reader.has_column("BAND_FLUX"))
    throw Error(ErrorKind::input, "'" + input + "' has no column BAND_FLUX",
                {"", "12 band fluxes a row", "prep makes them from spectra."});
  if (fluxes) need_some_of_the_ten(model, "predict --fluxes");
  if (fluxes && reader.conventions().fluxscal == "relative")
    throw Error(ErrorKind::input, "'" + input + "' has band fluxes on a relative scale, so line fluxes are unknown",
                {"FLUXSCAL relative", "absolute", "Without --fluxes EWs are predicted."});
  conditions.check(reader, model);
  if (settings.flag("dry_run")) {
    console.info(fmt::format("would predict {} rows of {} into {}", reader.rows(), input, settings.text("output")));
    return 0;
  }
  WorkerPool pool(settings.threads());
  TableWriter out(settings.text("output"), output_columns(reader, model, draws, noise, fluxes), reader.conventions(),
                  settings.flag("overwrite"));
  for (const auto& note : notes) out.note(note);
  Outcome outcome(settings, console, "galaxies");
  const bool evolve = !settings.flag("no_evolution");
  const auto begins = model.evolution_begins();
  std::size_t evolved = 0, widened = 0;
  {
    Progress bar(console, "predicting", "galaxies", static_cast<double>(reader.rows()));
    // Noise goes on one intrinsic draw, the first.
    const std::size_t drawn = std::max(draws, std::size_t{joint && noise ? 1U : 0U});
    auto rows = static_cast<std::size_t>(chunk);
    if (!settings.is_given("chunk") && drawn > 0)
      rows = std::clamp(k_max_drawn / (drawn * model.lines().width()), std::size_t{1}, rows);
    // One thread: one after the other. More: a thread reads and one writes while the others compute.
    pipeline(
        shard_count(reader.rows(), rows), pool.threads() > 1,
        [&](std::size_t k) {
          const Shard range = shard(k, reader.rows(), rows);
          Galaxies read = reader.read(range.first, range.count(), model.lines().width());
          Matrix<double> bands = fluxes ? bands_that_are_there(read) : Matrix<double>{};
          return Chunk{range.first, model.with_own_dust(std::move(read)), {}, {}, std::move(bands), {}, {}, {}};
        },
        [&](Chunk& c) {
          check_interrupt();
          const Galaxies& g = c.galaxies;
          PredictOptions options{.float64 = settings.flag("float64"),
                                 .draws = drawn,
                                 .seed = settings.seed(),
                                 .out_of_domain = policy,
                                 .evolution = evolve,
                                 .first_row = c.first};
          const auto given = conditions.apply(g, options);
          c.prediction = model.predict(g, pool, options);
          const Prediction& p = c.prediction;
          if (noise) {
            c.noisy = add_noise(joint ? one_draw(p.draws, drawn, 0) : p.ew, g, c.first, model.parts().noise,
                                settings.seed(), pool);
            flag_bounded(c.noisy, c.prediction.flags);
          }
          if (fluxes) {
            c.flux = line_fluxes(p.ew, c.bands, g.z);
            if (joint) c.flux_p16 = line_fluxes(p.p16, c.bands, g.z), c.flux_p84 = line_fluxes(p.p84, c.bands, g.z);
          }
          outcome.count(p.flags);
          if (evolve && begins)
            evolved +=
                static_cast<std::size_t>(std::count_if(g.z.begin(), g.z.end(), [&](double z) { return z > *begins; }));
          for (std::size_t i = 0; i < g.z_err.size() && i < g.z.size(); ++i)
            widened += redshift_error_matters(g.z[i], g.z_err[i]) ? 1U : 0U;
          bar.update(static_cast<double>(c.first + g.n));
        },
        Writer{out, model.lines(), draws, model.parts().domain.has_value()});
  }
  outcome.check();
  if (evolved > 0)
    console.info(
        fmt::format("{} galaxies beyond z = {}: lines of active galaxies are taken to grow with redshift "
                    "(docs/evolution.md; --no-evolution leaves it out)",
                    evolved, *begins));
  if (widened > 0 && model.has_distribution())
    console.info(
        fmt::format("{} galaxies have a Z_ERR above {:g} (1 + z): their lines are averaged over z - Z_ERR and "
                    "z + Z_ERR",
                    widened, k_redshift_error));
  Provenance provenance = provenance_of(settings);
  provenance.add_input(input);
  provenance.model_hash = model.hash();
  out.commit(provenance);
  return outcome.finish(settings.text("output"));
}

}  // namespace

extern const Verb k_predict;
const Verb k_predict{"predict", "predict the emission lines of galaxies from their continuum",
                     "starglow predict table.fits -o lines.fits\n"
                     "starglow predict table.fits -o lines.fits --draws 64 --noise --seed 7\n"
                     "starglow predict table.fits -o lines.fits --model k24.safetensors",
                     declare, run};

}  // namespace starglow::cli
