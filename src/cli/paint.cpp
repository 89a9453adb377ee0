#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "cli/outcome.hpp"
#include "cli/output.hpp"
#include "cli/paint_settings.hpp"
#include "cli/repeated_spectra.hpp"
#include "cli/verb.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/files/columns.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/spectra_file.hpp"
#include "starglow/model/model.hpp"
#include "starglow/report/spectrum_figure.hpp"

namespace starglow::cli {
namespace {

/// The strengths of a chunk of galaxies: (n, lines) for each draw; the bands they were predicted from.
struct Lines {
  std::vector<Matrix<double>> strength;
  Matrix<double> bands;
  std::vector<std::int32_t> flags;
};

class Job {
 public:
  Job(const Settings& given, Console& to)
      : settings(given),
        console(to),
        wanted(paint_settings(given)),
        in(given.positionals().at(0)),
        pool(given.threads()) {
    for (const auto& note : in.notes()) console.warn(note);
    if (!in.table().has_column("Z"))
      throw Error(ErrorKind::input, "'" + given.positionals()[0] + "' has no column Z in GALAXIES");
    if (!in.planes().continuum) console.info("no image CONTINUUM: FLUX is used as the continuum");
    if (wanted.options.noise == SpectrumNoise::ivar && !in.planes().ivar)
      throw Error(ErrorKind::input, "--noise ivar: the input has no image IVAR", {"", "", "--noise desi models one."});
    if (wanted.options.matrix && !in.planes().resolution)
      throw Error(ErrorKind::input, "--resolution matrix: the input has no image RESOLUTION",
                  {"", "", "--resolution 3000 uses a constant resolving power."});
    if (wanted.from_model) {
      model = given.is_set("model") ? Model::load(given.text("model")) : Model::shipped();
      take_lines(model->lines());
      if (wanted.draws > 0 && !model->has_distribution())
        throw Error(ErrorKind::model, "this model kind has no draws", {"kind " + model->parts().kind, "--draws 0", ""});
      for (const auto& note : model->compare(in.conventions(), in.table().has_column("EBV")).notes) console.info(note);
    } else {
      open_table();
    }
    check_widths();
  }

  std::size_t repeats() const { return std::max<std::size_t>(wanted.draws, 1); }
  std::size_t rows() const { return in.rows() * repeats(); }

  SpectraLayout layout() const {
    SpectraLayout out{.rows = rows(), .pixels = in.pixels(), .one_grid = in.one_grid(), .columns = {}};
    out.planes = {.ivar = in.planes().ivar || wanted.options.noise != SpectrumNoise::none,
                  .mask = in.planes().mask,
                  .continuum = true,
                  .lines = true,
                  .resolution = wanted.options.matrix};
    out.columns.push_back(column("TARGETID"));
    for (auto& its : survey_columns(in.table())) out.columns.push_back(std::move(its));
    out.columns.push_back(column("Z"));
    if (in.table().has_column("EBV")) out.columns.push_back(column("EBV"));
    if (wanted.draws > 0) out.columns.push_back(column("DRAW"));
    out.columns.push_back(column("BAND_FLUX"));
    for (const char* suffix : {"_EW", "_FLUX"})
      for (auto& its : line_columns(suffix, infos())) out.columns.push_back(std::move(its));
    for (const auto& filter : wanted.filters)
      for (const char* suffix : {"", "_CONT"})
        out.columns.push_back(float_column(magnitude_column(filter) + suffix, "mag"));
    out.columns.push_back(column("FLAGS"));
    return out;
  }

