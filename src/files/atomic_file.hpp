#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace starglow::files {

/// An output that appears whole or not at all: written under a temporary name in the same folder, synced, then renamed;
/// the folder is synced too. Without commit() the destructor removes what was written. The old file survives each
/// failure.
///
/// One writer at a time: a lock file names the process that holds the output; the lock goes with the process.
class AtomicFile {
 public:
  /// Error(usage): the file exists and `overwrite` is false, or another process writes it.
  /// Error(output): the folder cannot be written, or the name is not that of a regular file.
  AtomicFile(const std::filesystem::path& path, bool overwrite);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  const std::filesystem::path& temporary() const noexcept { return temporary_; }

  /// Writes the whole content to the temporary file. Error(output) with the bytes written so far.
  void write(std::string_view content);
  /// Syncs and renames. Error(output) when the system refuses.
  void commit();

 private:
  friend void remove_unfinished() noexcept;
  void lock();
  void note() noexcept;
  [[noreturn]] void refuse_lock(const char* seen) const;
  std::filesystem::path path_, temporary_, lock_path_;
  int lock_ = -1;
  bool committed_ = false;
  int noted_ = -1;  // its place among the unfinished files
};

/// Removes temporary files and locks that are there now, without an allocation: for a program that is about to end
/// without its destructors.
void remove_unfinished() noexcept;

}  // namespace starglow::files
