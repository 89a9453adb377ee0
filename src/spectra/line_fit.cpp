#include "starglow/spectra/line_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "spectra/coverage.hpp"
#include "spectra/line_apart.hpp"
#include "spectra/line_components.hpp"
#include "spectra/line_profile.hpp"
#include "spectra/line_windows.hpp"
#include "spectra/nnls.hpp"

namespace starglow {
using namespace line_fit;
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

struct Solution {
  std::array<double, k_n> x{};
  double cost = std::numeric_limits<double>::infinity();
};

class Fit {
 public:
  Fit(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
      std::span<const std::uint8_t> good)
      : s_(s), residual_(residual), continuum_(continuum), good_(good) {
    for (std::size_t g = 0; g < k_n_groups; ++g) {
      double lo = 1e9, hi = 0;
      for (const auto& c : k_components)
        if (c.group == g) {
          lo = std::min(lo, c.wave);
          hi = std::max(hi, c.wave);
        }
      first_[g] = pixel(lo * (1 - k_window / k_light_kms));
      last_[g] = pixel(hi * (1 + k_window / k_light_kms));
    }
    for (std::size_t c = 0; c < k_components.size(); ++c) {
      const double w = k_components[c].wave;
      const std::size_t a = pixel(w * (1 - k_core / k_light_kms)), b = pixel(w * (1 + k_core / k_light_kms));
      double there = 0;
      for (std::size_t i = a; i < b; ++i) there += usable(i) ? pixel_width(s.wave_obs, i) : 0.0;
      const bool on = a > 0 && b < s.size() && b > a && there >= w * (1 + s.z) * k_core / k_light_kms;  // half of it
      covered_[c] = on;
      if (k_components[c].stellar) {
        const double level = side_continuum(k_components[c].wave);
        stellar_prior_[k_components[c].flux - k_first_stellar] = k_stellar_prior * (1 + s.z) * level;
        if (!(level > 0)) continue;
      }
      if (on) active_[k_components[c].flux] = true;
    }
    for (std::size_t line = 0; line < k_n_all_lines; ++line) {  // of a pair both, or none
      const std::size_t c = k_table.first[line];
      if (lines::n_components(k_all_lines[line]) == 2 && !(covered_[c] && covered_[c + 1]))
        covered_[c] = covered_[c + 1] = active_[k_components[c].flux] = active_[k_components[c + 1].flux] = false;
    }
  }

  bool covered(std::size_t component) const { return covered_[component]; }
  std::size_t pixels() const { return n_pixels_; }

  // Cost at x and, in a and b, the normal equations of a step from it. `shapes`: 0, 2 or 4 of them free.
  double evaluate(const std::array<double, k_n>& x, std::size_t shapes, bool apart, std::array<double, k_n * k_n>* a,
                  std::array<double, k_n>* b) {
    double cost = 0;
    if (a != nullptr) {
      a->fill(0);
      b->fill(0);
    }
    n_pixels_ = 0;
    for (std::size_t g = 0; g < k_n_groups; ++g) cost += group(g, x, shapes, apart, a, b);
    const auto prior = [&](std::size_t k, double centre, double width) {
      const double r = (x[k] - centre) / width;
      cost += r * r;
      if (a != nullptr) {
        (*a)[k * k_n + k] += 1 / (width * width);
        (*b)[k] -= r / width;
      }
    };
    for (std::size_t g = 0; g < k_n_groups; ++g) prior(k_level + g, 0, k_level_prior);
    for (std::size_t k = k_first_stellar; k < k_n_flux; ++k)
      if (active_[k]) prior(k, 0, stellar_prior_[k - k_first_stellar]);
    for (std::size_t k = 0; k < (apart ? 2U : 1U); ++k) {
      prior(k_shape + 2 * k, 0, k_shift_prior);
      prior(k_shape + 2 * k + 1, k_width_centre, k_width_prior);
    }
    return cost;
  }

  // Fluxes and levels of the least cost for the shape in x.
  Solution solve_linear(Solution from, bool apart) {
    std::fill(from.x.begin(), from.x.begin() + k_shape, 0.0);
    from.cost = evaluate(from.x, 0, apart, &a_, &b_);
    auto step = b_;
    if (!solve(0, 0, step)) return from;
    for (std::size_t k = 0; k < k_shape; ++k) from.x[k] += step[k];
    from.cost = evaluate(from.x, 0, apart, nullptr, nullptr);
    return from;
  }