  void paint(std::size_t first, std::size_t count, SpectraFileWriter& out) {
    const Spectra galaxies = in.read(first, count, wanted.options.matrix);
    const Lines lines = lines_of(galaxies, first);
    const Matrix<double> widths = widths_of(first, count);
    const std::size_t k_draws = repeats(), n = count * k_draws;
    Spectra s = repeated(galaxies, k_draws, first);
    Matrix<double> strength(n, n_lines), sigma(n, n_lines), bands(n, k_n_bands);
    PaintSpectraOptions options = wanted.options;
    options.first_row = first;
    options.draw.resize(n);
    for (std::size_t r = 0; r < n; ++r) {
      const std::size_t i = r / k_draws, k = r % k_draws;
      std::ranges::copy(lines.strength[k].row(i), strength.row(r).begin());
      std::ranges::copy(widths.row(i), sigma.row(r).begin());
      if (std::ranges::any_of(sigma.row(r), [](double v) { return std::isnan(v); })) {  // no width, no lines: flagged
        std::ranges::fill(strength.row(r), std::nan(""));
        std::ranges::fill(sigma.row(r), 0.0);
      }
      std::ranges::copy(lines.bands.row(i), bands.row(r).begin());
      options.draw[r] = static_cast<std::uint32_t>(k);
      s.flags[r] = lines.flags[i];
    }
    const SpectrumNoise noise = options.noise;
    options.noise = SpectrumNoise::none;  // after the magnitudes, which may scale the light
    Matrix<double> fluxes = paint_spectra(s, strength, sigma, pool, options);
    Matrix<double> total(n, wanted.filters.size()), continuum(n, wanted.filters.size());
    if (!wanted.filters.empty()) photometry(s, fluxes, total, continuum);
    options.noise = noise;
    add_spectrum_noise(s, pool, options);
    write(out, first * k_draws, s, fluxes, bands, options.draw, total, continuum);
    for (const std::size_t row : wanted.figure_rows)
      if (row >= first && row < first + count) show(row, galaxies, row - first, s, k_draws * (row - first), bands);
  }

  const Settings& settings;
  Console& console;
  PaintSettings wanted;
  SpectraFileReader in;
  std::optional<Model> model;
  std::optional<TableReader> table;
  WorkerPool pool;
  Outcome outcome{settings, console, "spectra"};
  std::size_t n_lines = k_n_lines;   ///< columns of strengths: the first rows of k_all_lines
  std::vector<std::size_t> painted;  ///< lines whose columns are written

 private:
  std::vector<LineInfo> infos() const {
    std::vector<LineInfo> out;
    for (const std::size_t line : painted) out.push_back(k_all_lines[line]);
    return out;
  }

  /// Lines of a model, and the weak members of doublets, which follow their strong partners.
  void take_lines(const LineSet& lines) {
    n_lines = lines.width();
    for (std::size_t l = 0; l < n_lines; ++l)
      if (lines.has(l) || (lines::is_weak(k_all_lines[l]) && lines.has(*find_any_line(k_all_lines[l].strong))))
        painted.push_back(l);
    wanted.options.expected = lines;
  }

  void check_widths() const {
    if (wanted.sigma_column.empty()) return;
    for (const auto& its : in.table().columns()) {
      if (its.name != wanted.sigma_column) continue;
      if (its.repeat == 1 || its.repeat == static_cast<std::int64_t>(n_lines)) return;
      throw Error(ErrorKind::input, "--sigma-v: the column has another number of widths than there are lines",
                  {fmt::format("{} numbers a row in {}", its.repeat, its.name),
                   fmt::format("1, or {}: one for each line, in the order of docs/tables.md", n_lines), ""});
    }
    throw Error(ErrorKind::input, "--sigma-v: GALAXIES has no such column",
                {wanted.sigma_column, "a number, groups, or a column", ""});
  }
  const TableReader& strengths() const { return table ? *table : in.table(); }

