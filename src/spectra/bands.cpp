#include "starglow/spectra/bands.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "spectra/coverage.hpp"
#include "spectra/line_windows.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr double k_k24_half_width = 5.0;  // A, rest

struct Range {
  std::size_t first, last;  // [first, last)
};

// Pixels whose centres lie in [lo, hi) (rest).
Range pixels_in(const SpectrumView& s, double lo, double hi) {
  const auto at = [&](double w) {
    return static_cast<std::size_t>(std::lower_bound(s.wave_obs.begin(), s.wave_obs.end(), w * (1 + s.z)) -
                                    s.wave_obs.begin());
  };
  return {at(lo), at(hi)};
}

// A pixel whose value is a mixture of the pixels at its window's edges.
struct Replaced {
  std::size_t left = 0, right = 0;
  double share = 0;  // of the right edge
  bool is = false;
};

std::vector<Replaced> k24_windows(const SpectrumView& s, const std::vector<std::uint8_t>& good) {
  std::vector<Replaced> out(s.size());
  for (const auto& line : k_lines) {
    const Range w = pixels_in(s, line.wave_mask_k24 - k_k24_half_width, line.wave_mask_k24 + k_k24_half_width);
    if (w.first == w.last) continue;
    std::size_t left = w.first, right = w.last;
    while (left > 0 && good[left - 1] == 0) --left;
    while (right < s.size() && good[right] == 0) ++right;
    if (left == 0 || right == s.size()) continue;
    --left;
    const double span = s.wave_obs[right] - s.wave_obs[left];
    double level = 0, pixels = 0;
    std::size_t n = 0;
    for (std::size_t i = w.first; i < w.last; ++i)
      if (good[i] != 0) {
        const double t = (s.wave_obs[i] - s.wave_obs[left]) / span;
        level += (1 - t) * s.flux[left] + t * s.flux[right];
        pixels += s.flux[i];
        ++n;
      }
    if (n == 0 || level > pixels) continue;  // absorption stays
    for (std::size_t i = w.first; i < w.last; ++i)
      if (good[i] != 0) out[i] = {left, right, (s.wave_obs[i] - s.wave_obs[left]) / span, true};
  }
  return out;
}

}  // namespace

std::vector<std::uint8_t> good_pixels(const SpectrumView& s) {
  std::vector<std::uint8_t> good(s.size());
  for (std::size_t i = 0; i < s.size(); ++i)
    good[i] = std::isfinite(s.flux[i]) && (s.ivar.empty() || (s.ivar[i] > 0 && std::isfinite(s.ivar[i]))) &&
                      (s.mask.empty() || s.mask[i] == 0)
                  ? 1
                  : 0;
  return good;
}

std::vector<std::uint8_t> line_windows(const SpectrumView& s, double half_width, bool others, double balmer) {
  std::vector<std::uint8_t> in(s.size(), 0);
  const auto mark = [&](double lo, double hi, double kms) {
    const Range r = pixels_in(s, lo * (1 - kms / k_light_kms), hi * (1 + kms / k_light_kms));
    std::fill(in.begin() + static_cast<std::ptrdiff_t>(r.first), in.begin() + static_cast<std::ptrdiff_t>(r.last),
              std::uint8_t{1});
  };
  for (const auto& line : k_lines) {
    const double kms = line.balmer ? std::max(half_width, balmer) : half_width;
    mark(lines::component(line, 0).wave_vac, lines::component(line, lines::n_components(line) - 1).wave_vac, kms);
  }
  if (!others) return in;
  for (const auto& line : k_other_lines) mark(line.wave_vac, line.wave_vac, line.half_width);
  return in;
}

