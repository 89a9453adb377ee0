// Which files of a tree belong together, and what their headers say.
#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <system_error>

#include "files/fits/fits_input.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/sha256.hpp"
#include "starglow/survey/survey.hpp"

namespace starglow::survey {
namespace {

namespace fs = std::filesystem;

struct Names {
  std::string kind;  // "coadd", "redrock" (of the early data "zbest"), "spec"
  std::string rest;  // what stands between kind and extension: "main-bright-10016"
};

// "coadd-main-bright-10016.fits.gz" -> {coadd, main-bright-10016}
Names names_of(const std::string& file) {
  static const std::regex pattern(R"((coadd|redrock|zbest|spec)-([A-Za-z0-9_+.-]+?)\.fits?(\.gz|\.fz)?)");
  std::smatch found;
  if (!std::regex_match(file, found, pattern)) return {};
  return {found[1] == "zbest" ? "redrock" : found[1].str(), found[2]};
}

// The survey and program of a healpix file, by its name; tiles have none in theirs.
void survey_of(const std::string& rest, Part& part) {
  static const std::regex pattern(R"((main|cmx|special|sv\d)-([a-z][a-z0-9]*)-\d+)");
  std::smatch found;
  if (!std::regex_match(rest, found, pattern)) return;
  part.survey = found[1];
  part.program = found[2];
}

std::uint64_t rows_of(const fs::path& path) {
  files::FitsInput file(path);
  for (const char* camera : {"B_FLUX", "R_FLUX", "Z_FLUX", "BRZ_FLUX"})
    if (file.has(camera)) return file.table_rows("FIBERMAP");
  file.fail("no spectra", "no B_FLUX, R_FLUX or Z_FLUX", "a DESI coadd");
}

// A folder of SDSS files is worked without those that are broken, as long as one is whole.
void look_at_each(const fs::path& tree, Part& part) {
  part.rows = part.inputs.size();
  for (const auto& input : part.inputs) try {
      part.bytes += fs::file_size(tree / input);
      const files::FitsInput file(tree / input);
      if (!file.has("COADD")) file.fail("no spectrum", "no HDU COADD", "an SDSS spec file");
    } catch (const Error& e) {
      part.broken.emplace_back(e.what());
    } catch (const fs::filesystem_error& e) {
      part.broken.emplace_back(e.what());
    }
  if (part.broken.size() == part.inputs.size()) part.problem = part.broken.front();
}

void look_at(const fs::path& tree, Part& part) {
  try {
    if (part.layout == "sdss") {
      look_at_each(tree, part);
      return;
    }
    for (const auto& input : part.inputs) part.bytes += fs::file_size(tree / input);
    part.rows = rows_of(tree / part.inputs[0]);
    if (part.inputs.size() < 2) return;
    files::FitsInput redshifts(tree / part.inputs[1]);
    if (!redshifts.has("REDSHIFTS") && !redshifts.has("ZBEST"))
      redshifts.fail("no redshifts", "no HDU REDSHIFTS or ZBEST", "a redrock file");
  } catch (const Error& e) {
    part.problem = e.what();
  } catch (const fs::filesystem_error& e) {
    part.problem = e.what();
  }
}

// Names are made unique by eight digits of the hash of the path, where two folders have files of the same name.
void name_parts(std::vector<Part>& parts) {
  std::map<std::string, int> seen;
  for (const auto& part : parts) ++seen[part.name];
  for (auto& part : parts)
    if (seen[part.name] > 1) part.name += "-" + sha256(part.inputs.front().generic_string()).substr(0, 8);
}

}  // namespace

std::uint64_t Plan::rows() const noexcept {
  std::uint64_t n = 0;
  for (const auto& part : parts) n += part.problem.empty() ? part.rows : 0;
  return n;
}
std::uint64_t Plan::bytes() const noexcept {
  std::uint64_t n = 0;
  for (const auto& part : parts) n += part.problem.empty() ? part.bytes : 0;
  return n;
}
bool Plan::has_sdss() const noexcept {
  return std::any_of(parts.begin(), parts.end(), [](const Part& p) { return p.layout == "sdss"; });
}
std::size_t Plan::unreadable() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(parts.begin(), parts.end(), [](const Part& p) { return !p.problem.empty(); }));
}

