// The tiled page: two passes over a table, a pyramid of cells, files to be read by ranges.
#include "starglow/page/page_tiles.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "files/models/model_io.hpp"
#include "page/page_bundle.hpp"
#include "page/page_data.hpp"
#include "page/tile_pyramid.hpp"
#include "report/text_html.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/random.hpp"
#include "starglow/model/noise.hpp"

namespace starglow {
namespace {

using files::TileChannels;

using files::LevelFiles;
using files::TileFrame;
using files::TileLevel;
using files::Written;

constexpr std::size_t k_chunk = 65536, k_side = files::k_tile_side, k_cells = files::k_tile_cells, k_id_step = 1024,
                      k_block = 8;  // cells a side of the blocks in which the galaxies of a tile stand together

struct Temporary {  // rows in the order of the table, gone when done
  std::filesystem::path path;
  int file = -1;
  explicit Temporary(const std::filesystem::path& p) : path(p) {}
  ~Temporary() {
    if (file >= 0) ::close(file);
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
};

struct Kept {  // what the first pass leaves in memory
  std::vector<float> xy;
  std::vector<std::int64_t> ids;
  std::vector<std::int32_t> flags;
  bool own_ids = false;
};

Kept first_pass(const TileSource& source, const Model& model, const TileChannels& channels, WorkerPool& pool,
                Written& rows, const std::function<void(std::size_t, std::size_t)>& progress) {
  Kept kept;
  kept.xy.reserve(2 * source.n);
  std::vector<float> row(channels.fields.size());
  const std::size_t draws = model.has_distribution() ? 1 : 0;
  for (std::size_t first = 0; first < source.n; first += k_chunk) {
    const std::size_t count = std::min(k_chunk, source.n - first);
    const Galaxies g = source.read(first, count);
    const Prediction p = model.predict(g, pool, {.draws = draws, .seed = source.seed});
    const Matrix<double> noisy =
        add_noise(draws > 0 ? one_draw(p.draws, 1, 0) : p.ew, g, first, model.parts().noise, source.seed, pool);
    const Matrix<float> xy = source.places(first, g);
    kept.xy.insert(kept.xy.end(), xy.flat().begin(), xy.flat().end());
    kept.own_ids = !g.targetid.empty();
    for (std::size_t i = 0; i < count; ++i) {
      kept.ids.push_back(kept.own_ids ? g.targetid[i] : static_cast<std::int64_t>(first + i));
      kept.flags.push_back(p.flags[i]);
      channels.fill(g, p, noisy, i, row);
      rows.put(row.data(), row.size() * sizeof(float));
    }
    if (progress) progress(first + count, 2 * source.n);
  }
  return kept;
}

// Sorted (id, place): found by the first ids of each thousand, then one range.
std::uint64_t write_ids(const std::filesystem::path& folder, const std::vector<std::int64_t>& by_place) {
  std::vector<std::uint32_t> order(by_place.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return by_place[a] != by_place[b] ? by_place[a] < by_place[b] : a < b;
  });
  Written sorted(folder / "ids.sorted"), top(folder / "ids.top");
  for (std::size_t k = 0; k < order.size(); ++k) {
    if (k % k_id_step == 0) top.put(by_place[order[k]]);
    sorted.put(by_place[order[k]]);
    sorted.put(order[k]);
  }
  return sorted.close() + top.close();
}

}  // namespace

TileSummary write_tiled_page(const TileSource& source, const Model& model, const std::filesystem::path& folder,
                             WorkerPool& pool, const std::function<void(std::size_t, std::size_t)>& progress) {
  using nlohmann::json;
  TileSummary out;
  out.n = source.n;
  const std::filesystem::path data = folder / "tiles";
  std::error_code failed;
  std::filesystem::create_directories(data / "columns", failed);
  if (failed)
    throw Error(ErrorKind::output, "the folder of the page cannot be made",
                {data.string(), "a folder that can be written", failed.message()});
  Temporary unsorted(data / ".rows");
  const TileChannels channels = files::tile_channels();
  Kept kept;
  {
    Written rows(unsorted.path);
    kept = first_pass(source, model, channels, pool, rows, progress);
    rows.close();
  }
  unsorted.file = ::open(unsorted.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (unsorted.file < 0)
    throw Error(ErrorKind::output, "the rows cannot be read back", {unsorted.path.string(), "", ""});

  const TileFrame frame = files::tile_frame(kept.xy);
  std::vector<std::uint32_t> order;  // galaxies that have a place
  for (std::size_t i = 0; i < source.n; ++i)
    if (std::isfinite(kept.xy[2 * i]) && std::isfinite(kept.xy[2 * i + 1]))
      order.push_back(static_cast<std::uint32_t>(i));
  out.placed = order.size();
  out.levels = files::tile_levels(out.placed);
  const std::size_t finest = out.levels - 1, tiles_a_side = std::size_t{1} << finest, side = k_side * tiles_a_side;
  const auto column = [&](std::uint32_t i) {
    return static_cast<std::size_t>(frame.u(kept.xy[2 * i]) * static_cast<double>(side));
  };
  const auto line = [&](std::uint32_t i) {
    return static_cast<std::size_t>(frame.v(kept.xy[2 * i + 1]) * static_cast<double>(side));
  };
  const auto tile = [&](std::uint32_t i) {
    return static_cast<std::uint32_t>(line(i) / k_side * tiles_a_side + column(i) / k_side);
  };
  {
    std::vector<std::uint64_t> key(source.n);
    for (const auto i : order) {
      const auto bits = static_cast<std::uint64_t>(kept.ids[i]);
      const auto mixed =
          threefry2x32({static_cast<std::uint32_t>(bits >> 32U), static_cast<std::uint32_t>(bits)}, {0x7469u, 0x6c65u});
      const std::size_t block = line(i) % k_side / k_block * (k_side / k_block) + column(i) % k_side / k_block;
      key[i] = static_cast<std::uint64_t>(tile(i)) << 32U | static_cast<std::uint64_t>(block) << 26U | mixed[0] >> 6U;
    }
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return key[a] != key[b] ? key[a] < key[b] : a < b; });
  }

