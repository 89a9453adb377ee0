// starglow: the command line. Finds the verb, merges its settings, runs it, and turns errors into exit codes.
#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "kernels/dispatch.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/version.hpp"

namespace starglow::cli {
namespace {

std::string general_help() {
  std::string out =
      "starglow - emission lines of galaxies from their stellar continuum\n\n"
      "Usage: starglow VERB [FILES] [OPTIONS] [key=value ...]\n\nVerbs:\n";
  for (const Verb* verb : verbs()) out += fmt::format("  {:<12} {}\n", verb->name, verb->summary);
  out += "\nstarglow VERB --help shows examples and options. starglow --version shows what this program is.\n";
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
  throw Error(ErrorKind::usage, "unknown verb '" + name + "'",
              {"", "", did_you_mean(name, names) + " starglow --help lists the verbs."});
}

int run(const std::vector<std::string>& arguments, Console& console) {
  if (arguments.empty()) {
    console.error("no verb given");
    console.info(general_help());
    return exit_code(ErrorKind::usage);
  }
  const std::string& first = arguments.front();
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
  const Settings& settings = parsed.settings;
  if (settings.flag("print_config")) {
    console.data(settings.print());
    return 0;
  }
  console = Console(settings.flag("json_log"));
  if (settings.is_set("isa")) kernels::select_isa(settings.text("isa"));
  return verb.run(settings, console);
}

}  // namespace
}  // namespace starglow::cli

int main(int argc, char** argv) {
  using namespace starglow;
  using namespace starglow::cli;
  install_signal_handlers();
  remember_command(argc, argv);
  Console console;
  try {
    return run({argv + 1, argv + argc}, console);
  } catch (const Error& e) {
    console.error(e.what());
    return exit_code(e.kind());
  } catch (const Interrupted& e) {
    console.error("interrupted; no output was written");
    return 128 + e.signal;
  } catch (const std::bad_alloc&) {
    console.error("out of memory. Fewer --threads or smaller inputs need less.");
    return 1;
  } catch (const std::exception& e) {
    console.error(fmt::format("internal error (a bug in starglow {}, {}): {}", version(), revision(), e.what()));
    return 1;
  }
}
