#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
#include <optional>
#include <type_traits>

#include "cli/outcome.hpp"
#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/files/columns.hpp"
#include "starglow/files/measured_table.hpp"
#include "starglow/files/spectra_file.hpp"
#include "starglow/files/spectra_reader.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/files/table.hpp"
#include "starglow/spectra/extinction.hpp"
#include "starglow/spectra/measure.hpp"

namespace starglow::cli {
namespace {

constexpr std::int64_t k_default_chunk = 128;  // a DESI spectrum with its resolution is 0.7 MB while it is read

void declare(OptionSet& set) {
  set.positional = {"FILE",
                    "DESI coadd and redrock files, SDSS spec files, FastSpecFit files, or other tables of spectra; a "
                    "folder of them; or @list, a text file with their names",
                    1, 100000};
  set.add({"output", OptionType::text, "table to write", "", "FILE", 'o'});
  set.add({"recipe",
           OptionType::text,
           "how emission lines are removed from the bands: k24 (as in the training of the shipped model) or robust (no "
           "line flux remains in the bands)",
           "k24",
           "NAME",
           0,
           "Options",
           {"k24", "robust"}});
  set.add({"ew",
           OptionType::text,
           "how EWs are measured: fit of stellar continuum and Gaussians; side-bands = integral above the continuum in "
           "side bands; none",
           "fit",
           "METHOD",
           0,
           "Options",
           {"fit", "side-bands", "none"}});
  set.add({"deredden", OptionType::flag, "correct for Galactic dust (needs EBV in the file)", "false"});
  set.add({"templates", OptionType::text,
           "templates of the stellar continuum, or an SSP grid (HDF5, layout of DSPS); default: the shipped templates",
           "", "FILE"});
  set.add({"spectra", OptionType::text, "also write the spectra with their fitted continuum and lines", "", "FILE"});
  set.add({"z", OptionType::number, "redshift, for a table of spectra that does not contain it", "", "VALUE"});
  set.add({"wave_unit", OptionType::text, "unit of the wavelengths, for a table of spectra that does not state it", "",
           "UNIT"});
  set.add({"flux_unit", OptionType::text,
           "unit of the fluxes, for a table of spectra that does not state it; relative = arbitrary scale", "",
           "UNIT"});
  set.add({"allow_partial", OptionType::flag, "exit with code 0 even if some rows have no result", "false"});
  set.add(
      {"chunk", OptionType::integer, "number of spectra in memory at a time", std::to_string(k_default_chunk), "ROWS"});
}

SpectraReaderOptions reader_options(const Settings& settings) {
  SpectraReaderOptions out;
  out.skip_bad = true;
  if (settings.is_set("z")) {
    out.z = settings.number("z");
    if (!(*out.z > -1 && *out.z < 20))
      throw Error(ErrorKind::usage, "--z out of range", {settings.text("z"), "a redshift", ""});
  }
  if (settings.is_set("wave_unit")) out.wave_unit = settings.text("wave_unit");
  if (settings.is_set("flux_unit")) out.flux_unit = settings.text("flux_unit");
  return out;
}

// Pixels of the longest spectrum: files whose spectra have their own grids need not be of one length.
std::size_t longest(const Settings& settings) {
  const auto& inputs = settings.positionals();
  SpectraReader reader({inputs.begin(), inputs.end()}, reader_options(settings));
  std::size_t pixels = 0;
  for (std::size_t first = 0; first < reader.rows();) {
    const Spectra s = reader.read(first, 64);
    pixels = std::max(pixels, s.pixels());
    first += s.size();
  }
  return pixels;
}

template <class T>
void widen(Matrix<T>& m, std::size_t pixels, T fill) {
  if (m.empty() || m.cols() == pixels) return;
  Matrix<T> out(m.rows(), pixels, fill);
  for (std::size_t i = 0; i < m.rows(); ++i) std::copy(m.row(i).begin(), m.row(i).end(), out.row(i).begin());
  m = std::move(out);
}

// A shorter spectrum goes on in steps of its last pixel, without information.
void lengthen(Spectra& s, std::size_t pixels) {
  const std::size_t own = s.pixels();
  if (own == pixels) return;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  widen(s.wave_obs, pixels, 0.0);
  for (std::size_t i = 0; i < s.wave_obs.rows(); ++i)
    for (std::size_t p = own; p < pixels; ++p)
      s.wave_obs(i, p) = s.wave_obs(i, p - 1) + (s.wave_obs(i, own - 1) - s.wave_obs(i, own - 2));
  widen(s.flux, pixels, nan);
  widen(s.ivar, pixels, 0.0);
  widen(s.mask, pixels, std::int32_t{1});
  widen(s.continuum, pixels, nan);
  widen(s.lines, pixels, nan);
}

// The spectra file of --spectra: what was measured, with the continuum and the lines that were fitted.
class SpectraOutput {
 public:
  SpectraOutput(const Settings& settings, const SpectraReader& reader, const Spectra& sample,
                const Conventions& conventions, bool fitted)
      : fitted_(fitted) {
    layout_.rows = reader.rows();
    layout_.one_grid = reader.one_grid();
    layout_.pixels = layout_.one_grid ? sample.pixels() : longest(settings);
    layout_.planes = {true, !sample.ivar.empty(), !sample.mask.empty(), fitted, fitted, false};
    layout_.columns = {with_null(column("TARGETID"))};
    for (const char* name : {"SURVEY", "PROGRAM", "SPECTYPE"})
      if (reader.keeps(name)) layout_.columns.push_back(column(name));
    for (const char* name : {"Z", "EBV", "FLAGS"}) layout_.columns.push_back(column(name));
    out_.emplace(settings.text("spectra"), layout_, conventions, settings.flag("overwrite"));
  }