Plan make_plan(const fs::path& tree, const Selection& selection, const std::function<void(std::size_t)>& seen) {
  std::error_code error;
  if (!fs::is_directory(tree, error))
    throw Error(ErrorKind::input, "'" + tree.string() + "' is no folder",
                {"", "the folder of a production, with coadd-*.fits and redrock-*.fits or spec-*.fits below it", ""});
  Plan plan;
  std::map<fs::path, std::map<std::string, std::map<std::string, fs::path>>> folders;  // folder, kind, rest -> file
  auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator it(tree, options, error), end; it != end; it.increment(error)) {
    if (error) throw Error(ErrorKind::input, "'" + tree.string() + "' cannot be listed", {error.message(), "", ""});
    if (it->is_directory(error)) continue;
    const Names names = names_of(it->path().filename().string());
    if (names.kind.empty()) continue;
    const fs::path relative = it->path().lexically_relative(tree);
    // Of "x.fits" and "x.fits.gz", or redrock-x and zbest-x, the first by name is taken, whatever order they come in.
    const auto [there, taken] = folders[relative.parent_path()][names.kind].emplace(names.rest, relative);
    if (taken) continue;
    const fs::path other = std::max(there->second, relative);
    there->second = std::min(there->second, relative);
    plan.passed_over.push_back("'" + other.string() + "' is passed over: '" + there->second.string() +
                               "' is beside it");
  }
  std::ranges::sort(plan.passed_over);
  plan.tree = tree;
  for (auto& [folder, kinds] : folders) {
    std::set<std::string> pairs;
    for (const auto& [rest, file] : kinds["coadd"]) pairs.insert(rest);
    for (const auto& [rest, file] : kinds["redrock"]) pairs.insert(rest);
    for (const auto& rest : pairs) {
      Part part{rest, "desi", {}, "", "", 0, 0, "", {}};
      survey_of(rest, part);
      const auto coadd = kinds["coadd"].find(rest), redrock = kinds["redrock"].find(rest);
      if (coadd != kinds["coadd"].end()) part.inputs.push_back(coadd->second);
      if (redrock != kinds["redrock"].end()) part.inputs.push_back(redrock->second);
      if (coadd == kinds["coadd"].end())
        part.problem = "'" + redrock->second.string() + "' has no coadd-" + rest + ".fits beside it";
      else if (redrock == kinds["redrock"].end())
        part.problem = "'" + coadd->second.string() + "' has no redrock-" + rest + ".fits beside it";
      plan.parts.push_back(std::move(part));
    }
    if (kinds["spec"].empty()) continue;
    Part part{
        "spec-" + (folder.empty() ? std::string("all") : folder.filename().string()), "sdss", {}, "", "", 0, 0, "", {}};
    for (const auto& [rest, file] : kinds["spec"]) part.inputs.push_back(file);
    plan.parts.push_back(std::move(part));
  }
  const auto unwanted = [&](const Part& part) {
    return (!selection.survey.empty() && !part.survey.empty() && part.survey != selection.survey) ||
           (!selection.program.empty() && !part.program.empty() && part.program != selection.program);
  };
  std::erase_if(plan.parts, unwanted);
  if (plan.parts.empty())
    throw Error(ErrorKind::input, "no spectra below '" + tree.string() + "'",
                {"", "coadd-*.fits with redrock-*.fits, or spec-*.fits",
                 selection.survey.empty() && selection.program.empty() ? "" : "Is the survey or program right?"});
  name_parts(plan.parts);
  std::size_t files = 0;
  for (auto& part : plan.parts) {
    if (part.problem.empty()) look_at(tree, part);
    files += part.inputs.size();
    if (seen) seen(files);
  }
  return plan;
}

}  // namespace starglow::survey