  void open_table() {
    if (settings.is_set("table")) {
      table.emplace(settings.text("table"));
      for (const auto& note : table->notes()) console.warn(note);
    }
    const std::string name = settings.is_set("table") ? settings.text("table") : settings.positionals()[0];
    if (strengths().rows() != in.rows())
      throw Error(ErrorKind::input, "'" + name + "' has another number of rows than the spectra",
                  {std::to_string(strengths().rows()), std::to_string(in.rows()), ""});
    if (table && in.table().has_column("TARGETID") != table->has_column("TARGETID"))
      console.warn(fmt::format("{} no column TARGETID: rows of the table and of the spectra are paired by number",
                               table->has_column("TARGETID") ? "the spectra have" : "the table has"));
    std::size_t found = 0;
    for (std::size_t l = 0; l < k_n_all_lines; ++l) {
      if (!strengths().has_column(std::string(k_all_lines[l].name) + wanted.suffix)) continue;
      ++found;
      n_lines = std::max(n_lines, l + 1);
    }
    for (std::size_t l = 0; l < n_lines; ++l) painted.push_back(l);
    if (found == 0)
      throw Error(ErrorKind::input, "'" + name + "' has no lines to paint",
                  {"", "columns like HALPHA" + wanted.suffix, "--from model predicts them."});
  }

  Lines lines_of(const Spectra& s, std::size_t first) {
    const std::size_t n = s.z.size();
    Lines out;
    out.bands = Matrix<double>(n, k_n_bands);
    pool.for_shards(n, [&](std::size_t i) {
      const auto bands =
          continuum_bands(s.wave_obs.row(s.wave_obs.rows() == 1 ? 0 : i), continuum_of(s).row(i), s.z[i]);
      std::ranges::copy(bands, out.bands.row(i).begin());
    });
    if (model) {
      Galaxies g;
      g.n = n;
      g.targetid = s.targetid;
      g.survey = s.survey;
      g.program = s.program;
      g.z = s.z;
      g.ebv = s.ebv;
      g.band_flux = out.bands;
      g.conventions = in.conventions();
      Prediction p = model->predict(g, pool, {.draws = wanted.draws, .seed = settings.seed(), .first_row = first});
      out.flags = p.flags;
      for (std::size_t k = 0; k < repeats(); ++k) {
        out.strength.emplace_back(n, n_lines);
        for (std::size_t i = 0; i < n; ++i)
          for (const std::size_t l : model->lines().lines())
            out.strength[k](i, l) =
                wanted.draws == 0 ? p.ew(i, l) : static_cast<double>(p.draws(i, l * wanted.draws + k));
      }
      return out;
    }
    out.flags.assign(n, s.targetid.empty() ? k_id_is_row : 0);
    if (table && table->has_column("TARGETID") && !s.targetid.empty()) {
      const auto ids = table->read_integers("TARGETID", first, n);
      for (std::size_t i = 0; i < n; ++i)
        if (ids[i] != s.targetid[i])
          throw Error(ErrorKind::input, "the table and the spectra have different galaxies in this row",
                      {fmt::format("TARGETID {} in row {}", ids[i], first + i), std::to_string(s.targetid[i]),
                       "Sort the table in the order of the spectra."});
      // TARGETIDs repeat over surveys and programs
      for (const auto& [name, own] : {std::pair{"SURVEY", &s.survey}, std::pair{"PROGRAM", &s.program}}) {
        if (own->empty() || !table->has_column(name)) continue;
        const auto theirs = table->read_text(name, first, n);
        for (std::size_t i = 0; i < n; ++i)
          if (theirs[i] != (*own)[i])
            throw Error(ErrorKind::input, "the table and the spectra have different galaxies in this row",
                        {fmt::format("{} '{}' of TARGETID {} in row {}", name, theirs[i], ids[i], first + i),
                         "'" + (*own)[i] + "'", "Sort the table in the order of the spectra."});
      }
    }
    out.strength.emplace_back(n, n_lines);
    for (std::size_t l = 0; l < n_lines; ++l) {
      const std::string column = std::string(k_all_lines[l].name) + wanted.suffix;
      if (!strengths().has_column(column)) continue;  // not painted; weak partners follow their strong lines
      const auto values = strengths().read_column(column, first, n);
      for (std::size_t i = 0; i < n; ++i) out.strength[0](i, l) = values(i, 0);
    }
    return out;
  }

