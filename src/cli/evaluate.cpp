#include "starglow/evaluate.hpp"

#include <fmt/format.h>

#include <limits>
#include <map>

#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "starglow/error.hpp"
#include "starglow/table.hpp"

namespace starglow::cli {
namespace {

void declare(OptionSet& set) {
  set.positional = {"table.fits", "table with measured EWs (and BAND_FLUX, Z for a model)", 1, 1};
  set.add({"model", OptionType::text, "model file; without it, the shipped model", "", "FILE"});
  set.add({"predictions", OptionType::text, "output of predict, rows matched by TARGETID, in place of a model", "",
           "FILE"});
  set.add(
      {"columns", OptionType::text, "columns {LINE}_EW<SUFFIX> of the same table, in place of a model", "", "SUFFIX"});
  set.add({"cv", OptionType::flag,
           "cross-validate the training recipe in place of a model (folds by a hash of TARGETID)", "false"});
  set.add({"folds", OptionType::integer, "folds of --cv", "5"});
  set.add({"without_luminosity", OptionType::flag, "judge the networks without luminosity", "false"});
  set.add({"against", OptionType::text, "reference of the paired differences: a suffix of columns, or a file", "",
           "SUFFIX|FILE"});
  set.add({"bootstrap", OptionType::integer, "resamples for the errors; 0: none", "500"});
  set.add({"json", OptionType::text, "also write the numbers as JSON", "", "FILE"});
  set.add({"write_predictions", OptionType::text, "also write the judged EWs as a table", "", "FILE"});
  declare_recipe(set);
}

Matrix<double> columns_with_suffix(const TableReader& reader, const std::string& suffix) {
  Matrix<double> ew(reader.rows(), k_n_lines, std::numeric_limits<double>::quiet_NaN());
  bool any = false;
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    const std::string name = std::string(k_lines[line].name) + "_EW" + suffix;
    if (!reader.has_column(name)) continue;
    any = true;
    const auto values = reader.read_column(name, 0, reader.rows());
    for (std::size_t i = 0; i < reader.rows(); ++i) ew(i, line) = values(i, 0);
  }
  if (!any)
    throw Error(ErrorKind::input, "the table has no columns of predictions",
                {"no {LINE}_EW" + suffix, "HALPHA_EW" + suffix + " ...", ""});
  return ew;
}

NamedPrediction from_file(const std::string& path, const Galaxies& table) {
  const TableReader reader(path);
  const Galaxies other = reader.read(0, reader.rows());
  if (other.ew.empty()) throw Error(ErrorKind::input, "'" + path + "' has no {LINE}_EW columns");
  if (other.targetid.empty() || table.targetid.empty())
    throw Error(ErrorKind::input, "predictions from a file are matched by TARGETID",
                {"no such column", "TARGETID in both tables", ""});
  std::map<std::int64_t, std::size_t> where;
  for (std::size_t i = 0; i < other.n; ++i)
    if (!where.emplace(other.targetid[i], i).second)
      throw Error(ErrorKind::input, "'" + path + "' has a TARGETID twice",
                  {std::to_string(other.targetid[i]), "unique ids", ""});
  NamedPrediction out{path, Matrix<double>(table.n, k_n_lines, std::numeric_limits<double>::quiet_NaN())};
  std::size_t missing = 0;
  for (std::size_t i = 0; i < table.n; ++i) {
    const auto found = where.find(table.targetid[i]);
    if (found == where.end()) {
      ++missing;
      continue;
    }
    for (std::size_t line = 0; line < k_n_lines; ++line)
      out.ew(i, line) = static_cast<double>(other.ew(found->second, line));
  }
  if (missing == table.n) throw Error(ErrorKind::input, "'" + path + "' has none of the table's TARGETIDs");
  return out;
}

NamedPrediction from_recipe(const Galaxies& table, const Settings& settings, Console& console, WorkerPool& pool) {
  const auto folds = settings.integer("folds");
  if (folds < 2 || folds > 1000)
    throw Error(ErrorKind::usage, "folds out of range", {std::to_string(folds), "2 to 1000", ""});
  Progress bar(console, "cross-validation", "epochs", 1);
  return cross_validate(table, train_config(settings), static_cast<unsigned>(folds),
                        settings.flag("without_luminosity"), pool, [&](unsigned fold, const TrainProgress& p) {
                          check_interrupt();
                          bar.set_total(p.epochs * static_cast<double>(folds));
                          bar.update(p.epochs * fold + p.epochs_done,
                                     fmt::format("fold {} of {}, loss {:.4f}", fold + 1, folds, p.loss));
                        });
}

NamedPrediction from_model(Galaxies table, const Settings& settings, Console& console, WorkerPool& pool) {
  const bool given = settings.is_set("model");
  const Model model = given ? Model::load(settings.text("model")) : Model::shipped();
  const std::string n = model.parts().metadata.count("n_galaxies") > 0 ? model.parts().metadata.at("n_galaxies") : "?";
  console.info(fmt::format("judging {} (trained on {} galaxies: on those its scores are not a test; --cv is)",
                           given ? settings.text("model") : "the shipped model", n));
  if (settings.flag("without_luminosity")) table.conventions.fluxscal = "relative";
  for (const auto& note : model.compare(table.conventions).notes) console.info(note);
  Prediction p = model.predict(table, pool);
  return {given ? settings.text("model") : "shipped model", std::move(p.ew)};
}

int run(const Settings& settings, Console& console) {
  int sources = 0;
  for (const char* key : {"model", "predictions", "columns"}) sources += settings.is_set(key) ? 1 : 0;
  sources += settings.flag("cv") ? 1 : 0;
  if (sources > 1) throw Error(ErrorKind::usage, "--model, --predictions, --columns and --cv exclude each other");
  const auto resamples = settings.integer("bootstrap");
  if (resamples < 0 || resamples > 1000000)
    throw Error(ErrorKind::usage, "resamples out of range", {std::to_string(resamples), "0 to 1000000", ""});

  const TableReader reader(settings.positionals().at(0));
  const Galaxies table = reader.read(0, reader.rows());
  WorkerPool pool(settings.threads());
  std::vector<NamedPrediction> predictions;
  if (settings.is_set("predictions"))
    predictions.push_back(from_file(settings.text("predictions"), table));
  else if (settings.is_set("columns"))
    predictions.push_back(
        {"columns " + settings.text("columns"), columns_with_suffix(reader, settings.text("columns"))});
  else if (settings.flag("cv"))
    predictions.push_back(from_recipe(table, settings, console, pool));
  else
    predictions.push_back(from_model(table, settings, console, pool));
  // The published predictions stand beside ours wherever the table has them.
  if (settings.is_set("against")) {
    const std::string& against = settings.text("against");
    predictions.push_back(against[0] == '_'
                              ? NamedPrediction{"columns " + against, columns_with_suffix(reader, against)}
                              : from_file(against, table));
  } else if (reader.has_column("HALPHA_EW_K24") && settings.text("columns") != "_K24") {
    predictions.push_back({"K24 (columns _K24)", columns_with_suffix(reader, "_K24")});
  }

  const Evaluation result = evaluate(table, predictions, resamples, settings.seed(), pool);
  console.data(evaluation_table(result));
  if (settings.is_set("json")) write_text(settings.text("json"), evaluation_json(result), settings.flag("overwrite"));
  if (settings.is_set("write_predictions")) {
    std::vector<ColumnInfo> columns{{"TARGETID", 'K', 1, ""}};
    for (const auto& line : k_lines) columns.push_back({std::string(line.name) + "_EW", 'E', 1, "Angstrom"});
    TableWriter writer(settings.text("write_predictions"), columns, table.conventions, settings.flag("overwrite"));
    writer.write("TARGETID", 0, std::span<const std::int64_t>(table.targetid));
    std::vector<float> values(table.n);
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      for (std::size_t i = 0; i < table.n; ++i) values[i] = static_cast<float>(predictions[0].ew(i, line));
      writer.write(std::string(k_lines[line].name) + "_EW", 0, std::span<const float>(values));
    }
    Provenance provenance = provenance_of(settings);
    provenance.add_input(settings.positionals().at(0));
    writer.commit(provenance);
  }
  return 0;
}

}  // namespace

extern const Verb k_evaluate;
const Verb k_evaluate{"evaluate",
                      "judge predictions against measured lines",
                      "starglow evaluate table.fits\n"
                      "starglow evaluate table.fits --model mine.safetensors --json scores.json\n"
                      "starglow evaluate table.fits --predictions lines.fits\n"
                      "starglow evaluate table.fits --cv members=4",
                      declare,
                      run,
                      complete_recipe};

}  // namespace starglow::cli
