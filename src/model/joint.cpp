#include "starglow/model/joint.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/dispatch.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/limits.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

static_assert(k_independent_lines[LineSlots{}.halpha] == static_cast<std::size_t>(Line::HALPHA) &&
              k_independent_lines[LineSlots{}.sii] == static_cast<std::size_t>(Line::SII_6716));

// Before calibration; without its quantiles.
LineDistribution raw_distribution(const JointHead& head, std::span<const double> o, std::span<const double> y_mean,
                                  std::span<const double> y_scale) {
  constexpr std::size_t k_most = LineDistribution::k_max_components * (LineDistribution::k_most_lines + 1) - 1;
  std::array<double, k_most> exponential;
  const std::size_t n = head.slots.n, at_log_sd = head.components * n, at_logit = 2 * at_log_sd;
  kernels::active().f64.exp(o.data() + at_log_sd, exponential.data(), at_log_sd);
  LineDistribution d;
  d.components = head.components;
  d.slots = head.slots;
  double top = 0, sum = 0;
  for (std::size_t c = 1; c < head.components; ++c) top = std::max(top, o[at_logit + c - 1]);
  for (std::size_t c = 0; c < head.components; ++c) {
    d.weight[c] = std::exp((c == 0 ? 0.0 : o[at_logit + c - 1]) - top);
    sum += d.weight[c];
    for (std::size_t j = 0; j < n; ++j) {
      d.mean[c][j] = std::clamp(y_mean[j] + y_scale[j] * o[c * n + j], -k_most_parameter, k_most_parameter);
      d.sd[c][j] = std::min(y_scale[j] * (JointHead::k_min_sd + exponential[c * n + j]), k_most_parameter);
    }
    std::fill(d.sd[c].begin() + static_cast<std::ptrdiff_t>(n), d.sd[c].end(), 1.0);
  }
  for (std::size_t c = 0; c < head.components; ++c) d.weight[c] /= sum;
  return d;
}

void adjust(const Adjustment& by, LineDistribution& d) {
  for (std::size_t c = 0; c < d.components; ++c) {
    const bool grows = c < by.evolving && by.r > 0;
    const double r = grows ? by.r * growth_share(d.mean[c][d.slots.halpha]).value : 0.0;
    for (std::size_t j = 0; j < d.slots.n; ++j) {
      if (grows) {
        const AdjustedNormal a = evolved(d.mean[c][j], d.sd[c][j], by.power[j], by.width[j], r);
        d.mean[c][j] = a.mean;
        d.sd[c][j] = a.sd;
      }
      d.sd[c][j] *= by.widen;
    }
  }
}

template <std::size_t k_n>
void quantiles_of(LineDistribution& d) {
  // All lines and levels in one call of the kernel.
  constexpr std::size_t n = 3 * k_n;
  std::array<double, LineDistribution::k_max_components * n> weights, means, sds;
  std::array<double, n> z, t;
  for (std::size_t level = 0; level < 3; ++level) {
    std::fill_n(z.begin() + static_cast<std::ptrdiff_t>(level * k_n), k_n, static_cast<double>(level) - 1.0);
    for (std::size_t c = 0; c < d.components; ++c) {
      const auto at = static_cast<std::ptrdiff_t>(c * n + level * k_n);
      std::fill_n(weights.begin() + at, k_n, d.weight[c]);
      std::copy_n(d.mean[c].begin(), k_n, means.begin() + at);
      std::copy_n(d.sd[c].begin(), k_n, sds.begin() + at);
    }
  }
  kernels::active().mixture.quantiles(static_cast<int>(d.components), weights.data(), means.data(), sds.data(), n,
                                      z.data(), n, t.data());
  std::copy_n(t.begin(), k_n, d.p16.begin());
  std::copy_n(t.begin() + k_n, k_n, d.median.begin());
  std::copy_n(t.begin() + 2 * k_n, k_n, d.p84.begin());
}

}  // namespace

GrowthShare growth_share(double t) {
  if (!(t > 0)) return {0, 0};
  if (t > 100) return {1, 0};
  const double ew = std::sinh(t), a2 = k_active_ew * k_active_ew, sum = ew * ew + a2;
  return {ew * ew / sum, 2 * ew * std::cosh(t) * (a2 / sum) / sum};
}

