// From arguments, environment and configuration file to Settings. The only source that includes CLI11 and toml++.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include "base/input_file.hpp"
#include "cli/settings.hpp"
#include "starglow/base/error.hpp"

namespace starglow::cli {
namespace {

constexpr std::uintmax_t k_max_config_bytes = 1 << 20;

const std::vector<Option>& common_options() {
  static const std::vector<Option> options{
      {"threads", OptionType::integer, "number of threads; 0 = all processors", "0", "N", 0, "Common"},
      {"seed", OptionType::integer, "seed of the random numbers", "1", "N", 0, "Common"},
      {"config", OptionType::text, "TOML file with these settings", "", "FILE", 0, "Common"},
      {"print_config", OptionType::flag, "print every setting and where its value comes from, then stop", "false", "",
       0, "Common"},
      {"dry_run", OptionType::flag, "check the inputs, print what would be done, then stop", "false", "", 0, "Common"},
      {"strict", OptionType::flag, "treat any flagged row as an error (exit code 3)", "false", "", 0, "Common"},
      {"json_log", OptionType::flag, "print messages as JSON lines", "false", "", 0, "Common"},
      {"overwrite", OptionType::flag, "replace existing output files", "false", "", 0, "Common"},
      {"isa", OptionType::text, "processor instruction set, e.g. x86-64-v3", "", "NAME", 0, "Common"},
  };
  return options;
}

std::string dashed(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return key;
}

std::string keyed(std::string_view flag) {
  std::string key(flag);
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

std::vector<Option> all_options(const OptionSet& declared) {
  std::vector<Option> all = declared.options;
  all.insert(all.end(), common_options().begin(), common_options().end());
  return all;
}

std::string type_name(const Option& option) {
  if (!option.value_name.empty()) return option.value_name;
  switch (option.type) {
    case OptionType::flag:
      return "";
    case OptionType::integer:
      return "N";
    case OptionType::number:
      return "X";
    case OptionType::text:
      return "TEXT";
  }
  return "";
}

}  // namespace

class SettingsBuilder {
 public:
  explicit SettingsBuilder(std::vector<Option> options) : options_(std::move(options)) {
    for (const auto& option : options_) settings.values_[option.key] = {option.fallback, "default", option.type};
  }

  Settings settings;

  void positionals(std::vector<std::string> values) { settings.positionals_ = std::move(values); }

  std::vector<std::string> keys() const {
    std::vector<std::string> names;
    for (const auto& option : options_) names.push_back(option.key);
    return names;
  }

  const Option* find(std::string_view key) const {
    for (const auto& option : options_)
      if (option.key == key) return &option;
    return nullptr;
  }

  void set(std::string_view key, const std::string& text, const std::string& origin,
           ErrorKind kind = ErrorKind::usage) {
    const Option* option = find(key);
    if (option == nullptr)
      throw Error(kind, "unknown setting '" + std::string(key) + "' (" + origin + ")",
                  {"", "", did_you_mean(key, keys()) + " --print-config lists the settings."});
    check(*option, text, origin, kind);
    settings.values_[option->key] = {text, origin, option->type, !origin.starts_with("environment ")};
  }

 private:
  static void check(const Option& option, const std::string& text, const std::string& origin, ErrorKind kind) {
    const auto fail = [&](const std::string& wanted) {
      throw Error(kind, "setting '" + option.key + "' (" + origin + ") has a value that cannot be used",
                  {"'" + text + "'", wanted, ""});
    };
    const auto parses = [&text](auto value) {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      return error == std::errc{} && end == text.data() + text.size();
    };
    switch (option.type) {
      case OptionType::flag:
        if (text != "true" && text != "false") fail("true or false");
        break;
      case OptionType::integer:
        if (option.key == "seed") {
          if (!parses(std::uint64_t{})) fail("a whole number, 0 to 2^64 - 1");
          break;
        }
        if (!parses(std::int64_t{})) fail("a whole number");
        if (option.key == "threads" && text[0] == '-') fail("a whole number >= 0");
        if (option.key == "threads" && text.size() > 4) fail("at most 9999 threads");
        break;
      case OptionType::number: {
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{} || end != text.data() + text.size() || !(value - value == 0)) fail("a finite number");
        break;
      }
      case OptionType::text:
        break;
    }
    if (!option.choices.empty() &&
        std::find(option.choices.begin(), option.choices.end(), text) == option.choices.end()) {
      std::string list;
      for (const auto& choice : option.choices) list += (list.empty() ? "" : ", ") + choice;
      fail("one of " + list);
    }
  }

