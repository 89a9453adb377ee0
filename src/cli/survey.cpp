// A survey run: plan, run, merge, status, validate.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/files/table.hpp"
#include "starglow/survey/survey.hpp"

namespace starglow::cli {
namespace {

namespace fs = std::filesystem;

constexpr int k_exit_resumable = 75;
// Core seconds a spectrum, to tell in advance about how long a run takes; docs/performance.md has what was measured.
constexpr double k_seconds_a_spectrum = 0.0025;

void declare(OptionSet& set) {
  set.positional = {"ACTION TREE", "plan, run, merge, status or validate; then the folder with the survey's files", 1,
                    2};
  set.add({"out", OptionType::text, "folder for the plan and the processed parts", "", "DIR"});
  set.add({"output", OptionType::text, "merge: the catalogue to write", "", "FILE", 'o'});
  set.add({"rejects", OptionType::text,
           "merge: file for the list of rows that were left out, with reasons (default DIR/rejects.csv)", "", "FILE"});
  set.add({"jobs", OptionType::integer, "distribute the parts over N jobs", "1", "N"});
  set.add({"job", OptionType::integer, "run: number of this job, from 0; default: process all parts", "", "K"});
  set.add({"slurm", OptionType::text, "plan: also write a script for a Slurm array of --jobs tasks", "", "FILE"});
  set.add({"allow_partial", OptionType::flag, "merge and run: exit with code 0 even if some parts failed", "false"});
  set.add({"json", OptionType::flag, "plan and status: as JSON on stdout", "false"});
  set.add({"model", OptionType::text, "model file or name; default: the shipped model", "", "FILE", 0, "How"});
  set.add({"templates", OptionType::text, "templates of the stellar continuum; default: the shipped ones", "", "FILE",
           0, "How"});
  set.add({"recipe",
           OptionType::text,
           "how emission lines are removed from the bands",
           "k24",
           "NAME",
           0,
           "How",
           {"k24", "robust"}});
  set.add({"deredden", OptionType::flag, "correct for Galactic dust (needs EBV)", "false", "", 0, "How"});
  set.add({"targetids", OptionType::text, "only these targets: a text file with one TARGETID per line", "", "FILE", 0,
           "Which"});
  set.add({"survey", OptionType::text, "only this survey, e.g. main", "", "NAME", 0, "Which"});
  set.add({"program", OptionType::text, "only this program, e.g. bright", "", "NAME", 0, "Which"});
  set.add({"spectype", OptionType::text, "only this spectral type", "", "TYPE", 0, "Which", {"GALAXY", "QSO", "STAR"}});
  set.add({"deltachi2", OptionType::number, "smallest DELTACHI2 of the redshift fit", "", "X", 0, "Which"});
  set.add({"zmin", OptionType::number, "smallest redshift", "", "Z", 0, "Which"});
  set.add({"zmax", OptionType::number, "largest redshift", "", "Z", 0, "Which"});
}

std::vector<std::int64_t> read_ids(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw Error(ErrorKind::input, "'" + path + "' cannot be read");
  std::vector<std::int64_t> ids;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    line.erase(0, line.find_first_not_of(" \t\r"));
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (line.empty() || line.front() == '#') continue;
    std::size_t used = 0;
    try {
      ids.push_back(std::stoll(line, &used));
    } catch (const std::logic_error&) {
      used = 0;
    }
    if (used != line.size())
      throw Error(ErrorKind::input, "'" + path + "': line " + std::to_string(number) + " is no TARGETID",
                  {line, "a whole number a line", ""});
  }
  if (ids.empty()) throw Error(ErrorKind::input, "'" + path + "' contains no TARGETID");
  std::sort(ids.begin(), ids.end());
  return ids;
}

survey::RunSettings run_settings(const Settings& settings) {
  survey::RunSettings run;
  auto& want = run.selection;
  if (settings.is_set("targetids")) want.targetids = read_ids(settings.text("targetids"));
  const auto text = [&](const char* key) { return settings.is_set(key) ? settings.text(key) : std::string(); };
  want.survey = text("survey");
  want.program = text("program");
  want.spectype = text("spectype");
  if (settings.is_set("deltachi2")) want.min_deltachi2 = settings.number("deltachi2");
  if (settings.is_set("zmin")) want.z_min = settings.number("zmin");
  if (settings.is_set("zmax")) want.z_max = settings.number("zmax");
  run.measure.recipe = settings.text("recipe") == "robust" ? MaskRecipe::robust : MaskRecipe::k24;
  run.measure.deredden = settings.flag("deredden");
  return run;
}

std::string selection_options(const Settings& settings) {
  std::string out;
  for (const char* key :
       {"model", "templates", "targetids", "survey", "program", "spectype", "deltachi2", "zmin", "zmax"})
    if (settings.is_set(key)) out += fmt::format(" --{} '{}'", key, settings.text(key));
  if (settings.is_given("recipe")) out += " --recipe " + settings.text("recipe");
  if (settings.flag("deredden")) out += " --deredden";
  return out;
}

std::string in_hours(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  return seconds < 7200 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.1f} h", seconds / 3600);
}

