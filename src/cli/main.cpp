// starglow: the command line. Finds the verb, merges its settings, runs it, and turns errors into exit codes.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "files/atomic_file.hpp"
#include "files/hdf5_contents.hpp"
#include "kernels/dispatch.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/version.hpp"

namespace starglow::cli {
namespace {

std::string general_help() {
  std::string out =
      "starglow - predict the emission lines of galaxies from their stellar continuum\n\n"
      "Usage: starglow COMMAND [FILES] [OPTIONS] [key=value ...]\n\nCommands:\n";
  for (const Verb* verb : verbs()) out += fmt::format("  {:<12} {}\n", verb->name, verb->summary);
  out +=
      "\nstarglow COMMAND --help shows examples and options. starglow --version prints the version and how it was "
      "built.\n";
  return out;
}

std::string version_text() {
  return fmt::format("starglow {} ({}), {}, kernels: {}\n", version(), revision(), compiler(), kernels::active_isa());
}

const Verb& find_verb(const std::string& name) {
  std::vector<std::string> names;
  for (const Verb* verb : verbs()) {
    if (verb->name == name) return *verb;
    names.emplace_back(verb->name);
  }
  throw Error(ErrorKind::usage, "unknown command '" + name + "'",
              {"", "", did_you_mean(name, names) + " starglow --help lists the commands."});
}

// Where this program lies; empty where the system does not say.
std::filesystem::path own_path() {
  std::error_code failed;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", failed);
  return failed || !std::filesystem::exists(path, failed) ? std::filesystem::path() : path;
}

int run(const std::vector<std::string>& arguments, Console& console) {
  if (arguments.empty()) {
    console.error("no command given");
    console.info(general_help());
    return exit_code(ErrorKind::usage);
  }
  const std::string& first = arguments.front();
  if (first == "hdf5-contents")  // this program itself is who calls it so
    return files::serve_hdf5_contents(std::span(arguments).subspan(1));
  files::set_hdf5_program(own_path());
  if (first == "--help" || first == "-h" || first == "help") {
    if (first == "help" && arguments.size() > 1) {
      const Verb& verb = find_verb(arguments[1]);
      OptionSet options;
      verb.declare(options);
      console.data(help_text(verb.name, verb.summary, verb.examples, options));
    } else {
      console.data(general_help());
    }
    return 0;
  }
  if (first == "--version" || first == "-V") {
    console.data(version_text());
    return 0;
  }
  const Verb& verb = find_verb(first);
  OptionSet options;
  verb.declare(options);
  Parsed parsed = parse_arguments(verb.name, options, {arguments.begin() + 1, arguments.end()});
  if (parsed.help) {
    console.data(help_text(verb.name, verb.summary, verb.examples, options));
    return 0;
  }
  if (verb.complete != nullptr) verb.complete(parsed.settings);
  parsed.settings.forget_what_was_asked();
  const Settings& settings = parsed.settings;
  if (settings.flag("print_config")) {
    console.data(settings.print());
    return 0;
  }
  console = Console(settings.flag("json_log"));
  if (settings.is_set("isa")) kernels::select_isa(settings.text("isa"));
  check_outputs(verb.name, settings);
  watch_inputs(settings);
  const int code = verb.run(settings, console);
  if (!settings.flag("dry_run"))
    for (const auto& key : settings.without_effect())
      console.warn(fmt::format("{} = {} had no effect: what was asked for does not use it", key, settings.text(key)));
  return code;
}

}  // namespace
}  // namespace starglow::cli

namespace starglow::cli {
namespace {

int guarded(int argc, char** argv, Console& console) {
  try {
    remember_command(argc, argv);
    return run({argv + 1, argv + argc}, console);
  } catch (const Error& e) {
    console.error(e.what());
    return exit_code(e.kind());
  } catch (const Interrupted& e) {
    console.error("interrupted; no output was written");
    return 128 + e.signal;
  } catch (const std::system_error& e) {  // what the system refuses: threads, descriptors, folders
    console.error(fmt::format("the operating system reports: {}. No output was written", e.what()));
    return exit_code(ErrorKind::output);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& e) {
    console.error(fmt::format("internal error (a bug in starglow {}, {}): {}", version(), revision(), e.what()));
    return 1;
  }
}

}  // namespace
}  // namespace starglow::cli

namespace {

// Where an exception meets a function that may not throw: libraries allocate in their destructors. Memory that is not
// there is told as elsewhere; what is unfinished goes.
[[noreturn]] void on_terminate() {
  using namespace starglow;
  std::string_view text = "error: internal error (a bug in starglow): an exception where none may be\n";
  int code = 1;
  try {
    if (std::current_exception()) std::rethrow_exception(std::current_exception());
  } catch (const std::bad_alloc&) {
    text = "error: out of memory; no output was written. Fewer --threads, draws or rows at a time need less.\n";
    code = exit_code(ErrorKind::output);
  } catch (...) {
  }
  files::remove_unfinished();
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) std::_Exit(code);
  std::_Exit(code);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace starglow;
  using namespace starglow::cli;
  std::set_terminate(on_terminate);
  hold_standard_descriptors();
  install_signal_handlers();
  try {
    Console console;
    return guarded(argc, argv, console);
  } catch (const std::bad_alloc&) {  // also while a message was made
    constexpr std::string_view text =
        "error: out of memory; no output was written. Fewer --threads, draws or rows at a time (--chunk) need less.\n";
    if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return exit_code(ErrorKind::output);
    return exit_code(ErrorKind::output);
  }
}
