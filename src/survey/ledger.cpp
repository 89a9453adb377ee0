// The run folder: the plan, and a note of each part.
#include "survey/ledger.hpp"

#include <fstream>
#include <sstream>

#include "files/atomic_file.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/version.hpp"

namespace starglow::survey {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr int k_format = 1;

[[noreturn]] void broken(const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::input, "'" + path.string() + "' cannot be read",
              {why, "a file that starglow survey wrote", "Delete it; the work of that file is done again."});
}

}  // namespace

fs::path table_path(const fs::path& dir, const Part& part) { return dir / "parts" / (part.name + ".fits"); }
fs::path note_path(const fs::path& dir, const Part& part) { return dir / "parts" / (part.name + ".json"); }
fs::path failure_path(const fs::path& dir, const Part& part) { return dir / "parts" / (part.name + ".failed.json"); }

json read_json(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(ErrorKind::input, "'" + path.string() + "' cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  try {
    return json::parse(text.str());
  } catch (const json::exception& e) {
    broken(path, e.what());
  }
}

void write_json(const json& value, const fs::path& path, bool overwrite) {
  files::AtomicFile file(path, overwrite);
  file.write(value.dump(1) + "\n");
  file.commit();
}

Provenance::Input sum_of(const fs::path& path) {
  Provenance one;
  one.add_input(path);
  return one.inputs.front();
}

void save_plan(const Plan& plan, const fs::path& dir, bool overwrite) {
  fs::create_directories(dir / "parts");
  json parts = json::array();
  for (const auto& part : plan.parts) {
    std::vector<std::string> inputs;
    for (const auto& input : part.inputs) inputs.push_back(input.generic_string());
    parts.push_back({{"name", part.name},
                     {"layout", part.layout},
                     {"inputs", inputs},
                     {"survey", part.survey},
                     {"program", part.program},
                     {"rows", part.rows},
                     {"bytes", part.bytes},
                     {"problem", part.problem}});
  }
  write_json({{"format", k_format},
              {"program", "starglow " + std::string(version())},
              {"tree", fs::absolute(plan.tree).lexically_normal().string()},
              {"parts", parts}},
             dir / "survey.json", overwrite);
}

Plan load_plan(const fs::path& dir) {
  const fs::path path = dir / "survey.json";
  if (!fs::exists(path))
    throw Error(ErrorKind::input, "'" + dir.string() + "' holds no plan of a survey run",
                {"no survey.json", "", "starglow survey plan TREE --out DIR makes it."});
  const json read = read_json(path);
  try {
    if (read.at("format") != k_format) broken(path, "format " + read.at("format").dump());
    Plan plan;
    plan.tree = read.at("tree").get<std::string>();
    for (const auto& item : read.at("parts")) {
      Part part;
      part.name = item.at("name");
      part.layout = item.at("layout");
      for (const auto& input : item.at("inputs")) part.inputs.emplace_back(input.get<std::string>());
      part.survey = item.at("survey");
      part.program = item.at("program");
      part.rows = item.at("rows");
      part.bytes = item.at("bytes");
      part.problem = item.at("problem");
      if (part.name.empty() || part.name.find('/') != std::string::npos)
        broken(path, "a part named '" + part.name + "'");
      plan.parts.push_back(std::move(part));
    }
    return plan;
  } catch (const json::exception& e) {
    broken(path, e.what());
  }
}

void save_note(const Note& note, const fs::path& path) {
  json inputs = json::array(), rejects = json::array();
  for (const auto& input : note.inputs)
    inputs.push_back({{"path", input.path}, {"bytes", input.bytes}, {"sha256", input.sha256}});
  for (const auto& r : note.rejects) rejects.push_back({r.file, r.row, std::to_string(r.targetid), r.reason});
  write_json({{"format", k_format},
              {"settings", note.settings},
              {"inputs", inputs},
              {"rows_in", note.rows_in},
              {"rows_out", note.rows_out},
              {"bytes", note.bytes},
              {"sha256", note.sha256},
              {"rejects", rejects},
              {"broken", note.broken}},
             path, true);
}