  // Second pass: rows, columns, places and ids in that order; sums of all levels.
  std::vector<TileLevel> coarse;
  for (std::size_t l = 0; l < finest; ++l) coarse.emplace_back(k_side << l, channels.means.size());
  LevelFiles fine(data, finest, channels.mean_names);
  std::vector<std::vector<std::uint32_t>> offsets(out.levels);
  Written rows(data / "rows"), places(data / "places"), ids(data / "ids"), flags(data / "flags");
  std::vector<std::unique_ptr<Written>> columns;
  for (const auto f : channels.columns)
    columns.push_back(std::make_unique<Written>(data / "columns" / channels.fields[f]));
  files::TileStatistics statistics(channels);
  TileLevel now(k_side, channels.means.size());
  std::vector<std::uint32_t> starts{0};  // first galaxy of each tile
  std::vector<float> row(channels.fields.size());
  std::vector<std::int64_t> by_place;
  by_place.reserve(order.size());
  std::size_t at = 0;
  std::int64_t example = -1;  // a galaxy to open with
  for (std::uint32_t t = 0; t < tiles_a_side * tiles_a_side; ++t) {
    std::fill(now.count.begin(), now.count.end(), 0U);
    bool any = false;
    for (; at < order.size() && tile(order[at]) == t; ++at) {
      const std::uint32_t i = order[at];
      if (!any) {
        std::fill(now.known.begin(), now.known.end(), 0U);
        std::fill(now.sum.begin(), now.sum.end(), 0.0F);
        any = true;
      }
      const auto bytes = static_cast<ssize_t>(row.size() * sizeof(float));
      if (::pread(unsorted.file, row.data(), static_cast<std::size_t>(bytes), static_cast<off_t>(i) * bytes) != bytes)
        throw Error(ErrorKind::output, "the rows cannot be read back", {unsorted.path.string(), "all of them", ""});
      rows.put(row.data(), static_cast<std::size_t>(bytes));
      places.put(&kept.xy[2 * static_cast<std::size_t>(i)], 2 * sizeof(float));
      ids.put(kept.ids[i]);
      flags.put(kept.flags[i]);
      by_place.push_back(kept.ids[i]);
      for (std::size_t c = 0; c < columns.size(); ++c) columns[c]->put(row[channels.columns[c]]);
      statistics.add(row);
      if (example < 0 && kept.flags[i] == 0 && channels.shows(row)) example = static_cast<std::int64_t>(at);
      const std::size_t x = column(i), y = line(i);
      now.add(y % k_side * k_side + x % k_side, channels, row);
      for (std::size_t l = 0; l < finest; ++l) {
        const std::size_t shift = finest - l;
        coarse[l].add((y >> shift) * coarse[l].side + (x >> shift), channels, row);
      }
      if (progress && at % k_chunk == 0) progress(source.n + at, 2 * source.n);
    }
    if (any)
      for (std::size_t cell = 0; cell < k_cells; ++cell)
        if (now.count[cell] > 0)
          fine.cell(cell, now.count[cell], &now.sum[cell * channels.means.size()],
                    &now.known[cell * channels.means.size()]);
    offsets[finest].push_back(fine.written());
    starts.push_back(static_cast<std::uint32_t>(at));
  }
  out.bytes += fine.close();
  for (std::size_t l = 0; l < finest; ++l) {
    const TileLevel& level = coarse[l];
    LevelFiles file(data, l, channels.mean_names);
    const std::size_t across = level.side / k_side;
    for (std::size_t t = 0; t < across * across; ++t) {
      for (std::size_t cell = 0; cell < k_cells; ++cell) {
        const std::size_t place =
            (t / across * k_side + cell / k_side) * level.side + t % across * k_side + cell % k_side;
        if (level.count[place] > 0)
          file.cell(cell, level.count[place], &level.sum[place * channels.means.size()],
                    &level.known[place * channels.means.size()]);
      }
      offsets[l].push_back(file.written());
    }
    out.bytes += file.close();
  }
  Written index(data / "index");  // for each level the cells before each tile's end; then the galaxies before each tile
  for (const auto& list : offsets) index.put(list.data(), list.size() * sizeof(std::uint32_t));
  index.put(starts.data(), starts.size() * sizeof(std::uint32_t));
  out.bytes += index.close() + rows.close() + places.close() + ids.close() + flags.close() + write_ids(data, by_place);
  for (auto& c : columns) out.bytes += c->close();
  out.tiles = tiles_a_side * tiles_a_side;