  void write(std::size_t first, Spectra& s, const std::vector<Measurement>& m) {
    if (fitted_) {
      s.continuum = Matrix<double>(s.size(), s.pixels(), std::numeric_limits<double>::quiet_NaN());
      s.lines = s.continuum;
      for (std::size_t i = 0; i < s.size(); ++i) {
        std::copy(m[i].continuum_model.begin(), m[i].continuum_model.end(), s.continuum.row(i).begin());
        std::copy(m[i].line_model.begin(), m[i].line_model.end(), s.lines.row(i).begin());
      }
    }
    for (std::size_t i = 0; i < s.size(); ++i) s.flags[i] = m[i].flags;
    if (!layout_.one_grid && s.wave_obs.rows() == 1 && s.size() > 1) {
      Matrix<double> each(s.size(), s.pixels());
      for (std::size_t i = 0; i < s.size(); ++i)
        std::copy(s.wave_obs.row(0).begin(), s.wave_obs.row(0).end(), each.row(i).begin());
      s.wave_obs = each;
    }
    lengthen(s, layout_.pixels);
    out_->write(first, s);
  }
  void commit(const Provenance& provenance) { out_->commit(provenance); }

 private:
  bool fitted_;
  SpectraLayout layout_;
  std::optional<SpectraFileWriter> out_;
};

[[noreturn]] void refuse_without_ebv() {
  throw Error(ErrorKind::input, "--deredden: E(B-V) is unknown for every spectrum",
              {"no column EBV, or no value of 0 to 10 mag in it", "E(B-V) of each galaxy",
               "Leave --deredden out: the table then says MWCORR = F."});
}

int run(const Settings& settings, Console& console) {
  if (!settings.is_set("output")) throw Error(ErrorKind::usage, "no output given", {"", "", "-o table.fits names it."});
  const auto chunk = settings.integer("chunk");
  if (chunk < 1 || chunk > 65536)
    throw Error(ErrorKind::usage, "chunk out of range", {std::to_string(chunk), "1 to 65536", ""});
  const std::vector<std::filesystem::path> inputs(settings.positionals().begin(), settings.positionals().end());
  SpectraReader reader(inputs, reader_options(settings));
  for (const auto& note : reader.notes()) console.warn(note);
  for (const auto& failure : reader.failures()) console.error("file left out: " + failure.what);
  MeasureOptions options;
  options.recipe = settings.text("recipe") == "robust" ? MaskRecipe::robust : MaskRecipe::k24;
  options.deredden = settings.flag("deredden");
  options.side_bands = settings.text("ew") == "side-bands";
  options.lines = settings.text("ew") != "none" && !reader.models_only();
  Conventions conventions = reader.conventions();
  if (options.deredden && conventions.mwcorr != "F")
    throw Error(ErrorKind::usage, "--deredden: these data are already corrected for Galactic dust",
                {"MWCORR = " + conventions.mwcorr, "spectra as observed", ""});
  if (options.deredden) conventions.mwcorr = "T";
  conventions.maskrule = settings.text("recipe");
  if (options.lines) conventions.labelver = "starglow " + settings.text("ew");
  if (settings.flag("dry_run")) {
    console.info(fmt::format("would measure {} spectra from {} files and write {}", reader.rows(), inputs.size(),
                             settings.text("output")));
    return 0;
  }
  const TemplateSet templates =
      settings.is_set("templates") ? load_templates(settings.text("templates")) : shipped_templates();
  WorkerPool pool(settings.threads());
  const Spectra sample = reader.rows() > 0 ? reader.read(0, 1) : Spectra{};
  const bool noise = !sample.ivar.empty();  // without noise an ivar of 0 would say that each band is missing
  const MeasuredTable table(reader, noise, options.lines);
  std::vector<ColumnInfo> columns = table.columns();
  columns.push_back(column("FLAGS"));
  TableWriter out(settings.text("output"), columns, conventions, settings.flag("overwrite"));
  std::optional<SpectraOutput> spectra;
  if (settings.is_set("spectra")) {
    Conventions as_read = conventions;
    as_read.mwcorr = reader.conventions().mwcorr;
    spectra.emplace(settings, reader, sample, as_read, options.lines && !options.side_bands && !options.deredden);
  }
  Outcome outcome(settings, console, "spectra");
  std::size_t no_ebv = 0;
  in_chunks(console, "measuring", "spectra", reader.rows(), [&](std::size_t first) {
    Spectra s = reader.read(first, static_cast<std::size_t>(chunk));
    if (reader.models_only()) s.flux = s.continuum;  // bands of the light without lines
    for (std::size_t i = 0; i < s.size(); ++i)
      if (s.targetid[i] == k_null_id) s.flags[i] |= k_id_is_row;
    if (options.deredden)
      no_ebv += static_cast<std::size_t>(
          std::count_if(s.ebv.begin(), s.ebv.end(), [](double ebv) { return !known_ebv(ebv); }));
    if (no_ebv > 0 && no_ebv == reader.rows()) refuse_without_ebv();
    const auto measured = measure(s, templates, pool, options);
    std::vector<std::int32_t> flags;
    for (const auto& m : measured) flags.push_back(m.flags);
    outcome.count(flags);
    std::vector<std::size_t> rows(s.size());
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    table.write(out, first, s, rows, measured);
    out.write("FLAGS", first, std::span<const std::int32_t>(flags));
    if (spectra) spectra->write(first, s, measured);
    return s.size();
  });
  if (no_ebv > 0)
    console.warn(
        fmt::format("E(B-V) is unknown for {} of {} spectra: they cannot be dereddened and have no numbers (NaN, "
                    "flag NONFINITE)",
                    no_ebv, reader.rows()));
  outcome.check();
  Provenance provenance = provenance_of(settings);
  for (const auto& input : reader.inputs()) provenance.add_input(input);
  if (settings.is_set("templates")) provenance.add_input(settings.text("templates"));
  out.commit(provenance);
  if (spectra) spectra->commit(provenance);
  const std::size_t failed = reader.failures().size();
  if (failed > 0) console.error(fmt::format("{} files were left out; all others are in the output", failed));
  return outcome.finish(settings.text("output"), "", failed > 0);
}

}  // namespace

extern const Verb k_prep;
const Verb k_prep{"prep", "measure band fluxes and emission lines of spectra",
                  "starglow prep coadd.fits redrock.fits -o table.fits\n"
                  "starglow prep spec-*.fits -o table.fits --recipe robust\n"
                  "starglow prep fastspec.fits.gz -o table.fits",
                  declare, run};

}  // namespace starglow::cli
