#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <optional>
#include <vector>

#include "cli/spectra_bench.hpp"
#include "cli/star_bench.hpp"
#include "cli/verb.hpp"
#include "kernels/dispatch.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/models.hpp"
#include "starglow/model/model.hpp"
#include "starglow/model/population.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_train_galaxies = 4096;
constexpr std::int64_t k_train_epochs = 100;  // enough that what is done once does not count

void declare(OptionSet& set) {
  set.add(
      {"json", OptionType::flag, "print one JSON object per line: name, value, unit, threads, isa, batch", "false"});
  set.add({"model", OptionType::text, "model file or name; default: the shipped model", "", "FILE"});
  set.add({"only", OptionType::text,
           "measure only these: predict, sample, jacobian, train, llr, knn, mock, sed, bands, star-jacobian, prep, "
           "side-bands, paint",
           "", "NAMES"});
  set.add({"n", OptionType::integer, "galaxies per call", "20000", "N", 'n'});
  set.add({"draws", OptionType::integer, "draws per galaxy, for sample", "64", "K"});
  set.add({"seconds", OptionType::number, "seconds spent on each", "1", "S"});
}

struct Path {
  std::string_view name, unit;
  std::size_t batch;
  std::function<double()> work;  ///< returns how many units it did
};

// The fastest of the calls that fit into the time: what is left when nobody else uses the processor. One thread is
// timed by the processor's clock, which others do not move.
double best_rate(const Path& path, double seconds, unsigned threads) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  do {
    check_interrupt();
    const auto start = Clock::now();
    const std::clock_t processor = std::clock();
    const double done = path.work();
    const double passed = std::chrono::duration<double>(Clock::now() - start).count();
    const double used = static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC;
    best = std::max(best, done / (threads == 1 && used > 1e-4 ? std::min(used, passed) : passed));
  } while (Clock::now() < end);
  return best;
}

// Labels of the shipped model on mock galaxies: what is trained does not matter for the rate.
Galaxies labelled_mock(const Population& population, std::uint64_t seed, WorkerPool& pool) {
  Galaxies labelled = population.sample(seed, 1, k_train_galaxies, pool);
  const Prediction labels = Model::shipped().predict(labelled, pool);
  labelled.ew = Matrix<float>(labelled.n, k_n_lines);
  labelled.ew_ivar = Matrix<float>(labelled.n, k_n_lines, 1.0F);
  for (std::size_t i = 0; i < labelled.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line) labelled.ew(i, line) = static_cast<float>(labels.ew(i, line));
  return labelled;
}

