#include "starglow/judge/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "judge/noisy.hpp"
#include "starglow/base/bpt.hpp"
#include "starglow/base/cosmology.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "starglow/judge/metrics.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t k_shard_rows = 64;
constexpr std::size_t k_min_positive = 8;      // draws that a conditional distribution needs
constexpr std::size_t k_realisations = 8;      // of a galaxy, for ratios and correlations
constexpr std::size_t k_energy_points = 1500;  // the energy distance is quadratic

// Unbiased CRPS of draws (sorted here): mean |x - y| - mean over pairs |x - x'| / 2.
double crps_of(std::vector<double>& x, double y) {
  std::sort(x.begin(), x.end());
  const auto n = static_cast<double>(x.size());
  double near = 0, pairs = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    near += std::fabs(x[i] - y);
    pairs += x[i] * (2.0 * static_cast<double>(i) - n + 1.0);
  }
  return near / n - pairs / (n * (n - 1.0));
}

struct RowScore {
  double crps = k_nan, crps_free = k_nan, log_score = k_nan, pit = k_nan;
};

RowScore score_row(const Noisy& noisy, const Galaxies& g, std::size_t row, std::size_t line) {
  RowScore out;
  if (!measured(g, row, line) || !std::isfinite(noisy.prediction().ew(row, line))) return out;
  const double y = static_cast<double>(g.ew(row, line)), t = std::asinh(y), sigma = noisy.sigma(row, line);
  std::vector<double> draws(noisy.n()), positive;
  noisy.fill(row, line, draws);
  double density = 0, above = 0;
  for (std::size_t k = 0; k < draws.size(); ++k) {
    const double ew = noisy.intrinsic(row, line, k), z = (y - ew) / sigma;
    density += normal_density(z) / sigma / static_cast<double>(draws.size());
    above += normal_cdf(ew / sigma) / static_cast<double>(draws.size());
    if (draws[k] > 0) positive.push_back(std::asinh(draws[k]));
    draws[k] = std::asinh(draws[k]);
  }
  out.crps_free = crps_of(draws, t);
  // Density of asinh EW, floored where no draw comes near.
  out.log_score = -std::log(std::max(density / above * std::sqrt(1 + y * y), 1e-12));
  if (positive.size() < k_min_positive) {
    out.crps = out.crps_free;
    out.pit = 1.0;
    return out;
  }
  out.crps = crps_of(positive, t);
  const auto below = std::lower_bound(positive.begin(), positive.end(), t) - positive.begin();
  out.pit = (static_cast<double>(below) + 0.5) / (static_cast<double>(positive.size()) + 1.0);
  return out;
}

std::array<double, k_splits.size()> split_values(const Galaxies& g, const Noisy& noisy, std::size_t row,
                                                 std::size_t line) {
  const auto flux = g.band_flux.row(row);
  const double z = g.z.empty() ? k_nan : g.z[row];
  return {std::log10(flux[k_n_bands - 1] / flux[0]), log_lum(flux[9], z),
          noisy.prediction().ew(row, line) / noisy.sigma(row, line), z};
}

void summarise(const Galaxies& g, const Noisy& noisy, const std::vector<RowScore>& rows, std::size_t line,
               LineCalibration& out) {
  std::vector<double> pit;
  std::vector<std::array<double, k_splits.size()>> splits;
  for (std::size_t i = 0; i < g.n; ++i) {
    const RowScore& s = rows[i * k_n_lines + line];
    if (std::isnan(s.crps)) continue;
    ++out.n;
    out.crps += s.crps;
    out.crps_free += s.crps_free;
    out.log_score += s.log_score;
    pit.push_back(s.pit);
    splits.push_back(split_values(g, noisy, i, line));
    out.pit[std::min<std::size_t>(19, static_cast<std::size_t>(20 * s.pit))] += 1;
  }
  const auto n = static_cast<double>(out.n);
  for (double* value : {&out.crps, &out.crps_free, &out.log_score}) *value /= n;
  for (double& bin : out.pit) bin *= 20 / n;
  const auto inside = [&](double p, std::size_t i) { return std::fabs(pit[i] - 0.5) < 0.5 * p ? 1.0 : 0.0; };
  constexpr std::array<double, 3> levels{0.50, 0.6826894921370859, 0.95};
  for (std::size_t l = 0; l < levels.size(); ++l)
    for (std::size_t i = 0; i < pit.size(); ++i) out.coverage[l] += inside(levels[l], i) / n;
  std::vector<std::size_t> order(pit.size());
  for (std::size_t split = 0; split < k_splits.size(); ++split) {
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](auto a, auto b) {
      return splits[a][split] != splits[b][split] ? splits[a][split] < splits[b][split] : a < b;
    });
    for (std::size_t q = 0; q < 5; ++q) {
      const std::size_t first = q * order.size() / 5, last = (q + 1) * order.size() / 5;
      for (std::size_t i = first; i < last; ++i)
        out.coverage68[split][q] += inside(levels[1], order[i]) / static_cast<double>(last - first);
    }
  }
  std::sort(pit.begin(), pit.end());
  for (std::size_t i = 0; i < pit.size(); ++i) {
    const double at = static_cast<double>(i);
    out.pit_ks = std::max({out.pit_ks, (at + 1) / n - pit[i], pit[i] - at / n});
  }
}

