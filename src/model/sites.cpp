#include "model/sites.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "starglow/joint.hpp"

namespace starglow {
namespace {

constexpr int k_points = 201;
constexpr int k_passes = 4;               // the grid closes in on the posterior
constexpr double k_reach = 6.0;           // half width of the grid in sd of what it holds
constexpr double k_min_precision = 1e-3;  // of a site, in units of standardised t
constexpr double k_min_variance = 1e-6;

struct Moments {
  double mean, variance;
};

// Log likelihood of a measured EW y +- sigma, or of a non-detection.
double log_likelihood(double t, double y, double sigma, bool detected) {
  const double ew = intrinsic_ew(t);
  if (detected) return -0.5 * (y - ew) * (y - ew) / (sigma * sigma);
  return std::log(std::max(0.5 * std::erfc(ew / sigma / std::numbers::sqrt2), 1e-300));
}

// Mean and variance of likelihood x normal prior, by sums over a grid that closes in on it.
Moments posterior(double y, double sigma, bool detected, double prior_mean, double prior_sd) {
  double low = prior_mean - k_reach * prior_sd, high = prior_mean + k_reach * prior_sd;
  if (detected) {
    const double t = std::asinh(std::max(y, 0.0));
    low = std::min(low, t - 0.5);
    high = std::max(high, t + 0.5);
  }
  Moments m{prior_mean, prior_sd * prior_sd};
  for (int pass = 0; pass < k_passes; ++pass) {
    std::array<double, k_points> log_p{};
    double top = -1e300;
    const double step = (high - low) / (k_points - 1);
    for (int k = 0; k < k_points; ++k) {
      const double t = low + step * k, z = (t - prior_mean) / prior_sd;
      log_p[static_cast<std::size_t>(k)] = log_likelihood(t, y, sigma, detected) - 0.5 * z * z;
      top = std::max(top, log_p[static_cast<std::size_t>(k)]);
    }
    double sum = 0, first = 0, second = 0;
    for (int k = 0; k < k_points; ++k) {
      const double p = std::exp(log_p[static_cast<std::size_t>(k)] - top), t = low + step * k;
      sum += p;
      first += p * t;
      second += p * t * t;
    }
    m.mean = first / sum;
    m.variance = std::max(second / sum - m.mean * m.mean, 0.01 * step * step);
    const double reach = k_reach * std::max(std::sqrt(m.variance), step);
    low = std::max(low, m.mean - reach);
    high = std::min(high, m.mean + reach);
  }
  return m;
}

}  // namespace

Sites make_sites(const Galaxies& g, std::span<const std::size_t> rows, const Matrix<double>& prior_mean,
                 std::span<const double> prior_sd, std::span<const double> y_mean, std::span<const double> y_scale,
                 const std::optional<NoiseModel>& noise, const SiteOptions& options) {
  Sites out;
  out.centre = Matrix<double>(rows.size(), k_n_independent_lines);
  out.variance = Matrix<double>(rows.size(), k_n_independent_lines, Sites::k_no_information);
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t j = 0; j < k_n_independent_lines; ++j) {
      const std::size_t line = k_independent_lines[j], row = rows[r];
      const double y = static_cast<double>(g.ew(row, line)), ivar = static_cast<double>(g.ew_ivar(row, line));
      const bool detected = ivar > 0 && std::isfinite(ivar) && std::isfinite(y);
      const double m = prior_mean(r, j), s = prior_sd[j];
      if (detected && !options.deconvolve) {
        out.centre(r, j) =
            (std::clamp(std::asinh(y), m - options.clip * s, m + options.clip * s) - y_mean[j]) / y_scale[j];
        out.variance(r, j) = k_min_variance;
        continue;
      }
      double sigma = detected ? 1.0 / std::sqrt(ivar) : 0.0;
      if (!detected) {
        if (!options.censor || !noise) continue;
        sigma = noise->sigma(line, g.band_flux.row(row), g.z[row], 0.0);
        if (!std::isfinite(sigma)) continue;
      }
      const Moments p = posterior(y, sigma, detected, m, s);
      const double scale = y_scale[j] * y_scale[j];
      const double precision =
          std::clamp(1.0 / p.variance - 1.0 / (s * s), k_min_precision / scale, 1.0 / (k_min_variance * scale));
      const double centre = (p.mean / p.variance - m / (s * s)) / precision;
      out.variance(r, j) = 1.0 / (precision * scale);
      // Where the likelihood is flat the quotient of two wide normals may lie anywhere; its weight is then small.
      const double reach = options.clip * std::sqrt(s * s + 1.0 / precision);
      out.centre(r, j) = (std::clamp(centre, m - reach, m + reach) - y_mean[j]) / y_scale[j];
    }
  return out;
}

}  // namespace starglow
