#pragma once
#include "cli/console.hpp"
#include "cli/settings.hpp"
#include "starglow/model/model.hpp"

namespace starglow::cli {

/// `explore --tiles`: the page of any number of galaxies, into the folder of -o. The map is that of --map, the table's
/// UMAP, or one that is made of a sample, the rest being placed.
int explore_tiles(const Settings& settings, const Model& model, Console& console);

}  // namespace starglow::cli