// ---- ratios of lines

constexpr std::array<std::size_t, 4> k_bpt{2, 4, 6, 7};  // Hbeta, [OIII] 5007, Halpha, [NII] 6584

struct Point {
  double x, y;    // log [NII]/Ha, log [OIII]/Hb
  double balmer;  // flux ratio Ha/Hb
};

constexpr double k_case_b = 2.86;  // 10,000 K, 100 cm^-3

double half_width(std::vector<double> v) {
  if (v.size() < 2) return k_nan;
  std::sort(v.begin(), v.end());
  const auto at = [&](double p) {
    const double place = p * static_cast<double>(v.size() - 1);
    const auto low = static_cast<std::size_t>(place);
    return std::lerp(v[low], v[std::min(low + 1, v.size() - 1)], place - static_cast<double>(low));
  };
  return 0.5 * (at(0.84) - at(0.16));
}

// Mean distance between the points of two sets, each thinned to k_energy_points.
double mean_distance(const std::vector<Point>& a, const std::vector<Point>& b) {
  const auto stride = [](const std::vector<Point>& v) { return std::max<std::size_t>(1, v.size() / k_energy_points); };
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < a.size(); i += stride(a))
    for (std::size_t j = 0; j < b.size(); j += stride(b)) {
      sum += std::hypot(a[i].x - b[j].x, a[i].y - b[j].y);
      count += 1;
    }
  return sum / count;
}

Ratios ratios_of(const std::vector<Point>& points, const std::vector<Point>* observed) {
  Ratios out;
  std::vector<double> x, y, balmer;
  for (const auto& p : points) {
    x.push_back(p.x);
    y.push_back(p.y);
    if (std::isfinite(p.balmer)) balmer.push_back(p.balmer);
    const bool forming = below_kauffmann(p.x, p.y);
    out.star_forming += forming ? 1.0 : 0.0;
    out.composite += !forming && below_kewley(p.x, p.y) ? 1.0 : 0.0;
  }
  const auto n = static_cast<double>(points.size());
  out.star_forming /= n;
  out.composite /= n;
  out.balmer = median(balmer);
  out.balmer_below =
      balmer.empty()
          ? k_nan
          : static_cast<double>(std::count_if(balmer.begin(), balmer.end(), [](double b) { return b < k_case_b; })) /
                static_cast<double>(balmer.size());
  out.width_nii_ha = half_width(std::move(x));
  out.width_oiii_hb = half_width(std::move(y));
  if (observed != nullptr && !points.empty() && !observed->empty())
    out.energy =
        2 * mean_distance(points, *observed) - mean_distance(points, points) - mean_distance(*observed, *observed);
  return out;
}

Point point_of(const Galaxies& g, std::size_t row, double hb, double oiii, double ha, double nii) {
  const double continuum = g.band_flux.empty() ? k_nan : g.band_flux(row, 10) / g.band_flux(row, 4);
  return {std::log10(nii / ha), std::log10(oiii / hb), ha / hb * continuum};
}

bool bpt_row(const Galaxies& g, std::size_t row) {
  return std::all_of(k_bpt.begin(), k_bpt.end(), [&](auto line) { return measured(g, row, line); });
}

