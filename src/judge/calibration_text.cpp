// Calibration as a table for people and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "starglow/judge/calibration.hpp"

namespace starglow {
namespace {

// Smallest and largest coverage over the quintiles of a split.
std::pair<double, double> range(const std::array<double, 5>& x) {
  return {*std::min_element(x.begin(), x.end()), *std::max_element(x.begin(), x.end())};
}

nlohmann::json json_ratios(const Ratios& r) {
  return {{"width_oiii_hb", r.width_oiii_hb},
          {"width_nii_ha", r.width_nii_ha},
          {"star_forming", r.star_forming},
          {"composite", r.composite},
          {"balmer", r.balmer},
          {"balmer_below", r.balmer_below},
          {"energy", r.energy}};
}

}  // namespace

std::string calibration_table(const Calibration& c) {
  std::string out;
  for (const auto& s : c.scores) {
    out += fmt::format(
        "{}: predicted distributions with measurement noise, given EW > 0\n  "
        "{:<12}{:>6}{:>8}{:>8}{:>8}{:>8}{:>7}{:>7}{:>7}",
        s.name, "line", "N", "CRPS", "free", "-log p", "PIT KS", "50 %", "68 %", "95 %");
    for (const char* split : k_splits) out += fmt::format("{:>14}", split);
    out += '\n';
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const auto& l = s.lines[line];
      out += fmt::format("  {:<12}{:>6}{:>8.4f}{:>8.4f}{:>8.3f}{:>8.3f}{:>7.3f}{:>7.3f}{:>7.3f}", k_lines[line].name,
                         l.n, l.crps, l.crps_free, l.log_score, l.pit_ks, l.coverage[0], l.coverage[1], l.coverage[2]);
      for (const auto& split : l.coverage68) {
        const auto [low, high] = range(split);
        out += fmt::format("{:>14}", fmt::format("{:.2f}-{:.2f}", low, high));
      }
      out += '\n';
    }
    out += fmt::format("  mean CRPS of the 8 independent lines: {:.4f}\n", s.mean_crps);
    out += fmt::format(
        "  correlations between lines: rms difference from the observed ones {:.3f} (residuals about the reference: "
        "{:.3f})\n\n",
        s.correlation_rms, s.correlation_rms_reference);
  }
  out +=
      "CRPS: continuous ranked probability score of asinh EW; free: without the condition EW > 0. -log p: log score. "
      "PIT KS: distance of\nthe probability integral transform from uniform. 50, 68, 95 %: fraction of measurements "
      "inside the central interval; last columns:\nlowest and highest 68 % fraction among quintiles of each quantity "
      "(docs/metrics.md).\n\n";
  out += fmt::format(
      "EW ratios, {} galaxies      log OIII/Hb  log NII/Ha  star-forming  composite  energy distance   Ha/Hb flux  "
      "below 2.86\n",
      c.n_bpt);
  const auto ratios = [&](const std::string& name, const Ratios& r) {
    out +=
        fmt::format("  {:<26.26}{:>11.3f}{:>12.3f}{:>14.3f}{:>11.3f}{:>17.4f}{:>13.2f}{:>12.3f}\n", name,
                    r.width_oiii_hb, r.width_nii_ha, r.star_forming, r.composite, r.energy, r.balmer, r.balmer_below);
  };
  ratios("observed", c.observed);
  for (const auto& s : c.scores) ratios(s.name, s.ratios);
  for (const auto& d : c.differences) {
    out += fmt::format("\nCRPS, {} minus {}, same galaxies\n", d.a, d.b);
    for (std::size_t line = 0; line < k_n_lines; ++line)
      out += fmt::format("  {:<12}{:>+9.4f}+-{:.4f}\n", k_lines[line].name, d.lines[line].value, d.lines[line].error);
    out += fmt::format("  {:<12}{:>+9.4f}+-{:.4f}\n", "mean of 8", d.mean8.value, d.mean8.error);
  }
  return out;
}

std::string calibration_json(const Calibration& c) {
  using nlohmann::json;
  json root = json::object();  // made before it is filled, as each below: memory may fail
  root["observed"] = json_ratios(c.observed);
  root["n_bpt"] = c.n_bpt;
  if (!c.scores.empty()) root["distributions"] = json::array();
  if (!c.differences.empty()) root["differences"] = json::array();
  for (const auto& s : c.scores) {
    nlohmann::json item{{"name", s.name},
                        {"mean_crps", s.mean_crps},
                        {"ratios", json_ratios(s.ratios)},
                        {"correlation_rms", s.correlation_rms},
                        {"correlation_rms_reference", s.correlation_rms_reference},
                        {"correlation_observed", s.correlation_observed},
                        {"correlation_drawn", s.correlation_drawn}};
    item["lines"] = json::object();
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const auto& l = s.lines[line];
      auto& into = item["lines"][std::string(k_lines[line].name)];
      into = {{"n", l.n},
              {"crps", l.crps},
              {"crps_free", l.crps_free},
              {"log_score", l.log_score},
              {"pit_ks", l.pit_ks},
              {"pit", l.pit},
              {"coverage50", l.coverage[0]},
              {"coverage68", l.coverage[1]},
              {"coverage95", l.coverage[2]},
              {"coverage68_by", json::object()}};
      for (std::size_t k = 0; k < k_splits.size(); ++k) into["coverage68_by"][k_splits[k]] = l.coverage68[k];
    }
    root["distributions"].push_back(item);
  }
  for (const auto& d : c.differences) {
    nlohmann::json item{{"a", d.a}, {"b", d.b}, {"mean8", d.mean8.value}, {"mean8_error", d.mean8.error}};
    item["lines"] = json::object();
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      auto& into = item["lines"][std::string(k_lines[line].name)];
      into = {{"crps", d.lines[line].value}, {"crps_error", d.lines[line].error}};
    }
    root["differences"].push_back(item);
  }
  return root.dump(1) + "\n";
}

}  // namespace starglow
