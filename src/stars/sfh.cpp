#include "starglow/stars/sfh.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

constexpr double k_ln10 = 2.302585092994045684;
constexpr double k_yr_per_gyr = 1e9;

// log10 with the rounding of JAX, which multiplies log by this constant. The weights are differences of masses that
// went through a logarithm, so one last bit of it is 4e-15 of the mass: 3e-9 of a weight of 1e-6.
constexpr double k_lg_e = 0.4342944819032518;
double lg(double x) { return std::log(x) * k_lg_e; }
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

// Index i of the interval [x_i, x_i+1] that holds x; the ends for x outside.
std::size_t interval_of(std::span<const double> grid, double x) {
  const auto at = std::upper_bound(grid.begin(), grid.end(), x);
  const auto i = static_cast<std::size_t>(at - grid.begin());
  return std::clamp<std::size_t>(i, 1, grid.size() - 1) - 1;
}

}  // namespace

std::vector<double> dt_array(std::span<const double> t) {
  const std::size_t n = t.size();
  if (n < 3) throw Error(ErrorKind::input, "too few points for widths", {std::to_string(n), "at least 3", ""});
  std::vector<double> mid(n - 1), dt(n);
  for (std::size_t i = 0; i + 1 < n; ++i) mid[i] = 0.5 * (t[i] + t[i + 1]);
  for (std::size_t i = 1; i + 1 < n; ++i) dt[i] = mid[i] - mid[i - 1];
  dt[0] = mid[0] - (t[0] - (t[1] - t[0]) / 2);
  dt[n - 1] = t[n - 1] + (mid[n - 2] - mid[n - 3]) / 2 - mid[n - 2];
  return dt;
}

double triweight_cdf(double z) noexcept {
  if (z < -3) return 0;
  if (z > 3) return 1;
  const double z2 = z * z;
  return z * (z2 * (z2 * (z2 * (-5.0 / 69984) + 7.0 / 2592) - 35.0 / 864) + 35.0 / 96) + 0.5;
}

double triweight_slope(double z) noexcept {
  if (z < -3 || z > 3) return 0;
  const double u = 1 - (z / 3) * (z / 3);
  return std::isnan(z) ? z : 35.0 / 96 * u * u * u;
}

double sigmoid(double x, double x0, double k, double lo, double hi) noexcept {
  return lo + (hi - lo) / (1 + std::exp(-k * (x - x0)));
}
double inverse_sigmoid(double y, double x0, double k, double lo, double hi) noexcept {
  return x0 - std::log((hi - lo) / (y - lo) - 1) / k;
}

std::vector<double> age_edges(std::span<const double> lg_age) {
  const auto width = dt_array(lg_age);
  const std::size_t n = lg_age.size();
  std::vector<double> edges(n + 1);
  for (std::size_t i = 0; i < n; ++i) edges[i] = lg_age[i] - width[i] / 2;
  edges[0] = lg_age[0] - (lg_age[1] - lg_age[0]) / 2;
  edges[n] = lg_age[n - 1] + width[n - 1] / 2;
  return edges;
}

std::vector<double> metallicity_edges(std::span<const double> lgmet) {
  const std::size_t n = lgmet.size();
  if (n == 0) throw Error(ErrorKind::input, "a grid without metallicities");
  if (n == 1) return {k_lgmet_lo, k_lgmet_hi};
  if (n == 2) return {k_lgmet_lo, 0.5 * (lgmet[0] + lgmet[1]), k_lgmet_hi};
  const auto width = dt_array(lgmet);
  std::vector<double> edges(n + 1);
  for (std::size_t i = 0; i < n; ++i) edges[i] = lgmet[i] - width[i] / 2;
  edges[0] = k_lgmet_lo;
  edges[n] = k_lgmet_hi;
  return edges;
}

