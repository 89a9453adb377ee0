#include "starglow/spectra/side_bands.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "spectra/coverage.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

// Mean over the good pixels of a window, its variance, and how much of the window they cover.
struct WindowSum {
  double mean = 0, variance = 0, covered = 0;
  std::size_t n = 0;
};

WindowSum good_pixels(std::span<const double> wave, std::span<const double> flux, std::span<const double> ivar,
                      double lo, double hi) {
  WindowSum out;
  const auto begin = std::lower_bound(wave.begin(), wave.end(), lo);
  for (auto i = static_cast<std::size_t>(begin - wave.begin()); i < wave.size() && wave[i] < hi; ++i) {
    if (!std::isfinite(flux[i]) || (!ivar.empty() && !(ivar[i] > 0))) continue;
    ++out.n;
    out.mean += flux[i];
    out.variance += ivar.empty() ? k_nan : 1 / ivar[i];
    out.covered += i > 0 && i + 1 < wave.size() ? pixel_width(wave, i) : 0.0;
  }
  const auto n = static_cast<double>(out.n);
  out.mean /= n;
  out.variance /= n * n;
  return out;
}

}  // namespace

double window_mean(std::span<const double> wave, std::span<const double> values, double lo, double hi, bool model) {
  if (wave.size() < 2 || !(wave.front() <= lo) || !(wave.back() >= hi) || !(hi > lo)) return k_nan;
  const auto at = [&](std::size_t i, double w) {
    const double t = (w - wave[i]) / (wave[i + 1] - wave[i]);
    return values[i] + t * (values[i + 1] - values[i]);
  };
  auto i = static_cast<std::size_t>(std::upper_bound(wave.begin(), wave.end(), lo) - wave.begin()) - 1;
  i = std::min(i, wave.size() - 2);
  if (!model && width_of_holes(wave, lo, hi) > 0.5 * (hi - lo)) return k_nan;
  double sum = 0, from = lo, value = at(i, lo);
  for (; i + 1 < wave.size() && from < hi; ++i) {
    const double to = std::min(hi, wave[i + 1]);
    const double next = to == wave[i + 1] ? values[i + 1] : at(i, to);
    sum += 0.5 * (value + next) * (to - from);
    from = to;
    value = next;
  }
  return std::isfinite(sum) ? sum / (hi - lo) : k_nan;
}

double side_band_continuum(std::span<const double> wave_rest, std::span<const double> continuum, Line line) {
  return side_band_continuum(wave_rest, continuum, 0.0, line);
}

double side_band_continuum(std::span<const double> wave_obs, std::span<const double> continuum, double z, Line line,
                           bool model) {
  const SideBands& b = k_all_lines[static_cast<std::size_t>(line)].side_bands;
  const double s = 1 + z;
  return 0.5 * (window_mean(wave_obs, continuum, s * b.blue_lo, s * b.blue_hi, model) +
                window_mean(wave_obs, continuum, s * b.red_lo, s * b.red_hi, model));
}

MeasuredContinuum measure_side_bands(std::span<const double> wave_obs, std::span<const double> flux,
                                     std::span<const double> ivar, double z, Line line) {
  const SideBands& b = k_all_lines[static_cast<std::size_t>(line)].side_bands;
  const double s = 1 + z;
  const WindowSum blue = good_pixels(wave_obs, flux, ivar, s * b.blue_lo, s * b.blue_hi);
  const WindowSum red = good_pixels(wave_obs, flux, ivar, s * b.red_lo, s * b.red_hi);
  MeasuredContinuum out{k_nan, k_nan, blue.n + red.n};
  if (blue.covered < 0.5 * s * (b.blue_hi - b.blue_lo) || red.covered < 0.5 * s * (b.red_hi - b.red_lo)) return out;
  out.mean = 0.5 * (blue.mean + red.mean);
  out.variance = 0.25 * (blue.variance + red.variance);
  return out;
}

}  // namespace starglow
