#pragma once
#include <span>
#include <string_view>

#include "cli/console.hpp"
#include "cli/settings.hpp"
#include "starglow/model/train.hpp"

namespace starglow::cli {

/// One verb of the command line; each lives in a file of its own and is listed in verbs.cpp.
struct Verb {
  std::string_view name;
  std::string_view summary;   ///< one line
  std::string_view examples;  ///< shown first in the help, one command a line
  /// Declares positionals, options and configuration keys beyond the common ones.
  void (*declare)(OptionSet& options);
  /// Does the work; returns the exit code. Errors are thrown as starglow::Error.
  int (*run)(const Settings& settings, Console& console);
  /// Fills in defaults that depend on other settings; null where there are none.
  void (*complete)(Settings& settings) = nullptr;
};

std::span<const Verb* const> verbs();

/// The settings of a training recipe, shared by `train` and `evaluate --cv`.
/// `population`: also the preset that fits a population of continua in place of a model of lines.
inline constexpr std::string_view k_population_preset = "population";
void declare_recipe(OptionSet& options, bool population = false);
void complete_recipe(Settings& settings);
/// The training recipe that the settings of `train` or `evaluate --cv` describe.
TrainConfig train_config(const Settings& settings);

}  // namespace starglow::cli
