// Evaluation as a table for people and as JSON.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "starglow/judge/evaluate.hpp"

namespace starglow {
namespace {

constexpr std::array<int, k_n_scores> k_digits{4, 3, 3, 3, 3};

std::string number(const Estimate& e, int digits, bool with_error, bool sign = false) {
  if (std::isnan(e.value)) return "-";
  const std::string value = sign ? fmt::format("{:+.{}f}", e.value, digits) : fmt::format("{:.{}f}", e.value, digits);
  return with_error ? fmt::format("{}+-{:.{}f}", value, e.error, digits) : value;
}

nlohmann::json json_number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

nlohmann::json json_scores(const std::array<Estimate, k_n_scores>& scores, bool with_error) {
  nlohmann::json out = nlohmann::json::object();
  for (std::size_t k = 0; k < k_n_scores; ++k) {
    out[k_score_names[k]] = json_number(scores[k].value);
    if (with_error) out[std::string(k_score_names[k]) + "_error"] = json_number(scores[k].error);
  }
  return out;
}

}  // namespace

std::string evaluation_table(const Evaluation& e) {
  const bool errors = e.resamples > 1;
  const int width = errors ? 17 : 9;
  const std::string all = fmt::format("mean of {}", e.judged.size()),
                    independent = fmt::format("mean of {}", e.judged.independent().size());
  std::string out;
  const auto scores = [&](std::string_view name, const std::string& n, const std::array<Estimate, k_n_scores>& s,
                          bool sign) {
    out += fmt::format("  {:<12}{:>7}", name, n);
    for (std::size_t k = 0; k < k_n_scores; ++k)
      out += fmt::format("{:>{}}", number(s[k], k_digits[k], errors, sign), width);
  };
  const auto heading = [&](const std::string& title, bool snr3) {
    out += title + fmt::format("\n  {:<12}{:>7}", "line", "N");
    for (const char* name : {"rho", "NMAD/A", "cNMAD/A", "pred/obs", "asinh rms"})
      out += fmt::format("{:>{}}", name, width);
    if (snr3) out += fmt::format("{:>10}{:>{}}{:>{}}", "N(S/N>3)", "rho(S/N>3)", width + 3, "ratio(S/N>3)", width + 5);
    out += '\n';
  };
  for (std::size_t p = 0; p < e.names.size(); ++p) {
    heading(e.names[p], true);
    for (const std::size_t line : e.judged.lines()) {
      const LineScores& s = e.lines[p][line];
      scores(k_all_lines[line].name, std::to_string(s.n), s.all, false);
      out += fmt::format("{:>10}{:>{}}{:>{}}\n", s.n_snr3, number(s.snr3[0], 4, errors), width + 3,
                         number(s.snr3[3], 3, errors), width + 5);
    }
    scores(all, "", e.mean10[p], false);
    out += '\n';
    scores(independent, "", e.mean8[p], false);
    out += "\n\n";
  }
  for (const auto& d : e.differences) {
    heading(d.a + " minus " + d.b + ", same galaxies" + (errors ? ", paired errors" : ""), false);
    for (const std::size_t line : e.judged.lines()) {
      scores(k_all_lines[line].name, "", d.lines[line], true);
      out += '\n';
    }
    scores(all, "", d.mean10, true);
    out += '\n';
    scores(independent, "", d.mean8, true);
    out += "\n\n";
  }
  out +=
      "rho: Spearman's rank correlation. NMAD: 1.48 median |obs - pred|; cNMAD: about the median difference. pred/obs: "
      "median ratio.\nasinh rms: rms difference of asinh EW. S/N>3: the same for measurements with S/N > 3. mean of 8: "
      "without 4959 and 6548.\n\n";
  return out;
}

std::string evaluation_json(const Evaluation& e) {
  const bool errors = e.resamples > 1;
  using nlohmann::json;
  const std::string all = "mean" + std::to_string(e.judged.size()),
                    independent = "mean" + std::to_string(e.judged.independent().size());
  json root = json::object();  // made before it is filled, as each below: memory may fail
  root["resamples"] = e.resamples;
  root["seed"] = e.seed;
  root["rows"] = "ivar > 0, EW > 0, every prediction finite";
  root["n_labelled"] = json::object();
  for (const std::size_t line : e.judged.lines())
    root["n_labelled"][std::string(k_all_lines[line].name)] = e.n_labelled[line];
  if (!e.names.empty()) root["predictions"] = json::array();
  if (!e.differences.empty()) root["differences"] = json::array();
  for (std::size_t p = 0; p < e.names.size(); ++p) {
    json item{{"name", e.names[p]}, {"lines", json::object()}};
    for (const std::size_t line : e.judged.lines()) {
      const LineScores& s = e.lines[p][line];
      auto& into = item["lines"][std::string(k_all_lines[line].name)];
      into = json_scores(s.all, errors);
      into["n"] = s.n;
      into["snr3"] = json_scores(s.snr3, errors);
      into["snr3"]["n"] = s.n_snr3;
    }
    item[all] = json_scores(e.mean10[p], errors);
    item[independent] = json_scores(e.mean8[p], errors);
    root["predictions"].push_back(item);
  }
  for (const auto& d : e.differences) {
    json item{{"a", d.a}, {"b", d.b}, {"lines", json::object()}};
    for (const std::size_t line : e.judged.lines())
      item["lines"][std::string(k_all_lines[line].name)] = json_scores(d.lines[line], errors);
    item[all] = json_scores(d.mean10, errors);
    item[independent] = json_scores(d.mean8, errors);
    root["differences"].push_back(item);
  }
  return root.dump(1) + "\n";
}

}  // namespace starglow
