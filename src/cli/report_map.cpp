#include "cli/report_map.hpp"

#include <algorithm>

#include "starglow/files/models.hpp"
#include "starglow/model/model.hpp"
#include "starglow/model/noise.hpp"
#include "starglow/page/page.hpp"
#include "starglow/report/map_panels.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_neighbours = 15;

PageMap places_of(const TableReader& reader, const Galaxies& table) {
  const auto columns = reader.columns();
  const bool there = std::any_of(columns.begin(), columns.end(),
                                 [](const ColumnInfo& c) { return c.name == "UMAP" && c.repeat == 2; });
  if (!there) {
    PageMap map = principal_map(table);
    map.x_label = "PC 1";  // short: the figure is one column wide; the note says what they are
    map.y_label = "PC 2";
    return map;
  }
  const Matrix<double> values = reader.read_column("UMAP", 0, reader.rows());
  PageMap map{Matrix<float>(table.n, 2), "UMAP 1", "UMAP 2", ""};
  for (std::size_t i = 0; i < table.n; ++i)
    for (std::size_t c = 0; c < 2; ++c) map.xy(i, c) = static_cast<float>(values(i, c));
  return map;
}

}  // namespace

void add_map(Report& report, const TableReader& reader, const Galaxies& table, const NamedPrediction& prediction,
             std::uint64_t seed, WorkerPool& pool) {
  if (table.ew.empty() || table.band_flux.empty() || table.n < 2 * k_neighbours) return;
  const PageMap map = places_of(reader, table);
  const Matrix<double> drawn =
      prediction.n_draws > 0 ? one_draw(prediction.draws, prediction.n_draws, 0) : prediction.ew;
  const std::vector<MapState> states{
      {"predicted", prediction.ew},
      {"predicted + noise", add_noise(drawn, table, 0, Model::shipped().parts().noise, seed, pool)}};
  Figure figure = map_panels(table, map.xy, states, k_neighbours, pool).figure;
  figure.x.label = map.x_label;
  figure.y.label = map.y_label;
  if (!map.note.empty()) figure.caption += " " + map.note;
  report.figures.insert(report.figures.begin(), std::move(figure));
}

}  // namespace starglow::cli
