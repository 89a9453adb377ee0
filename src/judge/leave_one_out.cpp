#include "starglow/judge/leave_one_out.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "model/condition_rows.hpp"
#include "model/site_moments.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = k_n_independent_lines, k_shard_rows = 64;
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN(), k_most = 8.0;

// P(EW + noise > value) of one line.
double above(const LineDistribution& d, std::size_t j, double value, double sigma) {
  double sum = 0;
  for (std::size_t c = 0; c < d.components; ++c)
    sum +=
        d.weight[c] *
        std::exp(site_moments(d.mean[c][j], d.sd[c][j] * d.sd[c][j], {LineEvidence::Kind::passed, value, sigma}).log_z);
  return sum;
}

double pull_of(const LineDistribution& d, std::size_t j, double y, double sigma, const LineCut* cut) {
  double over = above(d, j, y, sigma);
  if (cut != nullptr) over /= std::max(above(d, j, cut->limit, sigma), 1e-300);
  over = std::min(over, 1.0);
  const double pull = over < 0.5 ? -normal_quantile(over) : normal_quantile(1 - over);
  return std::clamp(pull, -k_most, k_most);
}

// Of one galaxy: its independent lines, each given the others. Lines that are not measured have one answer.
struct LeftOut {
  std::array<Evidence, k_n> others;
  std::array<JointDistribution, k_n> joint;
  std::array<std::size_t, k_n> place;  // of the answer of each line
};

GivenOthers answer(const Model& model, const Galaxies& g, WorkerPool& pool, const Selection* selected, bool quantiles) {
  need_ten_lines(model, "the pull of each line given the others");
  if (g.ew.empty() || g.ew_ivar.empty())
    throw Error(ErrorKind::input, "the table has no measured EWs", {"no {LINE}_EW and {LINE}_EW_IVAR", "both", ""});
  const auto prior = model.joint_distributions(g, pool);
  std::vector<std::size_t> every(k_n_lines);
  for (std::size_t line = 0; line < k_n_lines; ++line) every[line] = line;
  const GivenLines measured = given_lines(g, every);
  GivenOthers out;
  out.pull = Matrix<double>(g.n, k_n_lines, k_nan);
  if (quantiles) out.ew = out.p16 = out.p84 = out.pull;
  pool.for_shards(shard_count(g.n, k_shard_rows), [&](std::size_t s) {
    const Shard rows = shard(s, g.n, k_shard_rows);
    std::vector<LeftOut> left_out(rows.last - rows.first);
    std::vector<KnownRow> known;
    for (std::size_t i = rows.first; i < rows.last; ++i) {
      if (prior[i].lines.components == 0) continue;
      LeftOut& own = left_out[i - rows.first];
      const Evidence all = evidence_of(measured.ew.row(i), measured.ivar.row(i), model.ew_ratio());
      std::optional<std::size_t> unmeasured;
      for (std::size_t j = 0; j < k_n; ++j) {
        own.place[j] = j;
        if (all[j].kind == LineEvidence::Kind::none) {
          if (unmeasured) own.place[j] = *unmeasured;
          if (unmeasured) continue;
          unmeasured = j;
        }
        own.others[j] = all;
        own.others[j][j] = {};
        own.joint[j] = prior[i];
        known.push_back({&own.joint[j], &own.others[j]});
      }
    }
    condition_rows(known, false);
    for (std::size_t i = rows.first; i < rows.last; ++i) {
      if (prior[i].lines.components == 0) continue;
      const LeftOut& own = left_out[i - rows.first];
      std::vector<LineCut> cuts;
      if (selected != nullptr) {
        const std::vector<double> zero(k_n_lines, 0.0);
        cuts = line_cuts(*selected, model.sigma_ew(g, i, zero));
      }
      for (std::size_t line = 0; line < k_n_lines; ++line) {
        const auto independent = std::ranges::find(k_independent_lines, noise_source(line).line);
        const auto j = static_cast<std::size_t>(independent - k_independent_lines.begin());
        const double ivar = measured.ivar(i, line), ew = measured.ew(i, line);
        const bool there = ivar > 0 && std::isfinite(ivar) && std::isfinite(ew);
        if (!there && !quantiles) continue;
        const LineDistribution& d = own.joint[own.place[j]].lines;
        double ratio = 1.0;
        for (std::size_t k = 0; k < k_doublets.size(); ++k)
          if (static_cast<std::size_t>(k_doublets[k].weak) == line) ratio = model.ew_ratio()[k];
        if (quantiles) {
          out.ew(i, line) = intrinsic_ew(d.median[j]) / ratio;
          out.p16(i, line) = intrinsic_ew(d.p16[j]) / ratio;
          out.p84(i, line) = intrinsic_ew(d.p84[j]) / ratio;
        }
        if (!there) continue;
        const auto cut = std::ranges::find(cuts, j, &LineCut::line);
        out.pull(i, line) = pull_of(d, j, ratio * ew, ratio / std::sqrt(ivar), cut == cuts.end() ? nullptr : &*cut);
      }
    }
  });
  return out;
}

}  // namespace

