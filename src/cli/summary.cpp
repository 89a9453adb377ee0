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

constexpr std::size_t k_shown_rows = 10;

void declare(OptionSet& set) {
  set.positional = {"lines.fits", "a table with {LINE}_EW columns", 1, 1};
  set.add({"measured", OptionType::text,
           "compare the predicted EWs, galaxy by galaxy, with those measured in this table", "", "table.fits"});
  set.add({"row", OptionType::integer,
           fmt::format("only this row of both tables, counted from 0; -1: the first {} rows", k_shown_rows), "-1",
           "N"});
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

double value(const TableReader& table, const std::string& name, std::size_t row) {
  return table.has_column(name) ? table.read_column(name, row, 1)(0, 0) : std::nan("");
}

std::int64_t id(const TableReader& table, std::size_t row) {
  return table.has_column("TARGETID") ? table.read_integers("TARGETID", row, 1)[0] : std::int64_t{-1};
}

// "  FLAG: its meaning", a row for each flag of this galaxy; `of` says whose flags they are.
std::string flags_in_words(const TableReader& table, const std::string& of, std::size_t row) {
  const auto flags = table.has_column("FLAGS") ? static_cast<std::int32_t>(table.read_integers("FLAGS", row, 1)[0]) : 0;
  if (flags == 0) return fmt::format("  flags of the {}: none\n", of);
  std::string out = fmt::format("  flags of the {}:\n", of);
  for (const auto& flag : k_flags)
    if ((flags & flag.bit) != 0) out += fmt::format("    {:<16}{}\n", flag.name, flag.meaning);
  return out;
}

// How far this galaxy is from the training galaxies, and how likely it is to have no lines, where the table says so.
std::string domain_in_words(const TableReader& table, std::size_t row) {
  std::string out;
  if (const double domain = value(table, "DOMAIN", row); std::isfinite(domain))
    out +=
        fmt::format("  DOMAIN {:.2f} (0: like the training galaxies; above .5: like less than 1 % of them)\n", domain);
  if (const double none = value(table, "P_LINELESS", row); std::isfinite(none))
    out += fmt::format("  P_LINELESS {:.2f} (probability of EW(Ha) < 2 A)\n", none);
  return out;
}

// One galaxy: predicted median and central 68 %, measured EW and its error.
std::string beside(const TableReader& predicted, const TableReader& measured, std::size_t row) {
  if (id(predicted, row) != id(measured, row))
    throw Error(ErrorKind::input, fmt::format("the tables have different galaxies in row {}", row),
                {fmt::format("TARGETID {} and {}", id(predicted, row), id(measured, row)), "equal TARGETID", ""});
  std::string out = fmt::format("TARGETID {}, z = {:.5f}\n  {:<14}{:>10}{:>20}{:>12}{:>10}\n", id(predicted, row),
                                value(predicted, "Z", row), "EW (A)", "predicted", "68 %", "measured", "+-");
  for (const auto& line : k_lines) {
    const std::string name(line.name);
    const double ivar = value(measured, name + "_EW_IVAR", row);
    out += fmt::format("  {:<14}{:>10.2f}{:>20}{:>12.2f}{:>10.2f}\n", name, value(predicted, name + "_EW", row),
                       fmt::format("{:.2f} to {:.2f}", value(predicted, name + "_EW_P16", row),
                                   value(predicted, name + "_EW_P84", row)),
                       ivar > 0 ? value(measured, name + "_EW", row) : std::nan(""),
                       ivar > 0 ? 1 / std::sqrt(ivar) : std::nan(""));
  }
  return out + domain_in_words(predicted, row) + flags_in_words(predicted, "prediction", row) +
         flags_in_words(measured, "measurement", row);
}

std::string all_beside(const TableReader& predicted, const TableReader& measured, std::int64_t given) {
  const std::size_t rows = std::min(predicted.rows(), measured.rows());
  if (given != -1) {
    if (given < 0 || static_cast<std::size_t>(given) >= rows)
      throw Error(ErrorKind::usage, "--row: no such row in both tables",
                  {std::to_string(given), fmt::format("0 to {}", static_cast<std::int64_t>(rows) - 1), ""});
    return beside(predicted, measured, static_cast<std::size_t>(given));
  }
  std::string out;
  for (std::size_t row = 0; row < std::min(rows, k_shown_rows); ++row)
    out += (row > 0 ? "\n" : "") + beside(predicted, measured, row);
  if (rows > k_shown_rows) out += fmt::format("\n{} more galaxies: choose one with --row\n", rows - k_shown_rows);
  return out;
}

int run(const Settings& settings, Console& console) {
  const TableReader reader(settings.positionals().at(0));
  if (settings.flag("dry_run")) {
    console.info(fmt::format("would summarise the {} rows of {}", reader.rows(), settings.positionals()[0]));
    return 0;
  }
  if (settings.is_set("measured")) {
    console.data(all_beside(reader, TableReader(settings.text("measured")), settings.integer("row")));
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
                     "starglow summary lines.fits\nstarglow summary lines.fits --measured table.fits --row 7", declare,
                     run};

}  // namespace starglow::cli
