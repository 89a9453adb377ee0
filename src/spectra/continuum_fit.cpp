#include "starglow/continuum_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "spectra/line_windows.hpp"
#include "spectra/nnls.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_max_order = 8, k_max_coefficients = k_max_order + 1;
constexpr std::size_t k_min_pixels = 200;
constexpr std::size_t k_every = 2;  // shift and width are sought on every second pixel
constexpr double k_max_shift = 300, k_min_snr = 3;
constexpr std::size_t k_max = TemplateSet::k_max_templates;

// All that a fit needs at hand: the pixels of the fit range, in single arrays.
class Fit {
 public:
  Fit(const SpectrumView& s, const TemplateSet& t, std::span<const std::uint8_t> use) : t_(t), n_(t.count()) {
    const double low = std::max(k_fit_from, std::exp(t.log_first()) * 1.003);
    const double high =
        std::min(k_fit_to, std::exp(t.log_first() + t.log_step() * static_cast<double>(t.pixels() - 1)) * 0.997);
    const double from = low * (1 + s.z), to = high * (1 + s.z);
    first_ =
        static_cast<std::size_t>(std::lower_bound(s.wave_obs.begin(), s.wave_obs.end(), from) - s.wave_obs.begin());
    const auto last =
        static_cast<std::size_t>(std::lower_bound(s.wave_obs.begin(), s.wave_obs.end(), to) - s.wave_obs.begin());
    const std::size_t pixels = last > first_ ? last - first_ : 0;
    log_.resize(pixels);
    flux_.resize(pixels);
    weight_.resize(pixels);
    const double log_z = std::log1p(s.z);
    for (std::size_t i = 0; i < pixels; ++i) {
      const std::size_t p = first_ + i;
      log_[i] = (std::log(s.wave_obs[p]) - log_z - t.log_first()) / t.log_step();
      flux_[i] = use[p] != 0 ? s.flux[p] : 0;
      weight_[i] = use[p] != 0 ? (s.ivar.empty() ? 1.0 : s.ivar[p]) : 0;
      used_ += weight_[i] > 0 ? 1U : 0U;
    }
    if (used_ < k_min_pixels) return;
    // The polynomial runs over what is used, so that it is never asked beyond its data by more than a window.
    std::size_t a = 0, b = pixels - 1;
    while (!(weight_[a] > 0)) ++a;
    while (!(weight_[b] > 0)) --b;
    const double x0 = s.wave_obs[first_ + a], x1 = s.wave_obs[first_ + b];
    coefficients_ = 1 + std::min(k_max_order, static_cast<std::size_t>((x1 - x0) / (1 + s.z) / 450.0));
    legendre_.resize(pixels * k_max_coefficients);
    for (std::size_t i = 0; i < pixels; ++i) {
      const double x = std::clamp(2 * (s.wave_obs[first_ + i] - x0) / (x1 - x0) - 1, -1.0, 1.0);
      double* p = &legendre_[i * k_max_coefficients];
      p[0] = 1;
      p[1] = x;
      for (std::size_t k = 2; k < coefficients_; ++k) {
        const auto kk = static_cast<double>(k);
        p[k] = ((2 * kk - 1) * x * p[k - 1] - (kk - 1) * p[k - 2]) / kk;
      }
    }
    polynomial_.assign(pixels, 1.0);
    composite_.assign(pixels, 0.0);
    w_.assign(n_, 0.0);
  }

  bool enough() const { return used_ >= k_min_pixels; }
  std::size_t used() const { return used_; }
  std::size_t first() const { return first_; }
  std::size_t pixels() const { return log_.size(); }
  const std::vector<double>& weights() const { return w_; }
  double model(std::size_t i) const { return composite_[i] * polynomial_[i]; }
  bool any_light() const {
    return std::any_of(w_.begin(), w_.end(), [](double w) { return w > 0; });
  }

  double median_snr() const {
    std::vector<double> snr;
    for (std::size_t i = 0; i < pixels(); ++i)
      if (weight_[i] > 0) snr.push_back(flux_[i] * std::sqrt(weight_[i]));
    const auto middle = snr.begin() + static_cast<std::ptrdiff_t>(snr.size() / 2);
    std::nth_element(snr.begin(), middle, snr.end());
    return *middle;
  }

