#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/model/selection.hpp"
#include "starglow/model/train.hpp"

namespace starglow {

/// What one table of a training means by its labels and bands.
struct TableRules {
  std::string name;
  Selection selection;                              ///< the cut by which its galaxies were chosen; empty: none
  std::array<double, k_n_all_lines> error_scale{};  ///< true errors over quoted ones
  std::array<double, k_n_all_lines> peaks{};  ///< a label is the highest of this many noise peaks; 1: the line's own
  double dust = 0;                            ///< highest E(B-V) of Galactic dust that may be left in its bands
  bool unmeasured = false;                    ///< EW_IVAR = 0 is no measurement, not a line that was not found
};

/// The rules of every table of `galaxies` by the settings selection, error_scale, peaks, dust and unmeasured; a table
/// in which nothing is said of tables has one entry. Error(usage): a text that cannot be read.
std::vector<TableRules> table_rules(const Galaxies& galaxies, const TrainConfig& config);

/// Error(usage): the text of one of these settings cannot be read, whatever the tables are.
void check_table_rule(std::string_view key, const std::string& text);

/// The settings' rules for tables that are not among these: "NAME, NAME" or "".
std::string unused_rules(const Galaxies& galaxies, const TrainConfig& config);

inline const TableRules& rules_of(const Galaxies& g, const std::vector<TableRules>& rules, std::size_t row) {
  return rules[g.table.empty() ? 0 : g.table[row]];
}

/// Whether prepare_labels() would change anything.
bool needs_preparation(const Galaxies& galaxies, const std::vector<TableRules>& rules);

/// The labels as the rules say: errors scaled; what is no measurement NaN; a sum of lines as a label of its strongest
/// member where that has none: times the member's share of the sum, whose median and scatter are those of the rows that
/// have both (or of k_default_share), the scatter added to the error.
Galaxies prepare_labels(const Galaxies& galaxies, const std::vector<TableRules>& rules);

/// Share of the strongest member and its sd, where no table has the members.
struct LineShare {
  double median, sd;
};
inline constexpr std::array<LineShare, k_n_line_sums> k_default_share{{{0.71, 0.10}, {0.57, 0.05}}};

}  // namespace starglow
