#pragma once
#include <string>

namespace starglow::cli {

/// A page is shown to others: of a full path in a command the name of the file stays.
std::string without_folders(const std::string& text);

}  // namespace starglow::cli
