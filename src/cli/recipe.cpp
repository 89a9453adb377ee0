// The training recipe as settings, shared by train and evaluate --cv.
#include "cli/verb.hpp"

namespace starglow::cli {

void declare_recipe(OptionSet& set, bool population) {
  auto presets = train_preset_names();
  if (population) presets.emplace_back(k_population_preset);
  set.add({"preset", OptionType::text, "recipe; it sets the defaults of all settings below", "joint", "NAME", 0,
           "Recipe", presets});
  for (const auto& field : train_config_fields())
    if (field.key != "seed")
      set.add({std::string(field.key), OptionType::text, std::string(field.help), "", "", 0, "Recipe"});
}

// Recipe settings that nobody gave take the preset's values, and --print-config says so.
void complete_recipe(Settings& settings) {
  if (settings.text("preset") == k_population_preset) return;
  const TrainConfig preset = train_preset(settings.text("preset"));
  for (const auto& field : train_config_fields())
    if (field.key != "seed") settings.set_default(field.key, field.get(preset), "preset " + settings.text("preset"));
}

TrainConfig train_config(const Settings& settings) {
  TrainConfig config = train_preset(settings.text("preset"));
  for (const auto& field : train_config_fields())
    if (field.key != "seed") field.set(config, settings.text(field.key));
  config.seed = settings.seed();
  return config;
}

}  // namespace starglow::cli
