#include "model/label_gates.hpp"

#include <array>
#include <cmath>
#include <limits>

namespace starglow {
namespace {

constexpr double k_extreme_ew = 5000, k_doublet_snr = 5, k_doublet_factor = 2, k_most_doublets = 0.1;
constexpr std::array<std::array<double, 2>, 2> k_overlaps{{{5760, 5800}, {7520, 7620}}};  // A, observed

bool labelled(const Galaxies& g, std::size_t row, std::size_t line) {
  return g.ew_ivar(row, line) > 0 && std::isfinite(g.ew(row, line)) && std::isfinite(g.ew_ivar(row, line));
}

bool in_overlap(std::size_t line, double z) {
  const double at = k_all_lines[line].wave_vac * (1 + z);
  for (const auto& [low, high] : k_overlaps)
    if (at >= low && at <= high) return true;
  return false;
}

enum class Ratio { unknown, possible, impossible };

Ratio ratio_of(const Galaxies& g, std::size_t row, const Doublet& d) {
  const auto weak = static_cast<std::size_t>(d.weak), strong = static_cast<std::size_t>(d.strong);
  for (const auto line : {weak, strong}) {
    if (!labelled(g, row, line)) return Ratio::unknown;
    const double ew = static_cast<double>(g.ew(row, line)), ivar = static_cast<double>(g.ew_ivar(row, line));
    if (!(ew * std::sqrt(ivar) > k_doublet_snr)) return Ratio::unknown;
  }
  const double off = static_cast<double>(g.ew(row, strong)) / static_cast<double>(g.ew(row, weak)) / d.ew_ratio;
  return off > k_doublet_factor || off < 1 / k_doublet_factor ? Ratio::impossible : Ratio::possible;
}

}  // namespace

LabelGates find_bad_labels(const Galaxies& g) {
  LabelGates out;
  if (g.ew.empty() || g.ew_ivar.empty()) return out;
  double judged = 0, impossible = 0;
  for (std::size_t row = 0; row < g.n; ++row)
    for (const auto& d : k_doublets) {
      const Ratio ratio = ratio_of(g, row, d);
      judged += ratio != Ratio::unknown ? 1 : 0;
      impossible += ratio == Ratio::impossible ? 1 : 0;
    }
  out.other_doublets = impossible > k_most_doublets * judged;
  const bool doubled = g.conventions.labelver.find("v3.0") != std::string::npos;
  for (std::size_t row = 0; row < g.n; ++row) {
    std::array<bool, k_n_all_lines> bad{};
    for (std::size_t line = 0; line < g.ew.cols(); ++line) {
      if (!labelled(g, row, line)) continue;
      if (std::fabs(static_cast<double>(g.ew(row, line))) > k_extreme_ew) {
        bad[line] = true;
        ++out.extreme;
      } else if (doubled && !g.z.empty() && in_overlap(line, g.z[row])) {
        bad[line] = true;
        ++out.overlap;
      }
    }
    for (const auto& d : k_doublets) {
      const auto weak = static_cast<std::size_t>(d.weak), strong = static_cast<std::size_t>(d.strong);
      if (out.other_doublets || bad[weak] || bad[strong] || ratio_of(g, row, d) != Ratio::impossible) continue;
      bad[weak] = bad[strong] = true;
      out.doublet += 2;
    }
    for (std::size_t line = 0; line < g.ew.cols(); ++line)
      if (bad[line]) out.entries.push_back({row, line});
  }
  return out;
}

std::string LabelGates::text(std::size_t labels) const {
  const char* other = "the ratios of the doublets are not the atomic ones: no label was left out for them";
  if (entries.empty()) return other_doublets ? other : "";
  std::string out = std::to_string(entries.size()) + " of " + std::to_string(labels) +
                    " labels not used: " + std::to_string(extreme) + " beyond 5000 A, " + std::to_string(overlap) +
                    " in camera overlaps of v3.0, " + std::to_string(doublet) + " of doublets with an impossible ratio";
  if (other_doublets) out += std::string("; ") + other;
  return out;
}

Galaxies without_labels(const Galaxies& g, const LabelGates& gates) {
  Galaxies out = g;
  for (const auto& [row, line] : gates.entries) {
    out.ew(row, line) = std::numeric_limits<float>::quiet_NaN();
    out.ew_ivar(row, line) = 0;
  }
  return out;
}

}  // namespace starglow
