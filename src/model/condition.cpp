#include "starglow/model/condition.hpp"

#include <algorithm>
#include <cmath>

#include "model/condition_body.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/marks.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = LineDistribution::k_n;
using conditioning::Mixture;

}  // namespace

void conditioning::factorise(const Normal<double>& q, const LineDistribution::PerLine& sd,
                             std::array<double, k_n * k_n>& factor) {
  factor.fill(0.0);
  for (std::size_t i = 0; i < k_n; ++i) {
    double left = 1.0;  // of the row's length
    for (std::size_t j = 0; j < i; ++j) {
      double sum = q.covariance[i][j] / (sd[i] * sd[j]);
      for (std::size_t k = 0; k < j; ++k) sum -= factor[i * k_n + k] * factor[j * k_n + k];
      const double pivot = factor[j * k_n + j];
      factor[i * k_n + j] = pivot > 0 ? sum / pivot : 0.0;
      left -= factor[i * k_n + j] * factor[i * k_n + j];
    }
    factor[i * k_n + i] = std::sqrt(std::max(left, 0.0));
  }
}

JointDistribution condition(const JointDistribution& prior, const Evidence& evidence, double tolerance) {
  const LineDistribution& d = prior.lines;
  const bool any = std::any_of(evidence.begin(), evidence.end(),
                               [](const LineEvidence& e) { return e.kind != LineEvidence::Kind::none; });
  if (d.components == 0 || !any) return prior;
  Mixture<double> m;
  m.components = d.components;
  std::array<double, k_n> values;
  Evidence used = evidence;
  for (std::size_t j = 0; j < k_n; ++j) {
    values[j] = evidence[j].value;
    used[j].sigma = std::max(evidence[j].sigma, conditioning::k_least_sigma);
  }
  for (std::size_t c = 0; c < d.components; ++c) {
    m.log_weight[c] = std::log(std::max(d.weight[c], 1e-300));
    m.normal[c].mean = d.mean[c];
    const auto& f = prior.factor[c];
    for (std::size_t i = 0; i < k_n; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k <= j; ++k) sum += f[i * k_n + k] * f[j * k_n + k];
        m.normal[c].covariance[i][j] = m.normal[c].covariance[j][i] = sum * d.sd[c][i] * d.sd[c][j];
      }
  }
  JointDistribution out;
  out.log_evidence = prior.log_evidence + conditioning::condition_mixture(m, used, values, tolerance);
  out.lines.components = d.components;
  out.lines.slots = d.slots;
  for (std::size_t c = 0; c < d.components; ++c) {
    out.lines.weight[c] = std::exp(m.log_weight[c]);
    out.lines.mean[c] = m.normal[c].mean;
    for (std::size_t j = 0; j < k_n; ++j) out.lines.sd[c][j] = std::sqrt(m.normal[c].covariance[j][j]);
    conditioning::factorise(m.normal[c], out.lines.sd[c], out.factor[c]);
  }
  out.lines.find_quantiles();
  return out;
}

GivenLines given_lines(const Galaxies& g, std::span<const std::size_t> lines) {
  if (g.ew.empty() || g.ew_ivar.empty())
    throw Error(ErrorKind::input, "lines are given, and the table does not have them",
                {"no {LINE}_EW and {LINE}_EW_IVAR", "both columns of each given line", ""});
  GivenLines out{Matrix<double>(g.n, g.ew.cols()), Matrix<double>(g.n, g.ew.cols())};
  for (std::size_t i = 0; i < g.n; ++i)
    for (const std::size_t line : lines) {
      out.ew(i, line) = static_cast<double>(g.ew(i, line));
      out.ivar(i, line) = static_cast<double>(g.ew_ivar(i, line));
    }
  return out;
}

std::vector<std::size_t> parse_lines(const std::vector<std::string>& names) {
  std::string known;
  for (const auto& line : k_all_lines) known += (known.empty() ? "" : ", ") + std::string(line.name);
  if (names.empty()) throw Error(ErrorKind::usage, "no line is given", {"", "one or more of " + known, ""});
  std::vector<std::size_t> out;
  for (const auto& name : names) {
    const auto line = find_any_line(name);
    if (!line) throw Error(ErrorKind::usage, "unknown line", {"'" + name + "'", known, ""});
    if (std::find(out.begin(), out.end(), *line) != out.end())
      throw Error(ErrorKind::usage, "a line is given twice", {"'" + name + "'", "each line once", ""});
    out.push_back(*line);
  }
  return out;
}

Evidence evidence_of(std::span<const double> ew, std::span<const double> ivar, std::span<const double> ew_ratio,
                     std::span<const std::size_t> independent) {
  Evidence out{};
  const auto says = [&](std::size_t line) {
    return ivar[line] > 0 && std::isfinite(ivar[line]) && can_be_measured(ew[line]);
  };
  for (std::size_t j = 0; j < independent.size(); ++j) {
    const std::size_t line = independent[j];
    if (says(line)) {
      out[j] = {LineEvidence::Kind::measured, ew[line], 1 / std::sqrt(ivar[line])};
      continue;
    }
    for (std::size_t d = 0; d < k_doublets.size(); ++d) {
      const auto weak = static_cast<std::size_t>(k_doublets[d].weak);
      if (static_cast<std::size_t>(k_doublets[d].strong) == line && says(weak))
        out[j] = {LineEvidence::Kind::measured, ew_ratio[d] * ew[weak], ew_ratio[d] / std::sqrt(ivar[weak])};
    }
  }
  return out;
}

}  // namespace starglow