  // Levenberg-Marquardt over everything.
  Solution refine(Solution at, bool apart) {
    const std::size_t shapes = apart ? 4 : 2;
    double damping = 1e-3;
    at.cost = evaluate(at.x, shapes, apart, &a_, &b_);
    for (int round = 0, refused = 0; round < 40 && refused < 6; ++round) {
      auto step = b_;
      if (!solve(shapes, damping, step)) {
        damping = std::max(1e-6, damping * 10);
        ++refused;
        continue;
      }
      Solution next = at;
      for (std::size_t k = 0; k < k_n; ++k) next.x[k] += step[k];
      limit(next.x);
      next.cost = evaluate(next.x, shapes, apart, &next_a_, &next_b_);
      if (!(next.cost <= at.cost)) {
        damping *= 10;
        ++refused;
        continue;
      }
      const bool done = at.cost - next.cost < 1e-3 + 1e-7 * at.cost;
      at = next;
      std::swap(a_, next_a_);
      std::swap(b_, next_b_);
      if (done) break;
      damping = std::max(1e-9, damping * 0.1);
      refused = 0;
    }
    return at;
  }

  // Covariance of all unknowns at x, (k_n x k_n); false when it cannot be had.
  bool covariance(const std::array<double, k_n>& x, bool apart, std::vector<double>& out) {
    const std::size_t shapes = apart ? 4 : 2;
    evaluate(x, shapes, apart, &a_, &b_);
    auto step = b_;
    if (!solve(shapes, 0, step)) return false;
    out.assign(k_n * k_n, 0);
    std::vector<double> inverse(index_.size() * index_.size());
    invert_from_factor(factor_, inverse);
    for (std::size_t i = 0; i < index_.size(); ++i)
      for (std::size_t j = 0; j < index_.size(); ++j) out[index_[i] * k_n + index_[j]] = inverse[i * index_.size() + j];
    return true;
  }

  void add_model(const std::array<double, k_n>& x, bool apart, std::vector<double>& out) const {
    for (const auto& c : k_components) {
      const double flux = x[c.flux] * c.share;
      if (flux == 0 || c.stellar) continue;
      add_line(s_, shape_of(c, x, apart), flux, out);
    }
  }

 private:
  std::size_t pixel(double rest) const { return pixel_at(s_, rest * (1 + s_.z)); }
  bool usable(std::size_t i) const { return good_[i] != 0 && std::isfinite(residual_[i]); }
  // Continuum at a rest wavelength; NaN where there is none.
  double side_continuum(double wave) const {
    const std::size_t i = pixel(wave);
    return i < s_.size() ? continuum_[i] : k_nan;
  }
  static std::size_t shape_index(const Component& c, bool apart) { return k_shape + (apart && !c.balmer ? 2 : 0); }

  Shape shape_of(const Component& c, const std::array<double, k_n>& x, bool apart) const {
    const std::size_t k = shape_index(c, apart);
    Shape out;
    const double at = c.wave * (1 + s_.z);
    out.mu = at * (1 + x[k] / k_light_kms);
    out.d_mu = at / k_light_kms;
    double instrument = 0;
    if (!s_.sigma_instrument.empty()) {
      instrument = s_.sigma_instrument[std::min(pixel_at(s_, out.mu), s_.size() - 1)];
      if (!(instrument >= 0)) instrument = 0;
    }
    if (c.stellar) return {at, at * k_stellar_sigma / k_light_kms, 0, 0};
    const double intrinsic = out.mu * std::exp(x[k + 1]) / k_light_kms;
    out.sigma = std::sqrt(intrinsic * intrinsic + instrument * instrument);
    out.d_sigma = intrinsic * intrinsic / out.sigma;
    return out;
  }

  static void limit(std::array<double, k_n>& x) {
    for (std::size_t k = k_shape; k < k_n; k += 2) {
      x[k] = std::clamp(x[k], -500.0, 500.0);
      x[k + 1] = std::clamp(x[k + 1], std::log(k_min_sigma), std::log(k_max_sigma));
    }
  }