std::size_t jobs_of(const Settings& settings) {
  const auto jobs = settings.integer("jobs");
  if (jobs < 1 || jobs > 100000)
    throw Error(ErrorKind::usage, "jobs out of range", {std::to_string(jobs), "1 to 100000", ""});
  return static_cast<std::size_t>(jobs);
}

void say_plan(const survey::Plan& plan, const Settings& settings, Console& console) {
  const auto jobs = jobs_of(settings);
  for (const auto& part : plan.parts)
    if (!part.problem.empty())
      console.warn("cannot be read: " + part.problem);
    else
      for (const auto& file : part.broken) console.warn("cannot be read: " + file);
  for (const auto& file : plan.passed_over) console.warn(file);
  const double seconds = k_seconds_a_spectrum * static_cast<double>(plan.rows());
  const double cores = std::max(1U, settings.threads()) * static_cast<double>(jobs);
  console.info(fmt::format("{}: {} parts, {} spectra, {:.2f} GB; about {} on {:.0f} cores in {} {}", plan.tree.string(),
                           plan.parts.size() - plan.unreadable(), plan.rows(), static_cast<double>(plan.bytes()) / 1e9,
                           in_hours(seconds / cores), cores, jobs, jobs == 1 ? "job" : "jobs"));
  if (plan.unreadable() > 0)
    console.warn(fmt::format("{} parts cannot be read and will be left out", plan.unreadable()));
  std::size_t broken = 0;
  for (const auto& part : plan.parts) broken += part.problem.empty() ? part.broken.size() : 0;
  if (broken > 0) console.warn(fmt::format("{} files of other parts cannot be read and will be left out", broken));
}

int plan_action(const Settings& settings, Console& console, const std::string& tree, const fs::path& dir) {
  survey::Plan plan;
  {
    Progress bar(console, "looking at", "files", 0);
    plan = survey::make_plan(tree, run_settings(settings).selection, [&](std::size_t files) {
      check_interrupt();
      bar.update(static_cast<double>(files));
    });
  }
  if (settings.flag("json")) {
    nlohmann::json parts = nlohmann::json::array();
    for (const auto& part : plan.parts)
      parts.push_back({{"name", part.name}, {"rows", part.rows}, {"bytes", part.bytes}, {"problem", part.problem}});
    console.data(nlohmann::json{{"tree", tree},
                                {"rows", plan.rows()},
                                {"bytes", plan.bytes()},
                                {"unreadable", plan.unreadable()},
                                {"parts", parts}}
                     .dump() +
                 "\n");
  }
  say_plan(plan, settings, console);
  if (settings.flag("dry_run")) return 0;
  survey::save_plan(plan, dir, settings.flag("overwrite"));
  if (settings.is_set("slurm"))
    write_text(settings.text("slurm"),
               survey::slurm_script(dir, jobs_of(settings), settings.threads(), selection_options(settings)),
               settings.flag("overwrite"));
  return 0;
}

survey::Plan plan_of(const std::vector<std::string>& words, const fs::path& dir) {
  survey::Plan plan = survey::load_plan(dir);
  if (words.size() > 1 && fs::weakly_canonical(words[1]) != fs::weakly_canonical(plan.tree))
    throw Error(ErrorKind::usage, "the plan in '" + dir.string() + "' is for another folder tree",
                {words[1], plan.tree.string(), "Plan with another --out."});
  return plan;
}

