#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/settings.hpp"
#include "starglow/files/provenance.hpp"
#include "starglow/files/table.hpp"

namespace starglow::cli {

/// Version, command line, configuration and seed of this run; inputs and model are added by the verb.
Provenance provenance_of(const Settings& settings);

/// The words of the command line, for the provenance; set once by main.
void remember_command(int argc, char** argv);

/// Notes how the files that the settings name are now, so that provenance_of() knows whether they change.
void watch_inputs(const Settings& settings);

/// Writes a text file whole or not at all.
void write_text(const std::string& path, std::string_view text, bool overwrite);

/// Files of one folder, all of them or none. Error(usage): one is there and may not be replaced.
void write_folder(const std::string& folder, const std::map<std::string, std::string>& contents, bool overwrite);
void check_folder_output(const std::string& folder, const std::vector<std::string>& names, bool overwrite);

/// Throws now what writing the file later would: it exists and may not be replaced, its folder is missing or closed,
/// another process writes it. For verbs that work long before they write.
void check_output(const std::string& path, bool overwrite);
/// Error(usage): an output of these settings is one of the inputs, whatever --overwrite says, or standard output.
void check_outputs(std::string_view verb, const Settings& settings);

/// Columns SURVEY and PROGRAM of a table, in whatever letters it has them, under these names: what an output repeats.
std::vector<ColumnInfo> survey_columns(const TableReader& reader);

}  // namespace starglow::cli
