#pragma once
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace starglow::cli {

/// Where the program talks: everything for people goes to stderr, data go to stdout. With --json-log each message is
/// one JSON object a line.
class Console {
 public:
  explicit Console(bool json_log = false);

  void info(std::string_view message) { say("info", message); }
  void warn(std::string_view message) { say("warning", message); }
  void error(std::string_view message) { say("error", message); }

  /// Writes to stdout and checks it: Error(output) on failure (a full disk, a closed pipe).
  void data(std::string_view text);

  bool terminal() const noexcept { return terminal_; }  ///< stderr is a terminal
  bool colour() const noexcept { return colour_; }      ///< terminal, and NO_COLOR is not set
  bool json_log() const noexcept { return json_log_; }

 private:
  friend class Progress;
  void say(std::string_view level, std::string_view message);
  void clear_progress() noexcept;
  static void put(std::string_view text) noexcept;
  bool json_log_, terminal_, colour_;
  bool progress_shown_ = false;
};

/// Progress of long work: a bar with rate and time left on a terminal, else one line every 30 s.
class Progress {
 public:
  Progress(Console& console, std::string what, std::string unit, double total);
  ~Progress();
  /// `note` stands behind the numbers, e.g. "loss 0.123".
  void update(double done, std::string_view note = {});
  void set_total(double total) { total_ = total; }

 private:
  using Clock = std::chrono::steady_clock;
  Console& console_;
  std::string what_, unit_;
  double total_;
  Clock::time_point start_, last_;
};

/// Thrown by check_interrupt() after SIGINT, SIGTERM, SIGHUP or SIGXCPU, so that destructors remove temporary files.
struct Interrupted {
  int signal;
};
void install_signal_handlers();
/// Descriptors 0 to 2 that are closed are held, so that no file gets their numbers. Before anything is opened.
void hold_standard_descriptors();
bool interrupted() noexcept;
void check_interrupt();

}  // namespace starglow::cli