int run(const Settings& settings, Console& console) {
  const auto n_given = settings.integer("n"), k_given = settings.integer("draws");
  const double seconds = settings.number("seconds");
  if (n_given < 1 || n_given > 10'000'000)
    throw Error(ErrorKind::usage, "n out of range", {settings.text("n"), "1 to 10000000", ""});
  if (k_given < 1 || k_given > 10'000)
    throw Error(ErrorKind::usage, "draws out of range", {settings.text("draws"), "1 to 10000", ""});
  if (!(seconds > 0 && seconds <= 3600))
    throw Error(ErrorKind::usage, "seconds out of range", {settings.text("seconds"), "0 to 3600", ""});
  const auto n = static_cast<std::size_t>(n_given), draws = static_cast<std::size_t>(k_given);
  const Model model = settings.is_set("model") ? Model::load(settings.text("model")) : Model::shipped();
  if (settings.flag("dry_run")) {
    console.info(fmt::format("would measure the speed with {} galaxies", n));
    return 0;
  }
  need_ten_lines(model, "bench");
  const Population population = shipped_population();
  WorkerPool pool(settings.threads());
  const Galaxies galaxies = population.sample(settings.seed(), 1, n, pool);

  std::vector<Path> paths;
  const auto count = static_cast<double>(n);
  paths.push_back({"predict", "galaxies/s", n, [&] {
                     (void)model.predict(galaxies, pool);
                     return count;
                   }});
  if (model.has_distribution())
    paths.push_back({"sample", "galaxies/s", n, [&] {
                       (void)model.predict(galaxies, pool, {.draws = draws, .seed = settings.seed()});
                       return count;
                     }});
  paths.push_back({"jacobian", "galaxies/s", n, [&] {
                     (void)model.jacobian(galaxies, pool);
                     return count;
                   }});
  const std::vector<std::string> only = settings.list("only");
  const auto wanted = [&](std::string_view name) {
    return only.empty() || std::find(only.begin(), only.end(), name) != only.end();
  };
  Galaxies labelled;
  if (wanted("train") || wanted("llr") || wanted("knn")) labelled = labelled_mock(population, settings.seed(), pool);
  TrainConfig recipe = train_preset("point");
  recipe.members = 1;
  recipe.epochs = k_train_epochs;
  recipe.sibling = false;
  paths.push_back({"train", "samples/s", static_cast<std::size_t>(recipe.batch), [&] {
                     (void)train(labelled, recipe, pool);
                     return static_cast<double>(labelled.n) * static_cast<double>(k_train_epochs);
                   }});
  // The baselines as users have them: what they ask is not the network's, but its twelve bands.
  std::vector<Model> baselines;
  baselines.reserve(2);
  for (const char* name : {"llr", "knn"}) {
    TrainConfig baseline = train_preset(name);
    baseline.neighbours = 30;
    baseline.principal = 5;
    baselines.push_back(wanted(name) ? train(labelled, baseline, pool) : model);
    paths.push_back({name, "galaxies/s", n, [&, k = baselines.size() - 1] {
                       (void)baselines[k].predict(galaxies, pool);
                       return count;
                     }});
  }
  // Starlight: a grid of the size of DSPS's, and galaxies of the population of `mock --population stars`.
  // The grid takes a second to make: only where it is wanted.
  std::optional<StarBench> stars;
  if (wanted("mock") || wanted("sed") || wanted("bands") || wanted("star-jacobian"))
    stars.emplace(settings.seed(), n, model, pool);
  const std::size_t n_seds = stars ? stars->n_seds() : 0;
  paths.push_back({"mock", "galaxies/s", n, [&] { return stars->mock(); }});
  paths.push_back({"sed", "galaxies/s", n_seds, [&] { return stars->seds(); }});
  paths.push_back({"bands", "galaxies/s", n, [&] { return stars->bands(); }});
  paths.push_back({"star-jacobian", "galaxies/s", n_seds, [&] { return stars->jacobians(); }});

  std::optional<SpectraBench> spectra;
  if (wanted("prep") || wanted("side-bands") || wanted("paint")) spectra.emplace(pool);
  paths.push_back({"prep", "spectra/s", SpectraBench::k_prepared, [&] { return spectra->prep(); }});
  paths.push_back({"side-bands", "spectra/s", SpectraBench::k_prepared, [&] { return spectra->side_bands(); }});
  paths.push_back({"paint", "spectra/s", SpectraBench::k_painted, [&] { return spectra->paint(); }});

  for (const auto& name : only)
    if (std::none_of(paths.begin(), paths.end(), [&](const Path& p) { return p.name == name; })) {
      std::vector<std::string> names;
      for (const auto& p : paths) names.emplace_back(p.name);
      throw Error(ErrorKind::usage, "--only: nothing to measure called '" + name + "' for this model",
                  {name, fmt::format("{}", fmt::join(names, ", ")), did_you_mean(name, names)});
    }
  for (const Path& path : paths) {
    if (!wanted(path.name)) continue;
    const double rate = best_rate(path, seconds, pool.threads());
    if (settings.flag("json"))
      console.data(
          fmt::format("{{\"name\": \"{}\", \"value\": {:.6g}, \"unit\": \"{}\", \"threads\": {}, \"isa\": \"{}\", "
                      "\"batch\": {}}}\n",
                      path.name, rate, path.unit, pool.threads(), kernels::active_isa(), path.batch));
    else
      console.data(fmt::format("{:<10}{:>12.4g} {:<12}{:>8.3g} us each\n", path.name, rate, path.unit, 1e6 / rate));
  }
  if (!settings.flag("json"))
    console.info(fmt::format("{} threads, {}, {} galaxies per call, {} draws; best call of {} s each; model {}",
                             pool.threads(), kernels::active_isa(), n, draws, seconds, model.parts().kind));
  return 0;
}

}  // namespace

extern const Verb k_bench;
const Verb k_bench{"bench", "measure speed on this machine",
                   "starglow bench --threads 1\nstarglow bench --json --only predict,sample", declare, run};

}  // namespace starglow::cli
