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

}  // namespace

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
