#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "files/models/safetensors.hpp"

namespace starglow::files {

/// Files of ours are whole or refused: each carries the SHA-256 of its content, and each number in it must be one that
/// can stand there (docs/model-format.md). Model, map, population, stellar populations, templates and checkpoint go
/// through here, in both directions.

inline constexpr std::string_view k_format_version = "2", k_format_without_sum = "1";
/// Metadata that say what reading found, for people; never written.
inline constexpr std::string_view k_note = "read.note";

/// SHA-256 of all metadata but `sha256` (`key=value\n`) and of all tensors (`name:dtype,size,...\n`, then their bytes),
/// each in the order of the names.
std::string content_hash(const SafeTensors& content);

/// Format version, layout and content hash, in place.
void seal(SafeTensors& content);
/// Sealed, and written whole or not at all.
void write_whole(const std::filesystem::path& path, SafeTensors content, bool overwrite);

/// Error(input): the content is not what it was when it was written. Error(model): another format version or layout,
/// or a number that cannot stand where it stands. A file of format 1, which has no sum, gets a note (k_note).
SafeTensors read_whole(const std::filesystem::path& path);
/// The same of a file inside the program, whose sum the tests check once and not each run.
SafeTensors embedded_whole(std::string_view name);

/// Error(model): not finite, out of range, not positive where it must be. `name` is for the message.
void check_numbers(const SafeTensors& content, const std::string& name);

}  // namespace starglow::files
