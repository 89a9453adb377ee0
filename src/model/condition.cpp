#include "starglow/model/condition.hpp"

#include <algorithm>
#include <cmath>

#include "model/condition_body.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/marks.hpp"

namespace starglow {
namespace {

template <std::size_t k_n>
JointDistribution condition_of(const JointDistribution& prior, const Evidence& evidence, double tolerance) {
  const LineDistribution& d = prior.lines;
  conditioning::Mixture<double, k_n> m;
  m.components = d.components;
  std::array<double, k_n> values;
  Evidence used = evidence;
  for (std::size_t j = 0; j < k_n; ++j) {
    values[j] = evidence[j].value;
    used[j].sigma = std::max(evidence[j].sigma, conditioning::k_least_sigma);
  }
  for (std::size_t c = 0; c < d.components; ++c) {
    m.log_weight[c] = std::log(std::max(d.weight[c], 1e-300));
    std::copy_n(d.mean[c].begin(), k_n, m.normal[c].mean.begin());
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
    std::copy_n(m.normal[c].mean.begin(), k_n, out.lines.mean[c].begin());
    for (std::size_t j = 0; j < k_n; ++j) out.lines.sd[c][j] = std::sqrt(m.normal[c].covariance[j][j]);
    conditioning::factorise(m.normal[c], out.lines.sd[c], std::span(out.factor[c]).first(k_n * k_n));
  }
  out.lines.find_quantiles();
  return out;
}

}  // namespace

JointDistribution condition(const JointDistribution& prior, const Evidence& evidence, double tolerance) {
  const bool any = std::any_of(evidence.begin(), evidence.end(),
                               [](const LineEvidence& e) { return e.kind != LineEvidence::Kind::none; });
  if (prior.lines.components == 0 || !any) return prior;
  return prior.lines.slots.places() == k_n_independent_lines
             ? condition_of<k_n_independent_lines>(prior, evidence, tolerance)
             : condition_of<k_most_independent_lines>(prior, evidence, tolerance);
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
