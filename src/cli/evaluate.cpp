#include "starglow/files/models.hpp"
#include "starglow/judge/calibration.hpp"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/input_file.hpp"
#include "cli/comparison_tables.hpp"
#include "cli/conditions.hpp"
#include "cli/other_predictions.hpp"
#include "cli/output.hpp"
#include "cli/predictions.hpp"
#include "cli/report_map.hpp"
#include "cli/tables.hpp"
#include "cli/verb.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/table.hpp"
#include "starglow/judge/leave_one_out.hpp"
#include "starglow/judge/whole_table.hpp"
#include "starglow/report/report.hpp"

namespace starglow::cli {
namespace {

void declare(OptionSet& set) {
  set.positional = {"table.fits", "table with measured EWs (and BAND_FLUX, Z for a model)", 1, 64};
  declare_tables(set);
  set.add({"model", OptionType::text, "model file or name; default: the shipped model", "", "FILE"});
  set.add({"predictions", OptionType::text,
           "evaluate this output of predict instead of a model; rows are matched by TARGETID", "", "FILE"});
  set.add({"columns", OptionType::text, "evaluate the columns {LINE}_EW<SUFFIX> of the table instead of a model", "",
           "SUFFIX"});
  set.add({"cv", OptionType::flag, "cross-validate a training recipe instead of evaluating a model", "false"});
  set.add({"each", OptionType::flag, "with --cv of several tables: evaluate all of them, by the same models", "false"});
  set.add({"folds", OptionType::integer, "number of parts for --cv", "5"});
  set.add({"sizes", OptionType::text,
           "with --cv: first the scores for these numbers of training galaxies, e.g. 500,1000", "", "NUMBERS"});
  set.add({"without_luminosity", OptionType::flag, "evaluate predictions without luminosity", "false"});
  set.add({"without_redshift", OptionType::flag, "evaluate predictions without redshift and luminosity", "false"});
  set.add({"missing", OptionType::flag, "with --cv: also without some bands, luminosity, or redshift", "false"});
  set.add({"hide_blue", OptionType::integer, "evaluate predictions without this many of the bluest bands", "0", "N"});
  set.add({"hide_red", OptionType::integer, "evaluate predictions without this many of the reddest bands", "0", "N"});
  set.add({"draws", OptionType::integer, "draws per galaxy for the scores of distributions; 0: scores of medians only",
           "256", "K"});
  set.add({"control", OptionType::flag, "with --cv: compare with single predictions plus a fitted scatter", "false"});
  set.add({"given", OptionType::text, "measured lines to use; the others are predicted given them and evaluated", "",
           "LINES"});
  set.add({"selected", OptionType::text,
           "cut on measured lines that the table has, e.g. 'HALPHA > 0'; predictions are for galaxies that pass it", "",
           "CUT"});
  set.add({"leave_one_out", OptionType::flag,
           "also compare each line with its prediction from the continuum and the other lines; --write-predictions "
           "then has {LINE}_EW_GIVEN_PULL",
           "false"});
  set.add({"baseline", OptionType::text,
           "compare with k nearest neighbours (knn) and local linear regression (llr), cross-validated on this table",
           "", "NAMES"});
  set.add({"against", OptionType::text, "prediction to compare with: a column suffix of the table, or a file", "",
           "SUFFIX|FILE"});
  set.add({"bootstrap", OptionType::integer, "bootstrap samples for the errors; 0: no errors", "500"});
  set.add({"json", OptionType::text, "also write the scores as JSON", "", "FILE"});
  set.add({"report", OptionType::text,
           "also write a report with tables and figures into this folder (index.html, figures/*.json, scores.json)", "",
           "DIR"});
  set.add({"write_predictions", OptionType::text, "also write the evaluated predictions as a table", "", "FILE"});
  declare_recipe(set);
}

// Takes away what the judged model shall do without.
void hide(Galaxies& g, bool luminosity, bool redshift, std::size_t blue, std::size_t red) {
  if (luminosity) g.conventions.fluxscal = "relative";
  if (redshift) g.z.assign(g.n, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < g.n && !g.band_flux.empty(); ++i)
    for (std::size_t b = 0; b < k_n_bands; ++b)
      if (b < blue || b + red >= k_n_bands) g.band_flux(i, b) = std::numeric_limits<double>::quiet_NaN();
}

CrossValidation::Variant as_asked(const Settings& settings) {
  const bool luminosity = settings.flag("without_luminosity"), redshift = settings.flag("without_redshift");
  const auto blue = static_cast<std::size_t>(settings.integer("hide_blue")),
             red = static_cast<std::size_t>(settings.integer("hide_red"));
  std::string name;
  if (blue > 0) name += fmt::format("{} bluest hidden", blue);
  if (red > 0) name += fmt::format("{}{} reddest hidden", name.empty() ? "" : ", ", red);
  if (redshift)
    name += name.empty() ? "no redshift" : ", no redshift";
  else if (luminosity)
    name += name.empty() ? "no luminosity" : ", no luminosity";
  return {name, [=](Galaxies& g) { hide(g, luminosity, redshift, blue, red); }};
}

// What `--missing` takes away, one after the other.
std::vector<CrossValidation::Variant> missing_variants() {
  std::vector<CrossValidation::Variant> out;
  for (const std::size_t n : {1U, 2U, 3U})
    out.push_back({fmt::format("{} bluest", n), [n](Galaxies& g) { hide(g, false, false, n, 0); }});
  for (const std::size_t n : {1U, 2U, 3U})
    out.push_back({fmt::format("{} reddest", n), [n](Galaxies& g) { hide(g, false, false, 0, n); }});
  out.push_back({"luminosity", [](Galaxies& g) { hide(g, true, false, 0, 0); }});
  out.push_back({"luminosity, redshift", [](Galaxies& g) { hide(g, true, true, 0, 0); }});
  return out;
}

// The judged variant first, then those of --missing.
std::vector<NamedPrediction> from_recipe(const Galaxies& table, const TrainConfig& config, bool missing,
                                         const Settings& settings, Console& console, WorkerPool& pool,
                                         std::size_t train_size = 0, Matrix<double>* pulls = nullptr,
                                         std::vector<NamedPrediction>* others = nullptr) {
  const auto folds = settings.integer("folds");
  if (folds < 2 || folds > 1000)
    throw Error(ErrorKind::usage, "folds out of range", {std::to_string(folds), "2 to 1000", ""});
  CrossValidation how{.folds = static_cast<unsigned>(folds),
                      .draws = static_cast<std::size_t>(settings.integer("draws")),
                      .seed = settings.seed(),
                      .train_size = train_size,
                      .variants = {as_asked(settings)}};
  if (config.method == "network") {  // the baselines are of the judged table alone
    JudgedTable judged = judged_table(settings, console, config.lines);
    how.others = std::move(judged.others);
    how.name = std::move(judged.name);
    how.leave_out = settings.is_set("leave_out");
  }
  if (config.joint) {
    Conditions conditions = conditions_of(settings);
    how.given = std::move(conditions.given);
    how.selected = std::move(conditions.selected);
  }
  if (pulls != nullptr) {
    *pulls = Matrix<double>(table.n, k_n_lines, std::numeric_limits<double>::quiet_NaN());
    how.with_model = [&, pulls](const Model& model, const Galaxies& held_out, std::span<const std::size_t> rows) {
      const auto part = given_pulls(model, held_out, pool, how.selected ? &*how.selected : nullptr);
      for (std::size_t i = 0; i < rows.size(); ++i)
        std::copy(part.row(i).begin(), part.row(i).end(), pulls->row(rows[i]).begin());
    };
  }
  if (missing) std::ranges::move(missing_variants(), std::back_inserter(how.variants));
  Progress bar(console, "cross-validation", "epochs", 1);
  const unsigned trainings = how.leave_out ? 1 : how.folds;
  const auto show = [&](unsigned fold, const TrainProgress& p) {
    check_interrupt();
    bar.set_total(p.epochs * static_cast<double>(trainings));
    bar.update(p.epochs * fold + p.epochs_done, fmt::format("fold {} of {}, loss {:.4f}", fold + 1, trainings, p.loss));
  };
  return cross_validate(table, config, how, pool, show, others);
}

// Scores of the recipe against the number of galaxies that it is trained on.
std::string size_table(const Galaxies& table, const Settings& settings, Console& console, WorkerPool& pool) {
  TrainConfig config = train_config(settings);
  config.sibling = false;  // the galaxies judged here lack nothing
  std::string out = fmt::format("{:<24}{:>10}{:>20}{:>16}{:>12}\n", "galaxies trained on", "mean rho",
                                "NMAD Halpha (A)", "CRPS of 8", "worst KS");
  for (const auto& text : settings.list("sizes")) {
    std::size_t size = 0;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (bad != std::errc{} || end != text.data() + text.size() || size < 100 || size > table.n)
      throw Error(ErrorKind::usage, "sizes out of range",
                  {"'" + text + "'", "numbers from 100 to the rows of the table, " + std::to_string(table.n), ""});
    const auto p = from_recipe(table, config, false, settings, console, pool, size);
    const Evaluation e = evaluate(table, p, settings.integer("bootstrap"), settings.seed(), pool);
    std::string crps = "-", ks = "-";
    if (p[0].n_draws > 0) {
      const Calibration c = calibrate(table, p, 0, settings.seed(), pool);
      double worst = 0;
      for (const auto line : k_independent_lines) worst = std::max(worst, c.scores[0].lines[line].pit_ks);
      crps = fmt::format("{:.4f}", c.scores[0].mean_crps);
      ks = fmt::format("{:.3f}", worst);
    }
    const auto& halpha = e.lines[0][static_cast<std::size_t>(Line::HALPHA)].all[1];
    out += fmt::format("{:<24}{:>10}{:>20}{:>16}{:>12}\n", size, fmt::format("{:.4f}", e.mean10[0][0].value),
                       fmt::format("{:.3f}", halpha.value), crps, ks);
  }
  return out + "(cross-validated; more than a fold's training part is all of it)\n\n";
}

NamedPrediction from_model(const Model& model, Galaxies table, const Settings& settings, Console& console,
                           WorkerPool& pool, Matrix<double>* pulls) {
  const bool given = settings.is_set("model");
  const std::string n = model.parts().metadata.count("n_galaxies") > 0 ? model.parts().metadata.at("n_galaxies") : "?";
  console.info(
      fmt::format("evaluating {} (trained on {} galaxies; its scores on those are too good, use --cv to test a recipe)",
                  given ? settings.text("model") : "the shipped model", n));
  as_asked(settings).change(table);
  for (const auto& note : model.compare(table.conventions, !table.ebv.empty()).notes) console.info(note);
  const std::size_t draws = model.has_distribution() ? static_cast<std::size_t>(settings.integer("draws")) : 0;
  const Conditions conditions = conditions_of(settings);
  PredictOptions options{.draws = draws, .seed = settings.seed()};
  const auto known = conditions.apply(table, options);
  Prediction p = model.predict(table, pool, options);
  if (pulls != nullptr) *pulls = given_pulls(model, table, pool, options.selected);
  return {given ? settings.text("model") : "shipped model", std::move(p.ew), std::move(p.draws), draws,
          std::move(p.domain)};
}

// What is made for the ten lines is refused for others.
void check_lines(const LineSet& lines, const Settings& settings) {
  if (lines.is_standard()) return;
  for (const char* key : {"report", "leave_one_out", "control", "baseline", "sizes", "each", "missing"})
    if (settings.is_given(key))
      throw Error(ErrorKind::usage, "--" + std::string(key) + " needs a model of the ten lines",
                  {"lines " + lines.names(), LineSet::standard().names(), ""});
}

// index.html, figures/*.json and scores.json of a judgement.
void write_report(const Settings& settings, Report report, const std::string& json, const std::string& text,
                  Console& console) {
  const std::filesystem::path folder = settings.text("report");
  Provenance provenance = provenance_of(settings);
  provenance.add_input(settings.positionals().at(0));
  for (const char* key : {"model", "predictions"})  // a model may be a name, which is no file
    if (settings.is_set(key) && std::filesystem::exists(settings.text(key))) provenance.add_input(settings.text(key));
  report.provenance = provenance.entries();
  report.facts.emplace_back("table", settings.positionals().at(0));
  for (const auto& name : report.points.names) report.facts.emplace_back("prediction", name);
  report.text = text;
  std::map<std::string, std::string> all;
  for (const auto& f : report.figures) all["figures/" + f.name + ".json"] = figure_json(f, report.provenance);
  all["scores.json"] = json;
  all["index.html"] = report_html(report);
  write_folder(folder.string(), all, settings.flag("overwrite"));
  console.info("report: " + (folder / "index.html").string());
}

int run(const Settings& settings, Console& console) {
  int sources = 0;
  for (const char* key : {"model", "predictions", "columns"}) sources += settings.is_set(key) ? 1 : 0;
  sources += settings.flag("cv") ? 1 : 0;
  if (sources > 1) throw Error(ErrorKind::usage, "--model, --predictions, --columns and --cv cannot be combined");
  if (settings.flag("missing") && !settings.flag("cv"))
    throw Error(ErrorKind::usage, "--missing needs --cv", {"", "--cv", ""});
  const auto resamples = settings.integer("bootstrap");
  if (settings.integer("draws") != 0 && (settings.integer("draws") < 16 || settings.integer("draws") > 4096))
    throw Error(ErrorKind::usage, "draws out of range", {settings.text("draws"), "0, or 16 to 4096", ""});
  for (const char* key : {"hide_blue", "hide_red"})
    if (settings.integer(key) < 0 || settings.integer(key) > static_cast<std::int64_t>(k_n_bands))
      throw Error(ErrorKind::usage, std::string(key) + " out of range", {settings.text(key), "0 to 12", ""});
  if (resamples < 0 || resamples > 1000000)
    throw Error(ErrorKind::usage, "resamples out of range", {std::to_string(resamples), "0 to 1000000", ""});

  if (settings.is_set("predictions")) check_input_file(settings.text("predictions"), "the file of --predictions");
  std::optional<Model> model;
  if (sources == 0 || settings.is_set("model"))
    model = settings.is_set("model") ? Model::load(settings.text("model")) : Model::shipped();
  const LineSet lines = model                            ? model->lines()
                        : settings.flag("cv")            ? train_config(settings).lines
                        : settings.is_set("predictions") ? lines_of_file(settings.text("predictions"))
                                                         : LineSet::standard();
  check_lines(lines, settings);
  const JudgedTable judged = judged_table(settings, console, lines);
  const TableReader reader(judged.path);
  if (judged.others.empty())  // of several tables they are told already
    for (const auto& note : reader.notes()) console.warn(note);
  if (const auto names = other_lines(reader, lines); !names.empty() && !settings.flag("cv"))
    console.warn("not evaluated, because the model has no such line: " + names);
  for (const char* key : {"json", "write_predictions"})
    if (settings.is_set(key)) check_output(settings.text(key), settings.flag("overwrite"));
  if (settings.is_set("report") && std::filesystem::is_directory(settings.text("report")))
    check_output((std::filesystem::path(settings.text("report")) / "index.html").string(), settings.flag("overwrite"));

  Galaxies table = reader.read(0, reader.rows(), lines.width());
  if (settings.flag("cv")) table = labels_of_recipe(table, judged.name, train_config(settings));
  if (settings.flag("dry_run")) {
    if (settings.is_set("predictions")) (void)predictions_of_file(settings.text("predictions"), table, console, lines);
    const std::string what = settings.flag("cv") ? "a recipe" : sources > 0 ? "what is given" : "the shipped model";
    console.info(fmt::format("would evaluate {} on the {} rows of {}", what, table.n, judged.path));
    return 0;
  }
  WorkerPool pool(settings.threads());
  std::string extra;
  if (settings.is_set("sizes")) {
    if (!settings.flag("cv")) throw Error(ErrorKind::usage, "--sizes needs --cv", {"", "--cv", ""});
    extra = size_table(table, settings, console, pool);
    console.data(extra);
  }
  std::vector<NamedPrediction> predictions, of_others;
  const bool each = settings.flag("each");
  if (each && (!settings.flag("cv") || settings.is_set("leave_out") || judged.others.empty()))
    throw Error(ErrorKind::usage, "--each belongs to a cross-validation of several tables",
                {"", "two tables or more, --cv, no --leave-out", ""});
  Matrix<double> pulls;
  Matrix<double>* const wanted = settings.flag("leave_one_out") ? &pulls : nullptr;
  for (const char* key : {"hide_blue", "hide_red"})
    if (settings.integer(key) != 0 && (settings.is_set("predictions") || settings.is_set("columns")))
      throw Error(ErrorKind::usage, "predictions that are made already cannot be made with bands hidden",
                  {std::string(key) + " = " + settings.text(key), "--model or --cv", ""});
  if ((wanted != nullptr || conditions_of(settings).any()) &&
      (settings.is_set("predictions") || settings.is_set("columns")))
    throw Error(ErrorKind::usage, "--given, --selected and --leave-one-out need a model or a recipe",
                {"--predictions or --columns", "--model or --cv", ""});
  if (settings.is_set("predictions"))
    predictions.push_back(predictions_of_file(settings.text("predictions"), table, console, lines));
  else if (settings.is_set("columns"))
    predictions.push_back(
        {"columns " + settings.text("columns"), columns_with_suffix(reader, settings.text("columns"))});
  else if (settings.flag("cv"))
    predictions = from_recipe(table, train_config(settings), settings.flag("missing"), settings, console, pool, 0,
                              wanted, each ? &of_others : nullptr);
  else
    predictions.push_back(from_model(*model, table, settings, console, pool, wanted));
  if (predictions.size() > 1) {
    const std::string text = missing_table(table, predictions, resamples, settings.seed(), pool);
    console.data(text);
    extra += text;
    predictions.resize(1);
  }
  const auto draws = static_cast<std::size_t>(settings.integer("draws"));
  const bool distribution = predictions[0].n_draws > 0;
  if (settings.flag("control")) {
    if (!settings.flag("cv") || !distribution)
      throw Error(ErrorKind::usage, "--control needs a cross-validated distribution",
                  {"", "--cv of a joint recipe, --draws > 0", ""});
    TrainConfig points = train_preset("point");
    points.sibling = false;
    points.seed = settings.seed();
    const auto control = from_recipe(table, points, false, settings, console, pool);
    predictions.push_back(points_with_scatter(table, control[0], draws, settings.seed(), pool));
  }
  if (settings.is_set("baseline")) {
    std::vector<NamedPrediction> baselines;
    for (const auto& name : settings.list("baseline")) {
      if (name != "knn" && name != "llr")
        throw Error(ErrorKind::usage, "unknown baseline", {"'" + name + "'", "knn, llr", ""});
      TrainConfig recipe = train_preset(name);
      recipe.seed = settings.seed();
      baselines.push_back(std::move(from_recipe(table, recipe, false, settings, console, pool)[0]));
    }
    const std::string text = baseline_table(table, predictions[0], baselines, resamples, settings.seed(), pool);
    console.data(text);
    extra += text;
    for (auto& b : baselines) predictions.push_back(std::move(b));
  }
  // The published predictions stand beside ours wherever the table has them.
  if (settings.is_set("against")) {
    const std::string& against = settings.text("against");
    predictions.push_back(against[0] == '_'
                              ? NamedPrediction{"columns " + against, columns_with_suffix(reader, against, lines)}
                              : predictions_of_file(against, table, console, lines));
  } else if (lines.is_standard() && reader.has_column("HALPHA_EW_K24") && settings.text("columns") != "_K24") {
    predictions.push_back({"K24 (columns _K24)", columns_with_suffix(reader, "_K24")});
  }
  const Evaluation result = evaluate(table, predictions, resamples, settings.seed(), pool, lines);
  std::string text = evaluation_table(result), json = evaluation_json(result);
  std::optional<Calibration> calibration;
  if (distribution) {
    if (lines.is_standard()) calibration = calibrate(table, predictions, draws, settings.seed(), pool);
    const WholeTableScores whole = score_whole_table(table, predictions[0], settings.seed(), pool);
    text += (calibration ? calibration_table(*calibration) : "") + whole_table_text(whole);
    json = "{\"points\":\n" + json + (calibration ? ",\"distributions\":\n" + calibration_json(*calibration) : "") +
           ",\"whole_table\":\n" + whole_table_json(whole) + "}\n";
  }
  if (each && distribution) {
    std::string tables;
    for (std::size_t k = 0; k < of_others.size(); ++k) {
      const auto& other = judged.others[k];
      const auto labels = labels_of_recipe(other.galaxies, other.name, train_config(settings));
      const WholeTableScores scores = score_whole_table(labels, of_others[k], settings.seed(), pool);
      text += fmt::format("{}: {}", other.name, whole_table_text(scores));
      tables +=
          fmt::format("{}{}: {}", k == 0 ? "" : ",\n", nlohmann::json(other.name).dump(), whole_table_json(scores));
    }
    json = "{\"judged\":\n" + json + ",\"others\":\n{" + tables + "}}\n";
  }
  if (wanted != nullptr) {
    const auto summary = summarise_pulls(pulls);
    text += pull_table(summary);
    json = "{\"scores\":\n" + json + ",\"given_the_others\":\n" + pull_json(summary) + "}\n";
  }
  console.data(text);
  if (settings.is_set("report")) {
    Report report = make_report(table, predictions, result, calibration ? &*calibration : nullptr, draws, resamples,
                                settings.seed(), pool);
    add_map(report, reader, table, predictions[0], settings.seed(), pool);
    write_report(settings, std::move(report), json, extra + text, console);
  }
  if (settings.is_set("json")) write_text(settings.text("json"), json, settings.flag("overwrite"));
  if (settings.is_set("write_predictions"))
    write_predictions(settings.text("write_predictions"), table, predictions[0].ew, pulls, lines, settings);
  return 0;
}

}  // namespace

extern const Verb k_evaluate;
const Verb k_evaluate{"evaluate",
                      "compare predicted with measured lines",
                      "starglow evaluate table.fits\n"
                      "starglow evaluate table.fits --model mine.safetensors --json scores.json\n"
                      "starglow evaluate table.fits --predictions lines.fits\n"
                      "starglow evaluate table.fits --cv members=4\n"
                      "starglow evaluate table.fits --report report/",
                      declare,
                      run,
                      complete_recipe};

}  // namespace starglow::cli