  double group(std::size_t g, const std::array<double, k_n>& x, std::size_t shapes, bool apart,
               std::array<double, k_n * k_n>* a, std::array<double, k_n>* b) {
    const std::size_t n = last_[g] - first_[g];
    std::array<std::size_t, 5> member{};
    std::size_t m = 0;
    for (std::size_t c = 0; c < k_components.size(); ++c)
      if (k_components[c].group == g && active_[k_components[c].flux]) member[m++] = c;
    if (m == 0 || n == 0) return 0;
    profile_.assign(m * n * 3, 0.0);
    std::array<Shape, 5> shape;
    for (std::size_t q = 0; q < m; ++q) {
      const Component& c = k_components[member[q]];
      shape[q] = shape_of(c, x, apart);
      const std::span<double> out(&profile_[q * n * 3], n * 3);
      if (!c.stellar) {
        fill_profile(s_, shape[q], first_[g], last_[g], out);
        continue;
      }
      auto& kept = stellar_profile_[c.flux - k_first_stellar];  // its shape never changes
      if (kept.empty()) {
        kept.assign(n * 3, 0.0);
        fill_profile(s_, shape[q], first_[g], last_[g], kept);
      }
      std::copy(kept.begin(), kept.end(), out.begin());
    }
    double cost = 0;
    std::array<std::size_t, 12> index{};
    std::array<double, 12> value{};
    for (std::size_t i = first_[g]; i < last_[g]; ++i) {
      if (!usable(i)) continue;
      ++n_pixels_;
      const double weight = s_.ivar.empty() ? 1.0 : s_.ivar[i];
      double model = x[k_level + g] * continuum_[i];
      for (std::size_t q = 0; q < m; ++q) {
        const Component& c = k_components[member[q]];
        model += x[c.flux] * c.share * profile_[(q * n + i - first_[g]) * 3];
      }
      const double r = residual_[i] - model;
      cost += weight * r * r;
      if (a == nullptr) continue;
      std::size_t used = 0;
      index[used] = k_level + g;
      value[used++] = continuum_[i];
      std::array<double, 4> slope{};
      for (std::size_t q = 0; q < m; ++q) {
        const Component& c = k_components[member[q]];
        const double* p = &profile_[(q * n + i - first_[g]) * 3];
        if (p[0] == 0) continue;
        std::size_t k = 1;
        while (k < used && index[k] != c.flux) ++k;
        if (k == used) {
          index[used] = c.flux;
          value[used++] = 0;
        }
        value[k] += c.share * p[0];
        if (c.stellar) continue;
        const std::size_t base = shape_index(c, apart) - k_shape;
        slope[base] += x[c.flux] * c.share * p[1] * shape[q].d_mu;
        slope[base + 1] += x[c.flux] * c.share * p[2] * shape[q].d_sigma;
      }
      for (std::size_t k = 0; k < shapes; ++k)
        if (slope[k] != 0) {
          index[used] = k_shape + k;
          value[used++] = slope[k];
        }
      for (std::size_t j = 0; j < used; ++j) {
        (*b)[index[j]] += weight * r * value[j];
        for (std::size_t k = 0; k <= j; ++k) {
          const std::size_t hi = std::max(index[j], index[k]), lo = std::min(index[j], index[k]);
          (*a)[hi * k_n + lo] += weight * value[j] * value[k];
        }
      }
    }
    return cost;
  }

  // Solves the normal equations over the unknowns in use; step enters as b and leaves as the step, 0 elsewhere.
  bool solve(std::size_t shapes, double damping, std::array<double, k_n>& step) {
    index_.clear();
    for (std::size_t k = 0; k < k_shape + shapes; ++k)
      if (k >= k_n_flux || (active_[k] && a_[k * k_n + k] > 0)) index_.push_back(k);
    const std::size_t n = index_.size();
    factor_.assign(n * n, 0);
    std::vector<double> x(n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j <= i; ++j) factor_[i * n + j] = a_[index_[i] * k_n + index_[j]];
      x[i] = step[index_[i]];
    }
    // Where [OII] is not resolved the sum alone is known: a faint pull to a ratio of 1.3 shares it out.
    if (n > 1 && index_[0] == 0 && index_[1] == 1) {
      const double pull = 1e-3 * factor_[n + 1];
      factor_[0] += pull * 1.69;
      factor_[n] -= pull * 1.3;
      factor_[n + 1] += pull;
    }
    for (std::size_t i = 0; i < n; ++i) factor_[i * n + i] *= 1 + damping;
    if (!solve_cholesky(factor_, x)) return false;
    step.fill(0);
    for (std::size_t i = 0; i < n; ++i) step[index_[i]] = x[i];
    return true;
  }

  const SpectrumView& s_;
  std::span<const double> residual_, continuum_;
  std::span<const std::uint8_t> good_;
  std::array<std::size_t, k_n_groups> first_{}, last_{};
  std::array<bool, k_components.size()> covered_{};
  std::array<bool, k_n_flux> active_{};
  std::array<double, k_n_flux - k_first_stellar> stellar_prior_{};
  std::size_t n_pixels_ = 0;
  std::vector<double> profile_, factor_;
  std::array<std::vector<double>, k_n_flux - k_first_stellar> stellar_profile_;
  std::vector<std::size_t> index_;
  std::array<double, k_n * k_n> a_{}, next_a_{};
  std::array<double, k_n> b_{}, next_b_{};
};

