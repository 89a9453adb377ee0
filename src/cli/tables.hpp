#pragma once
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "cli/settings.hpp"
#include "starglow/base/galaxies.hpp"
#include "starglow/files/table.hpp"
#include "starglow/model/train.hpp"

namespace starglow::cli {

/// Measured lines of a table that no model of ours has, "A_EW, B_EW" or "": a user may take them for labels.
std::string other_lines(const TableReader& table, const LineSet& lines = LineSet::standard());

/// The options of verbs that judge one of several tables.
void declare_tables(OptionSet& set);

/// The tables of the positionals as one, named by `--name FILE=NAME,...` or their LABELVER. Error(usage): a name for a
/// file that is not among them.
Galaxies read_tables(const Settings& settings, Console& console, const LineSet& lines = LineSet::standard());

/// Which of several tables `evaluate --cv` judges: the first, or the one that `--leave-out` names (the beginning of its
/// name); the others are trained on.
struct JudgedTable {
  std::string path, name;
  std::vector<NamedTable> others;
};
JudgedTable judged_table(const Settings& settings, Console& console, const LineSet& lines = LineSet::standard());

}  // namespace starglow::cli
