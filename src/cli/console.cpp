#include "cli/console.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "starglow/base/error.hpp"

namespace starglow::cli {
namespace {

volatile std::sig_atomic_t g_signal = 0;
extern "C" void on_signal(int signal) { g_signal = signal; }

std::string duration(double seconds) {
  const auto s = static_cast<long>(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
}

}  // namespace

Console::Console(bool json_log) : json_log_(json_log), terminal_(isatty(STDERR_FILENO) == 1) {
  const char* no_color = std::getenv("NO_COLOR");
  colour_ = terminal_ && (no_color == nullptr || *no_color == '\0');
}

// What cannot be said (a full disk, a closed stream) is lost; the answer is not.
void Console::put(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

void Console::clear_progress() noexcept {
  if (progress_shown_) put("\r\033[K");
  progress_shown_ = false;
}

void Console::say(std::string_view level, std::string_view message) {
  if (json_log_) {
    const nlohmann::json line{{"level", level}, {"message", message}};
    put(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return;
  }
  clear_progress();
  if (level == "info")
    put(fmt::format("{}\n", message));
  else if (colour_)
    put(fmt::format("\033[{}m{}:\033[0m {}\n", level == "error" ? "31" : "33", level, message));
  else
    put(fmt::format("{}: {}\n", level, message));
}

void Console::data(std::string_view text) {
  clear_progress();
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw Error(ErrorKind::output, "cannot write to standard output", {std::strerror(errno), "", ""});
}

Progress::Progress(Console& console, std::string what, std::string unit, double total)
    : console_(console),
      what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      start_(Clock::now()),
      last_(start_) {}

Progress::~Progress() { console_.clear_progress(); }

void Progress::update(double done, std::string_view note) {
  const auto now = Clock::now();
  const double since_last = std::chrono::duration<double>(now - last_).count();
  const bool bar = console_.terminal_ && !console_.json_log_;
  if (since_last < (bar ? 0.1 : 30.0)) return;
  last_ = now;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double rate = elapsed > 0 ? done / elapsed : 0.0;
  const std::string left = rate > 0 ? duration((total_ - done) / rate) : std::string("?");
  const std::string numbers = fmt::format("{}: {:.0f} of {:.0f} {}, {:.3g} {}/s, {} left{}{}", what_, done, total_,
                                          unit_, rate, unit_, left, note.empty() ? "" : ", ", note);
  if (!bar) {
    console_.info(numbers);
    return;
  }
  constexpr int width = 24;
  const int filled = total_ > 0 ? static_cast<int>(width * std::min(1.0, done / total_)) : 0;
  Console::put(fmt::format("\r\033[K[{:#<{}}{:.<{}}] {}", "", filled, "", width - filled, numbers));
  console_.progress_shown_ = true;
}

void install_signal_handlers() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);  // a second signal ends the process at once
  for (const int signal : {SIGINT, SIGTERM, SIGXCPU}) sigaction(signal, &action, nullptr);
  struct sigaction hangup{};  // nohup asks that it be ignored
  if (sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe, or a file beyond the limit on sizes: an output error, told as such
  std::signal(SIGXFSZ, SIG_IGN);
}

void hold_standard_descriptors() {
  // A file that is opened would get the number of a closed stream, and what is said would go into it. Reading from
  // what stands for stdin and writing to what stands for stdout fail, as with a closed one.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF)
      if (::open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY) != fd) return;
}

bool interrupted() noexcept { return g_signal != 0; }

void check_interrupt() {
  if (g_signal != 0) throw Interrupted{g_signal};
}

}  // namespace starglow::cli
