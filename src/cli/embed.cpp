#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "files/atomic_file.hpp"
#include "files/atomic_folder.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/files/columns.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/table.hpp"
#include "starglow/model/noise.hpp"
#include "starglow/report/map_panels.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_chunk = 65536;
constexpr const char* k_column = "UMAP";

void declare(OptionSet& set) {
  const MapOptions fallback;
  set.positional = {"table.fits", "table with BAND_FLUX", 1, 1};
  set.add(
      {"output", OptionType::text, "table to write: all columns of the input, and the column UMAP", "", "FILE", 'o'});
  set.add({"map", OptionType::text, "place the galaxies on this existing map; default: make a new map", "", "FILE"});
  set.add({"save_map", OptionType::text, "save the new map in this file", "", "FILE"});
  const std::string making = "Making a map";
  set.add({"features",
           OptionType::text,
           "quantities that the map is made of",
           std::string(to_string(fallback.features)),
           "NAME",
           0,
           making,
           {"normalised-log-flux", "log-flux", "flux", "colours"}});
  set.add({"metric",
           OptionType::text,
           "distance between two galaxies",
           std::string(to_string(fallback.metric)),
           "NAME",
           0,
           making,
           {"euclidean", "manhattan", "cosine"}});
  set.add({"neighbours", OptionType::integer,
           "number of nearest neighbours that define the local structure; more = large-scale structure",
           std::to_string(fallback.neighbours), "N", 0, making});
  set.add({"min_dist", OptionType::number, "smallest distance between points on the map; less = denser clumps", "0.1",
           "X", 0, making});
  set.add({"spread", OptionType::number, "scale of the map", "1", "X", 0, making});
  set.add({"epochs", OptionType::integer, "iterations of the layout; 0: 500 up to 10,000 galaxies, 200 above", "0", "N",
           0, making});
  const std::string judging = "Judging a map";
  set.add({"quality_neighbours", OptionType::integer, "number of neighbours for trustworthiness and preservation", "15",
           "K", 0, judging});
  set.add({"panels", OptionType::text,
           "also draw measured, predicted, and predicted + noise EWs on the map: as a figure (FILE.svg), or as numbers "
           "(a folder, for figures/map.json)",
           "", "FILE.svg or DIR", 0, judging});
  set.add({"model", OptionType::text, "model for --panels; default: the shipped model", "", "FILE", 0, judging});
}

std::size_t whole(const Settings& settings, std::string_view key) {
  const auto value = settings.integer(key);
  if (value < 0)
    throw Error(ErrorKind::usage, std::string(key) + " out of range", {std::to_string(value), "0 or more", ""});
  return static_cast<std::size_t>(value);
}

// The published predictions, where the table has them.
Matrix<double> published(const TableReader& reader) {
  Matrix<double> ew(reader.rows(), k_n_lines, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    const std::string name = std::string(k_lines[line].name) + "_EW_K24";
    if (!reader.has_column(name)) return {};
    const auto values = reader.read_column(name, 0, reader.rows());
    for (std::size_t i = 0; i < reader.rows(); ++i) ew(i, line) = values(i, 0);
  }
  return ew;
}

std::string scores_table(const MapPanels& panels, const std::vector<MapState>& states) {
  std::string out = fmt::format("scatter of asinh EW among {} neighbours in the map\n{:<14}{:>7}{:>10}{:>12}", panels.k,
                                "line", "N", "observed", "smoothness");
  for (const auto& state : states) out += fmt::format("  {:>21}", state.name + "/obs");
  out += "\n";
  for (const auto& line : panels.lines) {
    out += fmt::format("{:<14}{:>7}{:>10.3f}{:>12.3f}", k_lines[line.line].name, line.observed.n, line.observed.scatter,
                       line.observed.smoothness);
    for (const auto& state : line.states) out += fmt::format("  {:>21.3f}", state.scatter / line.observed.scatter);
    out += "\n";
  }
  return out;
}

