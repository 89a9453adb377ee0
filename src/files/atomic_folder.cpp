#include "files/atomic_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "starglow/base/error.hpp"

namespace starglow::files {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& what, const fs::path& path) {
  throw Error(ErrorKind::output, what + " '" + path.string() + "': " + std::strerror(errno), {});
}

void sync_folder(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;  // not every system lets a folder be synced
  ::fsync(fd);
  ::close(fd);
}

void write_file(const fs::path& path, std::string_view content) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) fail("cannot create", path);
  bool good = true;
  while (good && !content.empty()) {
    const auto n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    good = n > 0;
    if (good) content.remove_prefix(static_cast<std::size_t>(n));
  }
  good = good && ::fsync(fd) == 0;
  const int reason = errno;
  if (::close(fd) != 0 || !good) {
    if (!good) errno = reason;
    fail("cannot write", path);
  }
}

}  // namespace

AtomicFolder::AtomicFolder(const fs::path& folder) : folder_(folder) {
  std::error_code failed;
  if (!folder_.has_filename()) folder_ = folder_.parent_path();  // "site/"
  if (folder_.empty()) throw Error(ErrorKind::usage, "the name of the folder is empty");
  if (const fs::path target = fs::weakly_canonical(folder_, failed); !failed) folder_ = target;  // ".", links
  const auto status = fs::status(folder_, failed);
  if (fs::exists(status) && !fs::is_directory(status))
    throw Error(ErrorKind::output, "output '" + folder.string() + "' is no folder",
                {"a file of that name", "a new name or a folder", ""});
  const fs::path parent = folder_.has_parent_path() ? folder_.parent_path() : fs::path(".");
  for (fs::path p = parent; !p.empty() && !fs::exists(p, failed); p = p.parent_path()) made_.insert(made_.begin(), p);
  fs::create_directories(parent, failed);
  if (failed) {
    remove_made();
    throw Error(ErrorKind::output, "the folder cannot be made",
                {"'" + parent.string() + "'", "a folder that can be written", failed.message()});
  }
  // Inside a folder that is there: it may be a file system of its own, or its parent may be closed.
  staging_ = fs::exists(status) ? folder_ / ".starglow.part" : parent / ("." + folder_.filename().string() + ".part");
  try {
    if (::mkdir(staging_.c_str(), 0755) != 0 && errno != EEXIST) fail("cannot write to the folder of", folder_);
    lock_ = ::open(staging_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (lock_ < 0) fail("this is in the way, and no folder of its own:", staging_);
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
      ::close(lock_);
      lock_ = -1;
      throw Error(ErrorKind::usage, "output '" + folder.string() + "' is being written by another process",
                  {"", "no other writer", "Wait for it, or choose another name."});
    }
  } catch (...) {
    remove_made();
    throw;
  }
  for (const auto& left : fs::directory_iterator(staging_, failed))
    fs::remove_all(left.path(), failed);  // of a killed process
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (lock_ >= 0) {
    if (!staging_.empty()) fs::remove_all(staging_, ignored);
    ::close(lock_);
  }
  remove_made();
}

void AtomicFolder::remove_made() noexcept {
  std::error_code ignored;
  for (; !made_.empty(); made_.pop_back()) fs::remove(made_.back(), ignored);  // where they are empty
}

void AtomicFolder::write(const std::string& name, std::string_view content) {
  const fs::path path = staging_ / name;
  std::error_code failed;
  fs::create_directories(path.parent_path(), failed);
  if (failed)
    throw Error(ErrorKind::output, "the folder cannot be made",
                {"'" + path.parent_path().string() + "'", "a folder that can be written", failed.message()});
  write_file(path, content);
  names_.push_back(name);
}

void AtomicFolder::commit() {
  std::error_code failed;
  if (!fs::exists(folder_, failed)) {
    sync_folder(staging_);
    if (::rename(staging_.c_str(), folder_.c_str()) != 0) fail("cannot rename to", folder_);
    staging_.clear();
  } else {
    for (const auto& name : names_) {
      fs::create_directories((folder_ / name).parent_path(), failed);
      if (::rename((staging_ / name).c_str(), (folder_ / name).c_str()) != 0) fail("cannot rename to", folder_ / name);
    }
    sync_folder(folder_);
  }
  made_.clear();
  sync_folder(folder_.has_parent_path() ? folder_.parent_path() : fs::path("."));
}

}  // namespace starglow::files