  std::vector<Option> options_;
};

namespace {

std::string toml_text(const toml::node& node, const std::string& where) {
  std::ostringstream out;
  if (const auto* s = node.as_string()) return s->get();
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  if (const auto* i = node.as_integer()) return std::to_string(i->get());
  if (const auto* d = node.as_floating_point()) {
    out.precision(17);
    out << d->get();
    return out.str();
  }
  if (const auto* list = node.as_array()) {  // a list is written with commas, as on the command line
    for (const auto& item : *list) out << (out.tellp() > 0 ? "," : "") << toml_text(item, where);
    return out.str();
  }
  throw Error(ErrorKind::input, where + " cannot be used as a setting",
              {"a TOML table or date", "a string, number, boolean or list", ""});
}

void read_config(const std::string& path, std::string_view verb, SettingsBuilder& builder) {
  std::error_code failed;
  const auto status = std::filesystem::status(path, failed);
  if (!std::filesystem::is_regular_file(status))
    throw Error(ErrorKind::input, "configuration file '" + path + "' cannot be read",
                {std::filesystem::exists(status) ? "not a regular file" : "no such file", "a TOML file", ""});
  const auto bytes = std::filesystem::file_size(path, failed);
  if (failed || bytes > k_max_config_bytes)
    throw Error(ErrorKind::input, "configuration file '" + path + "' is too large",
                {std::to_string(bytes) + " bytes", "at most 1 MiB", ""});
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) throw Error(ErrorKind::input, "configuration file '" + path + "' cannot be read", {"a read error", "", ""});
  toml::table table;
  try {
    table = toml::parse(text.str(), path);
  } catch (const toml::parse_error& e) {
    throw Error(ErrorKind::input,
                path + ":" + std::to_string(e.source().begin.line) + ": not TOML: " + std::string(e.description()));
  }
  // Settings stand at the top level, or in a table with the name of the verb: one file can serve several verbs.
  const auto take = [&](const toml::table& from, const std::string& prefix) {
    for (const auto& [key, node] : from) {
      const std::string name(key.str());
      const std::string where = path + ":" + std::to_string(node.source().begin.line);
      if (node.is_table() && prefix.empty()) continue;
      builder.set(keyed(name), toml_text(node, where), where, ErrorKind::input);
    }
  };
  take(table, "");
  for (const auto& [key, node] : table)
    if (const auto* inner = node.as_table(); inner != nullptr && key.str() == verb) take(*inner, std::string(verb));
}

// "@list.txt" stands for the lines of list.txt, empty ones and those that begin with # left out.
std::vector<std::string> expand_lists(const std::vector<std::string>& values) {
  std::vector<std::string> out;
  for (const auto& value : values) {
    if (value.size() < 2 || value[0] != '@') {
      out.push_back(value);
      continue;
    }
    check_input_file(value.substr(1), "file list '" + value.substr(1) + "'");
    std::ifstream list(value.substr(1));
    if (!list) throw Error(ErrorKind::input, "file list '" + value.substr(1) + "' cannot be read");
    for (std::string line; std::getline(list, line);) {
      line.erase(line.find_last_not_of(" \t\r") + 1);  // of editors, and of Windows
      if (!line.empty() && line[0] != '#') out.push_back(line);
    }
  }
  return out;
}

bool names_a_file(const std::string& argument) {
  std::error_code failed;  // a text that no file name can be
  return std::filesystem::exists(argument, failed);
}

bool looks_like_override(const std::string& argument) {
  const auto equals = argument.find('=');
  if (equals == std::string::npos || equals == 0) return false;
  return std::all_of(argument.begin(), argument.begin() + static_cast<std::ptrdiff_t>(equals),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

Parsed parse_arguments(std::string_view verb, const OptionSet& declared, const std::vector<std::string>& arguments) {
  const std::vector<Option> options = all_options(declared);
  SettingsBuilder builder(options);

  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  bool help = false;
  app.add_flag("-h,--help", help);
  std::map<std::string, std::string> given;
  std::map<std::string, bool> flags;
  for (const auto& option : options) {
    std::string names = "--" + dashed(option.key);
    if (option.letter != 0) names = std::string("-") + option.letter + "," + names;
    if (option.type == OptionType::flag)
      app.add_flag(names, flags[option.key]);
    else
      app.add_option(names, given[option.key])->take_last();
  }
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& e) {
    throw Error(ErrorKind::usage, e.what(), {"", "", "starglow " + std::string(verb) + " --help shows the usage."});
  }
  Parsed parsed;
  if (help) {
    parsed.help = true;
    return parsed;
  }

  std::vector<std::string> positionals, overrides;
  bool only_files = false;
  for (const auto& extra : app.remaining()) {
    if (extra == "--") {
      only_files = true;
    } else if (!only_files && extra.size() > 1 && extra[0] == '-') {
      std::vector<std::string> known;
      for (const auto& option : options) known.push_back(dashed(option.key));
      const std::string bare =
          extra.substr(extra.find_first_not_of('-') == std::string::npos ? 0 : extra.find_first_not_of('-'));
      throw Error(ErrorKind::usage, "unknown option '" + extra + "'",
                  {"", "", did_you_mean(bare.substr(0, bare.find('=')), known, "--")});
    } else if (!only_files && looks_like_override(extra) && !names_a_file(extra)) {
      overrides.push_back(extra);
    } else {
      positionals.push_back(extra);
    }
  }

  // defaults < file < environment < flag < key=value
  if (app.count("--config") > 0) read_config(given["config"], verb, builder);
  for (const auto& option : options) {
    std::string name = "STARGLOW_" + option.key;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (option.key == "config" || option.key == "print_config") continue;
    if (const char* value = std::getenv(name.c_str()); value != nullptr && *value != '\0')
      builder.set(option.key, value, "environment " + name);
  }
  for (const auto& option : options)
    if (app.count("--" + dashed(option.key)) > 0)
      builder.set(option.key, option.type == OptionType::flag ? "true" : given[option.key], "flag");
  for (const auto& item : overrides) {
    const auto equals = item.find('=');
    builder.set(item.substr(0, equals), item.substr(equals + 1), "override");
  }

  positionals = expand_lists(positionals);
  const auto& wanted = declared.positional;
  const bool only_prints = builder.settings.flag("print_config");
  if (positionals.size() > wanted.max)
    throw Error(
        ErrorKind::usage, "too many arguments",
        {"'" + positionals[wanted.max] + "'",
         wanted.max == 0 ? "no file argument" : std::to_string(wanted.max) + " at most (" + wanted.name + ")", ""});
  if (positionals.size() < wanted.min && !only_prints)
    throw Error(ErrorKind::usage, "an argument is missing",
                {std::to_string(positionals.size()) + " files", wanted.name,
                 "starglow " + std::string(verb) + " --help shows the usage."});
  builder.positionals(std::move(positionals));
  parsed.settings = std::move(builder.settings);
  return parsed;
}

std::string help_text(std::string_view verb, std::string_view summary, std::string_view examples,
                      const OptionSet& declared) {
  std::ostringstream out;
  out << "starglow " << verb << " - " << summary << "\n\nExamples:\n";
  std::istringstream lines{std::string(examples)};
  for (std::string line; std::getline(lines, line);) out << "  " << line << '\n';
  if (declared.positional.max > 0)
    out << "\nFiles:\n  " << declared.positional.name << "  " << declared.positional.help << '\n';
  std::vector<std::string> groups;
  const auto options = all_options(declared);
  for (const auto& option : options)
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) groups.push_back(option.group);
  for (const auto& group : groups) {
    out << '\n' << group << ":\n";
    for (const auto& option : options) {
      if (option.group != group) continue;
      std::string left = option.letter != 0 ? std::string("  -") + option.letter + ", --" : "      --";
      left += dashed(option.key) + " " + type_name(option);
      left.resize(std::max<std::size_t>(34, left.size() + 1), ' ');
      out << left << option.help;
      if (!option.choices.empty()) {
        out << " {";
        for (std::size_t i = 0; i < option.choices.size(); ++i) out << (i > 0 ? ", " : "") << option.choices[i];
        out << '}';
      }
      if (option.type != OptionType::flag && !option.fallback.empty()) out << " [" << option.fallback << ']';
      out << '\n';
    }
  }
  out << "\nEach option is also a key of --config FILE.toml, a variable STARGLOW_KEY and an override key=value.\n";
  return out.str();
}

}  // namespace starglow::cli