// The figure of the panels; their scores are said.
std::string panels_of(const Settings& settings, Console& console, const TableReader& reader, const Galaxies& galaxies,
                      const Matrix<float>& position, std::size_t k, const Provenance& provenance, WorkerPool& pool) {
  if (galaxies.ew.empty())
    throw Error(ErrorKind::input, "--panels needs measured lines",
                {"no {LINE}_EW columns", "{LINE}_EW and {LINE}_EW_IVAR", "A map without --panels needs none."});
  const Model model = settings.is_set("model") ? Model::load(settings.text("model")) : Model::shipped();
  need_ten_lines(model, "embed --panels");
  const std::size_t draws = model.has_distribution() ? 1 : 0;
  const Galaxies own = model.with_own_dust(galaxies);
  const Prediction p = model.predict(own, pool, {.draws = draws, .seed = settings.seed()});
  const auto noisy = [&](const Matrix<double>& ew) {
    return add_noise(ew, own, 0, model.parts().noise, settings.seed(), pool);
  };
  std::vector<MapState> states{{"predicted", p.ew},
                               {"predicted + noise", noisy(draws > 0 ? one_draw(p.draws, 1, 0) : p.ew)}};
  if (const auto k24 = published(reader); !k24.empty()) states.push_back({"K24 + noise", noisy(k24)});
  const MapPanels panels = map_panels(galaxies, position, states, k, pool);
  console.data(scores_table(panels, states));
  return settings.text("panels").ends_with(".svg") ? map_panels_svg(panels.figure)
                                                   : figure_json(panels.figure, provenance.entries());
}

constexpr const char* k_panels_file = "figures/map.json";

// What is written beside the table: prepared first, named last, so that a failure leaves nothing.
struct Besides {
  std::optional<files::AtomicFile> map;
  std::optional<files::AtomicFolder> panels;
  std::optional<files::AtomicFile> picture;  // of the panels
  void commit() {
    if (map) map->commit();
    if (panels) panels->commit();
    if (picture) picture->commit();
  }
};

// The table's own flags, and those of the map: what the bands lack, and NO_ANSWER where there is no place.
std::vector<std::int32_t> flags_of(const TableReader& reader, const Galaxies& g, const Matrix<float>& position) {
  std::vector<std::int32_t> flags(g.n, 0);
  if (reader.has_column("FLAGS")) {
    const auto before = reader.read_integers("FLAGS", 0, g.n);
    for (std::size_t i = 0; i < g.n && before.size() == g.n; ++i) flags[i] = static_cast<std::int32_t>(before[i]);
  }
  for (std::size_t i = 0; i < g.n; ++i) {
    flags[i] |=
        band_flags(g.band_flux.row(i), g.band_flux_ivar.empty() ? std::span<const double>{} : g.band_flux_ivar.row(i));
    if (std::isnan(position(i, 0))) flags[i] |= k_no_answer;
  }
  return flags;
}

void write_table(const Settings& settings, Console& console, const TableReader& reader, const Matrix<float>& position,
                 std::span<const std::int32_t> flags, const Provenance& provenance, Besides& besides) {
  std::vector<ColumnInfo> columns;
  for (const auto& column : reader.columns()) {
    if (column.name == k_column || column.name == "FLAGS") continue;
    if (TableWriter::can_copy(column))
      columns.push_back(column);
    else
      console.warn("column " + column.name + " is not copied: type " + column.type);
  }
  const std::vector<ColumnInfo> copied = columns;
  columns.push_back(starglow::column(k_column));
  columns.push_back(starglow::column("FLAGS"));
  TableWriter out(settings.text("output"), columns, reader.conventions(), settings.flag("overwrite"));
  for (std::size_t first = 0; first < reader.rows(); first += k_chunk) {
    check_interrupt();
    const std::size_t count = std::min(k_chunk, reader.rows() - first);
    for (const auto& column : copied) out.copy(reader, column.name, first, count);
    out.write(k_column, first, position.flat().subspan(2 * first, 2 * count));
    out.write("FLAGS", first, flags.subspan(first, count));
  }
  out.commit(provenance);
  besides.commit();
}

