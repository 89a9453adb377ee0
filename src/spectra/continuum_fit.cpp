#include "starglow/spectra/continuum_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "spectra/continuum_sums.hpp"
#include "spectra/line_windows.hpp"
#include "spectra/nnls.hpp"

namespace starglow {
using namespace continuum;
namespace {

constexpr std::size_t k_min_pixels = 200;
constexpr int k_max_steps = 8;
constexpr double k_least_gain = 1e-4;  // of chi2 a pixel used
constexpr double k_rough_gain = 2e-3;  // before shift and width are known
constexpr std::size_t k_every = 2;     // shift and width are sought on every second pixel
constexpr double k_max_shift = 300, k_min_snr = 3, k_start_sigma = 150;
constexpr double k_pull = 1e-4;  // of the polynomial's orders to zero: a spectrum of pure noise keeps a quiet one

// All that a fit needs at hand: the pixels of the fit range, in single arrays.
class Fit {
 public:
  Fit(const SpectrumView& s, const TemplateSet& t, std::span<const std::uint8_t> use, const ContinuumFit* earlier)
      : t_(t), n_(t.count()) {
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
    if (earlier != nullptr) {
      x0_ = earlier->polynomial_from;
      x1_ = earlier->polynomial_to;
      slopes_ = earlier->polynomial;
    } else {
      // The polynomial runs over what is used, so that it is never asked beyond its data by more than a window.
      std::size_t a = 0, b = pixels - 1;
      while (!(weight_[a] > 0)) ++a;
      while (!(weight_[b] > 0)) --b;
      x0_ = s.wave_obs[first_ + a];
      x1_ = s.wave_obs[first_ + b];
      slopes_.assign(std::min(k_max_order, static_cast<std::size_t>((x1_ - x0_) / (1 + s.z) / 450.0)), 0.0);
    }
    legendre_.resize(pixels * k_max_coefficients);
    std::array<double, k_max_coefficients> by_x{}, by_last{};
    for (std::size_t k = 2; k <= slopes_.size(); ++k) {
      by_x[k] = 2 - 1 / static_cast<double>(k);
      by_last[k] = 1 - 1 / static_cast<double>(k);
    }
    for (std::size_t i = 0; i < pixels; ++i) {
      const double x = std::clamp(2 * (s.wave_obs[first_ + i] - x0_) / (x1_ - x0_) - 1, -1.0, 1.0);
      double* p = &legendre_[i * k_max_coefficients];
      p[0] = 1;
      p[1] = x;
      for (std::size_t k = 2; k <= slopes_.size(); ++k) p[k] = by_x[k] * x * p[k - 1] - by_last[k] * p[k - 2];
    }
    polynomial_.assign(pixels, 1.0);
    composite_.assign(pixels, 0.0);
    if (earlier != nullptr)
      w_ = earlier->weights;
    else
      w_.assign(n_, 0.0);
    set_polynomial();
  }

  bool enough() const { return used_ >= k_min_pixels; }
  std::size_t used() const { return used_; }
  std::size_t first() const { return first_; }
  std::size_t pixels() const { return log_.size(); }
  const std::vector<double>& weights() const { return w_; }
  const std::vector<double>& slopes() const { return slopes_; }
  double polynomial_from() const { return x0_; }
  double polynomial_to() const { return x1_; }
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

  // Shift and width of the stars and the pixels that all further steps take.
  void set(double v, std::size_t sigma, std::size_t every) {
    shift_ = in_pixels(v);
    sigma_ = sigma;
    every_ = every;
    composite(shift_, sigma_, composite_, every_);
    set_polynomial();
  }

  // Best non-negative weights for the present polynomial.
  void fit_weights() {
    sum_up(t_, sigma_, shift_, state(), 0, equations_);
    solve_nnls(equations_.matrix, equations_.vector, w_);
    composite(shift_, sigma_, composite_, every_);
  }

  // Gauss-Newton steps of weights and polynomial together, until chi2 falls by less than the noise would notice. In
  // turns they approach the answer slowly, since either can stand for the other's colour. A step is cut where the
  // product of both overshoots; should it not lead down at all, the weights alone are fitted.
  void converge(double least_gain) {
    const std::size_t m = slopes_.size(), all = n_ + m;
    if (m == 0) return fit_weights();
    for (int step = 0; step < k_max_steps && any_light(); ++step) {
      sum_up(t_, sigma_, shift_, state(), m, equations_);
      for (std::size_t j = n_; j < all; ++j) {
        equations_.matrix[j * all + j] += k_pull * equations_.light;
        equations_.vector[j] -= k_pull * equations_.light * slopes_[j - n_];
      }
      const auto w_before = w_, slopes_before = slopes_;
      std::vector<double> change(m);
      if (!solve_partly_free(equations_.matrix, equations_.vector, w_, change)) return fit_weights();
      composite_before_.swap(composite_);
      polynomial_before_.swap(polynomial_);
      for (std::size_t j = 0; j < m; ++j) slopes_[j] += change[j];
      composite(shift_, sigma_, composite_, every_);
      set_polynomial();
      const Cut cut = best_part({log_, flux_, weight_, legendre_, composite_before_, polynomial_before_, every_},
                                composite_, polynomial_);
      if (!(cut.gain > 0) || !any_light()) {
        w_ = w_before;
        slopes_ = slopes_before;
        set_polynomial();
        composite_.swap(composite_before_);
        return fit_weights();
      }
      if (cut.part < 1) {
        for (std::size_t i = 0; i < n_; ++i) w_[i] = w_before[i] + cut.part * (w_[i] - w_before[i]);
        for (std::size_t j = 0; j < m; ++j) slopes_[j] = slopes_before[j] + cut.part * change[j];
        composite(shift_, sigma_, composite_, every_);
        set_polynomial();
      }
      if (cut.gain < least_gain * static_cast<double>(used_)) return;
    }
  }

