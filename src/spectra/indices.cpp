#include "starglow/spectra/indices.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "spectra/coverage.hpp"
#include "starglow/base/lines.hpp"
#include "starglow/spectra/air.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr Window k_break_blue{3850, 3950}, k_break_red{4000, 4100};  // air
constexpr Window k_lick_blue{4041.60, 4081.50}, k_lick_band{4083.50, 4122.25}, k_lick_red{4128.50, 4161.00};

Window in_vacuum(const Window& air) { return {vacuum_of_air(air.lo), vacuum_of_air(air.hi)}; }

// Pixels of a window with the parts of their width that lie in it: light without lines, and starlight where there is
// none.
struct Sum {
  double flux = 0, variance = 0, covered = 0, width = 0;
  bool whole = true;  // there is a number for each pixel
};
template <class Weigh>
Sum sum_up(const SpectrumView& s, const Window& rest, std::span<const double> lines, std::span<const double> starlight,
           std::span<const std::uint8_t> good, const Weigh& weigh) {
  Sum out;
  const double lo = rest.lo * (1 + s.z), hi = rest.hi * (1 + s.z);
  if (s.size() < 3 || !(s.wave_obs.front() <= lo) || !(s.wave_obs.back() >= hi)) {
    out.whole = false;
    return out;
  }
  auto i = static_cast<std::size_t>(std::lower_bound(s.wave_obs.begin(), s.wave_obs.end(), lo) - s.wave_obs.begin());
  i = i > 0 ? i - 1 : 0;
  for (; i < s.size(); ++i) {
    const double left = i == 0 ? s.wave_obs[0] : 0.5 * (s.wave_obs[i - 1] + s.wave_obs[i]),
                 right = i + 1 == s.size() ? s.wave_obs[i] : 0.5 * (s.wave_obs[i] + s.wave_obs[i + 1]);
    if (left >= hi) break;
    const double part = std::min(hi, right) - std::max(lo, left);
    if (!(part > 0)) continue;
    const double w = part * weigh(s.wave_obs[i]);
    out.width += part;
    if (good[i] != 0) {
      out.flux += w * (s.flux[i] - lines[i]);
      out.variance += s.ivar.empty() ? k_nan : w * w / s.ivar[i];
      out.covered += part;
    } else {
      out.flux += w * starlight[i];
      out.whole = out.whole && std::isfinite(starlight[i]);
    }
  }
  out.covered -= width_of_holes(s.wave_obs, lo, hi);
  return out;
}

bool usable(const Sum& sum) { return sum.whole && sum.covered >= 0.5 * sum.width && sum.width > 0; }

}  // namespace

Index break_4000(const SpectrumView& s, std::span<const double> lines, std::span<const double> starlight,
                 std::span<const std::uint8_t> good) {
  const auto f_nu = [](double wave) { return wave * wave; };
  const Sum blue = sum_up(s, in_vacuum(k_break_blue), lines, starlight, good, f_nu),
            red = sum_up(s, in_vacuum(k_break_red), lines, starlight, good, f_nu);
  if (!usable(blue) || !usable(red) || !(blue.flux > 0)) return {k_nan, 0};
  const double value = red.flux / red.width / (blue.flux / blue.width);
  const double scale = blue.width / (red.width * blue.flux);
  const double variance = scale * scale * red.variance + value * value * blue.variance / (blue.flux * blue.flux);
  return {value, s.ivar.empty() ? 0 : variance};
}

Index lick_hdelta(const SpectrumView& s, std::span<const double> lines, std::span<const double> starlight,
                  std::span<const std::uint8_t> good, double emission) {
  const Window blue = in_vacuum(k_lick_blue), band = in_vacuum(k_lick_band), red = in_vacuum(k_lick_red);
  const auto one = [](double) { return 1.0; };
  const Sum left = sum_up(s, blue, lines, starlight, good, one), right = sum_up(s, red, lines, starlight, good, one);
  if (!usable(left) || !usable(right)) return {k_nan, 0};
  const double at_left = 0.5 * (blue.lo + blue.hi) * (1 + s.z), at_right = 0.5 * (red.lo + red.hi) * (1 + s.z),
               f_left = left.flux / left.width, f_right = right.flux / right.width;
  if (!(f_left > 0) || !(f_right > 0)) return {k_nan, 0};
  const auto share = [&](double wave) { return (wave - at_left) / (at_right - at_left); };
  const auto continuum = [&](double wave) { return f_left + share(wave) * (f_right - f_left); };
  const Sum ratio = sum_up(s, band, lines, starlight, good, [&](double wave) { return 1 / continuum(wave); });
  if (!usable(ratio)) return {k_nan, 0};
  // Slopes by the two means: the integral of F / C^2 times what each adds to C, F / C taken at its mean.
  const double mean = ratio.flux / ratio.width, middle = 0.5 * (band.lo + band.hi) * (1 + s.z), t = share(middle);
  const double by_left = mean * ratio.width * (1 - t) / continuum(middle),
               by_right = mean * ratio.width * t / continuum(middle);
  double variance = ratio.variance + by_left * by_left * left.variance / (left.width * left.width) +
                    by_right * by_right * right.variance / (right.width * right.width);
  if (emission > 0) variance += emission / (continuum(middle) * continuum(middle));
  const double stretch = 1 + s.z;
  return {(ratio.width - ratio.flux) / stretch, s.ivar.empty() ? 0 : variance / (stretch * stretch)};
}

}  // namespace starglow
