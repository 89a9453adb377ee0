#include "starglow/model/selection.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>
#include <optional>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

[[noreturn]] void refuse(std::string_view seen, const std::string& wanted) {
  throw Error(
      ErrorKind::usage, "a selection cannot be read",
      {"'" + std::string(seen) + "'", wanted,
       "For instance \"HBETA,OIII_5007,HALPHA,NII_6584 > 0\" or \"SNR(HALPHA) > 3\"; parts are joined by 'and'."});
}

void parse_part(std::string_view part, std::vector<Selection::Cut>& cuts) {
  const std::size_t sign = part.find('>');
  if (sign == std::string_view::npos) refuse(part, "LINE,... > NUMBER");
  std::string_view lines = trim(part.substr(0, sign)), number = trim(part.substr(sign + 1));
  const bool snr = lines.substr(0, 4) == "SNR(" && lines.back() == ')';
  if (snr) lines = trim(lines.substr(4, lines.size() - 5));
  double limit = 0;
  const auto [end, bad] = std::from_chars(number.data(), number.data() + number.size(), limit);
  if (bad != std::errc{} || end != number.data() + number.size() || !std::isfinite(limit))
    refuse(number, "a number after '>'");
  while (true) {
    const std::size_t comma = lines.find(',');
    const std::string_view name = trim(lines.substr(0, comma));
    const auto line = find_any_line(name);
    if (!line) {
      std::string all;
      for (const auto& info : k_all_lines) all += (all.empty() ? "" : ", ") + std::string(info.name);
      refuse(name, "lines of " + all);
    }
    for (const auto& cut : cuts)
      if (cut.line == *line && cut.snr == snr) refuse(name, "each line once");
    cuts.push_back({*line, limit, snr});
    if (comma == std::string_view::npos) return;
    lines = lines.substr(comma + 1);
  }
}

// The line whose noise a line shares, and EW(that line) / EW(line).
struct Strong {
  std::size_t line;
  double ratio;
};
Strong strong_of(std::size_t line) {
  for (const auto& d : k_doublets)
    if (static_cast<std::size_t>(d.weak) == line) return {static_cast<std::size_t>(d.strong), d.ew_ratio};
  return {line, 1.0};
}

// One bound a line: cuts on both members of a doublet, or on EW and S/N, leave the stricter.
struct Bound {
  std::size_t line;
  double limit, sigma;
};
struct Bounds {
  std::array<Bound, k_n_all_lines> at;
  std::size_t n = 0;
};
std::optional<Bounds> bounds_of(const Selection& selection, std::span<const double> sigma, std::size_t without) {
  Bounds out;
  const std::size_t left_out = without == Selection::k_none ? without : strong_of(without).line;
  for (const auto& cut : selection.cuts) {
    const auto [line, ratio] = strong_of(cut.line);
    if (line == left_out) continue;
    if (line >= sigma.size() || !(sigma[line] > 0) || !std::isfinite(sigma[line])) return std::nullopt;
    const double own = ratio == 1.0 ? sigma[line] : sigma[cut.line];
    if (cut.snr && (!(own > 0) || !std::isfinite(own))) return std::nullopt;
    const double limit = (cut.snr ? cut.limit * own : cut.limit) * ratio;
    std::size_t k = 0;
    while (k < out.n && out.at[k].line != line) ++k;
    if (k == out.n) {
      out.at[out.n++] = {line, limit, sigma[line]};
    } else {
      out.at[k].limit = std::max(out.at[k].limit, limit);
    }
  }
  return out;
}

}  // namespace

Selection Selection::parse(std::string_view text) {
  Selection out;
  std::string_view rest = trim(text);
  if (rest.empty()) return out;
  while (true) {
    const std::size_t next = rest.find(" and ");
    parse_part(trim(rest.substr(0, next)), out.cuts);
    if (next == std::string_view::npos) return out;
    rest = rest.substr(next + 5);
  }
}

std::string Selection::text() const {
  std::string out;
  for (std::size_t k = 0; k < cuts.size();) {
    std::size_t last = k;
    std::string lines;
    for (; last < cuts.size() && cuts[last].limit == cuts[k].limit && cuts[last].snr == cuts[k].snr; ++last)
      lines += (lines.empty() ? "" : ",") + std::string(k_all_lines[cuts[last].line].name);
    char number[32];
    const auto end = std::to_chars(number, number + sizeof number, cuts[k].limit).ptr;
    out +=
        (out.empty() ? "" : " and ") + (cuts[k].snr ? "SNR(" + lines + ")" : lines) + " > " + std::string(number, end);
    k = last;
  }
  return out;
}

double log_normal_cdf(double x) noexcept {
  if (x > -30) return std::log(normal_cdf(x));
  const double q = 1 / (x * x);  // asymptotic series: relative error below 1e-9 here
  return -0.5 * x * x - std::log(-x) - 0.5 * std::log(2 * std::numbers::pi) + std::log1p(-q * (1 - q * (3 - 15 * q)));
}

double Selection::log_probability(std::span<const double> ew, std::span<const double> sigma,
                                  std::size_t without) const noexcept {
  const auto bounds = bounds_of(*this, sigma, without);
  if (!bounds) return k_nan;
  double sum = 0;
  for (std::size_t k = 0; k < bounds->n; ++k) {
    const auto& b = bounds->at[k];
    sum += log_normal_cdf((ew[b.line] - b.limit) / b.sigma);
  }
  return sum;
}

void Selection::probabilities(std::span<const float> draws, std::span<const double> sigma, std::span<double> out,
                              std::size_t without) const {
  const auto bounds = bounds_of(*this, sigma, without);
  std::fill(out.begin(), out.end(), bounds ? 1.0 : k_nan);
  if (!bounds) return;
  for (std::size_t b = 0; b < bounds->n; ++b) {
    const auto& bound = bounds->at[b];
    const auto own = draws.subspan(bound.line * out.size(), out.size());
    for (std::size_t k = 0; k < out.size(); ++k)
      out[k] *= normal_cdf((static_cast<double>(own[k]) - bound.limit) / bound.sigma);
  }
}

std::vector<LineCut> line_cuts(const Selection& selection, std::span<const double> sigma,
                               std::span<const std::size_t> independent) {
  const auto bounds = bounds_of(selection, sigma, Selection::k_none);
  std::vector<LineCut> out;
  for (std::size_t k = 0; bounds && k < bounds->n; ++k) {
    const auto& b = bounds->at[k];
    const auto at = std::find(independent.begin(), independent.end(), b.line);
    if (at == independent.end())
      throw Error(ErrorKind::model, "a cut names a line that the model does not have",
                  {std::string(k_all_lines[b.line].name), "lines of the model", ""});
    out.push_back({static_cast<std::size_t>(at - independent.begin()), b.limit, b.sigma});
  }
  return out;
}

}  // namespace starglow