AdjustedNormal evolved(double mean, double sd, double power, double width, double r) {
  AdjustedNormal out{mean, sd};
  const double s = power * r;
  constexpr double far = 300;  // beyond it sinh may overflow, and t is ln(2 EW)
  double slope = 1, before = 1, after = 1, bend = 0;
  if (std::fabs(mean) < far) {
    out.mean = std::asinh(std::exp(s) * std::sinh(mean));
    before = std::tanh(mean);
    after = std::tanh(out.mean);
    bend = 1 / (std::cosh(out.mean) * std::cosh(out.mean));
    slope = std::exp(s) * std::cosh(mean) / std::cosh(out.mean);
  } else {
    before = after = std::copysign(1.0, mean);
    out.mean = mean + after * s;
  }
  const double own = sd * slope, added = width * r * after;
  out.sd = std::hypot(own, added);
  out.mean_by_mean = slope;
  out.mean_by_r = power * after;
  const double by_own = own / out.sd, by_added = added / out.sd;
  out.sd_by_sd = by_own * slope;
  out.sd_by_mean = by_own * own * (before - after * slope) + by_added * width * r * bend * slope;
  out.sd_by_r = by_own * own * power * bend + by_added * width * (after + r * bend * after * power);
  return out;
}

double LineDistribution::cdf(std::size_t line, double t) const noexcept {
  double sum = 0;
  for (std::size_t c = 0; c < components; ++c) sum += weight[c] * normal_cdf((t - mean[c][line]) / sd[c][line]);
  return sum;
}

double LineDistribution::density(std::size_t line, double t) const noexcept {
  double sum = 0;
  for (std::size_t c = 0; c < components; ++c)
    sum += weight[c] * normal_density((t - mean[c][line]) / sd[c][line]) / sd[c][line];
  return sum;
}

void LineDistribution::find_quantiles() {
  if (slots.places() == k_n_independent_lines)
    quantiles_of<k_n_independent_lines>(*this);
  else
    quantiles_of<k_most_independent_lines>(*this);
}

double LineDistribution::p_lineless() const noexcept {
  static const double t = std::asinh(k_lineless_ew);
  return slots.halpha == LineSlots::k_none ? std::numeric_limits<double>::quiet_NaN() : cdf(slots.halpha, t);
}

double LineDistribution::quantile(std::size_t line, double p) const noexcept {
  // The quantile lies between those of the components; Halley's steps from their mean, bisection where one leaves.
  const double z = normal_quantile(p);
  double low = mean[0][line] + z * sd[0][line], high = low, narrowest = sd[0][line];
  double start = 0;
  for (std::size_t c = 0; c < components; ++c) {
    const double q = mean[c][line] + z * sd[c][line];
    low = std::min(low, q);
    high = std::max(high, q);
    narrowest = std::min(narrowest, sd[c][line]);
    start += weight[c] * q;
  }
  if (!(high - low > 1e-14 * narrowest)) return low;  // one component, or NaN
  double t = std::clamp(start, low, high);
  for (int step = 0; step < 100; ++step) {
    double excess = -p, density = 0, slope = 0;  // of the distribution function at t: value, first, second derivative
    for (std::size_t c = 0; c < components; ++c) {
      const double u = (t - mean[c][line]) / sd[c][line], phi = weight[c] * normal_density(u) / sd[c][line];
      excess += weight[c] * normal_cdf(u);
      density += phi;
      slope -= u * phi / sd[c][line];
    }
    (excess > 0 ? high : low) = t;
    const double newton = excess / density;
    const double next = t - newton / (1 - 0.5 * std::clamp(newton * slope / density, -1.0, 1.0));
    const double kept = next >= low && next <= high ? next : 0.5 * (low + high);
    // The steps converge with the third power: one below 1e-4 sd leaves an error below 1e-11.
    if (std::fabs(next - t) <= 1e-4 * narrowest || high - low <= 1e-12 * narrowest) return kept;
    t = kept;
  }
  return t;
}