/// Draws of one galaxy in which every given line is positive, as its measurements are: the first k_realisations of
/// them. out(line, realisation), NaN where there are fewer.
void selected_draws(const Noisy& noisy, std::size_t row, std::span<const std::size_t> lines, Matrix<double>& out) {
  std::vector<std::vector<double>> all(lines.size(), std::vector<double>(noisy.n()));
  for (std::size_t l = 0; l < lines.size(); ++l) noisy.fill(row, lines[l], all[l]);
  std::size_t found = 0;
  for (std::size_t k = 0; k < noisy.n() && found < k_realisations; ++k) {
    if (!std::all_of(all.begin(), all.end(), [&](const auto& x) { return x[k] > 0; })) continue;
    for (std::size_t l = 0; l < lines.size(); ++l) out(l, found) = all[l][k];
    ++found;
  }
  for (; found < k_realisations; ++found)
    for (std::size_t l = 0; l < lines.size(); ++l) out(l, found) = k_nan;
}

std::vector<Point> drawn_points(const Galaxies& g, const Noisy& noisy, WorkerPool& pool) {
  std::vector<Point> all(g.n * k_realisations, Point{k_nan, k_nan, k_nan}), out;
  pool.for_shards(shard_count(g.n, k_shard_rows), [&](std::size_t s) {
    Matrix<double> draws(k_bpt.size(), k_realisations);
    const Shard rows = shard(s, g.n, k_shard_rows);
    for (std::size_t i = rows.first; i < rows.last; ++i) {
      if (!bpt_row(g, i)) continue;
      selected_draws(noisy, i, k_bpt, draws);
      for (std::size_t k = 0; k < k_realisations; ++k)
        all[i * k_realisations + k] = point_of(g, i, draws(0, k), draws(1, k), draws(2, k), draws(3, k));
    }
  });
  std::copy_if(all.begin(), all.end(), std::back_inserter(out),
               [](const Point& p) { return std::isfinite(p.x) && std::isfinite(p.y); });
  return out;
}

// ---- correlations of residuals

// Residual rank correlations of the pairs of independent lines about `centre`: observed, and of noisy draws.
void correlations(const Galaxies& g, const Noisy& noisy, const Matrix<double>& centre, WorkerPool& pool,
                  std::vector<double>& observed, std::vector<double>& drawn) {
  constexpr std::size_t n_lines = k_n_independent_lines;
  // residual[line](row, realisation): realisation 0 is the observed one
  std::vector<Matrix<double>> residual(n_lines, Matrix<double>(g.n, k_realisations + 1, k_nan));
  pool.for_shards(shard_count(g.n, k_shard_rows), [&](std::size_t s) {
    const Shard rows = shard(s, g.n, k_shard_rows);
    for (std::size_t i = rows.first; i < rows.last; ++i) {
      std::vector<std::size_t> lines, places;
      for (std::size_t j = 0; j < n_lines; ++j)
        if (measured(g, i, k_independent_lines[j]) && std::isfinite(centre(i, k_independent_lines[j]))) {
          lines.push_back(k_independent_lines[j]);
          places.push_back(j);
        }
      Matrix<double> draws(lines.size(), k_realisations);
      selected_draws(noisy, i, lines, draws);
      for (std::size_t l = 0; l < lines.size(); ++l) {
        const double middle = std::asinh(centre(i, lines[l]));
        residual[places[l]](i, 0) = std::asinh(static_cast<double>(g.ew(i, lines[l]))) - middle;
        for (std::size_t k = 0; k < k_realisations; ++k)
          residual[places[l]](i, k + 1) = std::asinh(draws(l, k)) - middle;
      }
    }
  });
  const auto correlation = [&](std::size_t j, std::size_t l, std::size_t k) {
    std::vector<double> a(g.n), b(g.n);
    for (std::size_t i = 0; i < g.n; ++i) {
      a[i] = residual[j](i, k);
      b[i] = residual[l](i, k);
    }
    return spearman(a, b);  // leaves out pairs with NaN
  };
  constexpr std::size_t n_pairs = n_lines * (n_lines - 1) / 2;
  observed.assign(n_pairs, 0.0);
  drawn.assign(n_pairs, 0.0);
  pool.for_shards(n_pairs, [&](std::size_t pair) {
    std::size_t j = 0, left = pair;
    while (left >= n_lines - 1 - j) left -= n_lines - 1 - j++;
    const std::size_t l = j + 1 + left;
    observed[pair] = correlation(j, l, 0);
    for (std::size_t k = 0; k < k_realisations; ++k)
      drawn[pair] += correlation(j, l, k + 1) / static_cast<double>(k_realisations);
  });
}