int run(const Settings& settings, Console& console) {
  if (!settings.is_set("output") && !settings.is_set("save_map"))
    throw Error(ErrorKind::usage, "no output given", {"", "", "-o out.fits names the table, --save-map the map."});
  const bool fixed = settings.is_set("map");
  if (fixed)
    for (const char* key : {"save_map", "features", "metric", "neighbours", "min_dist", "spread", "epochs"})
      if (settings.is_given(key))
        throw Error(ErrorKind::usage, "a fixed map cannot be changed",
                    {std::string("--map with ") + key, "one of the two", ""});
  const std::size_t k = whole(settings, "quality_neighbours");
  if (k < 1 || k > 1000)
    throw Error(ErrorKind::usage, "quality_neighbours out of range", {std::to_string(k), "1 to 1000", ""});
  const std::string input = settings.positionals().at(0);
  const TableReader reader(input);
  for (const auto& note : reader.notes()) console.warn(note);
  if (settings.flag("dry_run")) {
    console.info(fmt::format("would {} {} galaxies", fixed ? "place on the map" : "make a map of", reader.rows()));
    return 0;
  }
  for (const char* key : {"output", "save_map"})
    if (settings.is_set(key)) check_output(settings.text(key), settings.flag("overwrite"));
  const bool picture = settings.text("panels").ends_with(".svg");
  if (picture)
    check_output(settings.text("panels"), settings.flag("overwrite"));
  else if (settings.is_set("panels"))
    check_folder_output(settings.text("panels"), {k_panels_file}, settings.flag("overwrite"));
  const Galaxies galaxies = reader.read(0, reader.rows());
  WorkerPool pool(settings.threads());
  Provenance provenance = provenance_of(settings);
  provenance.add_input(input);
  Matrix<float> position;
  Besides besides;
  if (fixed) {
    provenance.add_input(settings.text("map"));
    const GalaxyMap map = load_map(settings.text("map"));
    if (const auto& said = map.parts().metadata; said.count("read.note") > 0) console.info(said.at("read.note"));
    position = map.project(galaxies, pool);
  } else {
    MapOptions options;
    options.features = parse_map_features(settings.text("features"));
    options.metric = parse_map_metric(settings.text("metric"));
    options.neighbours = whole(settings, "neighbours");
    options.min_dist = settings.number("min_dist");
    options.spread = settings.number("spread");
    options.epochs = whole(settings, "epochs");
    options.seed = settings.seed();
    std::optional<Progress> bar;
    GalaxyMap map = GalaxyMap::fit(galaxies, options, pool, [&](std::size_t done, std::size_t epochs) {
      check_interrupt();
      if (!bar) bar.emplace(console, "laying out the map", "epochs", static_cast<double>(epochs));
      bar->update(static_cast<double>(done));
    });
    bar.reset();
    position = map.project(galaxies, pool);
    const MapQuality quality = map_quality(map.parts().points, map.parts().position, k, options.seed, pool);
    console.info(fmt::format("map of {} galaxies: trustworthiness({}) {:.4f}, neighbours kept {:.3f}{}",
                             map.parts().points.rows(), k, quality.trustworthiness, quality.preservation,
                             quality.sampled < map.parts().points.rows()
                                 ? fmt::format(" (of {} galaxies)", quality.sampled)
                                 : std::string()));
    if (settings.is_set("save_map")) {
      GalaxyMap::Parts parts = map.parts();
      for (const auto& [key, value] : provenance.entries())
        if (key != "time" && key != "threads") parts.metadata["provenance." + key] = value;
      parts.metadata["trustworthiness"] = fmt::format("{:.6f}", quality.trustworthiness);
      parts.metadata["preservation"] = fmt::format("{:.6f}", quality.preservation);
      besides.map.emplace(settings.text("save_map"), settings.flag("overwrite"));
      besides.map->write(file_content(GalaxyMap(std::move(parts))));
    }
  }
  std::size_t nowhere = 0;
  for (std::size_t i = 0; i < position.rows(); ++i) nowhere += std::isnan(position(i, 0)) ? 1U : 0U;
  if (nowhere > 0)
    console.warn(fmt::format("{} of {} galaxies are not on the map (NaN): fewer than six bands, or fluxes too large",
                             nowhere, position.rows()));
  if (settings.flag("strict") && nowhere > 0)
    throw Error(ErrorKind::input, "--strict: some galaxies are not on the map",
                {std::to_string(nowhere), "none", "Nothing was written."});
  if (settings.is_set("panels")) {
    const std::string figure = panels_of(settings, console, reader, galaxies, position, k, provenance, pool);
    if (picture) {
      besides.picture.emplace(settings.text("panels"), settings.flag("overwrite"));
      besides.picture->write(figure);
    } else {
      besides.panels.emplace(settings.text("panels"));
      besides.panels->write(k_panels_file, figure);
    }
  }
  if (settings.is_set("output")) {
    write_table(settings, console, reader, position, flags_of(reader, galaxies, position), provenance, besides);
    console.info(fmt::format("{}: {} galaxies", settings.text("output"), reader.rows()));
  } else {
    besides.commit();
  }
  return 0;
}

}  // namespace

extern const Verb k_embed;
const Verb k_embed{"embed", "place galaxies on a map of their continua (UMAP)",
                   "starglow embed table.fits -o mapped.fits --save-map map.safetensors\n"
                   "starglow embed --map map.safetensors new.fits -o new_mapped.fits\n"
                   "starglow embed table.fits -o mapped.fits --features colours --neighbours 30 --panels panels.svg",
                   declare, run};

}  // namespace starglow::cli
