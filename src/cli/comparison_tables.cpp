#include "cli/comparison_tables.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "starglow/judge/calibration.hpp"

namespace starglow::cli {

std::string missing_table(const Galaxies& table, const std::vector<NamedPrediction>& all, std::int64_t resamples,
                          std::uint64_t seed, WorkerPool& pool) {
  std::string out =
      fmt::format("{:<24}{:>10}{:>20}{:>26}\n", "missing", "mean rho", "minus complete", "68 % coverage of 8 lines");
  for (std::size_t v = 1; v < all.size(); ++v) {
    const Evaluation e = evaluate(table, {all[v], all[0]}, resamples, seed, pool);
    std::string coverage = "-";
    if (all[v].n_draws > 0) {
      const Calibration c = calibrate(table, {all[v]}, 0, seed, pool);
      double low = 1, high = 0;
      for (const auto line : k_independent_lines) {
        low = std::min(low, c.scores[0].lines[line].coverage[1]);
        high = std::max(high, c.scores[0].lines[line].coverage[1]);
      }
      coverage = fmt::format("{:.3f}-{:.3f}", low, high);
    }
    const std::string name = all[v].name.substr(all[v].name.find(", ") + 2);
    out += fmt::format(
        "{:<24}{:>10.4f}{:>20}{:>26}\n", name, e.mean10[0][0].value,
        fmt::format("{:+.4f}+-{:.4f}", e.differences[0].mean10[0].value, e.differences[0].mean10[0].error), coverage);
  }
  return out + "\n";
}

std::string baseline_table(const Galaxies& table, const NamedPrediction& ours,
                           const std::vector<NamedPrediction>& baselines, std::int64_t resamples, std::uint64_t seed,
                           WorkerPool& pool) {
  std::string out = fmt::format("{:<24}{:>10}{:>20}{:>34}\n", "baseline", "mean rho", "ours minus it",
                                "smallest difference of a line");
  for (const auto& b : baselines) {
    const Evaluation e = evaluate(table, {ours, b}, resamples, seed, pool);
    const auto& d = e.differences[0];
    std::size_t worst = 0;
    for (std::size_t line = 1; line < k_n_lines; ++line)
      if (d.lines[line][0].value < d.lines[worst][0].value) worst = line;
    const auto text = [](const Estimate& x) { return fmt::format("{:+.4f}+-{:.4f}", x.value, x.error); };
    out += fmt::format("{:<24}{:>10.4f}{:>20}{:>34}\n", b.name, e.mean10[1][0].value, text(d.mean10[0]),
                       fmt::format("{} {}", text(d.lines[worst][0]), k_lines[worst].name));
  }
  return out + "(they see what the network sees: the twelve bands, luminosity and redshift)\n\n";
}

}  // namespace starglow::cli