  PageContent about;
  about.title = source.title;
  about.map.x_label = source.map.x_label;
  about.map.y_label = source.map.y_label;
  about.map.note = source.map.note;
  about.notes = source.notes;
  about.provenance = source.provenance;
  const Galaxies sample = source.read(0, 1);
  json j = json::parse(files::page_description(about, sample, model));
  j["n"] = out.n;
  j["measured"] = files::has_measurements(sample);
  std::vector<std::pair<std::string, std::size_t>> seen;
  for (const auto& flag : k_flags) {
    const auto count =
        std::count_if(kept.flags.begin(), kept.flags.end(), [&](std::int32_t f) { return (f & flag.bit) != 0; });
    if (count > 0) seen.emplace_back(flag.name, count);
  }
  j["flags_seen"] = seen;
  j["story"] = {{"example", example}};
  if (finest > 0) {
    const auto [blue, red] = files::blue_and_red(coarse[0], channels);
    j["story"]["blue"] = {frame.x0 + blue[0] * frame.size, frame.y0 + blue[1] * frame.size};
    j["story"]["red"] = {frame.x0 + red[0] * frame.size, frame.y0 + red[1] * frame.size};
  }
  j["tiles"] = {{"placed", out.placed},
                {"levels", out.levels},
                {"side", k_side},
                {"block", k_block},
                {"x0", frame.x0},
                {"y0", frame.y0},
                {"size", frame.size},
                {"fields", channels.fields},
                {"means", channels.mean_names},
                {"ids", kept.own_ids},
                {"id_step", k_id_step},
                {"seed", source.seed}};
  const std::vector<std::string> names = [&] {
    std::vector<std::string> v;
    for (const auto f : channels.columns) v.push_back(channels.fields[f]);
    return v;
  }();
  j["tiles"]["columns"] = names;
  j["tiles"]["statistics"] = json::parse(statistics.json());
  const auto write = [&](const std::filesystem::path& path, std::string_view content) {
    Written file(path);
    file.put(content.data(), content.size());
    out.bytes += file.close();
  };
  write(data / "about.json", j.dump(-1, ' ', false, json::error_handler_t::replace));
  write(data / "model.safetensors", page_model(model, true));
  for (const char* name : {"page.js", "page.css", "kernel.wasm"}) write(folder / name, files::page_bundle(name));
  write(folder / "index.html", files::page_index(source.title, "tiles/", true));  // last: it names the others
  return out;
}

}  // namespace starglow
