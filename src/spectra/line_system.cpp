// Least squares of Gaussians, group by group of lines.
#include "spectra/line_system.hpp"

#include <algorithm>
#include <cmath>

#include "spectra/coverage.hpp"
#include "spectra/line_windows.hpp"
#include "spectra/nnls.hpp"

namespace starglow::line_fit {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

std::size_t shape_index(const Component& c, Freedom how) {
  return c.broad ? k_broad_shape : k_shape + (how.apart && !c.balmer ? 2 : 0);
}

void limit(std::array<double, k_n>& x, bool wide) {
  for (std::size_t k = k_shape; k < k_n; k += 2) {
    const bool broad = k == k_broad_shape;
    x[k] = std::clamp(x[k], broad ? -3000.0 : -500.0, broad ? 3000.0 : 500.0);
    x[k + 1] = std::clamp(x[k + 1], std::log(broad ? k_min_broad : k_min_sigma),
                          std::log(broad  ? k_max_broad
                                   : wide ? k_max_beside_broad
                                          : k_max_sigma));
  }
}

// Sum of a x b over [from, to), in four parts: their chains of additions run beside each other.
double product(const std::vector<double>& a, const std::vector<double>& b, std::size_t from, std::size_t to) {
  double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  std::size_t i = from;
  for (; i + 4 <= to; i += 4) {
    s0 += a[i] * b[i];
    s1 += a[i + 1] * b[i + 1];
    s2 += a[i + 2] * b[i + 2];
    s3 += a[i + 3] * b[i + 3];
  }
  for (; i < to; ++i) s0 += a[i] * b[i];
  return (s0 + s1) + (s2 + s3);
}

}  // namespace

