#include "cli/outcome.hpp"

#include <fmt/format.h>

#include "starglow/base/error.hpp"

namespace starglow::cli {

void Outcome::check() const {
  if (settings_.flag("strict") && counts_.flagged() > 0)
    throw Error(ErrorKind::input,
                fmt::format("--strict: {} of {} {} are flagged", counts_.flagged(), counts_.rows(), rows_are_),
                {counts_.text(), "no flag", "Nothing was written."});
}

int Outcome::finish(const std::string& output, const std::string& more, bool parts_failed) const {
  const std::string flags = counts_.text();
  console_.info(fmt::format("{}: {} {}{}{}", output, counts_.rows(), rows_are_, more,
                            flags.empty() ? ", no flags" : "; flags: " + flags));
  if ((counts_.fatal() == 0 && !parts_failed) || settings_.flag("allow_partial")) return 0;
  if (counts_.fatal() > 0)
    console_.error(fmt::format("{} rows have no answer (NaN); --allow-partial accepts that", counts_.fatal()));
  return exit_code(ErrorKind::numeric);
}

void in_chunks(Console& console, std::string_view doing, std::string_view rows_are, std::size_t rows,
               const std::function<std::size_t(std::size_t first)>& work, std::size_t repeats) {
  Progress bar(console, std::string(doing), std::string(rows_are), static_cast<double>(rows * repeats));
  for (std::size_t first = 0; first < rows;) {
    check_interrupt();
    first += work(first);
    bar.update(static_cast<double>(first * repeats));
  }
}

}  // namespace starglow::cli
