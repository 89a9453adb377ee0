#include "spectra/line_profile.hpp"

#include <algorithm>
#include <cmath>

#include "spectra/normal_table.hpp"

namespace starglow::line_fit {
namespace {

constexpr double k_profile_reach = 6;  // standard deviations
constexpr double k_fit_reach = 5;      // 6e-7 of the flux lie beyond

// Left edge of a pixel: half way between the centres.
double edge(const SpectrumView& s, std::size_t i) {
  const std::size_t n = s.size();
  if (i == 0) return 1.5 * s.wave_obs[0] - 0.5 * s.wave_obs[1];
  if (i == n) return 1.5 * s.wave_obs[n - 1] - 0.5 * s.wave_obs[n - 2];
  return 0.5 * (s.wave_obs[i - 1] + s.wave_obs[i]);
}

// Pixels whose centre is within reach have edges within reach + half a pixel, which a narrow line may have beyond 8.
double bounded(double t) { return std::clamp(t, -7.999, 7.999); }

}  // namespace

std::size_t pixel_at(const SpectrumView& s, double wave) {
  return static_cast<std::size_t>(std::lower_bound(s.wave_obs.begin(), s.wave_obs.end(), wave) - s.wave_obs.begin());
}

void add_line(const SpectrumView& s, const Shape& shape, double flux, std::span<double> out) {
  const std::size_t a = pixel_at(s, shape.mu - k_profile_reach * shape.sigma),
                    b = pixel_at(s, shape.mu + k_profile_reach * shape.sigma);
  if (a >= b) return;
  const NormalTable& table = normal_table();
  double lo = edge(s, a), c = table(bounded((lo - shape.mu) / shape.sigma));
  for (std::size_t i = a; i < b; ++i) {
    const double hi = edge(s, i + 1), c_hi = table(bounded((hi - shape.mu) / shape.sigma));
    out[i] += flux * (c_hi - c) / (hi - lo);
    lo = hi, c = c_hi;
  }
}

Reach fill_profile(const SpectrumView& s, const Shape& shape, std::size_t first, std::size_t last,
                   std::span<double> value, std::span<double> by_mu, std::span<double> by_sigma) {
  const double reach = k_fit_reach * shape.sigma;
  const std::size_t from = std::clamp(pixel_at(s, shape.mu - reach), first, last);
  const std::size_t to = std::clamp(pixel_at(s, shape.mu + reach), first, last);
  if (from >= to) return {first, first};
  const NormalTable& table = normal_table();
  double lo = edge(s, from), t = bounded((lo - shape.mu) / shape.sigma);
  NormalTable::Both at = table.both(t);
  for (std::size_t i = from; i < to; ++i) {
    const double hi = edge(s, i + 1), t_hi = bounded((hi - shape.mu) / shape.sigma);
    const NormalTable::Both at_hi = table.both(t_hi);
    const double width = hi - lo;
    value[i - first] = (at_hi.cdf - at.cdf) / width;
    if (!by_mu.empty()) {
      const double scale = -1 / (width * shape.sigma);
      by_mu[i - first] = (at_hi.density - at.density) * scale;
      by_sigma[i - first] = (t_hi * at_hi.density - t * at.density) * scale;
    }
    lo = hi, t = t_hi, at = at_hi;
  }
  return {from, to};
}

}  // namespace starglow::line_fit