void metallicity_weights(std::span<const double> edges, double lgmet, double scatter, std::span<double> w,
                         std::span<double> d_lgmet, std::span<double> d_scatter) {
  const std::size_t n = w.size();
  const bool slopes = !d_lgmet.empty();
  if (!(scatter > 0) || !std::isfinite(lgmet) || std::isinf(scatter)) {
    std::fill(w.begin(), w.end(), k_nan);
    std::fill(d_lgmet.begin(), d_lgmet.end(), k_nan);
    std::fill(d_scatter.begin(), d_scatter.end(), k_nan);
    return;
  }
  double sum = 0, sum_z = 0, sum_s = 0;
  double z = (lgmet - edges[0]) / scatter, left = triweight_cdf(z);
  double slope_left = slopes ? triweight_slope(z) / scatter : 0, slope_z_left = z * slope_left;
  for (std::size_t i = 0; i < n; ++i) {
    z = (lgmet - edges[i + 1]) / scatter;
    const double right = triweight_cdf(z);
    w[i] = left - right;
    sum += w[i];
    left = right;
    if (!slopes) continue;
    const double slope = triweight_slope(z) / scatter, slope_z = z * slope;
    d_lgmet[i] = slope_left - slope;
    d_scatter[i] = slope_z - slope_z_left;
    sum_z += d_lgmet[i];
    sum_s += d_scatter[i];
    slope_left = slope;
    slope_z_left = slope_z;
  }
  if (sum == 0) {  // beyond the outer edges
    w[lgmet > 0 ? n - 1 : 0] = 1;
    return;  // the slopes are 0
  }
  for (std::size_t i = 0; i < n; ++i) {
    w[i] /= sum;
    if (!slopes) continue;
    d_lgmet[i] = (d_lgmet[i] - w[i] * sum_z) / sum;
    d_scatter[i] = (d_scatter[i] - w[i] * sum_s) / sum;
  }
}

SfhTable::SfhTable(std::span<const double> t, std::span<const double> lg_age)
    : t_(t.begin(), t.end()), lg_age_(lg_age.begin(), lg_age.end()) {
  if (t.size() < 3)
    throw Error(ErrorKind::input, "a star-formation history needs a table of times",
                {std::to_string(t.size()) + " times", "at least 3", ""});
  for (std::size_t i = 0; i < t.size(); ++i) {
    const double least = i == 0 ? k_t_birth_min : t[i - 1];
    if (!(t[i] > least) || std::isinf(t[i]))
      throw Error(ErrorKind::input, "times of a star-formation history do not ascend",
                  {std::to_string(t[i]) + " Gyr at index " + std::to_string(i), "above " + std::to_string(least),
                   "Times are Gyr since the Big Bang, strictly ascending, the first above 0.001."});
    lgt_.push_back(lg(t[i]));
  }
  for (const double edge : age_edges(lg_age)) edge_age_.push_back(std::pow(10.0, edge));
  for (const double age : lg_age) bin_age_.push_back(std::pow(10.0, age));
}

