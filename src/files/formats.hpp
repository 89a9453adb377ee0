#pragma once
#include <filesystem>
#include <string_view>

namespace starglow::files {

/// A format that is known by its first bytes and is not FITS, and the way out. Empty names: none of them.
struct ForeignFormat {
  std::string_view name, remedy;
};
ForeignFormat format_of(const std::filesystem::path& path);

}  // namespace starglow::files
