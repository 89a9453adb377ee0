#include "starglow/train.hpp"

#include <fmt/format.h>

#include "cli/verb.hpp"
#include "starglow/error.hpp"
#include "starglow/population.hpp"
#include "starglow/table.hpp"

namespace starglow::cli {
namespace {

void declare(OptionSet& set) {
  set.positional = {"table.fits", "table with BAND_FLUX, Z and measured EWs", 1, 1};
  set.add({"output", OptionType::text, "model file to write", "", "FILE", 'o'});
  declare_recipe(set, true);
}

int run(const Settings& settings, Console& console) {
  if (!settings.is_set("output"))
    throw Error(ErrorKind::usage, "no output given", {"", "", "-o model.safetensors names it."});
  const std::string input = settings.positionals().at(0);
  const TableReader reader(input);
  for (const auto& note : reader.notes()) console.warn(note);
  const Galaxies galaxies = reader.read(0, reader.rows());
  if (settings.flag("dry_run")) {
    console.info(fmt::format("would train '{}' on the {} rows of {} and write {}", settings.text("preset"), galaxies.n,
                             input, settings.text("output")));
    return 0;
  }
  if (settings.text("preset") == k_population_preset) {
    const Population population = fit_population(galaxies, {.seed = settings.seed()}, [&](const std::string& text) {
      check_interrupt();
      console.info(text);
    });
    population.save(settings.text("output"), settings.flag("overwrite"));
    console.info(fmt::format("{}: {} components, fitted to {} galaxies", settings.text("output"),
                             population.weight.size(), population.metadata.at("n_galaxies")));
    return 0;
  }
  const TrainConfig config = train_config(settings);
  WorkerPool pool(settings.threads());
  const Model model = [&] {
    Progress bar(console, "training", "epochs", 1);
    return train(galaxies, config, pool, [&](const TrainProgress& p) {
      check_interrupt();
      bar.set_total(p.epochs);
      bar.update(p.epochs_done,
                 fmt::format("{}, {} of {} networks, loss {:.4f}", p.stage, p.networks_done, p.networks, p.loss));
    });
  }();
  if (const auto gates = model.parts().metadata.find("label_gates"); gates != model.parts().metadata.end())
    console.info(gates->second);
  model.save(settings.text("output"), settings.flag("overwrite"));
  console.info(fmt::format("{}: {} parameters, trained on {} galaxies, model {}", settings.text("output"),
                           model.n_params(), model.parts().metadata.at("n_galaxies"), model.hash().substr(0, 12)));
  return 0;
}

}  // namespace

extern const Verb k_train;
const Verb k_train{"train",
                   "train a model on a table of galaxies",
                   "starglow train table.fits -o model.safetensors\n"
                   "starglow train table.fits -o k24.safetensors --preset k24 --seed 2\n"
                   "starglow train table.fits -o small.safetensors hidden=32,32 members=4\n"
                   "starglow train table.fits -o model.safetensors --config train.toml\n"
                   "starglow train table.fits -o population.safetensors --preset population",
                   declare,
                   run,
                   complete_recipe};

}  // namespace starglow::cli
