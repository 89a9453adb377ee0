#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>

#include "starglow/model/model.hpp"

namespace starglow {

/// Reads the weights that Khederlarian et al. (2024) published: a NumPy file that holds a pickled dictionary of ten
/// lines. Nothing is executed: only the constructs that occur in those files are understood (docs/k24.md), and anything
/// else is refused with its name and place. One file with luminosity, one without, or both; kind "k24". Error(input):
/// broken or foreign content. Error(usage): neither file, or the two exchanged.
Model import_k24(const std::optional<std::filesystem::path>& with_luminosity,
                 const std::optional<std::filesystem::path>& without_luminosity);

/// The networks of one such file, from its bytes; `name` is for messages.
NetworkBank parse_k24(std::span<const unsigned char> bytes, const std::string& name);

}  // namespace starglow
