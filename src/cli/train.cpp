#include "starglow/model/train.hpp"
#include "starglow/files/models.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "cli/output.hpp"
#include "cli/tables.hpp"
#include "cli/verb.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/table.hpp"
#include "starglow/model/population.hpp"

namespace starglow::cli {
namespace {

constexpr int k_exit_resumable = 75;

void declare(OptionSet& set) {
  set.positional = {"table.fits", "one or more tables with BAND_FLUX, Z and measured EWs", 1, 64};
  set.add({"name", OptionType::text, "names by which settings refer to the tables; default: their LABELVER cards", "",
           "FILE=NAME,..."});
  set.add({"output", OptionType::text, "model file to write", "", "FILE", 'o'});
  set.add({"resume", OptionType::flag, "continue an interrupted training; if there is none, start a new one", "false"});
  set.add({"checkpoint", OptionType::text,
           "file that keeps the state of an unfinished training; default: OUTPUT.checkpoint", "", "FILE"});
  set.add({"checkpoint_every", OptionType::number, "seconds between saves of the state", "30", "S"});
  declare_recipe(set, true);
}

// The state that the training starts from: of the checkpoint file, or empty.
TrainingState starting_state(const Settings& settings, const std::string& file, Console& console) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    if (settings.flag("resume")) console.info(fmt::format("no checkpoint '{}': starting a new training", file));
    return {};
  }
  if (settings.flag("resume")) {
    TrainingState state = load_training_state(file);
    std::size_t finished = 0;
    for (const auto& [name, network] : state.networks) finished += network.finished ? 1U : 0U;
    console.info(fmt::format("continuing from '{}': {} networks finished, {} begun", file, finished,
                             state.networks.size() - finished));
    return state;
  }
  // --overwrite is about the model: a file that is no checkpoint is somebody's own.
  if (!is_checkpoint(file))
    throw Error(ErrorKind::usage, "'" + file + "' is not a checkpoint and is not overwritten",
                {"a file of another kind", "a new name, or a checkpoint", "--checkpoint names another file."});
  if (!settings.flag("overwrite"))
    throw Error(ErrorKind::usage, "an unfinished training is saved in '" + file + "'",
                {"", "", "--resume continues it, --overwrite starts again."});
  return {};
}

int run(const Settings& settings, Console& console) {
  if (!settings.is_set("output"))
    throw Error(ErrorKind::usage, "no output given", {"", "", "-o model.safetensors names it."});
  const std::string input = fmt::format("{}", fmt::join(settings.positionals(), ", "));
  const bool population = settings.text("preset") == k_population_preset;
  const LineSet lines = population ? LineSet::standard() : train_config(settings).lines;
  const Galaxies galaxies = read_tables(settings, console, lines);
  if (settings.flag("dry_run")) {
    console.info(fmt::format("would train '{}' on the {} rows of {} and write {}", settings.text("preset"), galaxies.n,
                             input, settings.text("output")));
    return 0;
  }
  check_output(settings.text("output"), settings.flag("overwrite"));
  if (population) {
    const Population fitted = fit_population(galaxies, {.seed = settings.seed()}, [&](const std::string& text) {
      check_interrupt();
      console.info(text);
    });
    save(fitted, settings.text("output"), settings.flag("overwrite"));
    console.info(fmt::format("{}: {} components, fitted to {} galaxies", settings.text("output"), fitted.weight.size(),
                             fitted.metadata.at("n_galaxies")));
    return 0;
  }
  const TrainConfig config = train_config(settings);
  const std::string& output = settings.text("output");
  const std::string file = settings.is_set("checkpoint") ? settings.text("checkpoint") : output + ".checkpoint";
  std::error_code absent;
  if (file == output || std::filesystem::equivalent(file, output, absent))
    throw Error(ErrorKind::usage, "the checkpoint and the model have the same file name", {file, "two names", ""});
  if (!(settings.number("checkpoint_every") >= 0))
    throw Error(ErrorKind::usage, "checkpoint_every out of range",
                {settings.text("checkpoint_every"), "seconds, 0 or more", ""});
  TrainingCheckpoint checkpoint;
  checkpoint.state = starting_state(settings, file, console);
  checkpoint.interval = settings.number("checkpoint_every");
  checkpoint.save = [&](const TrainingState& state) { save(state, file); };
  checkpoint.poll = check_interrupt;
  WorkerPool pool(settings.threads());
  std::optional<Model> trained;
  try {
    Progress bar(console, "training", "epochs", 1);
    trained = train(
        galaxies, config, pool,
        [&](const TrainProgress& p) {
          bar.set_total(p.epochs);
          bar.update(p.epochs_done,
                     fmt::format("{}, {} of {} networks, loss {:.4f}", p.stage, p.networks_done, p.networks, p.loss));
        },
        &checkpoint);
  } catch (const Interrupted&) {
    if (checkpoint.state.networks.empty()) throw;  // nothing to go on with
    save(checkpoint.state, file);
    console.error(
        fmt::format("interrupted; the state is saved in '{}'. Run the same command with --resume to continue", file));
    return k_exit_resumable;
  }
  const Model& model = *trained;
  if (const auto gates = model.parts().metadata.find("label_gates"); gates != model.parts().metadata.end())
    console.info(gates->second);
  if (const auto unused = model.parts().metadata.find("rules_not_used"); unused != model.parts().metadata.end())
    console.info(unused->second);
  save(model, output, settings.flag("overwrite"));
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  console.info(fmt::format("{}: {} parameters, trained on {} galaxies, model {}", settings.text("output"),
                           model.n_params(), model.parts().metadata.at("n_galaxies"), model.hash().substr(0, 12)));
  return 0;
}

}  // namespace

extern const Verb k_train;
const Verb k_train{"train",
                   "train a model on a table of galaxies",
                   "starglow train table.fits -o model.safetensors\n"
                   "starglow train bgs.fits resolve.fits nsa.fits -o every.safetensors --preset every-kind\n"
                   "starglow train table.fits -o k24.safetensors --preset k24 --seed 2\n"
                   "starglow train table.fits -o small.safetensors hidden=32,32 members=4\n"
                   "starglow train table.fits -o model.safetensors --config train.toml\n"
                   "starglow train table.fits -o four.safetensors --lines HALPHA,HBETA,OIII_5007,HEI_5876\n"
                   "starglow train table.fits -o model.safetensors --resume\n"
                   "starglow train table.fits -o population.safetensors --preset population",
                   declare,
                   run,
                   complete_recipe};

}  // namespace starglow::cli
