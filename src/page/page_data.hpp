#pragma once
#include <string>

#include "starglow/page/page.hpp"

namespace starglow::files {

/// The galaxies of a page as a safetensors file (docs/page.md) and, for more than k_page_whole_max of them, the same
/// numbers row by row in single precision, fields in the order of the metadata's row_fields; else "".
struct PageData {
  std::string galaxies, rows;
};
PageData page_data(const PageContent& content, const Model& model);

/// EWs with errors are measurements; without, they are somebody's prediction.
bool has_measurements(const Galaxies& galaxies);

}  // namespace starglow::files
