#include "files/hdf5_contents.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "files/hdf5_file.hpp"
#include "starglow/base/error.hpp"

extern char** environ;

namespace starglow::files {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view k_texts = "texts.", k_shape = "shape.", k_error = "error.";
[[maybe_unused]] constexpr rlim_t k_seconds = 120, k_base_bytes = rlim_t{512} << 20;
[[maybe_unused]] constexpr std::uint64_t k_most_ratio =
    200;  // Hdf5File refuses a dataset that is more times larger than its file

fs::path& program() {
  static fs::path path;
  return path;
}
std::mutex& program_mutex() {
  static std::mutex mutex;
  return mutex;
}

// Texts as one: each with its length, since a text may hold anything.
std::string packed(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out += std::to_string(text.size()) + ":" + text;
  return out;
}

std::vector<std::string> unpacked(std::string_view all) {
  std::vector<std::string> out;
  while (!all.empty()) {
    const auto colon = all.find(':');
    const std::size_t size =
        colon == all.npos ? 0 : std::strtoull(std::string(all.substr(0, colon)).c_str(), nullptr, 10);
    if (colon == all.npos || size > all.size() - colon - 1) break;
    out.emplace_back(all.substr(colon + 1, size));
    all.remove_prefix(colon + 1 + size);
  }
  return out;
}

SafeTensors read_here(const fs::path& path, std::span<const std::string_view> names) {
  const Hdf5File file(path);
  SafeTensors out;
  for (const auto& view : names) {
    const std::string name(view);
    if (!file.has(name)) continue;
    const auto shape = file.shape(name);
    if (file.is_text(name)) {
      out.metadata[std::string(k_texts) + name] = packed(file.texts(name));
      std::string& axes = out.metadata[std::string(k_shape) + name];
      for (const auto n : shape) axes += (axes.empty() ? "" : ",") + std::to_string(n);
    } else {
      out.tensors[name] = Tensor::from(file.doubles(name), shape);
    }
  }
  return out;
}

struct Descriptor {
  int fd = -1;
  ~Descriptor() { reset(); }
  void reset() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

// Above 2, so that the child's standard output is never this one.
void make_pipe(Descriptor& read, Descriptor& write) {
  int ends[2];
  if (::pipe(ends) != 0) return;
  read.fd = ::fcntl(ends[0], F_DUPFD_CLOEXEC, 3);
  write.fd = ::fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
  ::close(ends[0]);
  ::close(ends[1]);
}

[[noreturn]] void no_process(int reason) {
  throw Error(ErrorKind::output, "the operating system could not start the process that reads HDF5",
              {std::strerror(reason), "", ""});
}

pid_t start(const std::vector<std::string>& words, int out) {
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  if (const int failed = posix_spawn_file_actions_init(&actions); failed != 0) no_process(failed);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  const int failed = posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) no_process(failed);
  return child;
}

std::vector<unsigned char> all_of(int fd) {
  std::vector<unsigned char> out;
  std::size_t got = 0;
  for (;;) {
    if (out.size() - got < 65536) out.resize(std::max<std::size_t>(2 * out.size(), 1 << 20));
    const auto n = ::read(fd, out.data() + got, out.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  out.resize(got);
  return out;
}

SafeTensors read_elsewhere(const std::string& by, const fs::path& path, std::span<const std::string_view> names) {
  std::vector<std::string> words{by, "hdf5-contents", path.string()};
  for (const auto& name : names) words.emplace_back(name);
  Descriptor read, write;
  make_pipe(read, write);
  if (read.fd < 0 || write.fd < 0) no_process(errno);
  const pid_t child = start(words, write.fd);
  write.reset();
  const auto bytes = all_of(read.fd);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const auto refuse = [&](const std::string& seen) {
    throw Error(ErrorKind::input, "'" + path.string() + "' cannot be read as HDF5",
                {seen, "a whole HDF5 file", "The file is damaged or malicious."});
  };
  if (WIFSIGNALED(status))
    refuse(WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL
               ? "the HDF5 library took too long or too much memory"
               : "the HDF5 library was ended by signal " + std::to_string(WTERMSIG(status)));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) refuse("the process that reads it ended unexpectedly");
  return parse_safetensors(bytes, "HDF5 contents of " + path.string());
}

std::string said(const SafeTensors& content, const char* key) {
  const auto found = content.metadata.find(std::string(k_error) + key);
  return found == content.metadata.end() ? std::string() : found->second;
}

}  // namespace

void set_hdf5_program(const fs::path& path) {
  const std::lock_guard lock(program_mutex());
  program() = path;
}

Hdf5Contents::Hdf5Contents(const fs::path& path, std::span<const std::string_view> names) : path_(path) {
  check_hdf5(path);
  std::string by;
  {
    const std::lock_guard lock(program_mutex());
    by = program().string();
  }
  if (by.empty()) {
    content_ = read_here(path, names);
    return;
  }
  content_ = read_elsewhere(by, path, names);
  if (const std::string what = said(content_, "what"); !what.empty())
    throw Error(ErrorKind::input, what, {said(content_, "seen"), said(content_, "wanted"), said(content_, "remedy")});
}

bool Hdf5Contents::has(const std::string& name) const {
  return content_.tensors.count(name) > 0 || content_.metadata.count(std::string(k_texts) + name) > 0;
}

std::vector<std::uint64_t> Hdf5Contents::shape(const std::string& name) const {
  if (const auto found = content_.tensors.find(name); found != content_.tensors.end()) return found->second.shape;
  const auto text = content_.metadata.find(std::string(k_shape) + name);
  if (text == content_.metadata.end())
    refuse("has no dataset '" + name + "'", "absent",
           "the layout of DSPS: ssp_lgmet, ssp_lg_age_gyr, ssp_wave, ssp_flux");
  std::vector<std::uint64_t> out;
  for (const char* p = text->second.c_str(); *p != '\0';) {
    char* end = nullptr;
    out.push_back(std::strtoull(p, &end, 10));
    p = *end == ',' ? end + 1 : end;
  }
  return out;
}

std::vector<double> Hdf5Contents::doubles(const std::string& name) const {
  (void)shape(name);
  const auto found = content_.tensors.find(name);
  if (found == content_.tensors.end()) refuse("'" + name + "' contains no numbers", "text", "floating-point numbers");
  return found->second.doubles();
}

std::vector<std::string> Hdf5Contents::texts(const std::string& name) const {
  (void)shape(name);
  const auto found = content_.metadata.find(std::string(k_texts) + name);
  if (found == content_.metadata.end()) refuse("'" + name + "' contains no text", "another type", "strings");
  return unpacked(found->second);
}

void Hdf5Contents::refuse(const std::string& what, const std::string& seen, const std::string& wanted) const {
  throw Error(ErrorKind::input, "'" + path_.string() + "' " + what, {seen, wanted, ""});
}

int serve_hdf5_contents(std::span<const std::string> words) {
  if (words.size() < 2) return exit_code(ErrorKind::usage);
  std::error_code failed;
  const std::uint64_t size = fs::file_size(words[0], failed);
  const auto limit = [](int what, rlim_t most) {
    rlimit now{};
    if (::getrlimit(what, &now) != 0) return;
    now.rlim_cur = std::min(now.rlim_max, most);
    now.rlim_max = now.rlim_cur;
    ::setrlimit(what, &now);
  };
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_CPU, k_seconds);
#ifdef STARGLOW_SANITIZED  // the sanitizers reserve more addresses than any limit
  (void)size;
#else
  if (!failed) limit(RLIMIT_AS, k_base_bytes + 4 * std::min<std::uint64_t>(k_most_ratio * size, Hdf5File::k_largest));
#endif
  const std::vector<std::string_view> names(words.begin() + 1, words.end());
  SafeTensors content;
  try {
    content = read_here(words[0], names);
  } catch (const Error& e) {
    content = {};
    const std::string all = e.what();
    // The message without its details: they are put on again where it is thrown.
    content.metadata[std::string(k_error) + "what"] = all.substr(0, all.find("; found "));
    content.metadata[std::string(k_error) + "seen"] = e.detail().seen;
    content.metadata[std::string(k_error) + "wanted"] = e.detail().wanted;
    content.metadata[std::string(k_error) + "remedy"] = e.detail().remedy;
  }
  std::string text;
  try {
    text = format_safetensors(content);
  } catch (const std::exception&) {  // texts that are no Unicode
    content = {};
    content.metadata[std::string(k_error) + "what"] = "'" + words[0] + "' holds text that cannot be read";
    text = format_safetensors(content);
  }
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto n = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return exit_code(ErrorKind::output);
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace starglow::files
