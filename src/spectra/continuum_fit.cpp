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
constexpr int k_max_steps = 10;
constexpr double k_least_gain = 1e-4;  // of chi2 a pixel used
constexpr double k_rough_gain = 2e-3;  // before shift and width are known
constexpr double k_same_place = 0.02;  // steps of less gain, of chi2, go on with the curvature of the step before
constexpr double k_max_shift = 300, k_min_snr = 3, k_start_sigma = 150;
constexpr double k_pull = 1e-4;  // of the polynomial's orders to zero: a spectrum of pure noise keeps a quiet one

// All that a fit needs at hand. Shift and width are sought on every second pixel.
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
    pixels_ = last > first_ ? last - first_ : 0;
    all_.flux.resize(pixels_);
    all_.weight.resize(pixels_);
    for (std::size_t i = 0; i < pixels_; ++i) {
      const std::size_t p = first_ + i;
      all_.flux[i] = use[p] != 0 ? s.flux[p] : 0;
      all_.weight[i] = use[p] != 0 ? (s.ivar.empty() ? 1.0 : s.ivar[p]) : 0;
      used_ += all_.weight[i] > 0 ? 1U : 0U;
    }
    if (!enough()) return;
    if (earlier != nullptr) {
      x0_ = earlier->polynomial_from;
      x1_ = earlier->polynomial_to;
      slopes_ = earlier->polynomial;
      w_ = earlier->weights;
    } else {
      // The polynomial runs over what is used, so that it is never asked beyond its data by more than a window.
      std::size_t a = 0, b = pixels_ - 1;
      while (!(all_.weight[a] > 0)) ++a;
      while (!(all_.weight[b] > 0)) --b;
      x0_ = s.wave_obs[first_ + a];
      x1_ = s.wave_obs[first_ + b];
      slopes_.assign(std::min(k_max_order, static_cast<std::size_t>((x1_ - x0_) / (1 + s.z) / 450.0)), 0.0);
      w_.assign(n_, 0.0);
    }
    all_.at.resize(pixels_);
    all_.x.resize(pixels_);
    const double log_from = std::log1p(s.z) + t.log_first(), per_log = 1 / t.log_step(), per_wave = 2 / (x1_ - x0_);
    for (std::size_t i = 0; i < pixels_; ++i) {
      const double wave = s.wave_obs[first_ + i];
      all_.at[i] = (std::log(wave) - log_from) * per_log;
      all_.x[i] = std::clamp((wave - x0_) * per_wave - 1, -1.0, 1.0);
    }
    for (std::size_t i = 0; earlier == nullptr && i < pixels_; i += 2) {
      few_.at.push_back(all_.at[i]);
      few_.x.push_back(all_.x[i]);
      few_.flux.push_back(all_.flux[i]);
      few_.weight.push_back(all_.weight[i]);
    }
    if (!few_.at.empty()) few_.pad();
    all_.pad();
  }

  bool enough() const { return used_ >= k_min_pixels; }
  std::size_t used() const { return used_; }
  std::size_t first() const { return first_; }
  std::size_t pixels() const { return pixels_; }
  const std::vector<double>& weights() const { return w_; }
  const std::vector<double>& slopes() const { return slopes_; }
  double polynomial_from() const { return x0_; }
  double polynomial_to() const { return x1_; }
  double model(std::size_t i) const { return all_.light[i] * all_.polynomial[i]; }
  double chi2() const { return chi2_of(all_, all_.light); }
  bool any_light() const {
    return std::any_of(w_.begin(), w_.end(), [](double w) { return w > 0; });
  }

  double median_snr() const {
    std::vector<double> snr;
    snr.reserve(pixels_);
    for (std::size_t i = 0; i < pixels_; ++i)
      if (all_.weight[i] > 0) snr.push_back(all_.flux[i] * std::sqrt(all_.weight[i]));
    const auto middle = snr.begin() + static_cast<std::ptrdiff_t>(snr.size() / 2);
    std::nth_element(snr.begin(), middle, snr.end());
    return *middle;
  }

  // Shift and width of the stars and the pixels that all further steps take.
  void set(double v, std::size_t sigma, bool every) {
    shift_ = in_pixels(v);
    sigma_ = sigma;
    now_ = every ? &all_ : &few_;
    place(shift_, *now_);
    shine();
    set_polynomial(slopes_, *now_);
  }

  // Gauss-Newton steps of weights and polynomial together, until chi2 falls by less than the noise would notice. In
  // turns they approach the answer slowly, since either can stand for the other's colour. Where a step does not lead
  // down at all, the weights alone are fitted.
  void converge(double least_gain) {
    bool fresh = false;
    for (int taken = 0; taken < k_max_steps; ++taken) {
      const bool again = !fresh;
      const double gain = step(any_light() ? slopes_.size() : 0, again);
      const double enough = least_gain * static_cast<double>(used_);
      fresh = gain >= enough && gain < k_same_place * equations_.chi2;
      if (gain >= enough) continue;
      if (again && !(gain > 0)) step(0, true);
      if (again || gain > 0) return;
    }
  }

  // Shift of the least chi2: parabolas through three points with the weights as they are.
  double fit_shift(double v, std::size_t sigma) {
    add_up(t_, sigma, few_, w_, grid_);
    for (const double step : {120.0, 40.0}) {
      std::array<double, 3> c{};
      for (std::size_t k = 0; k < 3; ++k) c[k] = chi2_at(v + (static_cast<double>(k) - 1) * step);
      const double curvature = c[0] - 2 * c[1] + c[2];
      const double move = curvature > 0 ? 0.5 * (c[0] - c[2]) / curvature : (c[0] < c[2] ? -1.0 : 1.0);
      v = std::clamp(v + std::clamp(move, -2.0, 2.0) * step, -k_max_shift, k_max_shift);
    }
    return v;
  }

  std::size_t fit_sigma(double v) {
    std::size_t best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < TemplateSet::k_n_sigma; ++k) {
      add_up(t_, k, few_, w_, grid_);
      const double c = chi2_at(v);
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
    for (std::size_t i = 0; i < pixels_; ++i) {
      const double r = all_.flux[i] - model(i);
      (r * r * all_.weight[i] > 25 * scale ? beyond : kept) += all_.weight[i] > 0 ? 1U : 0U;
    }
    if (kept < k_min_pixels || beyond > used_ / 20) return;
    for (std::size_t i = 0; i < pixels_; ++i) {
      const double r = all_.flux[i] - model(i);
      if (r * r * all_.weight[i] > 25 * scale) all_.weight[i] = 0;
    }
    used_ = kept;
  }

 private:
  double in_pixels(double v) const { return std::log1p(v / k_light_kms) / t_.log_step(); }

  // The light of the present weights.
  void shine() {
    add_up(t_, sigma_, *now_, w_, grid_);
    look_up(*now_, grid_, now_->light);
  }

  double chi2_at(double v) {
    place(in_pixels(v), few_);
    look_up(few_, grid_, before_.light);
    return chi2_of(few_, before_.light);
  }

  // One step of the weights and the polynomial's first `m` slopes, cut where the product of both overshoots; by how
  // much chi2 falls. 0: it would not, and all is as it was. `again`: with the curvature of this place.
  double step(std::size_t m, bool again) {
    NormalEquations& e = equations_;
    Pixels& p = *now_;
    const std::size_t all = n_ + m;
    sum_slopes(t_, sigma_, p, m, e);
    if (again || e.matrix.size() != all * all) {
      sum_curvature(t_, sigma_, p, m, e);
      for (std::size_t j = n_; j < all; ++j) e.matrix[j * all + j] += k_pull * e.light;
    }
    std::vector<double> right(all), change(m);
    for (std::size_t j = 0; j < n_; ++j) {
      right[j] = e.by_weight[j];
      for (std::size_t k = 0; k < n_; ++k) right[j] += e.matrix[j * all + k] * w_[k];
    }
    for (std::size_t j = 0; j < m; ++j) {
      right[n_ + j] = e.by_order[j] - k_pull * e.light * slopes_[j];
      for (std::size_t k = 0; k < n_; ++k) right[n_ + j] += e.matrix[(n_ + j) * all + k] * w_[k];
    }
    const auto w_before = w_, slopes_before = slopes_;
    const auto back = [&] {
      w_ = w_before;
      slopes_ = slopes_before;
      p.light.swap(before_.light);
      p.polynomial.swap(before_.polynomial);
      return 0.0;
    };
    before_.light.swap(p.light);
    before_.polynomial.swap(p.polynomial);
    p.light.resize(p.size());
    p.polynomial.resize(p.size());
    if (!solve_partly_free(e.matrix, right, w_, change)) return back();
    for (std::size_t j = 0; j < m; ++j) slopes_[j] += change[j];
    shine();
    set_polynomial(slopes_, p);
    double rise = 0, bend = 0;  // of the pull
    for (std::size_t j = 0; j < m; ++j) {
      rise += k_pull * e.light * slopes_before[j] * change[j];
      bend += k_pull * e.light * change[j] * change[j];
    }
    const Cut cut = best_part(p, before_.light, before_.polynomial, rise, bend);
    if (!(cut.gain > 0) || !any_light()) return back();
    if (cut.part < 1) {
      for (std::size_t i = 0; i < n_; ++i) w_[i] = w_before[i] + cut.part * (w_[i] - w_before[i]);
      for (std::size_t j = 0; j < m; ++j) slopes_[j] = slopes_before[j] + cut.part * change[j];
      for (std::size_t i = 0; i < p.size(); ++i)
        p.light[i] = before_.light[i] + cut.part * (p.light[i] - before_.light[i]);
      set_polynomial(slopes_, p);
    }
    return cut.gain;
  }

  struct Before {
    std::vector<double> light, polynomial;
  };
  const TemplateSet& t_;
  std::size_t n_, first_ = 0, pixels_ = 0, used_ = 0, sigma_ = 0;
  double x0_ = 0, x1_ = 0, shift_ = 0;
  Pixels all_, few_;
  Pixels* now_ = &all_;
  Before before_;
  std::vector<double> w_, slopes_, grid_;
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
  out.snr = earlier != nullptr ? earlier->snr : fit.median_snr();
  double v = earlier != nullptr ? earlier->v_shift : 0;
  std::size_t sigma = nearest_sigma(earlier != nullptr ? earlier->sigma_v : k_start_sigma);
  if (earlier == nullptr) {
    fit.set(v, sigma, false);
    fit.converge(k_rough_gain);
    if (!fit.any_light()) return out;
    if (out.snr > k_min_snr) {
      v = fit.fit_shift(v, sigma);
      sigma = fit.fit_sigma(v);
    }
    fit.set(v, sigma, true);
    fit.clip();
  } else {
    fit.set(v, sigma, true);
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
