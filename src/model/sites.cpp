#include "model/sites.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "starglow/base/random.hpp"
#include "starglow/model/joint.hpp"

namespace starglow {
namespace {

constexpr int k_points = 201;
constexpr int k_passes = 4;               // the grid closes in on the posterior
constexpr double k_reach = 6.0;           // half width of the grid in sd of what it holds
constexpr double k_min_precision = 1e-3;  // of a site, in units of standardised t
constexpr double k_min_variance = 1e-6;
constexpr std::size_t k_shard_rows = 64;

struct Normal {
  double mean, variance;
};

// What the table says of a line; nothing: no information.
struct Label {
  double y, sigma;
  bool detected;
  double peaks = 1;  // the highest of this many
  bool negative = false;
};

// Log likelihood of a measured EW, or of a non-detection.
double log_likelihood(double t, const Label& l) {
  const double floored = intrinsic_ew(t);
  if (!l.detected) return std::log(std::max(normal_cdf(-floored / l.sigma), 1e-300));
  const double ew = l.negative ? std::sinh(t) : floored;
  const double a = (l.y - ew) / l.sigma;
  if (!(l.peaks > 1)) return -0.5 * a * a;
  // The line's own peak is the highest, or one of the others is and the line's lies below it.
  const double b = l.y / l.sigma;
  return std::log(
      std::max(normal_density(a) * normal_cdf(b) + (l.peaks - 1) * normal_cdf(a) * normal_density(b), 1e-300));
}

// Mean and variance of likelihood x normal prior, by sums over a grid that closes in on it.
Normal posterior(const Label& label, double prior_mean, double prior_sd) {
  double low = prior_mean - k_reach * prior_sd, high = prior_mean + k_reach * prior_sd;
  if (label.detected) {
    const double t = std::asinh(label.negative ? label.y : std::max(label.y, 0.0));
    low = std::min(low, t - 0.5);
    high = std::max(high, t + 0.5);
  }
  Normal m{prior_mean, prior_sd * prior_sd};
  for (int pass = 0; pass < k_passes; ++pass) {
    std::array<double, k_points> log_p{};
    double top = -1e300;
    const double step = (high - low) / (k_points - 1);
    for (int k = 0; k < k_points; ++k) {
      const double t = low + step * k, z = (t - prior_mean) / prior_sd;
      log_p[static_cast<std::size_t>(k)] = log_likelihood(t, label) - 0.5 * z * z;
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

std::optional<Label> label_of(const Galaxies& g, std::size_t row, std::size_t j, const std::optional<NoiseModel>& noise,
                              const SiteOptions& options) {
  if (j >= options.lines.size()) return std::nullopt;
  const std::size_t line = options.lines[j];
  const double y = static_cast<double>(g.ew(row, line)), ivar = static_cast<double>(g.ew_ivar(row, line));
  if (ivar > 0 && std::isfinite(ivar) && std::isfinite(y)) {
    const double peaks = options.rules.empty() ? 1.0 : options.rules[g.table.empty() ? 0 : g.table[row]].peaks[line];
    return Label{y, 1.0 / std::sqrt(ivar), true, peaks, options.negative};
  }
  if (!options.censor || !noise || !std::isfinite(y)) return std::nullopt;
  const double sigma = noise->sigma(line, g.band_flux.row(row), g.z[row], 0.0);
  if (!std::isfinite(sigma)) return std::nullopt;
  return Label{0.0, sigma, false};
}

// The site that turns the prior into the moments of label x prior; its centre is kept near `wide`.
void set_site(Sites& sites, std::size_t r, std::size_t j, const Label& label, const Normal& prior, const Normal& wide,
              double y_mean, double y_scale, double clip) {
  const Normal p = posterior(label, prior.mean, std::sqrt(prior.variance));
  const double scale2 = y_scale * y_scale;
  const double most = 1.0 / (k_min_variance * scale2), raw = 1.0 / p.variance - 1.0 / prior.variance;
  const double precision = std::clamp(raw, k_min_precision / scale2, most);
  const double centre =
      raw > most ? p.mean : (p.mean / p.variance - prior.mean / prior.variance) / precision;  // a sharp one is its mean
  sites.variance(r, j) = 1.0 / (precision * scale2);
  // Where the likelihood is flat the quotient of two wide normals may lie anywhere; its weight is then small.
  const double reach = clip * std::sqrt(wide.variance + 1.0 / precision);
  sites.centre(r, j) = (std::clamp(centre, wide.mean - reach, wide.mean + reach) - y_mean) / y_scale;
}

// Natural parameters of a normal site in standardised t.
struct Natural {
  double precision = 0, linear = 0;
};

// The site of `label` under a normal prior of standardised t.
Natural natural_site(const Label& label, double mean, double variance, double y_mean, double y_scale) {
  const Normal p = posterior(label, y_mean + y_scale * mean, y_scale * std::sqrt(variance));
  const double after = std::max(p.variance / (y_scale * y_scale), k_min_variance), at = (p.mean - y_mean) / y_scale;
  return {1.0 / after - 1.0 / variance, at / after - mean / variance};
}

}  // namespace

template <std::size_t k_n>
void refine_sites(Sites& sites, const Galaxies& g, std::span<const std::size_t> rows,
                  const RowMixturesOf<k_n>& mixtures, std::span<const double> y_mean, std::span<const double> y_scale,
                  const std::optional<NoiseModel>& noise, const SiteOptions& options, WorkerPool& pool) {
  if (!options.deconvolve) return;
  constexpr std::size_t n = k_n;
  constexpr double k_least_share = 0.01;
  pool.for_shards(shard_count(rows.size(), k_shard_rows), [&](std::size_t s) {
    const Shard part = shard(s, rows.size(), k_shard_rows);
    for (std::size_t r = part.first; r < part.last; ++r) {
      std::vector<double> log_share(mixtures.components), share(mixtures.components);
      std::vector<SquareOf<k_n>> posterior_of(mixtures.components);
      std::vector<VectorOf<k_n>> mean_of(mixtures.components);
      for (std::size_t c = 0; c < mixtures.components; ++c) {
        VectorOf<k_n> sd, residual, variance;
        for (std::size_t j = 0; j < n; ++j) {
          const auto at = static_cast<Eigen::Index>(j);
          sd[at] = mixtures.sd(r, c * n + j);
          variance[at] = sites.variance(r, j);
          residual[at] = sites.centre(r, j) - mixtures.mean(r, c * n + j);
        }
        const SquareOf<k_n> prior = sd.asDiagonal() * mixtures.correlation[c] * sd.asDiagonal();
        const SquareOf<k_n> whole = prior + SquareOf<k_n>(variance.asDiagonal());
        const Eigen::LLT<SquareOf<k_n>> llt(whole);
        const SquareOf<k_n> gain = prior * llt.solve(SquareOf<k_n>::Identity());
        posterior_of[c] = prior - gain * prior;
        mean_of[c] = gain * residual;
        for (std::size_t j = 0; j < n; ++j) mean_of[c][static_cast<Eigen::Index>(j)] += mixtures.mean(r, c * n + j);
        log_share[c] = std::log(std::max(mixtures.weight(r, c), 1e-300)) - 0.5 * residual.dot(llt.solve(residual)) -
                       llt.matrixLLT().diagonal().array().log().sum();
      }
      const double top = *std::max_element(log_share.begin(), log_share.end());
      double sum = 0;
      for (std::size_t c = 0; c < share.size(); ++c) sum += share[c] = std::exp(log_share[c] - top);
      for (std::size_t j = 0; j < n; ++j) {
        const auto label = label_of(g, rows[r], j, noise, options);
        if (!label) continue;
        const auto at = static_cast<Eigen::Index>(j);
        Natural site;
        double used = 0, wide_mean = 0, wide_square = 0;
        for (std::size_t c = 0; c < share.size(); ++c) {
          const double w = share[c] / sum;
          if (w < k_least_share) continue;
          const double own = 1.0 / sites.variance(r, j), after = posterior_of[c](at, at);
          const double variance = 1.0 / std::max(1.0 / after - own, 1e-4);
          const double mean = variance * (mean_of[c][at] / after - own * sites.centre(r, j));
          const Natural one = natural_site(*label, mean, variance, y_mean[j], y_scale[j]);
          site.precision += w * one.precision;
          site.linear += w * one.linear;
          used += w;
          wide_mean += w * mean;
          wide_square += w * (mean * mean + variance);
        }
        const double precision = std::clamp(site.precision / used, k_min_precision, 1.0 / k_min_variance);
        wide_mean /= used;
        const double wide = wide_square / used - wide_mean * wide_mean;
        const double reach = options.clip * std::sqrt(wide + 1.0 / precision);
        sites.variance(r, j) = 1.0 / precision;
        sites.centre(r, j) = std::clamp(site.linear / used / precision, wide_mean - reach, wide_mean + reach);
      }
    }
  });
}

Sites make_sites(const Galaxies& g, std::span<const std::size_t> rows, const Matrix<double>& prior_mean,
                 std::span<const double> prior_sd, std::span<const double> y_mean, std::span<const double> y_scale,
                 const std::optional<NoiseModel>& noise, const SiteOptions& options) {
  Sites out;
  out.lines = options.lines.size();
  const std::size_t places = prior_mean.cols();
  out.centre = Matrix<double>(rows.size(), places);
  out.variance = Matrix<double>(rows.size(), places, Sites::k_no_information);
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t j = 0; j < places; ++j) {
      const Normal prior{prior_mean(r, j), prior_sd[j] * prior_sd[j]};
      const auto label = label_of(g, rows[r], j, noise, options);
      if (!label) continue;
      if (label->detected && !options.deconvolve) {
        const double reach = options.clip * prior_sd[j];
        out.centre(r, j) =
            (std::clamp(std::asinh(label->y), prior.mean - reach, prior.mean + reach) - y_mean[j]) / y_scale[j];
        out.variance(r, j) = k_min_variance;
        continue;
      }
      set_site(out, r, j, *label, prior, prior, y_mean[j], y_scale[j], options.clip);
    }
  return out;
}

template <std::size_t k_n>
void refine_sites(Sites& sites, const Galaxies& g, std::span<const std::size_t> rows, const Matrix<double>& mean,
                  const SquareOf<k_n>& covariance, std::span<const double> y_mean, std::span<const double> y_scale,
                  const std::optional<NoiseModel>& noise, const SiteOptions& options, WorkerPool& pool) {
  if (!options.deconvolve) return;
  const SquareOf<k_n> precision = covariance.llt().solve(SquareOf<k_n>::Identity());
  pool.for_shards(shard_count(rows.size(), k_shard_rows), [&](std::size_t s) {
    const Shard part = shard(s, rows.size(), k_shard_rows);
    for (std::size_t r = part.first; r < part.last; ++r) {
      SquareOf<k_n> whole = precision;
      VectorOf<k_n> pull;
      for (std::size_t j = 0; j < k_n; ++j) {
        const auto at = static_cast<Eigen::Index>(j);
        whole(at, at) += 1.0 / sites.variance(r, j);
        pull[at] = (sites.centre(r, j) - mean(r, j)) / sites.variance(r, j);
      }
      const SquareOf<k_n> posterior = whole.llt().solve(SquareOf<k_n>::Identity());
      const VectorOf<k_n> residual = posterior * pull;
      for (std::size_t j = 0; j < k_n; ++j) {
        const auto label = label_of(g, rows[r], j, noise, options);
        if (!label) continue;
        const auto at = static_cast<Eigen::Index>(j);
        // The line's own site divided out of its posterior: what the continuum and the other lines say of it.
        const double variance = 1.0 / (1.0 / posterior(at, at) - 1.0 / sites.variance(r, j));
        const double centre =
            variance * ((mean(r, j) + residual[at]) / posterior(at, at) - sites.centre(r, j) / sites.variance(r, j));
        const double scale2 = y_scale[j] * y_scale[j];
        const Normal cavity{y_mean[j] + y_scale[j] * centre, scale2 * variance};
        const Normal wide{y_mean[j] + y_scale[j] * mean(r, j), scale2 * covariance(at, at)};
        set_site(sites, r, j, *label, cavity, wide, y_mean[j], y_scale[j], options.clip);
      }
    }
  });
}

#define STARGLOW_SITES(k_n)                                                                                           \
  template void refine_sites<k_n>(Sites&, const Galaxies&, std::span<const std::size_t>, const Matrix<double>&,       \
                                  const SquareOf<k_n>&, std::span<const double>, std::span<const double>,             \
                                  const std::optional<NoiseModel>&, const SiteOptions&, WorkerPool&);                 \
  template void refine_sites<k_n>(Sites&, const Galaxies&, std::span<const std::size_t>, const RowMixturesOf<k_n>&,   \
                                  std::span<const double>, std::span<const double>, const std::optional<NoiseModel>&, \
                                  const SiteOptions&, WorkerPool&);
STARGLOW_SITES(k_n_independent_lines)
STARGLOW_SITES(k_most_independent_lines)
#undef STARGLOW_SITES

}  // namespace starglow
