#include "cli/tables.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>

#include "starglow/base/error.hpp"
#include "starglow/files/table.hpp"
#include "starglow/model/train.hpp"

namespace starglow::cli {

namespace {

std::map<std::string, std::string> names_of(const Settings& settings) {
  std::map<std::string, std::string> names;
  for (const auto& item : settings.list("name")) {
    const auto sign = item.find('=');
    if (sign == std::string::npos || sign == 0 || sign + 1 == item.size())
      throw Error(ErrorKind::usage, "--name cannot be read", {"'" + item + "'", "FILE=NAME,FILE=NAME", ""});
    names[item.substr(0, sign)] = item.substr(sign + 1);
  }
  return names;
}

bool known_line(std::string_view name, const LineSet& lines) {
  const auto line = find_any_line(name);
  return (line && lines.has(*line)) ||
         std::any_of(k_line_sums.begin(), k_line_sums.end(), [&](const LineSum& sum) { return sum.name == name; });
}

// Galaxies that two tables share count twice in a training; a table that is there twice is most likely a slip.
std::string repeated(const std::vector<NamedTable>& tables, const std::vector<std::string>& paths) {
  std::string out;
  for (std::size_t b = 1; b < tables.size(); ++b)
    for (std::size_t a = 0; a < b; ++a) {
      const Galaxies &first = tables[a].galaxies, &second = tables[b].galaxies;
      if (second.n == 0 || first.n == 0 || first.targetid.empty() || second.targetid.empty()) continue;
      std::set<std::int64_t> ids;
      for (std::size_t i = 0; i < first.n; ++i)
        if (has_id(first, i)) ids.insert(random_id(first, i, 0));
      std::size_t both = 0;
      for (std::size_t i = 0; i < second.n; ++i) both += has_id(second, i) && ids.count(random_id(second, i, 0)) > 0;
      if (both == 0) continue;
      const bool same =
          first.n == second.n && std::equal(first.band_flux.flat().begin(), first.band_flux.flat().end(),
                                            second.band_flux.flat().begin(), second.band_flux.flat().end());
      out += (out.empty() ? "" : "; ") + (same ? "'" + paths[a] + "' and '" + paths[b] + "' have the same content"
                                               : std::to_string(both) + " of the " + std::to_string(second.n) +
                                                     " galaxies of '" + paths[b] + "' are also in '" + paths[a] + "'");
    }
  return out;
}

// The tables of the positionals with what `--name` calls them, or "".
std::vector<NamedTable> named_tables(const Settings& settings, Console& console, const LineSet& lines) {
  const auto names = names_of(settings);
  std::set<std::string> used;
  std::vector<NamedTable> tables;
  for (const auto& path : settings.positionals()) {
    const TableReader reader(path);
    for (const auto& note : reader.notes()) console.warn(note);
    if (const auto names_of_lines = other_lines(reader, lines); !names_of_lines.empty())
      console.warn("not used for training, because the model has no such line: " + names_of_lines);
    NamedTable table{"", reader.read(0, reader.rows(), lines.width())};
    for (const std::string& key : {path, std::filesystem::path(path).filename().string()})
      if (const auto found = names.find(key); found != names.end()) {
        table.name = found->second;
        used.insert(key);
      }
    tables.push_back(std::move(table));
  }
  if (const auto twice = repeated(tables, settings.positionals()); !twice.empty())
    console.warn("galaxies in two tables count twice, by TARGETID, SURVEY and PROGRAM: " + twice);
  for (const auto& [file, name] : names)
    if (used.count(file) == 0)
      throw Error(ErrorKind::usage, "--name: this file is not an input", {"'" + file + "'", "one of the tables", ""});
  return tables;
}

}  // namespace

std::string other_lines(const TableReader& reader, const LineSet& lines) {
  std::string out;
  for (const auto& column : reader.columns()) {
    if (!column.name.ends_with("_EW") || column.type == 'A' ||
        known_line(column.name.substr(0, column.name.size() - 3), lines))
      continue;
    out += (out.empty() ? "" : ", ") + column.name;
  }
  return out;
}

void declare_tables(OptionSet& set) {
  set.add({"name", OptionType::text, "names by which settings refer to the tables; default: their LABELVER cards", "",
           "FILE=NAME,..."});
  set.add({"leave_out", OptionType::text,
           "with --cv and several tables: evaluate this table with a model trained on the others; default: "
           "cross-validate on the first table",
           "", "NAME"});
}

Galaxies read_tables(const Settings& settings, Console& console, const LineSet& lines) {
  return join_tables(named_tables(settings, console, lines));
}

JudgedTable judged_table(const Settings& settings, Console& console, const LineSet& lines) {
  const auto& paths = settings.positionals();
  const bool leave_out = settings.is_set("leave_out");
  if (leave_out && !settings.flag("cv")) throw Error(ErrorKind::usage, "--leave-out needs --cv", {"", "--cv", ""});
  if (paths.size() == 1 && !leave_out) return {paths[0], "", {}};
  if (!settings.flag("cv"))
    throw Error(ErrorKind::usage, "several tables need --cv",
                {std::to_string(paths.size()) + " tables", "one, or --cv", ""});
  auto tables = named_tables(settings, console, lines);
  std::string all;
  for (auto& t : tables) {
    if (t.name.empty()) t.name = t.galaxies.conventions.labelver;
    all += (all.empty() ? "" : ", ") + t.name;
  }
  std::size_t judged = 0;
  if (leave_out) {
    const std::string& wanted = settings.text("leave_out");
    while (judged < tables.size() && tables[judged].name.substr(0, wanted.size()) != wanted) ++judged;
    if (judged == tables.size())
      throw Error(ErrorKind::usage, "--leave-out: no such table", {"'" + wanted + "'", "one of " + all, ""});
  }
  JudgedTable out{paths[judged], tables[judged].name, {}};
  for (std::size_t k = 0; k < tables.size(); ++k)
    if (k != judged) out.others.push_back(std::move(tables[k]));
  return out;
}

}  // namespace starglow::cli
