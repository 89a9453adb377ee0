#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "starglow/model/model.hpp"
#include "starglow/page/page.hpp"

namespace starglow {

/// A page of more galaxies than memory or a browser holds, as files that any static server gives by ranges
/// (docs/tiles.md): a pyramid of cells with counts and means, the galaxies' places, ids, rows and columns in the order
/// of the tiles.
///
/// The map is a square; level l has 64 x 2^l cells a side, in tiles of 64 x 64. The finest level has at least two
/// galaxies a cell on the average. Within a tile galaxies stand in an order that a hash of their ids gives: any first
/// part is a fair one.
struct TileSource {
  std::size_t n = 0;
  /// Rows [first, first + count) of the table.
  std::function<Galaxies(std::size_t first, std::size_t count)> read;
  /// Their places, (count, 2); NaN = none.
  std::function<Matrix<float>(std::size_t first, const Galaxies&)> places;
  PageMap map;  ///< labels and note; xy is not looked at
  std::string title;
  std::vector<std::string> notes;
  std::vector<std::pair<std::string, std::string>> provenance;
  std::uint64_t seed = 1;  ///< of the realisation with noise
};

struct TileSummary {
  std::size_t n = 0, placed = 0, levels = 0, tiles = 0;
  std::uint64_t bytes = 0;
};

/// Writes the page into a folder that is new or empty of one. Two passes: the table is read, predicted and placed in
/// chunks; then the rows are put into the order of the tiles. Memory: some 25 bytes a galaxy and half a gigabyte.
/// Error(output): the folder cannot be written. progress: (rows done, rows in all) of both passes together.
TileSummary write_tiled_page(const TileSource& source, const Model& model, const std::filesystem::path& folder,
                             WorkerPool& pool, const std::function<void(std::size_t, std::size_t)>& progress = {});

}  // namespace starglow