System::System(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
               std::span<const std::uint8_t> good, bool wide)
    : s_(s), residual_(residual), continuum_(continuum), good_(good), wide_(wide) {
  lay_out(wide);
  for (std::size_t c = 0; c < k_components.size(); ++c) {
    const double w = k_components[c].wave;
    const std::size_t a = pixel(w * (1 - k_core / k_light_kms)), b = pixel(w * (1 + k_core / k_light_kms));
    double there = 0;
    for (std::size_t i = a; i < b; ++i)
      there += good_[i] != 0 && std::isfinite(residual_[i]) ? pixel_width(s.wave_obs, i) : 0.0;
    const bool on = a > 0 && b < s.size() && b > a && there >= w * (1 + s.z) * k_core / k_light_kms;  // half of it
    covered_[c] = on;
    if (k_components[c].stellar) {
      const std::size_t at = pixel(w);
      const double level = at < s.size() ? continuum_[at] : k_nan;
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
  for (Group& group : groups_) {
    std::size_t kept = 0;
    for (std::size_t q = 0; q < group.members; ++q)
      if (active_[k_components[group.member[q]].flux]) group.member[kept++] = group.member[q];
    group.members = kept;
  }
}

// The windows of the groups and their pixels.
void System::lay_out(bool wide) {
  std::array<double, k_n_groups> lo{}, hi{};
  lo.fill(1e9);
  for (const auto& c : k_components) {
    const double reach = (c.broad ? (wide ? k_broad_reach : 0) : k_window) / k_light_kms;
    lo[c.group] = std::min(lo[c.group], c.wave * (1 - reach));
    hi[c.group] = std::max(hi[c.group], c.wave * (1 + reach));
  }
  std::array<std::size_t, k_n_groups> into{};
  for (std::size_t g = 0; g < k_n_groups; ++g) into[g] = g;
  for (std::size_t g = 0; wide && g < k_n_groups; ++g)
    for (std::size_t h = g + 1; h < k_n_groups; ++h)
      if (into[h] == h && into[g] == g && lo[h] < hi[g] && lo[g] < hi[h]) {
        into[h] = g;
        lo[g] = std::min(lo[g], lo[h]);
        hi[g] = std::max(hi[g], hi[h]);
      }
  level_prior_.fill(k_level_prior);
  for (std::size_t g = 0; g < k_n_groups; ++g) {
    if (into[g] != g || !(hi[g] > 0)) continue;
    Group group;
    group.first = pixel(lo[g]);
    group.last = pixel(hi[g]);
    group.level_at = k_level + g;
    for (std::size_t h = g + 1; h < k_n_groups; ++h)
      if (into[h] == g) group.slope_at = k_level + h;
    for (std::size_t c = 0; c < k_components.size(); ++c)
      if (into[k_components[c].group] == g) group.member[group.members++] = c;
    const std::size_t n = group.last - group.first;
    for (auto* of : {&group.weight, &group.residual, &group.level}) of->assign(n, 0.0);
    if (group.slope_at < k_n) group.slope.assign(n, 0.0);
    const double middle = 0.5 * (lo[g] + hi[g]) * (1 + s_.z), half = 0.5 * (hi[g] - lo[g]) * (1 + s_.z);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t p = group.first + i;
      if (good_[p] == 0 || !std::isfinite(residual_[p])) continue;
      group.weight[i] = s_.ivar.empty() ? 1.0 : s_.ivar[p];
      group.residual[i] = residual_[p];
      group.level[i] = continuum_[p];
      if (!group.slope.empty()) group.slope[i] = continuum_[p] * (s_.wave_obs[p] - middle) / half;
      ++group.used;
    }
    groups_.push_back(std::move(group));
  }
}

Shape System::shape_of(const Component& c, const std::array<double, k_n>& x, Freedom how) const {
  const std::size_t k = shape_index(c, how);
  Shape out;
  const double at = c.wave * (1 + s_.z);
  if (c.stellar) return {at, at * k_stellar_sigma / k_light_kms, 0, 0};
  out.mu = at * (1 + x[k] / k_light_kms);
  out.d_mu = at / k_light_kms;
  double instrument = 0;
  if (!s_.sigma_instrument.empty()) {
    instrument = s_.sigma_instrument[std::min(pixel_at(s_, out.mu), s_.size() - 1)];
    if (!(instrument >= 0)) instrument = 0;
  }
  const double intrinsic = out.mu * std::exp(x[k + 1]) / k_light_kms;
  out.sigma = std::sqrt(intrinsic * intrinsic + instrument * instrument);
  out.d_sigma = intrinsic * intrinsic / out.sigma;
  return out;
}

// The column of an unknown, made where it is not there yet, zero where it is new.
System::Column& System::column(std::size_t unknown, std::size_t pixels, Reach reach) {
  for (std::size_t k = 0; k < n_columns_; ++k) {
    Column& c = columns_[k];
    if (c.unknown != unknown) continue;
    c.from = std::min(c.from, reach.from);
    c.to = std::max(c.to, reach.to);
    return c;
  }
  if (n_columns_ == columns_.size()) columns_.emplace_back();
  Column& c = columns_[n_columns_++];
  c.unknown = unknown;
  c.from = reach.from;
  c.to = reach.to;
  c.value.assign(pixels, 0.0);
  c.weighted.resize(std::max(c.weighted.size(), pixels));
  return c;
}

// Cost of a group at x; adds the normal equations of a step from it to a_ and b_.
double System::evaluate(Group& group, const std::array<double, k_n>& x, bool shapes, Freedom how) {
  const std::size_t n = group.last - group.first;
  bool any = false;
  for (std::size_t q = 0; q < group.members; ++q) any = any || in_use(k_components[group.member[q]], how);
  if (!any || n == 0) return 0;
  n_pixels_ += group.used;
  n_columns_ = 0;
  for (auto* of : {&value_, &by_mu_, &by_sigma_}) of->resize(std::max(of->size(), n));
  column(group.level_at, n, {0, n}).value = group.level;
  model_.assign(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) model_[i] = x[group.level_at] * group.level[i];
  if (group.slope_at < k_n) {
    column(group.slope_at, n, {0, n}).value = group.slope;
    for (std::size_t i = 0; i < n; ++i) model_[i] += x[group.slope_at] * group.slope[i];
  }
  for (std::size_t q = 0; q < group.members; ++q) {
    const Component& c = k_components[group.member[q]];
    if (!in_use(c, how)) continue;
    const double flux = x[c.flux] * c.share;
    if (c.stellar) {
      Fixed& fixed = fixed_[c.flux - k_first_stellar];
      if (fixed.value.empty()) {
        fixed.value.assign(n, 0.0);
        const Reach reach = fill_profile(s_, shape_of(c, x, how), group.first, group.last, fixed.value);
        fixed.reach = {reach.from - group.first, reach.to - group.first};
      }
      column(c.flux, n, fixed.reach).value = fixed.value;
      for (std::size_t i = fixed.reach.from; i < fixed.reach.to; ++i) model_[i] += flux * fixed.value[i];
      continue;
    }
    const Shape shape = shape_of(c, x, how);
    Reach reach =
        fill_profile(s_, shape, group.first, group.last, value_, shapes ? std::span(by_mu_) : std::span<double>(),
                     shapes ? std::span(by_sigma_) : std::span<double>());
    reach = {reach.from - group.first, reach.to - group.first};
    Column& own = column(c.flux, n, reach);
    for (std::size_t i = reach.from; i < reach.to; ++i) {
      own.value[i] += c.share * value_[i];
      model_[i] += flux * value_[i];
    }
    if (!shapes || flux == 0) continue;
    const std::size_t k = shape_index(c, how);
    const auto add = [&](std::size_t unknown, double scale, const std::vector<double>& slope) {
      Column& to = column(unknown, n, reach);
      for (std::size_t i = reach.from; i < reach.to; ++i) to.value[i] += scale * slope[i];
    };
    add(k, flux * shape.d_mu, by_mu_);
    add(k + 1, flux * shape.d_sigma, by_sigma_);
  }
  double cost = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double r = group.residual[i] - model_[i];
    model_[i] = r;
    cost += group.weight[i] * r * r;
  }
  for (std::size_t j = 0; j < n_columns_; ++j) {
    Column& one = columns_[j];
    for (std::size_t i = one.from; i < one.to; ++i) one.weighted[i] = group.weight[i] * one.value[i];
    b_[one.unknown] += product(one.weighted, model_, one.from, one.to);
    for (std::size_t k = 0; k <= j; ++k) {
      const Column& two = columns_[k];
      const std::size_t from = std::max(one.from, two.from), to = std::min(one.to, two.to);
      if (from >= to) continue;
      const std::size_t hi = std::max(one.unknown, two.unknown), lo = std::min(one.unknown, two.unknown);
      a_[hi * k_n + lo] += product(one.weighted, two.value, from, to);
    }
  }
  return cost;
}

