#include "starglow/judge/whole_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "judge/noisy.hpp"
#include "starglow/base/error.hpp"
#include "starglow/judge/metrics.hpp"
#include "starglow/model/joint.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_shard_rows = 64;
constexpr std::size_t k_halpha = static_cast<std::size_t>(Line::HALPHA);
constexpr double k_first_bin = -0.45, k_bin = 0.05, k_red = -0.3;
constexpr std::size_t k_bins = 5;
constexpr double k_central = 0.6826894921370859;

bool labelled(const Galaxies& g, std::size_t row, std::size_t line) {
  return g.ew_ivar(row, line) > 0 && std::isfinite(g.ew_ivar(row, line)) && std::isfinite(g.ew(row, line));
}

// Unbiased CRPS of draws (sorted here).
double crps_of(std::vector<double>& x, double y) {
  std::sort(x.begin(), x.end());
  const auto n = static_cast<double>(x.size());
  double near = 0, pairs = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    near += std::fabs(x[i] - y);
    pairs += x[i] * (2.0 * static_cast<double>(i) - n + 1.0);
  }
  return near / n - pairs / (n * (n - 1.0));
}

double colour(const Galaxies& g, std::size_t row) { return std::log10(g.band_flux(row, 1) / g.band_flux(row, 6)); }

double median_of(std::vector<double>& x) {
  const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  if (x.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(x.begin(), middle));
}

struct Row {
  double crps = std::numeric_limits<double>::quiet_NaN(), pit = 0, lineless = 0;
};

}  // namespace

WholeTableScores score_whole_table(const Galaxies& g, const NamedPrediction& p, std::uint64_t seed, WorkerPool& pool) {
  if (g.ew.empty() || g.ew_ivar.empty())
    throw Error(ErrorKind::input, "the table has no measured EWs", {"no {LINE}_EW and {LINE}_EW_IVAR", "both", ""});
  if (p.n_draws < 2) throw Error(ErrorKind::usage, "scores of all measurements need draws", {"none", "at least 2", ""});
  const Noisy noisy(g, p, p.n_draws, seed);
  const std::size_t width = std::min(g.ew.cols(), p.ew.cols());
  std::vector<Row> rows(g.n * width);
  pool.for_shards(shard_count(g.n, k_shard_rows), [&](std::size_t s) {
    const Shard part = shard(s, g.n, k_shard_rows);
    std::vector<double> draws(p.n_draws);
    for (std::size_t i = part.first; i < part.last; ++i)
      for (std::size_t line = 0; line < width; ++line) {
        if (!labelled(g, i, line) || !std::isfinite(p.ew(i, line))) continue;
        Row& row = rows[i * width + line];
        const double y = static_cast<double>(g.ew(i, line));
        noisy.fill(i, line, draws);
        double below = 0, few = 0;
        for (double& d : draws) {
          below += d < y ? 1 : 0;
          few += d < k_lineless_ew ? 1 : 0;
          d = std::asinh(d);
        }
        row.pit = (below + 0.5) / (static_cast<double>(draws.size()) + 1);
        row.lineless = few / static_cast<double>(draws.size());
        row.crps = crps_of(draws, std::asinh(y));
      }
  });
  WholeTableScores out;
  double used = 0;
  for (std::size_t line = 0; line < width; ++line) {
    auto& o = out.lines[line];
    std::vector<double> median, label, red_median, red_label;
    for (std::size_t i = 0; i < g.n; ++i) {
      const Row& row = rows[i * width + line];
      if (std::isnan(row.crps)) continue;
      ++o.n;
      o.crps += row.crps;
      o.coverage68 += std::fabs(row.pit - 0.5) < 0.5 * k_central ? 1 : 0;
      median.push_back(p.ew(i, line));
      label.push_back(static_cast<double>(g.ew(i, line)));
      if (!(colour(g, i) < k_red)) continue;
      red_median.push_back(median.back());
      red_label.push_back(label.back());
    }
    if (o.n == 0) continue;
    o.crps /= static_cast<double>(o.n);
    o.coverage68 /= static_cast<double>(o.n);
    o.spearman = spearman(median, label);
    if (o.n_red = red_label.size(); o.n_red > 0) {
      o.red_observed = median_of(red_label);
      o.red_predicted = median_of(red_median);
    }
    if (lines::is_weak(k_all_lines[line])) continue;
    out.mean_crps += o.crps;
    used += 1;
  }
  if (used > 0) out.mean_crps /= used;
  for (std::size_t b = 0; b < k_bins; ++b) {
    const double low = k_first_bin + k_bin * static_cast<double>(b);
    out.lineless.push_back({low, low + k_bin});
  }
  for (std::size_t i = 0; i < g.n; ++i) {
    const Row& row = rows[i * width + k_halpha];
    if (std::isnan(row.crps)) continue;
    const double seen = static_cast<double>(g.ew(i, k_halpha)) < k_lineless_ew ? 1 : 0;
    ++out.n_lineless;
    out.observed += seen;
    out.predicted += row.lineless;
    const double c = colour(g, i);
    for (auto& bin : out.lineless)
      if (c >= bin.low && c < bin.high) {
        ++bin.n;
        bin.observed += seen;
        bin.predicted += row.lineless;
      }
  }
  const auto divide = [](std::size_t n, double& a, double& b) {
    if (n == 0) return;
    a /= static_cast<double>(n);
    b /= static_cast<double>(n);
  };
  for (auto& bin : out.lineless) divide(bin.n, bin.observed, bin.predicted);
  divide(out.n_lineless, out.observed, out.predicted);
  for (const double grade : p.domain) {
    if (std::isnan(grade)) continue;
    ++out.n_graded;
    out.outside += grade > k_limit_grade ? 1 : 0;
  }
  if (out.n_graded > 0) out.outside /= static_cast<double>(out.n_graded);
  return out;
}