BandMeasurement measure_bands_k24(const SpectrumView& s) {
  const auto good = good_pixels(s);
  const auto replaced = k24_windows(s, good);
  std::vector<double> coefficient(s.size(), 0.0);  // of each pixel in the sum of the band
  BandMeasurement out;
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    const Range r = pixels_in(s, band_lo(b), band_hi(b));
    double sum = 0, covered = 0;
    std::size_t n = 0, low = r.first, high = r.last;
    for (std::size_t i = r.first; i < r.last; ++i) {
      if (good[i] == 0) continue;
      ++n;
      covered += pixel_width(s.wave_obs, i);
      const Replaced& e = replaced[i];
      if (e.is) {
        sum += (1 - e.share) * s.flux[e.left] + e.share * s.flux[e.right];
        coefficient[e.left] += 1 - e.share;
        coefficient[e.right] += e.share;
        low = std::min(low, e.left);
        high = std::max(high, e.right + 1);
      } else {
        sum += s.flux[i];
        coefficient[i] += 1;
      }
    }
    double variance = 0;
    for (std::size_t i = low; i < high; ++i) {
      if (coefficient[i] != 0 && !s.ivar.empty()) variance += coefficient[i] * coefficient[i] / s.ivar[i];
      coefficient[i] = 0;
    }
    const bool enough = covered >= k_min_band_share * k_band_width * (1 + s.z);
    out.flux[b] = enough ? sum / static_cast<double>(n) : k_nan;
    out.ivar[b] = enough && variance > 0 ? static_cast<double>(n) * static_cast<double>(n) / variance : 0;
    out.good_pixels[b] = static_cast<std::int32_t>(n);
  }
  return out;
}

BandMeasurement measure_bands_robust(const SpectrumView& s, std::span<const double> continuum, bool quasar) {
  const auto good = good_pixels(s);
  const auto window = line_windows(s, k_galaxy_window, true, quasar ? k_broad_window : 0);
  BandMeasurement out;
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    const Range r = pixels_in(s, band_lo(b), band_hi(b));
    double sum = 0, covered = 0, variance = 0, in_holes = 0, of_holes = 0;  // pixels, and their sum
    std::size_t n = 0, filled = 0;
    for (std::size_t i = r.first; i < r.last; ++i) {
      if (good[i] != 0) covered += pixel_width(s.wave_obs, i);
      if (good[i] != 0 && window[i] == 0) {
        ++n;
        sum += s.flux[i];
        if (!s.ivar.empty()) variance += 1 / s.ivar[i];
      } else {
        ++filled;
        sum += continuum[i];
      }
    }
    // Pixels that a hole in the grid lacks are filled as masked ones are, along a straight line of the starlight.
    for (std::size_t i = r.first > 0 ? r.first - 1 : 0; i + 1 < s.size() && i < r.last; ++i) {
      if (!is_hole(s.wave_obs, i)) continue;
      const double a = s.wave_obs[i], d = s.wave_obs[i + 1] - a;
      const double lo = std::max(a, band_lo(b) * (1 + s.z)), hi = std::min(a + d, band_hi(b) * (1 + s.z));
      const double missing = std::max(0.0, width_of_holes(s.wave_obs, lo, hi)) / pixel_width(s.wave_obs, i);
      const double t = (0.5 * (lo + hi) - a) / d;
      in_holes += missing;
      of_holes += missing > 0 ? missing * ((1 - t) * continuum[i] + t * continuum[i + 1]) : 0.0;
    }
    if (in_holes > 0 && std::isfinite(of_holes)) sum += of_holes;
    const double pixels = static_cast<double>(n + filled) + (std::isfinite(of_holes) ? in_holes : 0.0);
    const bool enough = n > 0 && covered >= k_min_band_share * k_band_width * (1 + s.z) && std::isfinite(sum);
    out.flux[b] = enough ? sum / pixels : k_nan;
    out.ivar[b] = enough && variance > 0 ? static_cast<double>(n) * static_cast<double>(n) / variance : 0;
    out.good_pixels[b] = static_cast<std::int32_t>(n);
  }
  return out;
}

}  // namespace starglow
