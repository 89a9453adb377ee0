#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "starglow/survey/survey.hpp"

namespace starglow::survey {

/// A spectrum that is not in the part's table, and why.
struct Reject {
  std::string file;
  std::int64_t row = 0;
  std::int64_t targetid = 0;
  std::string reason;
};

/// What a part says of itself once it is whole.
struct Note {
  std::string settings;  ///< SHA-256 of RunSettings::text(), model and templates
  std::vector<Provenance::Input> inputs;
  std::uint64_t rows_in = 0, rows_out = 0, bytes = 0;
  std::string sha256;  ///< of the table
  std::vector<Reject> rejects;
  std::vector<std::string> broken;  ///< reasons of the files that could not be read; each is a reject too
};

std::filesystem::path table_path(const std::filesystem::path& dir, const Part& part);
std::filesystem::path note_path(const std::filesystem::path& dir, const Part& part);
std::filesystem::path failure_path(const std::filesystem::path& dir, const Part& part);

void save_note(const Note& note, const std::filesystem::path& path);
/// Nothing where there is no such file; Error(input) where it cannot be read.
std::optional<Note> load_note(const std::filesystem::path& path);
void save_failure(const std::string& reason, const std::filesystem::path& path);

/// Whether the inputs of a part still have the sizes of its note.
bool same_inputs(const Plan& plan, const Part& part, const Note& note);

/// SHA-256 and size of a file. Error(input).
Provenance::Input sum_of(const std::filesystem::path& path);

/// A FITS text file is never trusted to be JSON: Error(input) names the file and the place.
nlohmann::json read_json(const std::filesystem::path& path);
void write_json(const nlohmann::json& json, const std::filesystem::path& path, bool overwrite);

}  // namespace starglow::survey
