#include <algorithm>
#include <array>
#include <cmath>

#include "model/fit_joint.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

// How far a calibration goes. Further would flatten the PIT of the noisiest lines ([OII], Hgamma), at a cost in their
// CRPS and in the correlations of the residuals (cross-validated; docs/decisions/0007).
constexpr double k_min_slope = 0.75, k_max_slope = 1.2, k_max_shift = 0.04;

}  // namespace

double positive_pit(const LineDistribution& d, std::size_t line, double y, double sigma) {
  constexpr int nodes = 24;
  static const auto normals = [] {
    std::array<double, nodes> z{};
    for (int k = 0; k < nodes; ++k) z[static_cast<std::size_t>(k)] = normal_quantile((k + 0.5) / nodes);
    return z;
  }();
  double below_y = 0, below_0 = 0;
  for (std::size_t c = 0; c < d.components; ++c)
    for (const double z : normals) {
      const double ew = intrinsic_ew(d.mean[c][line] + d.sd[c][line] * z);
      below_y += d.weight[c] / nodes * normal_cdf((y - ew) / sigma);
      below_0 += d.weight[c] / nodes * normal_cdf(-ew / sigma);
    }
  return (below_y - below_0) / (1.0 - below_0);
}

LineCalibration calibrate_line(const Galaxies& g, std::span<const std::size_t> rows,
                               std::span<const LineDistribution> distributions, std::size_t j, std::size_t line,
                               const std::function<void()>& poll) {
  std::vector<double> medians(rows.size()), pit;
  for (std::size_t r = 0; r < rows.size(); ++r) medians[r] = distributions[r].median[j];
  // Distance of the PIT from a flat one: Cramer-von Mises.
  const auto distance = [&](double shift, double slope) {
    if (poll) poll();
    pit.clear();
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const double y = static_cast<double>(g.ew(rows[r], line)), ivar = static_cast<double>(g.ew_ivar(rows[r], line));
      if (!(ivar > 0) || !(y > 0) || !std::isfinite(y) || !std::isfinite(ivar)) continue;
      LineDistribution d = distributions[r];
      for (std::size_t c = 0; c < d.components; ++c) {
        d.mean[c][j] = medians[r] + shift + slope * (d.mean[c][j] - medians[r]);
        d.sd[c][j] *= slope;
      }
      const double u = positive_pit(d, j, y, 1.0 / std::sqrt(ivar));
      if (std::isfinite(u)) pit.push_back(u);
    }
    std::sort(pit.begin(), pit.end());
    double sum = 0;
    for (std::size_t i = 0; i < pit.size(); ++i) {
      const double flat = (static_cast<double>(i) + 0.5) / static_cast<double>(pit.size());
      sum += (pit[i] - flat) * (pit[i] - flat);
    }
    return pit.empty() ? 0.0 : sum / static_cast<double>(pit.size());
  };
  // Pattern search; the surface is smooth with one minimum.
  double shift = 0, slope = 1, step_shift = 0.04, step_slope = 0.08, best = distance(shift, slope);
  while (step_shift > 0.004) {
    bool moved = false;
    for (const auto& [a, b] : {std::pair{step_shift, 0.0}, std::pair{-step_shift, 0.0}, std::pair{0.0, step_slope},
                               std::pair{0.0, -step_slope}}) {
      const double tried_shift = std::clamp(shift + a, -k_max_shift, k_max_shift),
                   tried_slope = std::clamp(slope + b, k_min_slope, k_max_slope);
      const double value = distance(tried_shift, tried_slope);
      if (value < best) {
        best = value;
        shift = tried_shift;
        slope = tried_slope;
        moved = true;
      }
    }
    if (!moved) {
      step_shift /= 2;
      step_slope /= 2;
    }
  }
  return {shift, slope};
}

void calibrate(const Galaxies& g, std::span<const std::size_t> rows, std::span<const LineDistribution> distributions,
               JointHead& head) {
  for (std::size_t j = 0; j < k_n_independent_lines; ++j) {
    const auto [shift, slope] = calibrate_line(g, rows, distributions, j, k_independent_lines[j]);
    head.shift[j] = shift;
    head.slope[j] = slope;
  }
}

}  // namespace starglow
