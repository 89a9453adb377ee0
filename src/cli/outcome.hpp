#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "cli/console.hpp"
#include "cli/settings.hpp"
#include "starglow/base/flags.hpp"

namespace starglow::cli {

/// The flags of the rows that a verb has worked on, and what they mean for how it ends: one policy for all verbs.
class Outcome {
 public:
  /// rows_are: "galaxies", "spectra"; what messages call them.
  Outcome(const Settings& settings, Console& console, std::string_view rows_are)
      : settings_(settings), console_(console), rows_are_(rows_are) {}

  void count(std::span<const std::int32_t> flags) noexcept { counts_.add(flags); }

  /// To be called before anything is written for good. Error(input) with --strict when a row is flagged.
  void check() const;
  /// "out.fits: 5 galaxies; flags: 1 Z_RANGE" on stderr. Returns the exit code: 4 when rows have no answer, unless
  /// --allow-partial is given, and likewise when other parts have failed. `more` follows the number of rows.
  int finish(const std::string& output, const std::string& more = "", bool parts_failed = false) const;

 private:
  const Settings& settings_;
  Console& console_;
  std::string rows_are_;
  FlagCounts counts_;
};

/// Works through rows from the first to the last with a progress bar; an interrupt stops between two pieces.
/// work(first) returns how many rows it did, at least one. `repeats`: what the bar counts for each row.
void in_chunks(Console& console, std::string_view doing, std::string_view rows_are, std::size_t rows,
               const std::function<std::size_t(std::size_t first)>& work, std::size_t repeats = 1);

}  // namespace starglow::cli