void age_weights(const SfhTable& table, std::span<const double> sfr, double t_obs, AgeWeights& out, double sfr_min) {
  const auto t = table.times(), lgt = table.log_times(), edge = table.edge_ages();
  const std::size_t n = t.size(), bins = table.n_ages();
  if (sfr.size() != n)
    throw Error(ErrorKind::input, "star-formation rates and times differ in number",
                {std::to_string(sfr.size()) + " rates", std::to_string(n), ""});
  out.weights.resize(bins);
  out.sfr.assign(sfr.begin(), sfr.end());
  out.cumulative.resize(n);
  out.lgsm.resize(n);
  out.lnsm.resize(n);
  out.edge_mass.resize(bins + 1);
  out.fraction.resize(bins + 1);
  out.interval.resize(bins + 1);
  out.t_obs = t_obs;
  out.clipped = t_obs > t.back();
  out.nonfinite = !std::isfinite(t_obs) || t_obs < t.front();
  double sum = 0, before = k_sfr_min, last = k_t_birth_min;
  for (std::size_t k = 0; k < n; ++k) {
    double rate = sfr[k];
    if (rate < sfr_min) {
      rate = sfr_min;
      out.clipped = true;
    }
    if (!std::isfinite(rate)) out.nonfinite = true;
    sum += 0.5 * (rate + before) * (t[k] - last);
    before = rate;
    last = t[k];
    out.cumulative[k] = sum * k_yr_per_gyr;
    out.lnsm[k] = std::log(out.cumulative[k]);
    out.lgsm[k] = out.lnsm[k] * k_lg_e;
  }
  if (out.nonfinite) {
    std::fill(out.weights.begin(), out.weights.end(), k_nan);
    out.mass = k_nan;
    return;
  }
  // Interval and place in it of log10 of a time; clamped at the ends, where the slope is 0.
  const auto mass_at = [&](double x, std::size_t guess, std::size_t& i, double& u) {
    i = guess;
    while (i > 0 && x < lgt[i]) --i;
    u = std::clamp((x - lgt[i]) / (lgt[i + 1] - lgt[i]), 0.0, 1.0);
    if (u == 0) return out.lgsm[i];
    if (u == 1) return out.lgsm[i + 1];
    return out.lgsm[i] + u * std::fma(out.lnsm[i + 1], k_lg_e, -out.lgsm[i]);
  };
  const double x_obs = lg(t_obs);
  out.mass = std::pow(10.0, mass_at(x_obs, interval_of(lgt, x_obs), out.mass_interval, out.mass_fraction));
  // Births run backwards in time as the ages ascend.
  std::size_t at = out.mass_interval;
  for (std::size_t j = 0; j <= bins; ++j) {
    const double birth = std::max(t_obs - edge[j], k_t_birth_min);
    const double x = lg(birth);
    if (x <= lgt[0]) {  // before the table: the mass of its first time
      out.interval[j] = 0;
      out.fraction[j] = 0;
      out.edge_mass[j] = std::pow(10.0, out.lgsm[0]);
      continue;
    }
    out.edge_mass[j] = std::pow(10.0, mass_at(x, at, out.interval[j], out.fraction[j]));
    at = out.interval[j];
  }
  double total = 0;
  for (std::size_t j = 0; j < bins; ++j) {
    out.weights[j] = out.edge_mass[j] - out.edge_mass[j + 1];
    total += out.weights[j];
  }
  out.total = total;
  if (!(total > 0)) {  // nothing was born in any bin
    out.nonfinite = true;
    std::fill(out.weights.begin(), out.weights.end(), k_nan);
    return;
  }
  for (double& w : out.weights) w /= total;
}

double age_weights_vjp(const SfhTable& table, const AgeWeights& at, std::span<const double> d_weights, double d_mass,
                       std::span<double> d_sfr, double sfr_min) {
  const auto t = table.times(), lgt = table.log_times(), edge = table.edge_ages();
  const std::size_t n = t.size(), bins = table.n_ages();
  if (at.nonfinite) {
    std::fill(d_sfr.begin(), d_sfr.end(), k_nan);
    return k_nan;
  }
  std::vector<double> d_lgsm(n, 0.0);
  double d_t_obs = 0, mean = 0;
  for (std::size_t j = 0; j < bins; ++j) mean += d_weights[j] * at.weights[j];
  // y = log10 of the mass at a time: its gradient goes to the two table entries beside it and to the time.
  const auto back = [&](double d_y, std::size_t i, double u, double time) {
    d_lgsm[i] += d_y * (1 - u);
    d_lgsm[i + 1] += d_y * u;
    const double x = lg(time);
    if (time > k_t_birth_min && x > lgt.front() && x < lgt.back())
      d_t_obs += d_y * (at.lgsm[i + 1] - at.lgsm[i]) / (lgt[i + 1] - lgt[i]) / (k_ln10 * time);
  };
  for (std::size_t j = 0; j <= bins; ++j) {
    const double up = j < bins ? (d_weights[j] - mean) / at.total : 0;
    const double down = j > 0 ? (d_weights[j - 1] - mean) / at.total : 0;
    back((up - down) * at.edge_mass[j] * k_ln10, at.interval[j], at.fraction[j],
         std::max(at.t_obs - edge[j], k_t_birth_min));
  }
  back(d_mass * at.mass * k_ln10, at.mass_interval, at.mass_fraction, at.t_obs);
  // Cumulative trapezoids: a rate counts in all masses from its own time on.
  double later = 0;  // sum of the gradients of the masses at later times
  for (std::size_t k = n; k-- > 0;) {
    const double own = later + d_lgsm[k] / (k_ln10 * at.cumulative[k]);
    const double before = k == 0 ? k_t_birth_min : t[k - 1];
    double slope = 0.5 * k_yr_per_gyr * own * (t[k] - before);
    if (k + 1 < n) slope += 0.5 * k_yr_per_gyr * later * (t[k + 1] - t[k]);
    if (!(at.sfr[k] < sfr_min)) d_sfr[k] += slope;
    later = own;
  }
  return d_t_obs;
}