Matrix<double> given_pulls(const Model& model, const Galaxies& g, WorkerPool& pool, const Selection* selected) {
  return answer(model, g, pool, selected, false).pull;
}

GivenOthers given_others(const Model& model, const Galaxies& g, WorkerPool& pool, const Selection* selected) {
  return answer(model, g, pool, selected, true);
}

std::array<PullSummary, k_n_lines> summarise_pulls(const Matrix<double>& pulls) {
  std::array<PullSummary, k_n_lines> out{};
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    std::vector<double> x;
    for (std::size_t i = 0; i < pulls.rows(); ++i)
      if (std::isfinite(pulls(i, line))) x.push_back(pulls(i, line));
    PullSummary& s = out[line];
    s.n = x.size();
    if (x.empty()) {
      s.median = s.width = s.beyond3 = s.beyond5 = k_nan;
      continue;
    }
    std::sort(x.begin(), x.end());
    const auto at = [&](double p) {
      const double place = p * static_cast<double>(x.size() - 1);
      const auto k = static_cast<std::size_t>(place);
      return k + 1 < x.size() ? x[k] + (place - static_cast<double>(k)) * (x[k + 1] - x[k]) : x[k];
    };
    s.median = at(0.5);
    s.width = 0.5 * (at(k_p84) - at(k_p16));
    const auto beyond = [&](double limit) {
      return static_cast<double>(std::count_if(x.begin(), x.end(), [&](double p) { return std::fabs(p) > limit; })) /
             static_cast<double>(x.size());
    };
    s.beyond3 = beyond(3);
    s.beyond5 = beyond(5);
  }
  return out;
}

std::string pull_table(const std::array<PullSummary, k_n_lines>& lines) {
  std::string out = "each line predicted from the others: pulls (standard normal if model and errors are correct)\n";
  out += fmt::format("{:<14}{:>8}{:>10}{:>14}{:>10}{:>10}\n", "line", "n", "median", "half of 68 %", "|p| > 3", "> 5");
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    const PullSummary& s = lines[line];
    if (s.n == 0)
      out += fmt::format("{:<14}{:>8}{:>10}{:>14}{:>10}{:>10}\n", k_lines[line].name, 0, "-", "-", "-", "-");
    else
      out += fmt::format("{:<14}{:>8}{:>10.3f}{:>14.3f}{:>10.4f}{:>10.4f}\n", k_lines[line].name, s.n, s.median,
                         s.width, s.beyond3, s.beyond5);
  }
  return out + "\n";
}

std::string pull_json(const std::array<PullSummary, k_n_lines>& lines) {
  std::string out = "{";
  const auto number = [](double x) { return std::isfinite(x) ? fmt::format("{:.6g}", x) : std::string("null"); };
  for (std::size_t line = 0; line < k_n_lines; ++line)
    out += fmt::format("{}\n\"{}\": {{\"n\": {}, \"median\": {}, \"width\": {}, \"beyond3\": {}, \"beyond5\": {}}}",
                       line == 0 ? "" : ",", k_lines[line].name, lines[line].n, number(lines[line].median),
                       number(lines[line].width), number(lines[line].beyond3), number(lines[line].beyond5));
  return out + "}";
}

}  // namespace starglow