std::optional<Note> load_note(const fs::path& path) {
  if (!fs::exists(path)) return std::nullopt;
  const json read = read_json(path);
  try {
    if (read.at("format") != k_format) broken(path, "format " + read.at("format").dump());
    Note note;
    note.settings = read.at("settings");
    for (const auto& item : read.at("inputs"))
      note.inputs.push_back({item.at("path"), item.at("bytes"), item.at("sha256"), {}, {}});
    note.rows_in = read.at("rows_in");
    note.rows_out = read.at("rows_out");
    note.bytes = read.at("bytes");
    note.sha256 = read.at("sha256");
    for (const auto& r : read.at("rejects"))
      note.rejects.push_back({r.at(0), r.at(1), std::stoll(r.at(2).get<std::string>()), r.at(3)});
    note.broken = read.value("broken", std::vector<std::string>());
    return note;
  } catch (const json::exception& e) {
    broken(path, e.what());
  } catch (const std::logic_error& e) {
    broken(path, e.what());
  }
}

void save_failure(const std::string& reason, const fs::path& path) { write_json({{"reason", reason}}, path, true); }

bool same_inputs(const Plan& plan, const Part& part, const Note& note) {
  if (note.inputs.size() != part.inputs.size()) return false;
  for (std::size_t i = 0; i < part.inputs.size(); ++i) {
    std::error_code error;
    const auto bytes = fs::file_size(plan.tree / part.inputs[i], error);
    if ((error ? 0 : bytes) != note.inputs[i].bytes) return false;
  }
  return true;
}

PartStatus status_of(const Plan& plan, std::size_t index, const fs::path& dir) {
  const Part& part = plan.parts.at(index);
  PartStatus status;
  if (!part.problem.empty()) {
    status.state = State::failed;
    status.reason = part.problem;
    return status;
  }
  const auto note = load_note(note_path(dir, part));
  std::error_code error;
  if (note && fs::file_size(table_path(dir, part), error) == note->bytes && !error && same_inputs(plan, part, *note)) {
    status.state = State::done;
    status.rows_in = note->rows_in;
    status.rows_out = note->rows_out;
    status.rejects = note->rejects.size();
    status.broken = note->broken;
    return status;
  }
  if (fs::exists(failure_path(dir, part))) {
    status.state = State::failed;
    status.reason = read_json(failure_path(dir, part)).value("reason", "unknown");
  }
  return status;
}

std::string validate_part(const Plan& plan, std::size_t index, const fs::path& dir) {
  const Part& part = plan.parts.at(index);
  const PartStatus status = status_of(plan, index, dir);
  if (status.state == State::failed) return status.reason;
  if (status.state == State::missing) return "not done, or its inputs have changed since";
  const auto note = load_note(note_path(dir, part));
  const auto table = sum_of(table_path(dir, part));
  if (table.sha256 != note->sha256) return "the table's SHA-256 is not that of its note";
  if (note->rows_in != note->rows_out + note->rejects.size())
    return std::to_string(note->rows_in) + " rows in, " + std::to_string(note->rows_out) + " out and " +
           std::to_string(note->rejects.size()) + " rejects";
  return "";
}

std::string slurm_script(const fs::path& dir, std::size_t jobs, unsigned cpus, std::string_view options) {
  const std::string where = fs::absolute(dir).lexically_normal().string();
  return "#!/usr/bin/env bash\n#SBATCH --job-name=starglow\n#SBATCH --array=0-" + std::to_string(jobs - 1) +
         "\n#SBATCH --cpus-per-task=" + std::to_string(cpus) + "\n#SBATCH --output=" + where +
         "/job-%a.log\nexec starglow survey run --out '" + where + "' --jobs " + std::to_string(jobs) +
         " --job \"$SLURM_ARRAY_TASK_ID\" --threads " + std::to_string(cpus) + std::string(options) + "\n";
}

}  // namespace starglow::survey
