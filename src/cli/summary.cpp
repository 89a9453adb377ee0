#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "starglow/flags.hpp"
#include "starglow/table.hpp"

namespace starglow::cli {
namespace {

void declare(OptionSet& set) { set.positional = {"lines.fits", "a table with {LINE}_EW columns", 1, 1}; }

// Quantiles of a column's finite values, printed in one row.
std::string row(const TableReader& reader, const std::string& name) {
  const auto values = reader.read_column(name, 0, reader.rows());
  std::vector<double> v;
  for (const double x : values.flat())
    if (std::isfinite(x)) v.push_back(x);
  if (v.empty()) return fmt::format("  {:<24}{:>9}\n", name, 0);
  std::sort(v.begin(), v.end());
  const auto at = [&v](double q) { return v[static_cast<std::size_t>(q * static_cast<double>(v.size() - 1) + 0.5)]; };
  return fmt::format("  {:<24}{:>9}{:>10.3f}{:>10.3f}{:>10.3f}{:>10.3f}{:>10.3f}\n", name, v.size(), at(0.05), at(0.25),
                     at(0.5), at(0.75), at(0.95));
}

int run(const Settings& settings, Console& console) {
  const TableReader reader(settings.positionals().at(0));
  std::string out =
      fmt::format("{}: {} galaxies\n  {:<24}{:>9}{:>10}{:>10}{:>10}{:>10}{:>10}\n", settings.positionals()[0],
                  reader.rows(), "column (A)", "finite", "5 %", "25 %", "median", "75 %", "95 %");
  for (const char* suffix : {"_EW", "_EW_NOISY"})
    for (const auto& line : k_lines)
      if (const std::string name = std::string(line.name) + suffix; reader.has_column(name)) out += row(reader, name);
  if (reader.has_column("FLAGS")) {
    std::vector<std::size_t> counts(k_flags.size(), 0);
    for (const auto flags : reader.read_integers("FLAGS", 0, reader.rows()))
      for (std::size_t k = 0; k < k_flags.size(); ++k) counts[k] += (flags & k_flags[k].bit) != 0 ? 1U : 0U;
    const std::string text = flag_counts(counts);
    out += "  flags: " + (text.empty() ? "none" : text) + "\n";
  }
  console.data(out);
  return 0;
}

}  // namespace

extern const Verb k_summary;
const Verb k_summary{"summary", "quantiles of the EWs in a table, and counts of its flags",
                     "starglow summary lines.fits", declare, run};

}  // namespace starglow::cli
