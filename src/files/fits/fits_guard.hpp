#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace starglow::files {

/// One header-data unit as the raw headers describe it.
struct HduSummary {
  std::string kind;  ///< "PRIMARY", "IMAGE" (packed by tiles, too), "BINTABLE", "TABLE", "ZTABLE" (packed)
  std::string extname;
  std::uint64_t offset = 0, data_bytes = 0;
  std::vector<std::string> columns;  ///< TTYPEn of a table
  std::vector<std::uint64_t> naxis;
};

struct FitsSummary {
  std::vector<HduSummary> hdus;
  std::vector<std::string> warnings;  ///< e.g. bytes after the last HDU
};

/// Text compared without regard to case, as FITS names are.
bool same_name(std::string_view a, std::string_view b) noexcept;

/// Reads the headers of a FITS file before the library does, and refuses what could harm it: sizes that do not fit the
/// file, impossible structure, endless headers. Bounded time and memory whatever the file says.
/// Error(input) with what was found and expected; Error(input) too when there is no such regular file.
FitsSummary guard_fits(const std::filesystem::path& path);
/// The same of a file that was unpacked: `name` is what it was called, for messages.
FitsSummary guard_fits(const std::filesystem::path& path, const std::filesystem::path& name);

}  // namespace starglow::files
