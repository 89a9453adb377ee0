// Lines that take no part in the fit of shift and width: their fluxes are linear, once both are known.
#include "spectra/line_apart.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "spectra/coverage.hpp"
#include "spectra/line_components.hpp"
#include "spectra/line_profile.hpp"
#include "spectra/line_windows.hpp"
#include "spectra/nnls.hpp"

namespace starglow::line_fit {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

Shape shape_at(const SpectrumView& s, double wave, double shift, double sigma_v) {
  Shape out{};
  out.mu = wave * (1 + s.z) * (1 + shift / k_light_kms);
  double instrument = 0;
  if (!s.sigma_instrument.empty()) {
    instrument = s.sigma_instrument[std::min(pixel_at(s, out.mu), s.size() - 1)];
    if (!(instrument >= 0)) instrument = 0;
  }
  out.sigma = std::hypot(out.mu * sigma_v / k_light_kms, instrument);
  return out;
}

// Whether a pixel lies in the window of another line.
bool in_another(const LineInfo& line, double rest) {
  return std::ranges::any_of(k_other_lines, [&](const OtherLine& other) {
    return std::fabs(other.wave_vac - line.wave_vac) > 0.1 &&
           std::fabs(rest - other.wave_vac) < other.wave_vac * other.half_width / k_light_kms;
  });
}

}  // namespace

LineApart measure_apart(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
                        std::span<const std::uint8_t> good, const LineInfo& line, double shift, double sigma_v) {
  const LineApart none{k_nan, 0, false};
  const auto pixel = [&](double rest) { return pixel_at(s, rest * (1 + s.z)); };
  const auto usable = [&](std::size_t i) {
    return good[i] != 0 && std::isfinite(residual[i]) && !in_another(line, s.wave_obs[i] / (1 + s.z));
  };
  const double wave = line.wave_vac;
  const std::size_t a = pixel(wave * (1 - k_core / k_light_kms)), b = pixel(wave * (1 + k_core / k_light_kms));
  double there = 0;
  for (std::size_t i = a; i < b; ++i) there += usable(i) ? pixel_width(s.wave_obs, i) : 0.0;
  if (!(a > 0 && b < s.size() && b > a && there >= wave * (1 + s.z) * k_core / k_light_kms)) return none;  // half of it
  const std::size_t first = pixel(wave * (1 - k_window / k_light_kms)),
                    last = pixel(wave * (1 + k_window / k_light_kms));
  const double level = continuum[std::min(pixel(wave), s.size() - 1)];
  const std::size_t n = line.balmer && level > 0 ? 3 : 2;  // flux, level, remains of absorption
  std::vector<double> own(last - first), stellar(last - first);
  fill_profile(s, shape_at(s, wave, shift, sigma_v), first, last, own);
  const double at = wave * (1 + s.z);
  if (n == 3) fill_profile(s, {at, at * k_stellar_sigma / k_light_kms, 0, 0}, first, last, stellar);
  std::array<double, 9> matrix{};
  std::array<double, 3> right{};
  for (std::size_t i = first; i < last; ++i) {
    if (!usable(i)) continue;
    const double weight = s.ivar.empty() ? 1.0 : s.ivar[i];
    const std::array<double, 3> basis{own[i - first], continuum[i], stellar[i - first]};
    for (std::size_t j = 0; j < n; ++j) {
      right[j] += weight * basis[j] * residual[i];
      for (std::size_t k = 0; k <= j; ++k) matrix[j * n + k] += weight * basis[j] * basis[k];
    }
  }
  if (!(matrix[0] > 0)) return none;
  matrix[n + 1] += 1 / (k_level_prior * k_level_prior);
  if (n == 3) matrix[8] += 1 / std::pow(k_stellar_prior * (1 + s.z) * level, 2);
  const std::span<double> used(matrix.data(), n * n), x(right.data(), n);
  if (!solve_cholesky(used, x)) return none;
  std::array<double, 9> inverse{};
  invert_from_factor(used, std::span<double>(inverse.data(), n * n));
  return {x[0], inverse[0], true};
}

void add_apart(const SpectrumView& s, const LineInfo& line, double shift, double sigma_v, double flux,
               std::span<double> out) {
  add_line(s, shape_at(s, line.wave_vac, shift, sigma_v), flux, out);
}

}  // namespace starglow::line_fit