std::string whole_table_text(const WholeTableScores& s) {
  std::string out = fmt::format(
      "all measurements, also negative ones, compared with draws with noise; medians of red galaxies (colour < "
      "{:.1f})\n"
      "{:<14}{:>8}{:>10}{:>10}{:>10}{:>8}{:>10}{:>10}\n",
      k_red, "line", "N", "CRPS", "68 %", "rho", "N red", "measured", "predicted");
  for (std::size_t line = 0; line < k_n_all_lines; ++line)
    if (const auto& o = s.lines[line]; o.n > 0)
      out += fmt::format("{:<14}{:>8}{:>10.4f}{:>10.3f}{:>10.4f}{:>8}{}\n", k_all_lines[line].name, o.n, o.crps,
                         o.coverage68, o.spearman, o.n_red,
                         o.n_red > 0 ? fmt::format("{:>10.2f}{:>10.2f}", o.red_observed, o.red_predicted) : "");
  out += fmt::format("{:<14}{:>8}{:>10.4f}   (independent lines)\n", "mean", "", s.mean_crps);
  if (s.n_graded > 0) out += fmt::format("{:<14}{:>8}{:>10.4f}   of them\n", "DOMAIN > 0.5", s.n_graded, s.outside);
  if (s.n_lineless == 0) return out + "\n";
  out += fmt::format("fraction with EW(Ha) < {:.0f} A by colour log10(F(3700-4000)/F(5200-5500))\n", k_lineless_ew);
  double sum = 0, worst = 0, bins = 0;
  for (const auto& b : s.lineless) {
    if (b.n == 0) continue;
    out += fmt::format("{:>6.2f} to {:>5.2f}{:>8}   observed {:.3f}   predicted {:.3f}\n", b.low, b.high, b.n,
                       b.observed, b.predicted);
    sum += std::fabs(b.predicted - b.observed);
    worst = std::max(worst, std::fabs(b.predicted - b.observed));
    bins += 1;
  }
  out += fmt::format("{:<15}{:>7}   observed {:.3f}   predicted {:.3f}; bins: mean difference {:.3f}, worst {:.3f}\n\n",
                     "all", s.n_lineless, s.observed, s.predicted, bins > 0 ? sum / bins : 0.0, worst);
  return out;
}

std::string whole_table_json(const WholeTableScores& s) {
  std::string out = fmt::format("{{\"mean_crps\": {:.6f}, \"lines\": {{", s.mean_crps);
  bool first = true;
  for (std::size_t line = 0; line < k_n_all_lines; ++line)
    if (const auto& o = s.lines[line]; o.n > 0) {
      out += fmt::format(
          "{}\"{}\": {{\"n\": {}, \"crps\": {:.6f}, \"coverage68\": {:.6f}, \"spearman\": {:.6f}, "
          "\"n_red\": {}, \"red_observed\": {:.6f}, \"red_predicted\": {:.6f}}}",
          first ? "" : ", ", k_all_lines[line].name, o.n, o.crps, o.coverage68, o.spearman, o.n_red, o.red_observed,
          o.red_predicted);
      first = false;
    }
  out += fmt::format("}}, \"lineless\": {{\"n\": {}, \"observed\": {:.6f}, \"predicted\": {:.6f}, \"bins\": [",
                     s.n_lineless, s.observed, s.predicted);
  for (std::size_t b = 0; b < s.lineless.size(); ++b)
    out +=
        fmt::format("{}{{\"low\": {:.2f}, \"high\": {:.2f}, \"n\": {}, \"observed\": {:.6f}, \"predicted\": {:.6f}}}",
                    b == 0 ? "" : ", ", s.lineless[b].low, s.lineless[b].high, s.lineless[b].n, s.lineless[b].observed,
                    s.lineless[b].predicted);
  return out + fmt::format("]}}, \"domain\": {{\"n\": {}, \"outside\": {:.6f}}}}}", s.n_graded, s.outside);
}

}  // namespace starglow
