#pragma once
#include <filesystem>
#include <string>

#include "starglow/map/map.hpp"
#include "starglow/model/checkpoint.hpp"
#include "starglow/model/model.hpp"
#include "starglow/model/population.hpp"

namespace starglow {

// What was trained, as safetensors files (docs/model-format.md). Reading: Error(input) when the file is absent or
// broken, Error(model) when it is another kind. Writing: atomically, equal contents give equal bytes; Error(usage) when
// the file exists and `overwrite` is false, Error(output) when it cannot be written.

/// What Model::load() and Model::shipped() call: the model room knows the name of this type, and nothing else of files.
struct ModelFiles {
  static Model load(const std::filesystem::path& path);
  static Model shipped();
};
void save(const Model& model, const std::filesystem::path& path, bool overwrite = false);

Population shipped_population();  ///< the one inside the library
Population load_population(const std::filesystem::path& path);
void save(const Population& population, const std::filesystem::path& path, bool overwrite = false);

GalaxyMap load_map(const std::filesystem::path& path);
void save(const GalaxyMap& map, const std::filesystem::path& path, bool overwrite = false);

std::string file_content(const GalaxyMap& map);  ///< the bytes that save() writes

/// Whether a file says that it is a checkpoint.
bool is_checkpoint(const std::filesystem::path& path) noexcept;
/// Replaces an older state; the file holds its own SHA-256, and one that was changed or cut is refused: Error(input).
void save(const TrainingState& state, const std::filesystem::path& path);
TrainingState load_training_state(const std::filesystem::path& path);

}  // namespace starglow
