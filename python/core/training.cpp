#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <filesystem>
#include <optional>
#include <string>

#include "arrays.hpp"
#include "parts.hpp"
#include "pool.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/models.hpp"
#include "starglow/judge/calibration.hpp"
#include "starglow/judge/evaluate.hpp"
#include "starglow/model/train.hpp"

namespace starglow::python {

TrainConfig recipe(const std::string& preset, const std::map<std::string, std::string>& settings) {
  TrainConfig config = train_preset(preset);
  for (const auto& [key, value] : settings) {
    const ConfigField* found = nullptr;
    std::string known;
    for (const auto& field : train_config_fields()) {
      if (field.key == key) found = &field;
      known += (known.empty() ? "" : ", ") + std::string(field.key);
    }
    if (found == nullptr) throw Error(ErrorKind::usage, "unknown training setting", {"'" + key + "'", known, ""});
    found->set(config, value);
  }
  return config;
}

namespace {

// Without the GIL; what `progress` or a signal raises ends it, and a checkpoint then keeps what was done.
Model train_model(const nb::dict& galaxies, const std::string& preset,
                  const std::map<std::string, std::string>& settings, unsigned threads, const nb::object& progress,
                  const std::optional<std::filesystem::path>& file, bool resume) {
  const TrainConfig config = recipe(preset, settings);
  const Galaxies table = Columns::from(galaxies).all();
  TrainingCheckpoint checkpoint;
  if (file && std::filesystem::exists(*file)) {
    if (!resume)
      throw Error(ErrorKind::usage, "an unfinished training is saved in '" + file->string() + "'",
                  {"", "", "resume=True goes on with it; remove it to begin anew."});
    checkpoint.state = load_training_state(*file);
  }
  if (file) checkpoint.save = [&](const TrainingState& state) { save(state, *file); };
  std::optional<Model> model;
  try {
    const nb::gil_scoped_release release;
    with_interruptible_pool(threads, [&](WorkerPool& pool) {
      model = train(
          table, config, pool,
          [&](const TrainProgress& p) {
            const nb::gil_scoped_acquire acquire;
            if (PyErr_CheckSignals() != 0) throw nb::python_error();
            if (!progress.is_none()) progress(std::string(p.stage), p.epochs_done, p.epochs, p.loss);
          },
          file ? &checkpoint : nullptr);
    });
  } catch (...) {
    if (file && !checkpoint.state.networks.empty()) save(checkpoint.state, *file);
    throw;
  }
  std::error_code ignored;
  if (file) std::filesystem::remove(*file, ignored);
  return *model;
}

nb::list settings_of(const std::string& preset) {
  const TrainConfig config = train_preset(preset);
  nb::list out;
  for (const auto& field : train_config_fields())
    out.append(nb::make_tuple(std::string(field.key), field.get(config), std::string(field.help)));
  return out;
}

// Predictions as (name, ew (n, 10), draws (n, 10 * draws) or None).
nb::tuple judge(const nb::dict& galaxies, const nb::list& predictions, std::int64_t resamples, std::uint64_t seed,
                unsigned threads) {
  const Galaxies table = Columns::from(galaxies).all();
  std::vector<NamedPrediction> all;
  bool distribution = false;
  for (const nb::handle one : predictions) {
    const auto p = nb::cast<nb::tuple>(one);
    NamedPrediction prediction{nb::cast<std::string>(p[0]), Matrix<double>(table.n, k_n_lines)};
    const Reals ew("EW", nb::cast<AnyArray>(p[1]), 2);
    if (ew.rows() != table.n || ew.cols() != k_n_lines)
      throw Error(ErrorKind::input, "prediction '" + prediction.name + "' has a wrong shape",
                  {"(" + std::to_string(ew.rows()) + ", " + std::to_string(ew.cols()) + ")",
                   "(" + std::to_string(table.n) + ", 10)", ""});
    ew.read(0, table.n, prediction.ew.data());
    if (const nb::object given = p[2]; !given.is_none()) {
      const Reals draws("draws", nb::cast<AnyArray>(given), 2);
      if (draws.rows() != table.n || draws.cols() % k_n_lines != 0)
        throw Error(ErrorKind::input, "draws of '" + prediction.name + "' have a wrong shape",
                    {"", "(galaxies, 10, draws)", ""});
      prediction.n_draws = draws.cols() / k_n_lines;
      prediction.draws = Matrix<float>(table.n, draws.cols());
      draws.read(0, table.n, prediction.draws.data());
    }
    distribution = distribution || (all.empty() && prediction.n_draws > 0);
    all.push_back(std::move(prediction));
  }
  if (all.empty()) throw Error(ErrorKind::usage, "no prediction to judge", {"", "at least one", ""});
  std::string points, distributions, text;
  {
    const nb::gil_scoped_release release;
    with_interruptible_pool(threads, [&](WorkerPool& pool) {
      const Evaluation result = evaluate(table, all, resamples, seed, pool);
      points = evaluation_json(result);
      text = evaluation_table(result);
      if (!distribution) return;
      const Calibration calibration = calibrate(table, all, all[0].n_draws, seed, pool);
      distributions = calibration_json(calibration);
      text += calibration_table(calibration);
    });
  }
  return nb::make_tuple(points, distributions, text);
}

}  // namespace

void bind_training(nb::module_& m) {
  m.def("train", &train_model, nb::arg("galaxies"), nb::arg("preset"), nb::arg("settings"), nb::arg("threads"),
        nb::arg("progress").none(), nb::arg("checkpoint").none(), nb::arg("resume"));
  m.def("training_settings", &settings_of, nb::arg("preset"));
  m.def("evaluate", &judge, nb::arg("galaxies"), nb::arg("predictions"), nb::arg("resamples"), nb::arg("seed"),
        nb::arg("threads"));
  m.def("presets", &train_preset_names);
}

}  // namespace starglow::python
