#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace starglow::files {

/// Files of one folder that appear together or not at all: written elsewhere, synced, then moved. A folder that is not
/// there is made as `.NAME.part` beside it and gets its name in one step; in one that is there the files are made in
/// `.starglow.part` and moved one by one, the last added last. Without commit() nothing is left, folders that were made
/// on the way included.
///
/// One writer at a time, as for AtomicFile.
class AtomicFolder {
 public:
  /// Error(usage): another process writes it. Error(output): it cannot be made, or a file has its name.
  explicit AtomicFolder(const std::filesystem::path& folder);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  /// `name` may have folders in it: "figures/map.json". Error(output).
  void write(const std::string& name, std::string_view content);
  /// Error(output) when the system refuses.
  void commit();

 private:
  void remove_made() noexcept;
  std::filesystem::path folder_, staging_;
  std::vector<std::filesystem::path> made_;  // parents that were made here, the outermost first
  std::vector<std::string> names_;
  int lock_ = -1;
};

}  // namespace starglow::files