double Burst::fraction() const noexcept { return std::pow(10.0, lgf); }

void burst_weights(const Burst& burst, std::span<const double> lg_age, std::span<double> w, std::span<double> d_peak,
                   std::span<double> d_max) {
  const double h = (burst.lgyr_max - burst.lgyr_peak) / 3;
  const bool slopes = !d_peak.empty();
  double sum = 0, sum_p = 0, sum_m = 0;
  if (!(h > 0) || !std::isfinite(burst.lgyr_peak)) {
    std::fill(w.begin(), w.end(), k_nan);
    std::fill(d_peak.begin(), d_peak.end(), k_nan);
    std::fill(d_max.begin(), d_max.end(), k_nan);
    return;
  }
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double z = (lg_age[i] + 9.0 - burst.lgyr_peak) / h;
    w[i] = triweight_slope(z);
    sum += w[i];
    if (!slopes) continue;
    const double u = 1 - (z / 3) * (z / 3);
    const double by_z = std::fabs(z) > 3 ? 0 : 35.0 / 96 * 3 * u * u * (-2 * z / 9);
    d_peak[i] = by_z * (-1 + z / 3) / h;
    d_max[i] = by_z * -z / (3 * h);
    sum_p += d_peak[i];
    sum_m += d_max[i];
  }
  if (!(sum > 0)) {
    std::fill(d_peak.begin(), d_peak.end(), 0.0);
    std::fill(d_max.begin(), d_max.end(), 0.0);
    return;
  }
  for (std::size_t i = 0; i < w.size(); ++i) {
    w[i] /= sum;
    if (!slopes) continue;
    d_peak[i] = (d_peak[i] - w[i] * sum_p) / sum;
    d_max[i] = (d_max[i] - w[i] * sum_m) / sum;
  }
}

void metallicity_at_ages(const SfhTable& table, std::span<const double> lgmet, double t_obs, std::span<double> out) {
  const auto lgt = table.log_times(), age = table.bin_ages();
  if (lgmet.size() != table.n_times())
    throw Error(ErrorKind::input, "metallicities and times differ in number",
                {std::to_string(lgmet.size()), std::to_string(table.n_times()), ""});
  for (std::size_t a = 0; a < out.size(); ++a) {
    const double x = lg(std::max(t_obs - age[a], k_t_birth_min));
    const std::size_t i = interval_of(lgt, x);
    out[a] = lgmet[i] + std::clamp((x - lgt[i]) / (lgt[i + 1] - lgt[i]), 0.0, 1.0) * (lgmet[i + 1] - lgmet[i]);
  }
}

double mass_metallicity(double lgsm, double t) noexcept {
  const double k_lookback = 12.5, k_early = 8.44;  // Gyr
  const double today = 0.05 + sigmoid(lgsm, 10.5, 1, 0.4, 0.1) * (lgsm - 10.5) + std::log10(0.012);
  const double back = std::max(k_lookback - t, 0.0);
  const double y = -1.455 + 0.13 * lgsm, early = -0.959 + 0.067242 * lgsm;
  const double change = y + sigmoid(back, k_early, 1.6, y / k_early, early) * (back - k_early);
  return today + std::min(0.0, change);
}

double surviving_mass_fraction(double x, Imf imf) noexcept {
  // DSPS's fit to FSPS: level and slope of what old populations have returned, by initial mass function.
  const double level = imf == Imf::chabrier ? 0.225 : 0.13, slope = imf == Imf::chabrier ? 0.145 : 0.055;
  const double old = level + sigmoid(x, 8, std::pow(10.0, -0.5), slope, 0.08) * (x - 8);
  return 1 - sigmoid(x, 6.5, std::pow(10.0, 0.7), 0.005, old);
}

}  // namespace starglow