int run_action(const Settings& settings, Console& console, const fs::path& dir) {
  const auto& words = settings.positionals();
  if (!fs::exists(dir / "survey.json") && words.size() > 1) {
    const int planned = plan_action(settings, console, words[1], dir);
    if (settings.flag("dry_run")) return planned;
  }
  const survey::Plan plan = plan_of(words, dir);
  const auto run = run_settings(settings);
  const Model model = settings.is_set("model") ? Model::load(settings.text("model")) : Model::shipped();
  need_ten_lines(model, "survey");
  const TemplateSet templates =
      settings.is_set("templates") ? load_templates(settings.text("templates")) : shipped_templates();
  std::string templates_hash;
  if (settings.is_set("templates")) {
    Provenance p;
    p.add_input(settings.text("templates"));
    templates_hash = p.inputs.front().sha256;
  }
  const auto jobs = jobs_of(settings);
  std::size_t job = 0;
  if (settings.is_set("job")) {
    if (settings.integer("job") < 0 || static_cast<std::size_t>(settings.integer("job")) >= jobs)
      throw Error(ErrorKind::usage, "job out of range", {settings.text("job"), fmt::format("0 to {}", jobs - 1), ""});
    job = static_cast<std::size_t>(settings.integer("job"));
  }
  const bool one_job = settings.is_set("job");
  if (settings.flag("dry_run")) {
    say_plan(plan, settings, console);
    return 0;
  }
  WorkerPool pool(settings.threads());
  const survey::Tools tools{model, templates, templates_hash, pool};
  std::size_t failed = 0, done = 0, broken = 0;
  std::uint64_t rows = 0, out = 0, rejects = 0;
  try {
    Progress bar(console, "measuring", "spectra", static_cast<double>(plan.rows()));
    for (std::size_t k = 0; k < plan.parts.size(); ++k) {
      if (one_job && k % jobs != job) continue;
      const auto status = survey::run_part(plan, k, dir, run, tools, [&](std::size_t inside) {
        check_interrupt();
        bar.update(static_cast<double>(rows + inside));
      });
      if (status.state == survey::State::done) {
        ++done;
        rows += status.rows_in;
        out += status.rows_out;
        rejects += status.rejects - status.broken.size();
        broken += status.broken.size();
        for (const auto& why : status.broken)
          console.error(fmt::format("part {}: file left out: {}", plan.parts[k].name, why));
      } else {
        ++failed;
        console.error(fmt::format("part {} failed: {}", plan.parts[k].name, status.reason));
      }
      bar.update(static_cast<double>(rows));
    }
  } catch (const Interrupted&) {
    console.warn(fmt::format("interrupted; {} parts are complete. Run the same command again to continue.", done));
    return k_exit_resumable;
  }
  console.info(fmt::format("{}: {} parts, {} spectra: {} measured, {} not selected, {} in files that cannot be read",
                           dir.string(), done, rows, out, rejects, broken));
  if ((failed == 0 && broken == 0) || settings.flag("allow_partial")) return 0;
  if (broken > 0) console.error(fmt::format("{} files were left out; the rest of their parts is done", broken));
  if (failed > 0) console.error(fmt::format("{} parts failed; all others are done", failed));
  return exit_code(ErrorKind::numeric);
}

int status_action(const Settings& settings, Console& console, const survey::Plan& plan, const fs::path& dir) {
  std::size_t done = 0, failed = 0, missing = 0, broken = 0;
  std::uint64_t rows = 0;
  nlohmann::json failures = nlohmann::json::object();
  for (std::size_t k = 0; k < plan.parts.size(); ++k) {
    const auto status = survey::status_of(plan, k, dir);
    done += status.state == survey::State::done ? 1 : 0;
    missing += status.state == survey::State::missing ? 1 : 0;
    rows += status.rows_in;
    broken += status.broken.size();
    for (const auto& why : status.broken)
      if (!settings.flag("json")) console.warn(plan.parts[k].name + ": file left out: " + why);
    if (status.state != survey::State::failed) continue;
    ++failed;
    failures[plan.parts[k].name] = status.reason;
    if (!settings.flag("json")) console.warn(plan.parts[k].name + ": " + status.reason);
  }
  if (settings.flag("json"))
    console.data(nlohmann::json{{"parts", plan.parts.size()},
                                {"done", done},
                                {"failed", failed},
                                {"missing", missing},
                                {"rows", rows},
                                {"files_left_out", broken},
                                {"failures", failures}}
                     .dump() +
                 "\n");
  console.info(fmt::format("{} parts: {} done ({} spectra), {} failed, {} to do{}", plan.parts.size(), done, rows,
                           failed, missing, broken > 0 ? fmt::format("; {} files left out", broken) : ""));
  return 0;
}

