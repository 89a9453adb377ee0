#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "starglow/error.hpp"
#include "starglow/flags.hpp"
#include "starglow/noise.hpp"
#include "starglow/table.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_default_chunk = 65536;

void declare(OptionSet& set) {
  set.positional = {"table.fits", "table with BAND_FLUX and, for the luminosity, Z", 1, 1};
  set.add({"output", OptionType::text, "table to write", "", "FILE", 'o'});
  set.add({"model", OptionType::text, "model file; without it, the shipped model", "", "FILE"});
  set.add({"noise", OptionType::flag,
           "also {LINE}_EW_NOISY: with measurement noise of the row's EW_IVAR, else of the noise model", "false"});
  set.add({"draws", OptionType::integer, "joint draws a galaxy (models of kind joint)", "0", "K"});
  set.add({"allow_partial", OptionType::flag, "exit 0 although some rows have no answer", "false"});
  set.add({"float64", OptionType::flag, "run the networks in double precision", "false"});
  set.add({"chunk", OptionType::integer, "rows in memory at a time", std::to_string(k_default_chunk), "ROWS"});
}

std::vector<ColumnInfo> output_columns(const TableReader& reader, bool noise) {
  std::vector<ColumnInfo> columns{{"TARGETID", 'K', 1, ""}};
  if (reader.has_column("Z")) columns.push_back({"Z", 'D', 1, ""});
  for (const auto& column : reader.columns())
    if ((column.name == "SURVEY" || column.name == "PROGRAM") && column.type == 'A') columns.push_back(column);
  for (const auto& line : k_lines) columns.push_back({std::string(line.name) + "_EW", 'E', 1, "Angstrom"});
  if (noise)
    for (const auto& line : k_lines) columns.push_back({std::string(line.name) + "_EW_NOISY", 'E', 1, "Angstrom"});
  columns.push_back({"FLAGS", 'J', 1, ""});
  return columns;
}

struct Writer {
  TableWriter& out;
  void lines(const Matrix<double>& ew, std::size_t first, const char* suffix) const {
    std::vector<float> values(ew.rows());
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      for (std::size_t i = 0; i < ew.rows(); ++i) values[i] = static_cast<float>(ew(i, line));
      out.write(std::string(k_lines[line].name) + suffix, first, std::span<const float>(values));
    }
  }
};

int run(const Settings& settings, Console& console) {
  if (!settings.is_set("output")) throw Error(ErrorKind::usage, "no output given", {"", "", "-o out.fits names it."});
  const bool noise = settings.flag("noise");
  const Model model = settings.is_set("model") ? Model::load(settings.text("model")) : Model::shipped();
  if (settings.integer("draws") != 0)
    throw Error(ErrorKind::model, "a point model has no draws",
                {"kind " + model.parts().kind, "--draws 0", "--noise adds measurement noise to the point."});
  const auto chunk = settings.integer("chunk");
  if (chunk < 1 || chunk > (1 << 24))
    throw Error(ErrorKind::usage, "chunk out of range", {std::to_string(chunk), "1 to 16777216", ""});

  const std::string input = settings.positionals().at(0);
  const TableReader reader(input);
  for (const auto& note : reader.notes()) console.warn(note);
  for (const auto& note : model.compare(reader.conventions()).notes) console.info(note);
  if (!reader.has_column("BAND_FLUX"))
    throw Error(ErrorKind::input, "'" + input + "' has no column BAND_FLUX",
                {"", "12 band fluxes a row", "prep makes them from spectra."});
  if (settings.flag("dry_run")) {
    console.info(fmt::format("would predict {} rows of {} into {}", reader.rows(), input, settings.text("output")));
    return 0;
  }
  WorkerPool pool(settings.threads());
  TableWriter out(settings.text("output"), output_columns(reader, noise), reader.conventions(),
                  settings.flag("overwrite"));
  std::vector<std::size_t> counts(k_flags.size(), 0);
  std::size_t fatal = 0, flagged = 0;
  {
    Progress bar(console, "predicting", "galaxies", static_cast<double>(reader.rows()));
    for (std::size_t first = 0; first < reader.rows(); first += static_cast<std::size_t>(chunk)) {
      check_interrupt();
      const std::size_t count = std::min(static_cast<std::size_t>(chunk), reader.rows() - first);
      const Galaxies g = reader.read(first, count);
      const Prediction p = model.predict(g, pool, {.float64 = settings.flag("float64")});
      std::vector<std::int64_t> ids = g.targetid;
      if (ids.empty())
        for (std::size_t i = 0; i < count; ++i) ids.push_back(static_cast<std::int64_t>(first + i));
      out.write("TARGETID", first, std::span<const std::int64_t>(ids));
      if (!g.z.empty()) out.write("Z", first, std::span<const double>(g.z));
      if (!g.survey.empty()) out.write("SURVEY", first, std::span<const std::string>(g.survey));
      if (!g.program.empty()) out.write("PROGRAM", first, std::span<const std::string>(g.program));
      const Writer writer{out};
      writer.lines(p.ew, first, "_EW");
      if (noise)
        writer.lines(add_noise(p.ew, g, first, model.parts().noise, settings.seed(), pool), first, "_EW_NOISY");
      out.write("FLAGS", first, std::span<const std::int32_t>(p.flags));
      for (const auto flags : p.flags) {
        fatal += (flags & k_fatal_flags) != 0 ? 1 : 0;
        flagged += flags != 0 ? 1 : 0;
        for (std::size_t k = 0; k < k_flags.size(); ++k) counts[k] += (flags & k_flags[k].bit) != 0 ? 1U : 0U;
      }
      bar.update(static_cast<double>(first + count));
    }
  }
  const std::string summary = flag_counts(counts);
  if (settings.flag("strict") && flagged > 0)
    throw Error(ErrorKind::input,
                "--strict: " + std::to_string(flagged) + " of " + std::to_string(reader.rows()) + " rows are flagged",
                {summary, "no flag", "Nothing was written."});
  Provenance provenance = provenance_of(settings);
  provenance.add_input(input);
  provenance.model_hash = model.hash();
  out.commit(provenance);
  console.info(fmt::format("{}: {} galaxies{}", settings.text("output"), reader.rows(),
                           summary.empty() ? ", no flags" : "; flags: " + summary));
  if (fatal > 0 && !settings.flag("allow_partial")) {
    console.error(fmt::format("{} rows have no answer (NaN); --allow-partial accepts that", fatal));
    return exit_code(ErrorKind::numeric);
  }
  return 0;
}

}  // namespace

extern const Verb k_predict;
const Verb k_predict{"predict", "predict the lines of a table of galaxies",
                     "starglow predict table.fits -o lines.fits\n"
                     "starglow predict table.fits -o lines.fits --noise --seed 7\n"
                     "starglow predict table.fits -o lines.fits --model k24.safetensors",
                     declare, run};

}  // namespace starglow::cli