  Matrix<double> widths_of(std::size_t first, std::size_t n) const {
    Matrix<double> out(n, n_lines);
    Matrix<double> column;
    if (!wanted.sigma_column.empty()) column = in.table().read_column(wanted.sigma_column, first, n);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t l = 0; l < n_lines; ++l) {
        out(i, l) = column.empty() ? wanted.sigma_v[l] : column(i, column.cols() == n_lines ? l : 0);
        if (!(out(i, l) >= 0 && std::isfinite(out(i, l)))) out(i, l) = std::nan("");  // that row is not painted
      }
    return out;
  }

  /// The data, where the input has them beside its continuum, with the first painted spectrum of the row.
  void show(std::size_t row, const Spectra& data, std::size_t i, const Spectra& s, std::size_t r,
            const Matrix<double>& bands) const {
    if (!std::isfinite(s.z[r])) return;
    SpectrumPlot plot{.data = s.view(r), .continuum = s.continuum.row(r), .lines = s.lines.row(r)};
    plot.data.flux =
        data.continuum.empty() || data.flux.empty() ? std::span<const double>{} : std::span(data.flux.row(i));
    plot.data.ivar = data.ivar.empty() ? std::span<const double>{} : std::span(data.ivar.row(i));
    plot.band_flux = bands.row(r);
    plot.name = wanted.figure_rows.size() == 1 ? "spectrum" : "spectrum_" + std::to_string(row);
    plot.caption = fmt::format("Row {} of {}. Lines: {}. Bands: means of the starlight.", row,
                               std::filesystem::path(settings.positionals()[0]).filename().string(),
                               !wanted.from_model  ? "as given"
                               : wanted.draws == 0 ? "medians of the model"
                                                   : "the first joint draw of the model");
    const std::filesystem::path folder = settings.text("figures");
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    Provenance provenance = provenance_of(settings);
    if (model) provenance.model_hash = model->hash();
    write_text((folder / (plot.name + ".json")).string(), figure_json(spectrum_figure(plot), provenance.entries()),
               settings.flag("overwrite"));
  }

  void photometry(Spectra& s, Matrix<double>& fluxes, Matrix<double>& total, Matrix<double>& continuum) {
    MagnitudeOptions options = wanted.magnitudes;
    options.lines = wanted.options.lines;
    options.lines.strength = Strength::flux;  // as painted
    options.lines.atomic_doublets = false;
    pool.for_shards(s.z.size(), [&](std::size_t i) {
      const auto wave = s.wave_obs.row(s.wave_obs.rows() == 1 ? 0 : i);
      LineLight light;
      light.z = s.z[i];
      std::ranges::copy(fluxes.row(i), light.strength.begin());
      const Magnitudes m = magnitudes(wanted.filters, wave, s.continuum.row(i), light, options);
      if (m.outside) s.flags[i] |= k_filter_outside;
      std::ranges::copy(m.total, total.row(i).begin());
      std::ranges::copy(m.continuum, continuum.row(i).begin());
      if (options.total != LineTotal::keep) return;
      // The reference keeps its magnitude: all light is scaled by what the lines would have added there.
      MagnitudeOptions add = options;
      add.total = LineTotal::add;
      const double added = magnitudes(wanted.filters, wave, s.continuum.row(i), light, add).total[options.reference];
      if (added == m.continuum[options.reference]) return;
      const double factor = std::pow(10.0, 0.4 * (added - m.total[options.reference]));
      for (auto* plane : {&s.continuum, &s.lines, &s.flux, &fluxes})
        for (double& v : plane->row(i)) v *= factor;
    });
  }

