#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/files/table.hpp"

namespace starglow::cli {
namespace {

void declare(OptionSet& set) {
  set.positional = {"lines.fits", "a table with {LINE}_EW columns", 1, 1};
  set.add({"measured", OptionType::text, "compare the predicted EWs of one galaxy with those measured in this table",
           "", "table.fits"});
  set.add({"row", OptionType::integer, "row of that galaxy in both tables, counted from 0", "0", "N"});
}

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

// One galaxy: predicted median and central 68 %, measured EW and its error.
std::string beside(const TableReader& predicted, const TableReader& measured, std::int64_t given) {
  const auto row = static_cast<std::size_t>(given);
  if (given < 0 || row >= predicted.rows() || row >= measured.rows())
    throw Error(ErrorKind::usage, "--row: no such row in both tables",
                {std::to_string(given), fmt::format("0 to {}", std::min(predicted.rows(), measured.rows())), ""});
  const auto id = [&](const TableReader& t) {
    return t.has_column("TARGETID") ? t.read_integers("TARGETID", row, 1)[0] : std::int64_t{-1};
  };
  if (id(predicted) != id(measured))
    throw Error(ErrorKind::input, "the tables have different galaxies in this row",
                {fmt::format("TARGETID {} and {}", id(predicted), id(measured)), "equal TARGETID", ""});
  const auto value = [&](const TableReader& t, const std::string& name) {
    return t.has_column(name) ? t.read_column(name, row, 1)(0, 0) : std::nan("");
  };
  std::string out = fmt::format("TARGETID {}, z = {:.5f}\n  {:<14}{:>10}{:>20}{:>12}{:>10}\n", id(predicted),
                                value(predicted, "Z"), "EW (A)", "predicted", "68 %", "measured", "+-");
  for (const auto& line : k_lines) {
    const std::string name(line.name);
    const double ivar = value(measured, name + "_EW_IVAR");
    out += fmt::format(
        "  {:<14}{:>10.2f}{:>20}{:>12.2f}{:>10.2f}\n", name, value(predicted, name + "_EW"),
        fmt::format("{:.2f} to {:.2f}", value(predicted, name + "_EW_P16"), value(predicted, name + "_EW_P84")),
        ivar > 0 ? value(measured, name + "_EW") : std::nan(""), ivar > 0 ? 1 / std::sqrt(ivar) : std::nan(""));
  }
  const auto flags = [&](const TableReader& t) {
    return t.has_column("FLAGS") ? flag_names(static_cast<std::int32_t>(t.read_integers("FLAGS", row, 1)[0])) : "0";
  };
  return out +
         fmt::format("  flags of the prediction: {}; of the measurement: {}\n", flags(predicted), flags(measured));
}

int run(const Settings& settings, Console& console) {
  const TableReader reader(settings.positionals().at(0));
  if (settings.is_set("measured")) {
    console.data(beside(reader, TableReader(settings.text("measured")), settings.integer("row")));
    return 0;
  }
  std::string out =
      fmt::format("{}: {} galaxies\n  {:<24}{:>9}{:>10}{:>10}{:>10}{:>10}{:>10}\n", settings.positionals()[0],
                  reader.rows(), "column (A)", "finite", "5 %", "25 %", "median", "75 %", "95 %");
  for (const char* suffix : {"_EW", "_EW_NOISY"})
    for (const auto& line : k_lines)
      if (const std::string name = std::string(line.name) + suffix; reader.has_column(name)) out += row(reader, name);
  if (reader.has_column("FLAGS")) {
    FlagCounts counts;
    for (const auto flags : reader.read_integers("FLAGS", 0, reader.rows())) {
      const auto row = static_cast<std::int32_t>(flags);
      counts.add({&row, 1});
    }
    const std::string text = counts.text();
    out += "  flags: " + (text.empty() ? "none" : text) + "\n";
  }
  console.data(out);
  return 0;
}

}  // namespace

extern const Verb k_summary;
const Verb k_summary{"summary", "print quantiles of the EWs in a table, and counts of its flags",
                     "starglow summary lines.fits\nstarglow summary lines.fits --measured table.fits --row 0", declare,
                     run};

}  // namespace starglow::cli
