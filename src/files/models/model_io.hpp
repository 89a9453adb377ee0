#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "files/models/safetensors.hpp"
#include "starglow/model/model.hpp"

namespace starglow::files {

/// The model of 0.1, of galaxies whose four BPT lines were measured positive.
inline constexpr const char* k_joint_0_1 = "joint-0.1";

/// Between a model's parts and the tensors of docs/model-format.md. Error(model) for what does not fit the schema.
SafeTensors model_to_tensors(const Model::Parts& parts);
Model::Parts model_from_tensors(const SafeTensors& content);

/// Tensors "noise.*" and their metadata, also used by population files.
void noise_to_tensors(const NoiseModel& noise, SafeTensors& into);
std::optional<NoiseModel> noise_from_tensors(const SafeTensors& from);

/// SHA-256 of the sorted names, types and shapes of all tensors and of the metadata that say how to run them: a file
/// whose architecture was changed by hand, or by another version, does not load.
std::string layout_hash(const SafeTensors& content);

/// The file of shipped models inside the library, by name ("starglow", "population"); Error(model) for another.
std::span<const unsigned char> embedded_model(std::string_view name);

}  // namespace starglow::files