// Of the Balmer lines together, or of the forbidden ones; of the ten lines.
double significance(const std::array<double, k_n>& x, const std::vector<double>& covariance, bool balmer) {
  double sum = 0;
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    if (k_lines[line].balmer != balmer || lines::is_weak(k_lines[line])) continue;
    for (std::size_t c = 0; c < lines::n_components(k_lines[line]); ++c) {
      const std::size_t k = k_components[k_table.first[line] + c].flux;
      if (covariance[k * k_n + k] > 0 && x[k] > 0) sum += x[k] * x[k] / covariance[k * k_n + k];
    }
  }
  return std::sqrt(sum);
}

}  // namespace

LineFit fit_lines(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
                  std::span<const std::uint8_t> good, const LineFit* earlier) {
  LineFit out;
  out.flux.fill(k_nan);
  out.flux_variance.fill(0);
  out.sigma_v.fill(k_nan);
  out.outside.fill(true);
  out.model.assign(s.size(), 0.0);
  if (s.size() < 3 || !std::isfinite(s.z) || s.z <= -0.9) return out;
  Fit fit(s, residual, continuum, good);
  Solution best;
  const auto attempt = [&](double shift, double log_sigma) {
    Solution trial;
    trial.x[k_shape] = shift;
    trial.x[k_shape + 1] = trial.x[k_shape + 3] = log_sigma;
    trial = fit.solve_linear(trial, false);
    if (trial.cost < best.cost) best = trial;
  };
  if (earlier != nullptr && earlier->sigma_forbidden > 0)
    attempt(earlier->v_forbidden, std::log(earlier->sigma_forbidden));
  else
    for (const double sigma : {60.0, 120.0, 240.0, 420.0}) attempt(0, std::log(sigma));
  if (!std::isfinite(best.cost)) return out;
  best = fit.refine(best, false);
  std::vector<double> covariance;
  if (!fit.covariance(best.x, false, covariance)) return out;
  if (significance(best.x, covariance, true) > k_apart_snr && significance(best.x, covariance, false) > k_apart_snr) {
    Solution free = best;
    free.x[k_shape + 2] = free.x[k_shape];
    free.x[k_shape + 3] = free.x[k_shape + 1];
    free.cost = std::numeric_limits<double>::infinity();
    free = fit.refine(free, true);
    std::vector<double> wider;
    if (fit.covariance(free.x, true, wider)) {
      best = free;
      covariance = wider;
      out.apart = true;
    }
  }
  const std::size_t forbidden = k_shape + (out.apart ? 2 : 0);
  out.v_balmer = best.x[k_shape];
  out.v_forbidden = best.x[forbidden];
  out.sigma_forbidden = std::exp(best.x[forbidden + 1]);
  for (std::size_t line = 0; line < k_n_all_lines; ++line) {
    const LineInfo& info = k_all_lines[line];
    const double shift = info.balmer ? out.v_balmer : out.v_forbidden,
                 sigma = std::exp(best.x[info.balmer ? k_shape + 1 : forbidden + 1]);
    const std::size_t component = k_table.first[line];
    if (component == k_n_components) {
      const LineApart apart = measure_apart(s, residual, continuum, good, info, shift, sigma);
      out.outside[line] = !apart.covered;
      if (!apart.covered) continue;
      out.flux[line] = apart.flux;
      out.flux_variance[line] = apart.variance;
      add_apart(s, info, shift, sigma, apart.flux, out.model);
    } else {
      const Component& c = k_components[component];
      out.outside[line] = !fit.covered(component);
      if (out.outside[line]) continue;
      out.flux[line] = c.share * best.x[c.flux];
      out.flux_variance[line] = c.share * c.share * covariance[c.flux * k_n + c.flux];
      if (lines::n_components(info) == 2) {
        const std::size_t other = k_components[component + 1].flux;
        out.flux[line] += best.x[other];
        out.flux_variance[line] += covariance[other * k_n + other] + 2 * covariance[c.flux * k_n + other];
      }
    }
    out.sigma_v[line] = sigma;
  }
  fit.add_model(best.x, out.apart, out.model);
  out.chi2 = best.cost;
  out.pixels = fit.pixels();
  return out;
}

}  // namespace starglow
