#include <algorithm>
#include <cmath>
#include <limits>

#include "starglow/base/random.hpp"
#include "starglow/judge/calibration.hpp"
#include "starglow/model/joint.hpp"

namespace starglow {
namespace {

using Parameters = std::array<double, 4>;  // shift, slope, log sd at the centre, slope of log sd

struct Measurement {
  double point, y, sigma;  // asinh of the point, EW, its error
};

// Mean -log of p(y | y > 0) in EW; the intrinsic normal by nodes at its quantiles, the precise measurements by their
// density at asinh y.
double loss(const std::vector<Measurement>& all, const Parameters& p, double centre) {
  constexpr int nodes = 24;
  double sum = 0;
  for (const auto& m : all) {
    const double mean = p[0] + p[1] * (m.point - centre) + centre;
    const double sd = std::exp(std::clamp(p[2] + p[3] * (m.point - centre), -5.0, 3.0));
    double density = 0, above = 0;
    const double t = std::asinh(m.y), sd_t = m.sigma / std::sqrt(1 + m.y * m.y);
    if (sd_t < 0.25 * sd && m.y > 4 * m.sigma) {
      const double v = sd * sd + sd_t * sd_t;
      density = std::exp(-0.5 * (t - mean) * (t - mean) / v) / std::sqrt(v * (1 + m.y * m.y));
      above = 1.0 - 0.5 * normal_cdf(-mean / sd);  // half of those without a line are measured below 0
    } else {
      for (int k = 0; k < nodes; ++k) {
        static const auto normals = [] {
          std::array<double, nodes> z{};
          for (int i = 0; i < nodes; ++i) z[static_cast<std::size_t>(i)] = normal_quantile((i + 0.5) / nodes);
          return z;
        }();
        const double ew = intrinsic_ew(mean + sd * normals[static_cast<std::size_t>(k)]);
        density += std::exp(-0.5 * (m.y - ew) * (m.y - ew) / (m.sigma * m.sigma)) / m.sigma / nodes;
        above += normal_cdf(ew / m.sigma) / nodes;
      }
    }
    sum -= std::log(std::max(density, 1e-30)) - std::log(std::max(above, 1e-30));
  }
  return sum / static_cast<double>(all.size());
}

Parameters fit(const std::vector<Measurement>& all, double centre) {
  double squares = 0;
  for (const auto& m : all) squares += std::pow(std::asinh(m.y) - m.point, 2) / static_cast<double>(all.size());
  Parameters p{0, 1, 0.5 * std::log(squares), 0}, step{0.1, 0.1, 0.2, 0.1};
  double best = loss(all, p, centre);
  // Pattern search, each direction with its own step.
  for (int round = 0; round < 60 && *std::max_element(step.begin(), step.end()) > 1e-3; ++round)
    for (std::size_t k = 0; k < p.size(); ++k) {
      bool moved = false;
      for (const double side : {1.0, -1.0}) {
        Parameters tried = p;
        tried[k] += side * step[k];
        const double value = loss(all, tried, centre);
        if (value < best) {
          best = value;
          p = tried;
          moved = true;
          break;
        }
      }
      step[k] *= moved ? 1.3 : 0.5;
    }
  return p;
}

}  // namespace

NamedPrediction points_with_scatter(const Galaxies& g, const NamedPrediction& points, std::size_t draws,
                                    std::uint64_t seed, WorkerPool& pool) {
  NamedPrediction out{"points with scatter", Matrix<double>(g.n, k_n_lines, std::numeric_limits<double>::quiet_NaN()),
                      Matrix<float>(g.n, k_n_lines * draws, std::numeric_limits<float>::quiet_NaN()), draws};
  pool.for_shards(k_n_lines, [&](std::size_t line) {
    std::vector<Measurement> all;
    double centre = 0;
    for (std::size_t i = 0; i < g.n; ++i) {
      const double y = static_cast<double>(g.ew(i, line)), ivar = static_cast<double>(g.ew_ivar(i, line));
      if (!(ivar > 0) || !std::isfinite(ivar) || !(y > 0) || !std::isfinite(y) || !std::isfinite(points.ew(i, line)))
        continue;
      all.push_back({std::asinh(points.ew(i, line)), y, 1.0 / std::sqrt(ivar)});
      centre += all.back().point;
    }
    if (all.size() < 20) return;
    centre /= static_cast<double>(all.size());
    const Parameters p = fit(all, centre);
    for (std::size_t i = 0; i < g.n; ++i) {
      const double point = std::asinh(points.ew(i, line)) - centre;
      const double mean = p[0] + p[1] * point + centre, sd = std::exp(std::clamp(p[2] + p[3] * point, -5.0, 3.0));
      out.ew(i, line) = intrinsic_ew(mean);
      const RandomObject random(seed, Stream::intrinsic,
                                g.targetid.empty() ? static_cast<std::int64_t>(i) : g.targetid[i]);
      for (std::size_t k = 0; k < draws; ++k)
        out.draws(i, line * draws + k) = static_cast<float>(
            intrinsic_ew(mean + sd * random.normal(static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(line))));
    }
  });
  // The weak members of the doublets follow their partners, as in a joint model.
  for (const auto& doublet : k_doublets) {
    const auto weak = static_cast<std::size_t>(doublet.weak), strong = static_cast<std::size_t>(doublet.strong);
    for (std::size_t i = 0; i < g.n; ++i) {
      out.ew(i, weak) = out.ew(i, strong) / doublet.ew_ratio;
      for (std::size_t k = 0; k < draws; ++k)
        out.draws(i, weak * draws + k) =
            static_cast<float>(static_cast<double>(out.draws(i, strong * draws + k)) / doublet.ew_ratio);
    }
  }
  return out;
}

}  // namespace starglow