double rms_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

Estimate mean_and_error(const std::vector<double>& x) {
  double sum = 0, squares = 0;
  for (const double v : x) sum += v;
  const auto n = static_cast<double>(x.size());
  const double mean = sum / n;
  for (const double v : x) squares += (v - mean) * (v - mean);
  return {mean, std::sqrt(squares / (n - 1) / n)};
}

CrpsDifference difference(const DistributionScores& a, const DistributionScores& b, std::size_t n) {
  CrpsDifference out{a.name, b.name, {}, {}};
  std::vector<double> by_line;
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    by_line.clear();
    for (std::size_t i = 0; i < n; ++i) {
      const double d = a.row_crps[i * k_n_lines + line] - b.row_crps[i * k_n_lines + line];
      if (std::isfinite(d)) by_line.push_back(d);
    }
    out.lines[line] = mean_and_error(by_line);
  }
  // The mean over lines, errors of a galaxy's lines together: its sum of each line's difference / n of the line.
  std::array<double, k_n_lines> count{};
  std::vector<double> whole(n, 0.0);
  for (const auto line : k_independent_lines)
    for (std::size_t i = 0; i < n; ++i)
      if (std::isfinite(a.row_crps[i * k_n_lines + line] - b.row_crps[i * k_n_lines + line])) count[line] += 1;
  for (const auto line : k_independent_lines)
    for (std::size_t i = 0; i < n; ++i) {
      const double d = a.row_crps[i * k_n_lines + line] - b.row_crps[i * k_n_lines + line];
      if (std::isfinite(d)) whole[i] += d * static_cast<double>(n) / count[line] / k_n_independent_lines;
    }
  out.mean8 = mean_and_error(whole);
  return out;
}

}  // namespace

Calibration calibrate(const Galaxies& g, const std::vector<NamedPrediction>& predictions, std::size_t draws,
                      std::uint64_t seed, WorkerPool& pool) {
  if (g.ew.empty() || g.ew_ivar.empty())
    throw Error(ErrorKind::input, "the table has no measured EWs", {"no {LINE}_EW and {LINE}_EW_IVAR", "both", ""});
  if (predictions.empty()) throw Error(ErrorKind::usage, "nothing to judge");
  Calibration out;
  std::vector<Point> observed;
  for (std::size_t i = 0; i < g.n; ++i)
    if (bpt_row(g, i))
      observed.push_back(point_of(g, i, static_cast<double>(g.ew(i, 2)), static_cast<double>(g.ew(i, 4)),
                                  static_cast<double>(g.ew(i, 6)), static_cast<double>(g.ew(i, 7))));
  out.n_bpt = observed.size();
  out.observed = ratios_of(observed, nullptr);
  for (const auto& p : predictions) {
    const Noisy noisy(g, p, draws, seed);
    DistributionScores s;
    s.name = p.name;
    std::vector<RowScore> rows(g.n * k_n_lines);
    pool.for_shards(shard_count(g.n, k_shard_rows), [&](std::size_t k) {
      const Shard part = shard(k, g.n, k_shard_rows);
      for (std::size_t i = part.first; i < part.last; ++i)
        for (std::size_t line = 0; line < k_n_lines; ++line) rows[i * k_n_lines + line] = score_row(noisy, g, i, line);
    });
    for (std::size_t line = 0; line < k_n_lines; ++line) summarise(g, noisy, rows, line, s.lines[line]);
    for (const auto line : k_independent_lines) s.mean_crps += s.lines[line].crps / k_n_independent_lines;
    for (const auto& row : rows) s.row_crps.push_back(row.crps);
    s.ratios = ratios_of(drawn_points(g, noisy, pool), &observed);
    correlations(g, noisy, p.ew, pool, s.correlation_observed, s.correlation_drawn);
    s.correlation_rms = rms_difference(s.correlation_observed, s.correlation_drawn);
    std::vector<double> about_observed, about_drawn;
    correlations(g, noisy, predictions.back().ew, pool, about_observed, about_drawn);
    s.correlation_rms_reference = rms_difference(about_observed, about_drawn);
    out.scores.push_back(std::move(s));
  }
  for (std::size_t k = 1; k < out.scores.size(); ++k)
    out.differences.push_back(difference(out.scores[0], out.scores[k], g.n));
  return out;
}

}  // namespace starglow