  void write(SpectraFileWriter& out, std::size_t first, Spectra& s, const Matrix<double>& fluxes,
             const Matrix<double>& bands, const std::vector<std::uint32_t>& draw, const Matrix<double>& total,
             const Matrix<double>& continuum) {
    const std::size_t n = s.z.size();
    outcome.count(s.flags);
    out.write(first, s);
    out.write("BAND_FLUX", first, std::span<const double>(bands.flat()));
    if (wanted.draws > 0) {
      const std::vector<std::int32_t> numbers(draw.begin(), draw.end());
      out.write("DRAW", first, std::span<const std::int32_t>(numbers));
    }
    Matrix<double> ew(n, n_lines);
    for (std::size_t i = 0; i < n; ++i) {
      const auto level =
          continuum_levels(s.wave_obs.row(s.wave_obs.rows() == 1 ? 0 : i), s.continuum.row(i), s.z[i], n_lines);
      for (std::size_t l = 0; l < n_lines; ++l)
        ew(i, l) = level[l] > 0 ? fluxes(i, l) / level[l] / (1 + s.z[i]) : std::nan("");
    }
    const auto column = [&](const std::string& name, const Matrix<double>& from, std::size_t j) {
      std::vector<float> values(n);
      for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<float>(from(i, j));
      out.write(name, first, std::span<const float>(values));
    };
    for (const std::size_t l : painted) {
      column(std::string(k_all_lines[l].name) + "_EW", ew, l);
      column(std::string(k_all_lines[l].name) + "_FLUX", fluxes, l);
    }
    for (std::size_t k = 0; k < wanted.filters.size(); ++k) {
      column(magnitude_column(wanted.filters[k]), total, k);
      column(magnitude_column(wanted.filters[k]) + "_CONT", continuum, k);
    }
  }
};

int run(const Settings& settings, Console& console) {
  if (!settings.is_set("output"))
    throw Error(ErrorKind::usage, "no output given", {"", "", "-o spectra.fits names it."});
  Job job(settings, console);
  const std::string& output = settings.text("output");
  const SpectraLayout layout = job.layout();
  if (settings.flag("dry_run")) {
    const SpectraPlanes& p = layout.planes;
    const int planes = 3 + p.ivar + p.mask + (p.resolution ? static_cast<int>(k_n_diagonals) : 0);
    console.info(fmt::format("would paint {} spectra of {} pixels into {} ({:.1f} MB)", layout.rows, layout.pixels,
                             output,
                             4e-6 * planes * static_cast<double>(layout.rows) * static_cast<double>(layout.pixels)));
    return 0;
  }
  for (const std::size_t row : job.wanted.figure_rows)
    if (row >= job.in.rows())
      throw Error(ErrorKind::usage, "--figure-rows: no such row",
                  {std::to_string(row), "below " + std::to_string(job.in.rows()), ""});
  SpectraFileWriter out(output, layout, job.in.conventions(), settings.flag("overwrite"));
  const std::size_t galaxies = std::max<std::size_t>(job.wanted.chunk / job.repeats(), 1);
  in_chunks(
      console, "painting", "spectra", job.in.rows(),
      [&](std::size_t first) {
        const std::size_t count = std::min(galaxies, job.in.rows() - first);
        job.paint(first, count, out);
        return count;
      },
      job.repeats());
  job.outcome.check();
  Provenance provenance = provenance_of(settings);
  provenance.add_input(settings.positionals()[0]);
  if (settings.is_set("table")) provenance.add_input(settings.text("table"));
  for (const auto& filter : settings.list("filters")) provenance.add_input(filter);
  if (job.model) provenance.model_hash = job.model->hash();
  out.commit(provenance);
  return job.outcome.finish(output, fmt::format(" of {} pixels", layout.pixels));
}

}  // namespace

extern const Verb k_paint;
const Verb k_paint{
    "paint", "add emission lines to continuum spectra",
    "starglow paint continua.fits -o spectra.fits\n"
    "starglow paint continua.fits -o spectra.fits --draws 8 --noise desi --resolution 3000\n"
    "starglow paint continua.fits -o spectra.fits --from ew --table lines.fits --sigma-v balmer=90,forbidden=120\n"
    "starglow paint continua.fits -o spectra.fits --filters g.ecsv,r.ecsv --total keep:r",
    declare_paint, run};

}  // namespace starglow::cli
