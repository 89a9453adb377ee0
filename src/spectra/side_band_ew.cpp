#include <algorithm>
#include <cmath>
#include <limits>

#include "spectra/coverage.hpp"
#include "starglow/spectra/line_fit.hpp"
#include "starglow/spectra/side_bands.hpp"

namespace starglow {

SideBandEw side_band_ew(const SpectrumView& s, Line line) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto k = static_cast<std::size_t>(line);
  const SideBands& bands = k_all_lines[k].side_bands;
  const Window& window = k_all_lines[k].integration;
  const double stretch = 1 + s.z, blue = 0.5 * (bands.blue_lo + bands.blue_hi) * stretch,
               red = 0.5 * (bands.red_lo + bands.red_hi) * stretch;
  struct Mean {
    double value = 0, variance = 0, covered = 0;
    std::size_t n = 0;
  };
  const auto good = [&](std::size_t i) {
    return std::isfinite(s.flux[i]) && (s.ivar.empty() || s.ivar[i] > 0) && (s.mask.empty() || s.mask[i] == 0);
  };
  const auto first = [&](double w) {
    return static_cast<std::size_t>(std::lower_bound(s.wave_obs.begin(), s.wave_obs.end(), w) - s.wave_obs.begin());
  };
  const auto mean = [&](double lo, double hi) {
    Mean m;
    const std::size_t a = first(lo * stretch), b = first(hi * stretch);
    for (std::size_t i = a; i < b; ++i)
      if (good(i)) {
        ++m.n;
        m.covered += pixel_width(s.wave_obs, i);
        m.value += s.flux[i];
        m.variance += s.ivar.empty() ? nan : 1 / s.ivar[i];
      }
    const auto n = static_cast<double>(m.n);
    m.value /= n;
    m.variance /= n * n;
    m.covered = a > 0 && b < s.size() ? m.covered / ((hi - lo) * stretch) : 0;
    return m;
  };
  const Mean left = mean(bands.blue_lo, bands.blue_hi), right = mean(bands.red_lo, bands.red_hi);
  const std::size_t a = first(window.lo * stretch), b = first(window.hi * stretch);
  if (left.covered < 0.5 || right.covered < 0.5 || a == 0 || b >= s.size() || b <= a) return {nan, 0};
  // EW = sum (flux / continuum - 1) width: slopes by flux and by both means give the variance.
  double ew = 0, variance = 0, by_left = 0, by_right = 0, covered = 0, width = 0;
  for (std::size_t i = a; i < b; ++i) {
    const double dw = pixel_width(s.wave_obs, i);
    width += dw;
    if (!good(i)) continue;
    covered += dw;
    const double t = (s.wave_obs[i] - blue) / (red - blue), c = (1 - t) * left.value + t * right.value;
    const double ratio = s.flux[i] / c;
    ew += (ratio - 1) * dw;
    variance += s.ivar.empty() ? nan : dw * dw / (s.ivar[i] * c * c);
    by_left -= ratio * (1 - t) * dw / c;
    by_right -= ratio * t * dw / c;
  }
  width += width_of_holes(s.wave_obs, window.lo * stretch, window.hi * stretch);
  if (covered < 0.5 * width || !(left.value > 0) || !(right.value > 0)) return {nan, 0};
  const double share = width / covered / stretch;  // pixels that are missing have the mean of the others
  variance += by_left * by_left * left.variance + by_right * by_right * right.variance;
  return {ew * share, s.ivar.empty() ? 0 : variance * share * share};
}

}  // namespace starglow
