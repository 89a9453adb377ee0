#pragma once
#include <cstdint>
#include <string>
#include <utility>

#include "starglow/page/page.hpp"

namespace starglow::files {

/// The galaxies of a page as a safetensors file (docs/page.md) and, for more than k_page_whole_max of them, the same
/// numbers row by row in single precision, fields in the order of the metadata's row_fields; else "".
struct PageData {
  std::string galaxies, rows;
};
PageData page_data(const PageContent& content, const Model& model);

/// What the page opens with. blue, red: the median place of the bluest and of the reddest tenth by F(6700-7000 A) over
/// F(3400-3700 A); example: a row that shows its lines well (a spectrum, no flag, strong lines measured above 5 sigma
/// and well predicted), -1 = none.
struct PageStory {
  std::int64_t example = -1;
  bool has_places = false;
  std::pair<double, double> blue = {}, red = {};
};
PageStory page_story(const PageContent& content, const LineSet& lines);

/// What the page's metadata say of itself, as JSON: title, lines, flags, notes, provenance; `sample`: galaxies with the
/// table's conventions.
std::string page_description(const PageContent& content, const Galaxies& sample, const Model& model);

/// index.html of a page in a folder; `data`: where its files lie, "data/HASH/"; tiled: as tiles.
std::string page_index(const std::string& title, const std::string& data, bool tiled = false);

/// EWs with errors are measurements; without, they are somebody's prediction.
bool has_measurements(const Galaxies& galaxies);

}  // namespace starglow::files