  // Best non-negative weights for the present shift, width and polynomial.
  void fit_weights(double v, std::size_t sigma) {
    // Four pixels at a time: each sum is loaded and stored a fourth as often.
    std::array<double, k_max * k_max> a{};
    std::array<double, k_max> b{};
    std::array<std::array<double, k_max>, 4> row{}, weighted{};
    std::array<double, 4> y{};
    const std::size_t stride = t_.stride();
    const float* table = t_.at_sigma(sigma);
    const double shift = std::log1p(v / k_light_kms) / t_.log_step();
    std::size_t held = 0;
    const auto flush = [&] {
      for (std::size_t j = 0; j < n_; ++j) {
        const double r0 = weighted[0][j], r1 = weighted[1][j], r2 = weighted[2][j], r3 = weighted[3][j];
        b[j] += row[0][j] * y[0] + row[1][j] * y[1] + (row[2][j] * y[2] + row[3][j] * y[3]);
        double* sums = &a[j * k_max];
        for (std::size_t k = 0; k < j / 4 * 4 + 4; ++k)
          sums[k] += r0 * row[0][k] + r1 * row[1][k] + (r2 * row[2][k] + r3 * row[3][k]);
      }
      for (auto& r : weighted) r.fill(0);
      y.fill(0);
      held = 0;
    };
    for (std::size_t i = 0; i < pixels(); ++i) {
      const double weight = weight_[i];
      if (!(weight > 0)) continue;
      const double x = log_[i] - shift;
      const auto cell = static_cast<std::size_t>(x);
      const double f = x - static_cast<double>(cell), p1 = polynomial_[i] * f, p0 = polynomial_[i] - p1;
      const float* lo = table + cell * stride;
      for (std::size_t k = 0; k < stride; ++k) {
        const double value = static_cast<double>(lo[k]) * p0 + static_cast<double>(lo[k + stride]) * p1;
        row[held][k] = value;
        weighted[held][k] = value * weight;
      }
      y[held] = flux_[i] * weight;
      if (++held == 4) flush();
    }
    flush();
    std::vector<double> full(n_ * n_);
    for (std::size_t j = 0; j < n_; ++j)
      for (std::size_t k = 0; k <= j; ++k) full[j * n_ + k] = full[k * n_ + j] = a[j * k_max + k];
    solve_nnls(full, std::span<const double>(b.data(), n_), w_);
    composite(v, sigma, composite_, 1);
  }

  // Sum of the weighted templates at each pixel, or at each `every`-th.
  void composite(double v, std::size_t sigma, std::vector<double>& out, std::size_t every) const {
    const double shift = std::log1p(v / k_light_kms) / t_.log_step();
    const float* table = t_.at_sigma(sigma);
    const std::size_t stride = t_.stride();
    std::array<std::size_t, k_max> index{};
    std::size_t m = 0;
    for (std::size_t k = 0; k < n_; ++k)
      if (w_[k] > 0) index[m++] = k;
    for (std::size_t i = 0; i < pixels(); i += every) {
      const double x = log_[i] - shift;
      const auto cell = static_cast<std::size_t>(x);
      const double f = x - static_cast<double>(cell);
      const float* lo = table + cell * stride;
      double sum = 0;
      for (std::size_t q = 0; q < m; ++q) {
        const std::size_t k = index[q];
        sum += w_[k] * (static_cast<double>(lo[k]) * (1 - f) + static_cast<double>(lo[k + stride]) * f);
      }
      out[i] = sum;
    }
  }

  double chi2_of(const std::vector<double>& light, std::size_t every) const {
    double sum = 0;
    for (std::size_t i = 0; i < pixels(); i += every) {
      const double r = flux_[i] - light[i] * polynomial_[i];
      sum += weight_[i] * r * r;
    }
    return sum;
  }
  double chi2() const { return chi2_of(composite_, 1); }

  void fit_polynomial() {
    const std::size_t m = coefficients_;
    std::vector<double> a(m * m, 0.0), b(m, 0.0);
    for (std::size_t i = 0; i < pixels(); ++i) {
      if (!(weight_[i] > 0)) continue;
      const double* p = &legendre_[i * k_max_coefficients];
      const double c = composite_[i], wc = weight_[i] * c * c, wy = weight_[i] * c * flux_[i];
      for (std::size_t j = 0; j < m; ++j) {
        b[j] += wy * p[j];
        for (std::size_t k = 0; k <= j; ++k) a[j * m + k] += wc * p[j] * p[k];
      }
    }
    // A faint pull of the higher orders to zero: a spectrum of pure noise keeps a quiet polynomial.
    const double pull = a[0];
    for (std::size_t j = 1; j < m; ++j) a[j * m + j] += 1e-4 * pull + 1.0 * (pull > 0 ? 1e-12 : 1);
    if (!solve_cholesky(a, b)) return;
    for (std::size_t i = 0; i < pixels(); ++i) {
      const double* p = &legendre_[i * k_max_coefficients];
      double sum = 0;
      for (std::size_t j = 0; j < m; ++j) sum += b[j] * p[j];
      polynomial_[i] = std::max(sum, 0.05 * b[0]);
    }
  }

