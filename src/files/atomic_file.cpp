#include "files/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "starglow/base/error.hpp"

namespace starglow::files {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& what, const fs::path& path, const std::string& remedy = "") {
  const std::string reason = std::strerror(errno);
  throw Error(ErrorKind::output, what + " '" + path.string() + "': " + reason, {"", "", remedy});
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

void sync(const fs::path& path, int flags) {
  const Descriptor file{::open(path.c_str(), flags | O_CLOEXEC)};
  if (file.fd < 0 || ::fsync(file.fd) != 0) fail("cannot sync", path, "The old file, if any, is intact.");
}

}  // namespace

namespace {

// Names of the files that are being written, where no allocation is needed to read them.
struct Unfinished {
  std::atomic<bool> taken{false}, whole{false};
  std::array<char, 4096> part{}, lock{};
};
std::array<Unfinished, 16>& unfinished() {
  static std::array<Unfinished, 16> all;
  return all;
}

}  // namespace

void AtomicFile::note() noexcept {
  auto& all = unfinished();
  for (std::size_t k = 0; k < all.size(); ++k) {
    Unfinished& u = all[k];
    if (temporary_.native().size() >= u.part.size() || u.taken.exchange(true)) continue;
    std::strcpy(u.part.data(), temporary_.c_str());
    std::strcpy(u.lock.data(), lock_path_.c_str());
    u.whole = true;
    noted_ = static_cast<int>(k);
    return;
  }
}

void remove_unfinished() noexcept {
  for (Unfinished& u : unfinished()) {
    if (!u.taken || !u.whole) continue;
    ::unlink(u.part.data());
    ::unlink(u.lock.data());
  }
}

AtomicFile::AtomicFile(const fs::path& path, bool overwrite) : path_(path) {
  std::error_code ignored;
  // A link is followed, so that the file it names is replaced and not the link.
  if (fs::is_symlink(path_, ignored)) {
    const fs::path target = fs::weakly_canonical(path_, ignored);
    if (!ignored) path_ = target;
  }
  const fs::file_status status = fs::status(path_, ignored);
  if (fs::exists(status)) {
    if (!fs::is_regular_file(status))
      throw Error(
          ErrorKind::output, "output '" + path.string() + "' is not a regular file",
          {fs::is_directory(status) ? "a folder" : "a device, pipe or socket", "a new name or a regular file", ""});
    if (!overwrite)
      throw Error(ErrorKind::usage, "output '" + path.string() + "' exists", {"", "", "--overwrite replaces it."});
  }
  const fs::path folder = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
  const std::string name = path_.filename().string();
  if (name.empty()) throw Error(ErrorKind::usage, "the output has no name");
  temporary_ = folder / ("." + name + ".part");
  lock_path_ = folder / ("." + name + ".lock");
  lock();
  note();
  fs::remove(temporary_, ignored);  // left by a process that was killed; the lock says that none is writing now
}

void AtomicFile::refuse_lock(const char* seen) const {
  throw Error(ErrorKind::output, "the lock of '" + path_.string() + "' cannot be used",
              {"'" + lock_path_.string() + "' is " + seen, "no such name, or an ordinary file", "Remove it."});
}

void AtomicFile::lock() {
  for (;;) {
    // Others may write in the folder: a link that lies there in place of the lock is not followed.
    lock_ = ::open(lock_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (lock_ < 0 && errno == ELOOP) refuse_lock("a link");
    if (lock_ < 0) fail("cannot write to the folder of", path_);
    struct stat lies_there{};
    if (::fstat(lock_, &lies_there) != 0 || !S_ISREG(lies_there.st_mode) || lies_there.st_nlink > 1) {
      ::close(lock_);
      lock_ = -1;
      refuse_lock("no file of its own");
    }
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
      std::array<char, 32> text{};
      const auto got = ::read(lock_, text.data(), text.size() - 1);
      ::close(lock_);
      lock_ = -1;
      throw Error(ErrorKind::usage, "output '" + path_.string() + "' is being written by another process",
                  {"process " + std::string(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0),
                   "no other writer", "Wait for it, or choose another name."});
    }
    // The file may have been removed by its last holder between open and flock: then lock the new one.
    struct stat held{}, named{};
    if (::fstat(lock_, &held) == 0 && ::stat(lock_path_.c_str(), &named) == 0 && held.st_ino == named.st_ino) break;
    ::close(lock_);
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, pid.data(), pid.size(), 0) < 0) {
    // The pid is for people only; the lock itself holds.
  }
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!committed_) fs::remove(temporary_, ignored);
  fs::remove(lock_path_, ignored);
  if (lock_ >= 0) ::close(lock_);
  if (noted_ >= 0) {
    Unfinished& u = unfinished()[static_cast<std::size_t>(noted_)];
    u.whole = false;
    u.taken = false;
  }
}

void AtomicFile::write(std::string_view content) {
  const Descriptor file{::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644)};
  if (file.fd < 0) fail("cannot create", temporary_);
  std::size_t done = 0;
  while (done < content.size()) {
    const auto n = ::write(file.fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      fail("cannot write (" + std::to_string(done) + " of " + std::to_string(content.size()) + " bytes done)", path_,
           "The old file, if any, is intact.");
    done += static_cast<std::size_t>(n);
  }
}

void AtomicFile::commit() {
  sync(temporary_, O_RDONLY);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot rename to", path_);
  committed_ = true;
  sync(path_.has_parent_path() ? path_.parent_path() : fs::path("."), O_RDONLY | O_DIRECTORY);
}

}  // namespace starglow::files
