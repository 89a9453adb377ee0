#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace starglow::cli {

enum class OptionType { flag, integer, number, text };

/// One setting of a verb. Its key is the same word in the configuration file, the environment (STARGLOW_KEY in
/// capitals), the flag (--key, `_` written `-`) and the override (key=value).
struct Option {
  std::string key;
  OptionType type = OptionType::flag;
  std::string help;             ///< one sentence, with the unit
  std::string fallback = {};    ///< default as text; "" = not set
  std::string value_name = {};  ///< "FILE", "N"; by type when empty
  char letter = 0;              ///< -o
  std::string group = "Options";
  std::vector<std::string> choices = {};  ///< when not empty, the only values
};

struct Positional {
  std::string name;  ///< "table.fits"
  std::string help;
  std::size_t min = 1, max = 1;
};

/// What a verb takes. The common options (--threads, --seed, ...) are added to every verb.
struct OptionSet {
  Positional positional{"", "", 0, 0};
  std::vector<Option> options;
  void add(Option option) { options.push_back(std::move(option)); }
};

/// The merged configuration of one run: defaults < file < environment < flag < key=value, each value with its origin.
class Settings {
 public:
  struct Value {
    std::string text;
    std::string origin;  ///< "default", "train.toml:3", "environment STARGLOW_SEED", "flag", "override"
    OptionType type = OptionType::flag;
    bool given = false;          ///< on the command line or in the file of --config
    mutable bool asked = false;  ///< the verb looked at it
  };

  const std::vector<std::string>& positionals() const noexcept { return positionals_; }
  bool is_set(std::string_view key) const;    ///< has a value at all
  bool is_given(std::string_view key) const;  ///< has a value that is not the default
  bool flag(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;
  const std::string& text(std::string_view key) const;
  std::vector<std::string> list(std::string_view key) const;  ///< a text cut at its commas; empty when not set
  const std::string& origin(std::string_view key) const;
  const std::map<std::string, Value, std::less<>>& values() const noexcept { return values_; }

  /// The options common to every verb.
  unsigned threads() const;
  std::uint64_t seed() const;

  /// Gives a setting that nobody gave another default.
  void set_default(std::string_view key, const std::string& text, const std::string& origin);

  /// As number(), to refuse a wrong value of an option that has no effect here: it does not count as looked at.
  double unused_number(std::string_view key) const;
  /// What `complete` looked at does not count.
  void forget_what_was_asked() noexcept;
  /// Options of the command line and of --config at which the verb did not look: they had no effect.
  std::vector<std::string> without_effect() const;

  /// TOML with the origin of each value as a comment.
  std::string print() const;

 private:
  friend class SettingsBuilder;
  const Value& get(std::string_view key) const;
  const Value& asked(std::string_view key) const;
  std::vector<std::string> positionals_;
  std::map<std::string, Value, std::less<>> values_;
};

/// Parses the arguments after the verb. Throws Error(usage) or, for a broken configuration file, Error(input).
struct Parsed {
  Settings settings;
  bool help = false;
};
Parsed parse_arguments(std::string_view verb, const OptionSet& declared, const std::vector<std::string>& arguments);

/// Help text of a verb: examples first, then options by group with unit and default.
std::string help_text(std::string_view verb, std::string_view summary, std::string_view examples,
                      const OptionSet& declared);

/// The word of `known` nearest to `word` by edit distance, or "" when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

/// " Did you mean 'predict'?" or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known, std::string_view prefix = "");

}  // namespace starglow::cli