  // Shift of the least chi2: parabolas through three points with the composite as it is.
  double fit_shift(double v, std::size_t sigma) const {
    std::vector<double> light(pixels(), 0.0);
    for (const double step : {120.0, 40.0}) {
      std::array<double, 3> c{};
      for (std::size_t k = 0; k < 3; ++k) {
        composite(v + (static_cast<double>(k) - 1) * step, sigma, light, k_every);
        c[k] = chi2_of(light, k_every);
      }
      const double curvature = c[0] - 2 * c[1] + c[2];
      const double move = curvature > 0 ? 0.5 * (c[0] - c[2]) / curvature : (c[0] < c[2] ? -1.0 : 1.0);
      v = std::clamp(v + std::clamp(move, -2.0, 2.0) * step, -k_max_shift, k_max_shift);
    }
    return v;
  }

  std::size_t fit_sigma(double v) const {
    std::vector<double> light(pixels(), 0.0);
    std::size_t best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < TemplateSet::k_n_sigma; ++k) {
      composite(v, k, light, k_every);
      const double c = chi2_of(light, k_every);
      if (c < least) {
        least = c;
        best = k;
      }
    }
    return best;
  }

  // Leaves out what lies beyond 5 standard deviations, scaled by how well the rest fits.
  void clip() {
    const double scale = std::max(1.0, chi2() / static_cast<double>(used_));
    std::size_t kept = 0, beyond = 0;
    for (std::size_t i = 0; i < pixels(); ++i) {
      const double r = flux_[i] - model(i);
      (r * r * weight_[i] > 25 * scale ? beyond : kept) += weight_[i] > 0 ? 1U : 0U;
    }
    if (kept < k_min_pixels || beyond > used_ / 20) return;
    for (std::size_t i = 0; i < pixels(); ++i) {
      const double r = flux_[i] - model(i);
      if (r * r * weight_[i] > 25 * scale) weight_[i] = 0;
    }
    used_ = kept;
  }

 private:
  const TemplateSet& t_;
  std::size_t n_, first_ = 0, used_ = 0, coefficients_ = 1;
  std::vector<double> log_, flux_, weight_, legendre_, polynomial_, composite_, w_;
};

std::size_t nearest_sigma(double sigma) {
  std::size_t best = 0;
  for (std::size_t k = 1; k < TemplateSet::k_n_sigma; ++k)
    if (std::fabs(TemplateSet::k_sigma[k] - sigma) < std::fabs(TemplateSet::k_sigma[best] - sigma)) best = k;
  return best;
}

}  // namespace

ContinuumFit fit_continuum(const SpectrumView& s, const TemplateSet& templates, std::span<const std::uint8_t> use,
                           const ContinuumStart& start) {
  ContinuumFit out;
  out.model.assign(s.size(), std::numeric_limits<double>::quiet_NaN());
  if (!std::isfinite(s.z) || s.z <= -0.9) return out;
  Fit fit(s, templates, use);
  out.pixels = fit.used();
  if (!fit.enough()) return out;
  out.snr = fit.median_snr();
  double v = start.v_shift;
  std::size_t sigma = nearest_sigma(start.sigma_v);
  fit.fit_weights(v, sigma);
  if (!fit.any_light()) return out;
  fit.fit_polynomial();
  if (!start.fixed) {
    if (out.snr > k_min_snr) {
      v = fit.fit_shift(v, sigma);
      sigma = fit.fit_sigma(v);
    }
    fit.clip();
  }
  fit.fit_weights(v, sigma);
  if (!fit.any_light()) return out;
  fit.fit_polynomial();
  out.good = true;
  out.pixels = fit.used();
  out.weights = fit.weights();
  out.v_shift = v;
  out.sigma_v = TemplateSet::k_sigma[sigma];
  out.chi2 = fit.chi2();
  for (std::size_t i = 0; i < fit.pixels(); ++i) out.model[fit.first() + i] = fit.model(i);
  return out;
}

}  // namespace starglow
