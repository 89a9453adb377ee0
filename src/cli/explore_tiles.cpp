#include "cli/explore_tiles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "cli/output.hpp"
#include "cli/provenance_text.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/table.hpp"
#include "starglow/map/map.hpp"
#include "starglow/page/page_tiles.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_sample = 20'000, k_blocks = 64;

// Bands of galaxies evenly spread over the table.
Galaxies sample_of(const TableReader& reader) {
  const std::size_t rows = reader.rows(), wanted = std::min(rows, k_sample), block = (wanted + k_blocks - 1) / k_blocks;
  Galaxies out;
  std::vector<double> flux, ivar;
  for (std::size_t b = 0; b < k_blocks && b * block < wanted; ++b) {
    const std::size_t count = std::min(block, wanted - b * block);
    const std::size_t first = rows <= k_sample ? b * block : b * (rows - count) / (k_blocks - 1);
    const Galaxies g = reader.read(first, count);
    flux.insert(flux.end(), g.band_flux.flat().begin(), g.band_flux.flat().end());
    ivar.insert(ivar.end(), g.band_flux_ivar.flat().begin(), g.band_flux_ivar.flat().end());
    out.conventions = g.conventions;
    out.n += count;
  }
  out.band_flux = Matrix<double>(out.n, k_n_bands);
  std::copy(flux.begin(), flux.end(), out.band_flux.flat().begin());
  if (!ivar.empty()) {
    out.band_flux_ivar = Matrix<double>(out.n, k_n_bands);
    std::copy(ivar.begin(), ivar.end(), out.band_flux_ivar.flat().begin());
  }
  return out;
}

Matrix<float> as_float(const Matrix<double>& m) {
  Matrix<float> out(m.rows(), m.cols());
  std::transform(m.flat().begin(), m.flat().end(), out.flat().begin(), [](double v) { return static_cast<float>(v); });
  return out;
}

}  // namespace

int explore_tiles(const Settings& settings, const Model& model, Console& console) {
  if (!settings.is_set("output"))
    throw Error(ErrorKind::usage, "a tiled page is written into a folder",
                {"--tiles without -o", "--tiles -o site/", "Any static web server shows it."});
  if (settings.is_set("spectra"))
    throw Error(ErrorKind::usage, "a tiled page has no spectra", {"--spectra with --tiles", "one of the two", ""});
  if (model.parts().neighbours)
    throw Error(ErrorKind::usage, "a tiled page needs a model that runs in the browser",
                {"kind " + model.parts().kind, "a network", ""});
  if (!model.input_columns().empty())
    throw Error(ErrorKind::usage, "a tiled page needs a model of bands and redshift",
                {"input " + model.input_columns().names(), "the inputs log_lum and z alone", ""});
  const std::string input = settings.positionals().at(0);
  const TableReader reader(input);
  if (!reader.has_column("BAND_FLUX"))
    throw Error(ErrorKind::input, "'" + input + "' has no column BAND_FLUX",
                {"", "12 band fluxes a row", "prep makes them from spectra."});
  if (reader.rows() == 0) throw Error(ErrorKind::input, "'" + input + "' has no rows");
  const std::filesystem::path folder = settings.text("output");
  if (!settings.flag("overwrite") && std::filesystem::exists(folder / "index.html"))
    throw Error(ErrorKind::usage, "the page exists",
                {(folder / "index.html").string(), "a new folder", "--overwrite replaces it."});
  WorkerPool pool(settings.threads());
  TileSource source;
  source.n = reader.rows();
  source.title = settings.is_set("title") ? settings.text("title") : std::filesystem::path(input).filename().string();
  source.seed = settings.seed();
  source.notes = reader.notes();
  source.read = [&](std::size_t first, std::size_t count) { return reader.read(first, count); };
  source.map = {{}, "UMAP 1", "UMAP 2", ""};
  std::shared_ptr<GalaxyMap> map;
  if (settings.is_set("map")) {
    map = std::make_shared<GalaxyMap>(load_map(settings.text("map")));
    source.map.note = "Places in the map " + std::filesystem::path(settings.text("map")).filename().string() + ".";
  } else if (reader.has_column("UMAP")) {
    source.map.note = "Places of the table's column UMAP.";
  } else {
    std::optional<Progress> bar;
    map = std::make_shared<GalaxyMap>(
        GalaxyMap::fit(sample_of(reader), {.seed = settings.seed()}, pool, [&](std::size_t done, std::size_t epochs) {
          check_interrupt();
          if (!bar) bar.emplace(console, "laying out the map", "epochs", static_cast<double>(epochs));
          bar->update(static_cast<double>(done));
        }));
    source.map.note =
        fmt::format("A map of {} galaxies, evenly taken; the others are placed in it.", map->parts().points.rows());
  }
  source.places = [&](std::size_t first, const Galaxies& g) {
    return map ? map->project(g, pool) : as_float(reader.read_column("UMAP", first, g.n));
  };
  Provenance provenance = provenance_of(settings);
  provenance.add_input(input);
  if (settings.is_set("map")) provenance.add_input(settings.text("map"));
  provenance.model_hash = model.hash();
  for (const auto& [key, value] : provenance.entries())
    if (key != "TIME" && key != "THREADS") source.provenance.emplace_back(key, without_folders(value));
  std::optional<Progress> bar;
  const TileSummary made = write_tiled_page(source, model, folder, pool, [&](std::size_t done, std::size_t all) {
    check_interrupt();
    if (!bar) bar.emplace(console, "tiles", "rows", static_cast<double>(all));
    bar->update(static_cast<double>(done));
  });
  bar.reset();
  console.info(fmt::format(
      "page: {} ({:.1f} MB): {} of {} galaxies on {} levels of tiles. It needs a web server that supports range "
      "requests",
      (folder / "index.html").string(), static_cast<double>(made.bytes) / 1e6, made.placed, made.n, made.levels));
  if (made.placed < made.n)
    console.warn(fmt::format("{} galaxies are not on the map and are not shown", made.n - made.placed));
  return 0;
}

}  // namespace starglow::cli