int validate_action(Console& console, const survey::Plan& plan, const fs::path& dir) {
  std::size_t wrong = 0;
  {
    Progress bar(console, "checking", "parts", static_cast<double>(plan.parts.size()));
    for (std::size_t k = 0; k < plan.parts.size(); ++k) {
      check_interrupt();
      const std::string problem = survey::validate_part(plan, k, dir);
      if (!problem.empty()) {
        ++wrong;
        console.error(plan.parts[k].name + ": " + problem);
      }
      bar.update(static_cast<double>(k + 1));
    }
  }
  console.info(fmt::format("{} of {} parts are complete", plan.parts.size() - wrong, plan.parts.size()));
  return wrong > 0 ? exit_code(ErrorKind::numeric) : 0;
}

int merge_action(const Settings& settings, Console& console, const survey::Plan& plan, const fs::path& dir) {
  if (!settings.is_set("output"))
    throw Error(ErrorKind::usage, "no catalogue given", {"", "", "-o catalogue.fits names it."});
  check_output(settings.text("output"), settings.flag("overwrite"));
  if (settings.flag("dry_run")) {
    say_plan(plan, settings, console);
    console.info("would merge them into " + settings.text("output"));
    return 0;
  }
  const fs::path rejects = settings.is_set("rejects") ? fs::path(settings.text("rejects")) : dir / "rejects.csv";
  Progress bar(console, "merging", "rows", static_cast<double>(plan.rows()));
  const auto merged = survey::merge(plan, dir, settings.text("output"), rejects, settings.flag("allow_partial"),
                                    settings.flag("overwrite") || !settings.is_set("rejects"), [&](std::size_t rows) {
                                      check_interrupt();
                                      bar.update(static_cast<double>(rows));
                                    });
  const std::string flags = merged.flags.text();
  console.info(fmt::format("{}: {} spectra of {} parts{}; {} rows left out, listed in {}", settings.text("output"),
                           merged.rows, merged.parts, flags.empty() ? "" : "; flags: " + flags, merged.rejects,
                           rejects.string()));
  if (merged.left_out > 0) console.warn(fmt::format("{} parts are not in the catalogue", merged.left_out));
  return 0;
}

int run(const Settings& settings, Console& console) {
  const auto& words = settings.positionals();
  const std::string& action = words.at(0);
  const std::vector<std::string> actions{"plan", "run", "merge", "status", "validate"};
  if (std::find(actions.begin(), actions.end(), action) == actions.end())
    throw Error(ErrorKind::usage, "unknown action '" + action + "' of survey",
                {action, "plan, run, merge, status or validate", did_you_mean(action, actions)});
  if (action == "plan" && words.size() < 2)
    throw Error(ErrorKind::usage, "plan needs the folder with the survey's files",
                {"", "", "starglow survey plan TREE --out DIR"});
  if (!settings.is_set("out") && !(action == "plan" && settings.flag("dry_run")))
    throw Error(ErrorKind::usage, "no folder given for the run", {"", "", "--out DIR names it."});
  const fs::path dir = settings.is_set("out") ? settings.text("out") : std::string();
  if (action == "plan") return plan_action(settings, console, words[1], dir);
  if (action == "run") return run_action(settings, console, dir);
  const survey::Plan plan = plan_of(words, dir);
  if (action == "status") return status_action(settings, console, plan, dir);
  if (action == "validate") return validate_action(console, plan, dir);
  return merge_action(settings, console, plan, dir);
}

}  // namespace

extern const Verb k_survey;
const Verb k_survey{"survey", "process a whole survey production into one catalogue",
                    "starglow survey plan TREE --out run\n"
                    "starglow survey run TREE --out run --spectype GALAXY\n"
                    "starglow survey merge TREE --out run -o catalogue.fits",
                    declare, run};

}  // namespace starglow::cli