LineDistribution JointHead::distribution(std::span<const double> outputs, std::span<const double> y_mean,
                                         std::span<const double> y_scale, const Adjustment& adjustment) const {
  LineDistribution d = raw_distribution(*this, outputs, y_mean, y_scale);
  if (adjustment.any()) adjust(adjustment, d);
  d.find_quantiles();
  for (std::size_t j = 0; j < slots.places(); ++j) {
    const double median = d.median[j];
    const auto calibrate = [&](double& t) { t = median + shift[j] + slope[j] * (t - median); };
    calibrate(d.p16[j]);
    calibrate(d.median[j]);
    calibrate(d.p84[j]);
    for (std::size_t c = 0; c < components; ++c) {
      calibrate(d.mean[c][j]);
      d.sd[c][j] *= slope[j];
    }
  }
  return d;
}

Matrix<double> JointHead::quantile_slopes(std::span<const double> outputs, std::span<const double> y_mean,
                                          std::span<const double> y_scale, double p, const Adjustment& by) const {
  // Implicit differentiation of cdf(t) = p.
  const LineDistribution raw = raw_distribution(*this, outputs, y_mean, y_scale);
  LineDistribution d = raw;
  if (by.any()) adjust(by, d);
  Matrix<double> out(slots.places(), n_outputs() + 2);
  const std::size_t n = slots.n, halpha = slots.halpha;
  for (std::size_t j = 0; j < n; ++j) {
    const double t = d.quantile(j, p), density = d.density(j, t);
    double mean_cdf = 0;
    std::array<double, LineDistribution::k_max_components> cdf{};
    for (std::size_t c = 0; c < components; ++c) {
      cdf[c] = normal_cdf((t - d.mean[c][j]) / d.sd[c][j]);
      mean_cdf += d.weight[c] * cdf[c];
    }
    for (std::size_t c = 0; c < components; ++c) {
      AdjustedNormal a{raw.mean[c][j], raw.sd[c][j]};
      const bool grows = c < by.evolving && by.r > 0;
      const GrowthShare g = grows ? growth_share(raw.mean[c][halpha]) : GrowthShare{0, 0};
      if (grows) a = evolved(raw.mean[c][j], raw.sd[c][j], by.power[j], by.width[j], by.r * g.value);
      const double z = (t - d.mean[c][j]) / d.sd[c][j];
      const double share = d.weight[c] * normal_density(z) / d.sd[c][j] / density;  // d t / d mean
      const double by_sd = share * z * by.widen;                                    // d t / d sd, before it is widened
      const double free_sd = raw.sd[c][j] - y_scale[j] * k_min_sd;                  // d sd / d log(sd - min)
      const double by_growth = share * a.mean_by_r + by_sd * a.sd_by_r;
      out(j, c * n + j) += (share * a.mean_by_mean + by_sd * a.sd_by_mean) * y_scale[j];
      if (grows) out(j, c * n + halpha) += by_growth * by.r * g.slope * y_scale[halpha];
      out(j, (components + c) * n + j) = by_sd * a.sd_by_sd * free_sd;
      if (c > 0) out(j, components * 2 * n + c - 1) = -d.weight[c] * (cdf[c] - mean_cdf) / density;
      out(j, n_outputs()) += by_growth * g.value;
      out(j, n_outputs() + 1) += share * z * a.sd;
    }
  }
  return out;
}

void JointHead::check() const {
  const auto refuse = [](const std::string& what) { throw Error(ErrorKind::model, "joint head: " + what); };
  if (components < 1 || components > LineDistribution::k_max_components)
    refuse(std::to_string(components) + " components, not 1 to 4");
  if (slots.n < 1 || slots.n > LineDistribution::k_most_lines)
    refuse(std::to_string(slots.n) + " lines, not 1 to " + std::to_string(LineDistribution::k_most_lines));
  const std::size_t places = slots.places();
  if (factor.rows() != components || factor.cols() != places * places) refuse("factor of wrong shape");
  if (shift.size() != places || slope.size() != places) refuse("calibration of wrong size");
  for (std::size_t j = 0; j < places; ++j)
    if (!std::isfinite(shift[j]) || !(slope[j] > 0) || !std::isfinite(slope[j])) refuse("a slope is not positive");
  for (std::size_t c = 0; c < components; ++c)
    for (std::size_t i = 0; i < places; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < places; ++j) {
        const double u = factor(c, i * places + j);
        if (j > i && u != 0) refuse("factor is not lower triangular");
        sum += u * u;
      }
      if (!(std::fabs(sum - 1) < 1e-6)) refuse("a row of the factor has not length 1");
    }
}

}  // namespace starglow
