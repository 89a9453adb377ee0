#include "cli/output.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "files/atomic_file.hpp"
#include "files/atomic_folder.hpp"
#include "starglow/base/error.hpp"

namespace starglow::cli {
namespace {

std::vector<std::string>& command() {
  static std::vector<std::string> words;
  return words;
}

Provenance& at_start() {
  static Provenance start;
  return start;
}

// Names of outputs among the settings, in whichever verb. --checkpoint looks at what it would replace itself.
bool names_output(std::string_view verb, const std::string& key) {
  for (const char* output :
       {"output", "save_map", "save_ssp", "write_predictions", "panels", "single_file", "json", "rejects", "slurm"})
    if (key == output) return true;
  return key == "spectra" && verb != "explore";
}

// The files that a text names, several with commas between them (--filters).
std::vector<std::string> names_in(const std::string& text) {
  std::vector<std::string> out{text};
  for (std::size_t at = 0; text.find(',') != std::string::npos && at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    out.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}

std::filesystem::path whole_path(const std::string& name) {
  return std::filesystem::weakly_canonical(std::filesystem::absolute(name));
}

// Whether a file lies in a folder that is read as a whole.
bool inside(const std::string& folder, const std::string& file) {
  std::error_code failed;
  return file.size() < 4096 && folder.size() < 4096 && std::filesystem::is_directory(folder, failed) &&
         std::filesystem::is_regular_file(file, failed) &&
         std::filesystem::equivalent(folder, std::filesystem::absolute(file).parent_path(), failed) && !failed;
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code failed;
  return a.size() < 4096 && b.size() < 4096 && std::filesystem::is_regular_file(a, failed) &&
         std::filesystem::equivalent(a, b, failed) && !failed;
}

}  // namespace

void check_outputs(std::string_view verb, const Settings& settings) {
  for (const auto& [key, value] : settings.values()) {
    if (value.type != OptionType::text || value.text.empty() || !names_output(verb, key)) continue;
    if (value.text == "-")
      throw Error(ErrorKind::usage, "no file is written to standard output",
                  {"'-'", "the name of a file", "A file of that name: ./-"});
    const auto refuse = [&](const std::string& input) {
      throw Error(ErrorKind::usage, "output '" + value.text + "' is one of the inputs",
                  {"'" + input + "'", "another name", "--overwrite replaces old outputs, never an input."});
    };
    for (const auto& input : settings.positionals())
      if (same_file(value.text, input) || inside(input, value.text)) refuse(input);
    for (const auto& [other, text] : settings.values()) {
      if (text.type != OptionType::text || text.text.empty() || other == "checkpoint") continue;
      if (!names_output(verb, other)) {
        for (const auto& input : names_in(text.text))
          if (same_file(value.text, input)) refuse(input);
      } else if (other > key && text.text.size() < 4096 && value.text.size() < 4096 &&
                 whole_path(text.text) == whole_path(value.text)) {
        throw Error(ErrorKind::usage, "two outputs have one name", {"'" + value.text + "'", "two names", ""});
      }
    }
  }
}

void watch_inputs(const Settings& settings) {
  for (const auto& name : settings.positionals()) at_start().watch(name);
  for (const auto& [key, value] : settings.values())
    if (value.type == OptionType::text && !value.text.empty() && value.text.size() < 4096) at_start().watch(value.text);
}

void remember_command(int argc, char** argv) {
  command().assign(argv, argv + argc);
  if (argc > 0) {  // the program's folder says nothing about the numbers
    const char* slash = std::strrchr(argv[0], '/');
    if (slash != nullptr) command()[0] = slash + 1;
  }
}

Provenance provenance_of(const Settings& settings) {
  Provenance p = at_start();
  p.argv = command();
  for (const auto& [key, value] : settings.values())
    if (key != "threads" && key != "print_config" && key != "dry_run" && !value.text.empty())
      p.configuration.emplace_back(key, value.text);
  p.seed = settings.text("seed");
  p.threads = settings.threads();
  return p;
}

void write_text(const std::string& path, std::string_view text, bool overwrite) {
  files::AtomicFile file(path, overwrite);
  file.write(text);
  file.commit();
}

void check_folder_output(const std::string& folder, const std::vector<std::string>& names, bool overwrite) {
  for (const auto& name : names)
    if (const auto path = std::filesystem::path(folder) / name; !overwrite && std::filesystem::exists(path))
      throw Error(ErrorKind::usage, "output '" + path.string() + "' exists", {"", "", "--overwrite replaces it."});
}

void write_folder(const std::string& folder, const std::map<std::string, std::string>& contents, bool overwrite) {
  std::vector<std::string> names;
  for (const auto& [name, content] : contents) names.push_back(name);
  check_folder_output(folder, names, overwrite);
  files::AtomicFolder out(folder);
  for (const auto& [name, content] : contents) out.write(name, content);
  out.commit();
}

void check_output(const std::string& path, bool overwrite) { const files::AtomicFile probe(path, overwrite); }

std::vector<ColumnInfo> survey_columns(const TableReader& reader) {
  std::vector<ColumnInfo> found;
  for (const auto& column : reader.columns())
    for (const std::string_view name : {"SURVEY", "PROGRAM"})
      if (column.is_text() &&
          std::equal(name.begin(), name.end(), column.name.begin(), column.name.end(),
                     [](char a, char b) { return a == std::toupper(static_cast<unsigned char>(b)); })) {
        found.push_back(column);
        found.back().name = name;
      }
  return found;
}

}  // namespace starglow::cli
