// A quick look for broad Balmer lines: linear least squares on a ladder of widths.
#include "spectra/broad_lines.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "spectra/line_profile.hpp"
#include "spectra/line_system.hpp"
#include "spectra/line_windows.hpp"
#include "spectra/nnls.hpp"
#include "starglow/spectra/line_fit.hpp"

namespace starglow {
namespace line_fit {

std::vector<std::uint8_t> without_other_lines(const SpectrumView& s, std::span<const std::uint8_t> good) {
  std::vector<std::uint8_t> out(good.begin(), good.end());
  for (const OtherLine& other : k_other_lines) {
    const bool known =
        std::ranges::any_of(k_components, [&](const Component& c) { return std::fabs(c.wave - other.wave_vac) < 0.1; });
    if (known) continue;
    const double at = other.wave_vac * (1 + s.z), reach = other.half_width / k_light_kms;
    const std::size_t a = pixel_at(s, at * (1 - reach)), b = pixel_at(s, at * (1 + reach));
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(a), out.begin() + static_cast<std::ptrdiff_t>(std::max(a, b)),
              std::uint8_t{0});
  }
  return out;
}

}  // namespace line_fit

using namespace line_fit;
namespace {

constexpr std::size_t k_widths = 6;  // each the square root of two wider than the next
constexpr double k_widest = 3400;    // km/s
constexpr double k_far = 2.5 * k_widest;
constexpr double k_neighbour = 600;   // km/s: forbidden lines that are not fitted here are left out
constexpr double k_level_room = 0.1;  // of the level and its slope: starlight took a part of the wings
constexpr std::size_t k_least_pixels = 50;

// The columns of the design, each times the square root of the weight, and the residual as the last of them.
enum Column : std::size_t { level, slope, remains, narrow, pair, first_broad, residue = first_broad + k_widths, count };
constexpr std::size_t k_known = first_broad;

struct Neighbourhood {
  Line line;
  double wave;                   // of the Balmer line
  std::array<double, 2> pair{};  // [NII], fitted with it; 0: none
  std::array<double, 2> left_out{};
};
constexpr std::array<Neighbourhood, 2> k_places{{{Line::HALPHA, 6564.6, {6549.861, 6585.273}, {6718.294, 6732.674}},
                                                 {Line::HBETA, 4862.71, {}, {4960.295, 5008.24}}}};

double normal(double speed, double sigma) { return std::exp(-0.5 * speed * speed / (sigma * sigma)); }

double product(const double* a, const double* b, std::size_t n) {
  double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    s0 += a[i] * b[i];
    s1 += a[i + 1] * b[i + 1];
    s2 += a[i + 2] * b[i + 2];
    s3 += a[i + 3] * b[i + 3];
  }
  for (; i < n; ++i) s0 += a[i] * b[i];
  return (s0 + s1) + (s2 + s3);
}

// Least squares about one Balmer line: all sums of products of two columns.
class Search {
 public:
  Search(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
         std::span<const std::uint8_t> good, const Neighbourhood& place)
      : place_(place) {
    const double at = place.wave * (1 + s.z);
    const std::size_t a = pixel_at(s, at * (1 - k_far / k_light_kms)), b = pixel_at(s, at * (1 + k_far / k_light_kms));
    for (std::size_t i = a; i < b; ++i) {
      const double speed = (s.wave_obs[i] / at - 1) * k_light_kms;
      const auto near = [&](double w) {
        return std::fabs(speed - (w / place.wave - 1) * k_light_kms) < k_neighbour * w / place.wave;
      };
      if (good[i] == 0 || !std::isfinite(residual[i]) || std::ranges::any_of(place.left_out, near)) continue;
      const double root = s.ivar.empty() ? 1.0 : std::sqrt(s.ivar[i]);
      root_.push_back(root);
      speed_.push_back(speed);
      columns_[level].push_back(root * continuum[i]);
      columns_[slope].push_back(root * continuum[i] * speed / k_far);
      columns_[remains].push_back(root * normal(speed, k_stellar_sigma));
      columns_[residue].push_back(root * residual[i]);
      double profile = normal(speed, k_widest);
      for (std::size_t k = 0; k < k_widths; ++k) {
        columns_[first_broad + k].push_back(root * profile);
        profile *= profile;
      }
    }
    n_ = root_.size();
    if (!enough()) return;
    if (!s.sigma_instrument.empty()) {
      const double found = s.sigma_instrument[std::min(pixel_at(s, at), s.size() - 1)];
      if (found > 0) instrument_ = found / at * k_light_kms;
    }
    const double under = continuum[std::min(pixel_at(s, at), s.size() - 1)];
    const double peak = k_stellar_prior * (1 + s.z) * under / (2.5066 * at * k_stellar_sigma / k_light_kms);
    with_remains_ = peak > 0;
    for (std::size_t j = 0; j < count; ++j)
      for (std::size_t k = 0; k <= j && j != narrow && j != pair; ++k)
        if (k != narrow && k != pair) set(j, k, product(columns_[j].data(), columns_[k].data(), n_));
    sums_[level * count + level] += 1 / (k_level_room * k_level_room);
    sums_[slope * count + slope] += 1 / (k_level_room * k_level_room);
    if (with_remains_) sums_[remains * count + remains] += 1 / (peak * peak);
  }