  // Sum of the weighted templates at each pixel, or at each `every`-th.
  void composite(double shift, std::size_t sigma, std::vector<double>& out, std::size_t every) const {
    out.resize(pixels());
    add_up(t_, sigma, shift, log_, w_, every, out);
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

  // Shift of the least chi2: parabolas through three points with the composite as it is.
  double fit_shift(double v, std::size_t sigma) const {
    std::vector<double> light(pixels(), 0.0);
    for (const double step : {120.0, 40.0}) {
      std::array<double, 3> c{};
      for (std::size_t k = 0; k < 3; ++k) {
        composite(in_pixels(v + (static_cast<double>(k) - 1) * step), sigma, light, k_every);
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
      composite(in_pixels(v), k, light, k_every);
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
  double in_pixels(double v) const { return std::log1p(v / k_light_kms) / t_.log_step(); }

  // The polynomial 1 + sum of slopes_[j] P_(j + 1) at each pixel.
  void set_polynomial() {
    polynomial_.resize(pixels());
    for (std::size_t i = 0; i < pixels(); i += every_) {
      const double* p = &legendre_[i * k_max_coefficients];
      double even = 1, odd = 0;
      for (std::size_t j = 0; j < slopes_.size(); ++j) (j % 2 == 0 ? even : odd) += slopes_[j] * p[j + 1];
      polynomial_[i] = std::max(even + odd, 0.05);
    }
  }

  Pixels state() const { return {log_, flux_, weight_, legendre_, composite_, polynomial_, every_}; }

  const TemplateSet& t_;
  std::size_t n_, first_ = 0, used_ = 0, sigma_ = 0, every_ = 1;
  double x0_ = 0, x1_ = 0, shift_ = 0;
  std::vector<double> log_, flux_, weight_, legendre_, polynomial_, composite_, polynomial_before_, composite_before_,
      w_, slopes_;
  NormalEquations equations_;
};

std::size_t nearest_sigma(double sigma) {
  std::size_t best = 0;
  for (std::size_t k = 1; k < TemplateSet::k_n_sigma; ++k)
    if (std::fabs(TemplateSet::k_sigma[k] - sigma) < std::fabs(TemplateSet::k_sigma[best] - sigma)) best = k;
  return best;
}

}  // namespace

ContinuumFit fit_continuum(const SpectrumView& s, const TemplateSet& templates, std::span<const std::uint8_t> use,
                           const ContinuumFit* earlier) {
  ContinuumFit out;
  out.model.assign(s.size(), std::numeric_limits<double>::quiet_NaN());
  if (!std::isfinite(s.z) || s.z <= -0.9) return out;
  Fit fit(s, templates, use, earlier);
  out.pixels = fit.used();
  if (!fit.enough()) return out;
  out.snr = fit.median_snr();
  double v = earlier != nullptr ? earlier->v_shift : 0;
  std::size_t sigma = nearest_sigma(earlier != nullptr ? earlier->sigma_v : k_start_sigma);
  if (earlier == nullptr) {
    fit.set(v, sigma, k_every);
    fit.fit_weights();
    fit.converge(k_rough_gain);
    if (!fit.any_light()) return out;
    if (out.snr > k_min_snr) {
      v = fit.fit_shift(v, sigma);
      sigma = fit.fit_sigma(v);
    }
    fit.set(v, sigma, 1);
    fit.clip();
  } else {
    fit.set(v, sigma, 1);
  }
  fit.converge(k_least_gain);
  if (!fit.any_light()) return out;
  out.good = true;
  out.pixels = fit.used();
  out.weights = fit.weights();
  out.polynomial = fit.slopes();
  out.polynomial_from = fit.polynomial_from();
  out.polynomial_to = fit.polynomial_to();
  out.v_shift = v;
  out.sigma_v = TemplateSet::k_sigma[sigma];
  out.chi2 = fit.chi2();
  for (std::size_t i = 0; i < fit.pixels(); ++i) out.model[fit.first() + i] = fit.model(i);
  return out;
}

}  // namespace starglow