// Cost at x and, in a_ and b_, the normal equations of a step from it, of the shapes too or of the rest alone.
double System::evaluate(const std::array<double, k_n>& x, bool shapes, Freedom how) {
  a_.fill(0);
  b_.fill(0);
  n_pixels_ = 0;
  double cost = 0;
  for (Group& group : groups_) cost += evaluate(group, x, shapes, how);
  const auto prior = [&](std::size_t k, double centre, double width) {
    const double r = (x[k] - centre) / width;
    cost += r * r;
    a_[k * k_n + k] += 1 / (width * width);
    b_[k] -= r / width;
  };
  for (std::size_t g = 0; g < k_n_groups; ++g) prior(k_level + g, 0, level_prior_[g]);
  for (std::size_t k = k_first_stellar; k < k_first_broad; ++k)
    if (active_[k]) prior(k, 0, stellar_prior_[k - k_first_stellar]);
  for (std::size_t k = 0; k < (how.apart ? 2U : 1U); ++k) {
    prior(k_shape + 2 * k, 0, k_shift_prior);
    prior(k_shape + 2 * k + 1, k_width_centre, k_width_prior);
  }
  if (how.broad) {
    prior(k_broad_shape, 0, k_broad_shift_prior);
    prior(k_broad_shape + 1, k_broad_width_centre, k_broad_width_prior);
  }
  return cost;
}

