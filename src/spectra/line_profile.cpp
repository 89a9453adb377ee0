#include "spectra/line_profile.hpp"

#include <algorithm>
#include <cmath>

namespace starglow::line_fit {
namespace {

double normal_cdf(double t) { return 0.5 * std::erfc(-t * 0.70710678118654752); }
double normal_pdf(double t) { return 0.3989422804014327 * std::exp(-0.5 * t * t); }

// Left edge of a pixel: half way between the centres.
double edge(const SpectrumView& s, std::size_t i) {
  const std::size_t n = s.size();
  if (i == 0) return 1.5 * s.wave_obs[0] - 0.5 * s.wave_obs[1];
  if (i == n) return 1.5 * s.wave_obs[n - 1] - 0.5 * s.wave_obs[n - 2];
  return 0.5 * (s.wave_obs[i - 1] + s.wave_obs[i]);
}

}  // namespace

std::size_t pixel_at(const SpectrumView& s, double wave) {
  return static_cast<std::size_t>(std::lower_bound(s.wave_obs.begin(), s.wave_obs.end(), wave) - s.wave_obs.begin());
}

void add_line(const SpectrumView& s, const Shape& shape, double flux, std::span<double> out) {
  const std::size_t a = pixel_at(s, shape.mu - 6 * shape.sigma), b = pixel_at(s, shape.mu + 6 * shape.sigma);
  for (std::size_t i = a; i < b; ++i) {
    const double lo = edge(s, i), hi = edge(s, i + 1);
    out[i] +=
        flux * (normal_cdf((hi - shape.mu) / shape.sigma) - normal_cdf((lo - shape.mu) / shape.sigma)) / (hi - lo);
  }
}

void fill_profile(const SpectrumView& s, const Shape& shape, std::size_t first, std::size_t last,
                  std::span<double> out) {
  const double reach = 6 * shape.sigma;
  const std::size_t from = std::clamp(pixel_at(s, shape.mu - reach), first, last);
  const std::size_t to = std::clamp(pixel_at(s, shape.mu + reach), first, last);
  if (from >= to) return;
  double lo = edge(s, from), t = (lo - shape.mu) / shape.sigma, c = normal_cdf(t), p = normal_pdf(t);
  for (std::size_t i = from; i < to; ++i) {
    const double hi = edge(s, i + 1), t_hi = (hi - shape.mu) / shape.sigma, c_hi = normal_cdf(t_hi),
                 p_hi = normal_pdf(t_hi);
    double* at = &out[(i - first) * 3];
    const double width = hi - lo;
    at[0] = (c_hi - c) / width;
    at[1] = -(p_hi - p) / (width * shape.sigma);
    at[2] = -(t_hi * p_hi - t * p) / (width * shape.sigma);
    lo = hi, t = t_hi, c = c_hi, p = p_hi;
  }
}

}  // namespace starglow::line_fit