  bool enough() const { return n_ >= k_least_pixels; }

  // Fall of chi2 by the known columns, and with one broad column of positive flux more, for a narrow line's shape.
  struct Gain {
    double known = 0;
    std::array<double, k_widths> with{};
  };
  Gain gain(double sigma, double shift) {
    set_narrow(sigma, shift);
    std::array<std::size_t, k_known> use{};
    std::size_t n = 0;
    for (std::size_t j = 0; j < k_known; ++j)
      if (at(j, j) > 0 && (j != remains || with_remains_)) use[n++] = j;
    std::array<double, k_known * k_known> room{}, inverse{};
    std::array<double, k_known> x{};
    const std::span<double> factor(room.data(), n * n), answer(x.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) factor[i * n + j] = at(use[i], use[j]);
      factor[i * n + i] *= 1 + 1e-9;
      answer[i] = at(use[i], residue);
    }
    Gain out;
    if (!solve_cholesky(factor, answer)) return out;
    for (std::size_t i = 0; i < n; ++i) out.known += at(use[i], residue) * x[i];
    invert_from_factor(factor, std::span(inverse).first(n * n));
    for (std::size_t k = 0; k < k_widths; ++k) {
      const std::size_t b = first_broad + k;
      double own = at(b, b), value = at(b, residue);  // the part of it that the others do not have
      for (std::size_t i = 0; i < n; ++i) {
        value -= at(b, use[i]) * x[i];
        for (std::size_t j = 0; j < n; ++j) own -= at(b, use[i]) * inverse[i * n + j] * at(b, use[j]);
      }
      out.with[k] = out.known + (own > 1e-9 * at(b, b) && value > 0 ? value * value / own : 0);
    }
    return out;
  }

 private:
  double at(std::size_t j, std::size_t k) const { return sums_[j * count + k]; }
  void set(std::size_t j, std::size_t k, double value) { sums_[j * count + k] = sums_[k * count + j] = value; }

  // The narrow columns; pixels and instrument make the lines wider.
  void set_narrow(double sigma, double shift) {
    const double wide = std::hypot(sigma, instrument_), reach = 5 * wide;
    const double low = place_.pair[0] > 0 ? (place_.pair[0] / place_.wave - 1) * k_light_kms : 0,
                 high = place_.pair[0] > 0 ? (place_.pair[1] / place_.wave - 1) * k_light_kms : 0;
    const auto first =
        static_cast<std::size_t>(std::lower_bound(speed_.begin(), speed_.end(), shift + low - reach) - speed_.begin());
    const auto last =
        static_cast<std::size_t>(std::upper_bound(speed_.begin(), speed_.end(), shift + high + reach) - speed_.begin());
    for (const std::size_t j : {narrow, pair}) columns_[j].assign(n_, 0.0);
    for (std::size_t i = first; i < last; ++i) {
      const double speed = speed_[i] - shift;
      if (std::fabs(speed) < reach) columns_[narrow][i] = root_[i] * normal(speed, wide);
      for (std::size_t k = 0; k < 2 && place_.pair[k] > 0; ++k) {
        const double from = speed - (k == 0 ? low : high);
        if (std::fabs(from) < reach) columns_[pair][i] += root_[i] * (k == 0 ? 1 / 3.049 : 1.0) * normal(from, wide);
      }
    }
    for (const std::size_t j : {narrow, pair})
      for (std::size_t k = 0; k < count; ++k)
        if (first < last) set(j, k, product(&columns_[j][first], &columns_[k][first], last - first));
  }

  Neighbourhood place_;
  std::size_t n_ = 0;
  double instrument_ = 0;
  bool with_remains_ = false;
  std::vector<double> root_, speed_;
  std::array<std::vector<double>, count> columns_;
  std::array<double, count * count> sums_{};
};

}  // namespace

BroadHint look_for_broad_lines(const SpectrumView& s, std::span<const double> residual,
                               std::span<const double> continuum, std::span<const std::uint8_t> good,
                               const LineFit& narrow_fit) {
  if (s.size() < 3 || !(narrow_fit.sigma_forbidden > 0)) return {};
  const auto clear = without_other_lines(s, good);
  double without = 0;
  std::array<double, k_widths> with{};
  for (const Neighbourhood& place : k_places) {
    Search search(s, residual, continuum, clear, place);
    if (!search.enough()) continue;
    double most = 0;
    std::array<double, k_widths> best{};
    for (const double sigma :
         {narrow_fit.sigma_v[static_cast<std::size_t>(place.line)], narrow_fit.sigma_forbidden, 80.0, 160.0, 320.0}) {
      if (!(sigma > 0)) continue;
      const auto gain = search.gain(std::min(sigma, k_max_beside_broad), narrow_fit.v_forbidden);
      most = std::max(most, gain.known);
      for (std::size_t k = 0; k < k_widths; ++k) best[k] = std::max(best[k], gain.with[k]);
    }
    without += most;
    for (std::size_t k = 0; k < k_widths; ++k) with[k] += best[k];
  }
  const auto most = std::ranges::max_element(with);
  return {*most - without, k_widest * std::pow(0.5, 0.5 * static_cast<double>(most - with.begin()))};
}

}  // namespace starglow