Solution System::solve_linear(Solution from, Freedom how) {
  std::fill(from.x.begin(), from.x.begin() + k_shape, 0.0);
  from.cost = evaluate(from.x, false, how);
  auto step = b_;
  if (!solve(false, how, 0, step)) return from;
  Solution to = from;
  for (const std::size_t i : index_) to.x[i] += step[i];
  to.cost -= expected(from.x, to.x);
  return to;
}

// By how much the cost falls from a point, of which a_ and b_ are, to another, were the problem linear.
double System::expected(const std::array<double, k_n>& from, const std::array<double, k_n>& to) const {
  double gain = 0;
  for (const std::size_t i : index_) {
    double row = 0;
    for (const std::size_t j : index_) row += a_[std::max(i, j) * k_n + std::min(i, j)] * (to[j] - from[j]);
    gain += (to[i] - from[i]) * (2 * b_[i] - row);
  }
  return gain;
}

Solution System::refine(Solution at, Freedom how, double least) {
  double damping = 1e-3;
  at.cost = evaluate(at.x, true, how);
  for (int round = 0, refused = 0; round < 40 && refused < 6; ++round) {
    auto step = b_;
    if (!solve(true, how, damping, step)) {
      damping = std::max(1e-6, damping * 10);
      ++refused;
      continue;
    }
    Solution next = at;
    for (std::size_t k = 0; k < k_n; ++k) next.x[k] += step[k];
    limit(next.x, wide_);
    if (const double gain = expected(at.x, next.x); refused == 0 && gain >= 0 && gain < least) {
      at = next;
      at.cost -= gain;
      break;
    }
    kept_a_ = a_;
    kept_b_ = b_;
    next.cost = evaluate(next.x, true, how);
    if (!(next.cost <= at.cost)) {
      a_ = kept_a_;
      b_ = kept_b_;
      damping *= 10;
      ++refused;
      continue;
    }
    const bool done = at.cost - next.cost < std::max(1e-3 + 1e-7 * at.cost, 0.1 * least);
    at = next;
    if (done) break;
    damping = std::max(1e-9, damping * 0.1);
    refused = 0;
  }
  return at;
}

bool System::covariance(Freedom how, std::vector<double>& out) {
  auto step = b_;
  if (!solve(true, how, 0, step)) return false;
  out.assign(k_n * k_n, 0);
  std::vector<double> inverse(index_.size() * index_.size());
  invert_from_factor(factor_, inverse);
  for (std::size_t i = 0; i < index_.size(); ++i)
    for (std::size_t j = 0; j < index_.size(); ++j) out[index_[i] * k_n + index_[j]] = inverse[i * index_.size() + j];
  return true;
}

void System::add_model(const std::array<double, k_n>& x, Freedom how, bool broad, std::vector<double>& out) const {
  for (const auto& c : k_components) {
    const double flux = x[c.flux] * c.share;
    if (flux == 0 || c.stellar || c.broad != broad) continue;
    add_line(s_, shape_of(c, x, how), flux, out);
  }
}

// Solves the normal equations over the unknowns in use; step enters as b and leaves as the step, 0 elsewhere.
bool System::solve(bool shapes, Freedom how, double damping, std::array<double, k_n>& step) {
  index_.clear();
  for (std::size_t k = 0; k < k_n; ++k) {
    if (k < k_n_flux && (!active_[k] || !(a_[k * k_n + k] > 0))) continue;
    if (k >= k_shape && (!shapes || (k >= k_broad_shape ? !how.broad : !how.apart && k >= k_shape + 2))) continue;
    index_.push_back(k);
  }
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

}  // namespace starglow::line_fit
