#pragma once
// Conditioning of a mixture as the formulas say it: dense matrices of Eigen, sums over many short panels, every site
// made again until nothing moves. The oracle of condition().
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "model/site_moments.hpp"
#include "starglow/model/condition.hpp"
#include "starglow/model/joint.hpp"

namespace starglow::slow {

/// Five-point Gauss-Legendre panels over t, 10 prior sd about the mean and wherever the likelihood lies, with borders
/// at t = 0 and at the likelihood's bends.
inline SiteMoments site_moments(double m, double v, const LineEvidence& e) {
  const bool measured = e.kind == LineEvidence::Kind::measured;
  const auto log_f = [&](double t) {
    const double u = (intrinsic_ew(t) - e.value) / e.sigma;
    const double prior = -0.5 * (t - m) * (t - m) / v - 0.5 * std::log(2 * M_PI * v);
    if (measured) return prior - 0.5 * u * u - std::log(e.sigma) - 0.5 * std::log(2 * M_PI);
    if (u > -30) return prior + std::log(0.5 * std::erfc(-u / std::sqrt(2.0)));
    // Mills' ratio by its continued fraction
    double tail = 0;
    for (int k = 200; k > 0; --k) tail = k / (-u + tail);
    return prior - 0.5 * u * u - 0.5 * std::log(2 * M_PI) - std::log(-u + tail);
  };
  // The highest point by bisection of a coarse scan, then everything within e^-45 of it.
  const double reach = 40 * std::sqrt(v);
  double low = m - reach, high = m + reach;
  const double line = std::asinh(std::max(e.value, 0.0));
  low = std::min(low, std::min(line - 0.1, -0.1));
  high = std::max(high, line + 0.1);
  double best = m, top = log_f(m);
  for (const double centre : {m, line, 0.0})
    for (double width = high - low; width > 1e-13; width /= 1.5)
      for (const double t : {centre - width, centre + width, best - width, best + width})
        if (log_f(t) > top) top = log_f(t), best = t;
  const auto edge = [&](double sign) {
    double step = 1e-12;
    while (log_f(best + sign * step) > top - 45 && step < 1e3) step *= 1.2;
    return best + sign * step;
  };
  // Borders: geometric panels away from the highest point on both sides, split at 0.
  const double left = edge(-1), right = edge(1);
  std::vector<double> border;
  constexpr int n = 100;
  for (int k = 0; k <= n; ++k) border.push_back(left + (right - left) * k / n);
  if (left < 0 && right > 0) border.push_back(0.0);
  const double bend_low = std::asinh(std::max(e.value - 12 * e.sigma, 0.0)),
               bend_high = std::asinh(std::max(e.value + 12 * e.sigma, 0.0));
  for (int k = 0; k <= n; ++k) {
    const double t = bend_low + (bend_high - bend_low) * k / n;
    if (t > left && t < right) border.push_back(t);
  }
  for (double t = 1e-9; t < right; t *= 1.3)  // what falls off beyond 0
    if (t > left) border.push_back(t);
  std::sort(border.begin(), border.end());
  constexpr std::array<double, 5> x{-0.906179845938663993, -0.538469310105683091, 0, 0.538469310105683091,
                                    0.906179845938663993},
      w{0.236926885056189088, 0.478628670499366468, 0.568888888888888889, 0.478628670499366468, 0.236926885056189088};
  double sum = 0, first = 0, second = 0;
  for (std::size_t k = 1; k < border.size(); ++k)
    for (std::size_t i = 0; i < 5; ++i) {
      const double half = 0.5 * (border[k] - border[k - 1]), t = border[k - 1] + half * (1 + x[i]);
      const double p = half * w[i] * std::exp(log_f(t) - top);
      sum += p;
      first += p * (t - best);
      second += p * (t - best) * (t - best);
    }
  first /= sum;
  return {top + std::log(sum), best + first, second / sum - first * first};
}

/// In long double: a matrix of correlated lines is inverted.
using Matrix = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
using Vector = Eigen::Matrix<long double, Eigen::Dynamic, 1>;

struct Conditioned {
  std::vector<double> weight;
  std::vector<std::vector<double>> mean;
  std::vector<Matrix> covariance;
  double log_evidence = 0;
};

inline Conditioned condition(const JointDistribution& prior, const Evidence& evidence) {
  const auto n = static_cast<Eigen::Index>(prior.lines.slots.places());
  Conditioned out;
  std::vector<Eigen::Index> known;
  for (Eigen::Index j = 0; j < n; ++j)
    if (evidence[static_cast<std::size_t>(j)].kind != LineEvidence::Kind::none) known.push_back(j);
  std::vector<double> log_weight;
  for (std::size_t c = 0; c < prior.lines.components; ++c) {
    const Matrix u = Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
                         prior.factor[c].data(), n, n)
                         .cast<long double>();
    const auto of = [n](const LineDistribution::PerLine& x) {
      return Vector(Eigen::Map<const Eigen::VectorXd>(x.data(), n).cast<long double>());
    };
    const Vector m = of(prior.lines.mean[c]), sd = of(prior.lines.sd[c]);
    const Matrix s = sd.asDiagonal() * u * u.transpose() * sd.asDiagonal();
    // Sites exp(-precision t^2 / 2 + pull t + scale); more than one known line: none that widens.
    Vector precision = Vector::Zero(n), pull = precision, scale = precision;
    const Matrix inverse = s.inverse();
    const auto posterior = [&](Eigen::Index without) {
      Matrix lambda = inverse;
      Vector sum = inverse * m;
      for (const auto j : known)
        if (j != without) {
          lambda(j, j) += precision[j];
          sum[j] += pull[j];
        }
      const Matrix covariance = lambda.inverse();
      return std::pair<Vector, Matrix>(covariance * sum, covariance);
    };
    for (int sweep = 0; sweep < 400; ++sweep) {
      double moved = 0;
      for (const auto j : known) {
        const auto [mean, covariance] = posterior(j);
        const auto centre = static_cast<double>(mean[j]), v = static_cast<double>(covariance(j, j));
        const SiteMoments p = slow::site_moments(centre, v, evidence[static_cast<std::size_t>(j)]);
        double next = 1 / p.variance - 1 / v;
        if (known.size() > 1) next = std::max(next, 0.0);
        const double narrowed = 1 / (1 / v + next), step = p.mean / narrowed - centre / v;
        const double share = sweep < 20 ? 1 : 0.5;
        moved = std::max(
            {moved, std::fabs(next - static_cast<double>(precision[j])) * p.variance,
             std::fabs(step - static_cast<double>(pull[j] + static_cast<long double>(p.mean) *
                                                                (static_cast<long double>(next) - precision[j]))) *
                 std::sqrt(p.variance)});
        precision[j] += static_cast<long double>(share) * (static_cast<long double>(next) - precision[j]);
        pull[j] += static_cast<long double>(share) * (static_cast<long double>(step) - pull[j]);
        // ln integral of the site over what is there without it
        scale[j] = static_cast<long double>(p.log_z - 0.5 * std::log(narrowed / v) - 0.5 * p.mean * p.mean / narrowed +
                                            0.5 * centre * centre / v);
      }
      if (moved < 1e-13) break;
    }
    const auto [mean, covariance] = posterior(-1);
    const long double log_z = scale.sum() + 0.5L * std::log(covariance.determinant() / s.determinant()) +
                              0.5L * mean.dot(covariance.inverse() * mean) - 0.5L * m.dot(inverse * m);
    log_weight.push_back(std::log(prior.lines.weight[c]) + static_cast<double>(log_z));
    out.mean.emplace_back(mean.data(), mean.data() + n);
    out.covariance.push_back(covariance);
  }
  const double top = *std::max_element(log_weight.begin(), log_weight.end());
  double sum = 0;
  for (const double w : log_weight) sum += std::exp(w - top);
  for (const double w : log_weight) out.weight.push_back(std::exp(w - top) / sum);
  out.log_evidence = top + std::log(sum);
  return out;
}

}  // namespace starglow::slow
