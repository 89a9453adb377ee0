#pragma once
#include <string>
#include <string_view>

#include "cli/settings.hpp"
#include "starglow/files/provenance.hpp"

namespace starglow::cli {

/// Version, command line, configuration and seed of this run; inputs and model are added by the verb.
Provenance provenance_of(const Settings& settings);

/// The words of the command line, for the provenance; set once by main.
void remember_command(int argc, char** argv);

/// Writes a text file whole or not at all.
void write_text(const std::string& path, std::string_view text, bool overwrite);

/// Throws now what writing the file later would: it exists and may not be replaced, its folder is missing or closed,
/// another process writes it. For verbs that work long before they write.
void check_output(const std::string& path, bool overwrite);

/// "3 BAND_MISSING, 1 Z_RANGE" from counts of flags; "" when there are none.
std::string flag_counts(const std::vector<std::size_t>& counts);

}  // namespace starglow::cli
