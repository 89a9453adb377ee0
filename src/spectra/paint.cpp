// From the lines of a galaxy to Gaussians on its pixels, and the way back of the derivatives.
#include "starglow/spectra/paint.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

constexpr double k_fwhm = 2.3548200450309493;  // of a Gaussian, in sigmas
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

void check(const PixelGrid& grid, const LineLight& light, const PaintOptions& options, const Instrument& instrument,
           std::size_t n_pixels) {
  if (n_pixels != grid.size())
    throw Error(ErrorKind::usage, "pixels do not fit their grid",
                {std::to_string(n_pixels), std::to_string(grid.size()), ""});
  for (const double sigma : light.sigma_v)
    if (sigma < 0)
      throw Error(ErrorKind::usage, "a line has a negative width", {std::to_string(sigma) + " km/s", ">= 0", ""});
  if (!(options.oii_ratio >= 0))
    throw Error(ErrorKind::usage, "the flux ratio [OII] 3729/3726 is negative",
                {std::to_string(options.oii_ratio), "0.38 to 1.46 in nature", ""});
  const int given = (instrument.resolving_power != 0) + !instrument.sigma.empty() + !instrument.matrix.empty();
  if (given > 1)
    throw Error(ErrorKind::usage, "two instruments at once",
                {"", "one of resolving power, sigma of each pixel, matrix", ""});
  if (instrument.resolving_power < 0)
    throw Error(ErrorKind::usage, "the resolving power is negative",
                {std::to_string(instrument.resolving_power), "wavelength/FWHM > 0", ""});
  if (!instrument.sigma.empty() && instrument.sigma.size() != grid.size())
    throw Error(ErrorKind::usage, "the instrument's sigma does not fit the grid",
                {std::to_string(instrument.sigma.size()), std::to_string(grid.size()), ""});
  if (!instrument.matrix.empty() && (instrument.matrix.cols() != grid.size() || instrument.matrix.rows() % 2 == 0))
    throw Error(ErrorKind::usage, "the resolution matrix does not fit the grid",
                {std::to_string(instrument.matrix.rows()) + " x " + std::to_string(instrument.matrix.cols()),
                 "an odd number of diagonals x " + std::to_string(grid.size()), ""});
}

/// Width of the instrument at a wavelength, A, and its slope.
struct Width {
  double sigma = 0, slope = 0;
};
Width instrument_width(const PixelGrid& grid, const Instrument& instrument, double wave) {
  if (instrument.resolving_power > 0) {
    const double slope = 1 / (instrument.resolving_power * k_fwhm);
    return {wave * slope, slope};
  }
  if (instrument.sigma.empty()) return {};
  const auto centre = [&](std::size_t i) { return 0.5 * (grid.lo(i) + grid.hi(i)); };
  std::size_t i = std::min(grid.find(wave), grid.size() - 1);
  if (wave < centre(i)) {
    if (i == 0) return {instrument.sigma[0], 0};
    --i;
  }
  if (i + 1 >= grid.size()) return {instrument.sigma[grid.size() - 1], 0};
  const double slope = (instrument.sigma[i + 1] - instrument.sigma[i]) / (centre(i + 1) - centre(i));
  return {instrument.sigma[i] + slope * (wave - centre(i)), slope};
}

/// flux = strength x unit; the unit's slopes with respect to z and to the continuum.
struct Unit {
  double value = 1, d_z = 0, d_continuum = 0;
};
Unit unit_of(const LineLight& light, std::size_t line, const PaintOptions& options) {
  switch (options.strength) {
    case Strength::ew:
      return {(1 + light.z) * light.continuum[line], light.continuum[line], 1 + light.z};
    case Strength::flux:
      return {};
    case Strength::luminosity:
      break;
  }
  const double distance = luminosity_distance(light.z, options.cosmology);  // Mpc
  const double d_distance = luminosity_distance_slope(light.z, options.cosmology);
  const double cm = distance * k_cm_per_mpc;
  const double value = 1 / (4 * std::numbers::pi * cm * cm * k_flux_unit);
  return {value, -2 * value * d_distance / distance, 0};
}

/// The line whose strength a line is painted from, and the factor on its flux.
struct Source {
  std::size_t line;
  double factor;
};
Source source_of(std::size_t line, const PaintOptions& options) {
  for (const auto& doublet : k_doublets)
    if (options.atomic_doublets && line == static_cast<std::size_t>(doublet.weak))
      return {static_cast<std::size_t>(doublet.strong), 1 / doublet.flux_ratio};
  return {line, 1};
}
/// Share of a component in the flux of its line.
double share_of(std::size_t component, const PaintOptions& options) {
  const PaintedComponent& c = k_painted_components[component];
  if (lines::n_components(k_all_lines[c.line]) == 1) return 1;
  return c.second ? options.oii_ratio / (1 + options.oii_ratio) : 1 / (1 + options.oii_ratio);
}

/// out_i = sum_k R[k, i + off_k] in_{i + off_k}, or its transpose, on the pixels near `touched`.
void multiply(const MatrixView<const float>& matrix, std::span<const double> in, std::span<double> out,
              bool transposed) {
  const auto n = static_cast<std::ptrdiff_t>(in.size()), half = static_cast<std::ptrdiff_t>(matrix.rows() / 2);
  for (std::ptrdiff_t j = 0; j < n; ++j) {
    const auto column = static_cast<std::size_t>(j);
    if (!transposed && in[column] == 0) continue;
    for (std::ptrdiff_t k = 0; k < static_cast<std::ptrdiff_t>(matrix.rows()); ++k) {
      const std::ptrdiff_t i = j - (half - k);
      if (i < 0 || i >= n) continue;
      const double r = static_cast<double>(matrix(static_cast<std::size_t>(k), column));
      if (transposed)
        out[column] += r * in[static_cast<std::size_t>(i)];
      else
        out[static_cast<std::size_t>(i)] += r * in[column];
    }
  }
}

}  // namespace

double oii_flux_ratio(double n) noexcept { return n >= 0 ? 0.3771 * (2468 + n) / (638.4 + n) : k_nan; }

double sii_electron_density(double ratio) noexcept {
  constexpr double a = 0.4315, b = 2107, c = 627.1, low = 1, high = 1e5;
  if (std::isnan(ratio)) return k_nan;
  if (ratio <= a) return high;
  return std::clamp((c * ratio - a * b) / (a - ratio), low, high);
}

std::array<double, k_n_all_lines> line_fluxes(const LineLight& light, const PaintOptions& options) {
  std::array<double, k_n_all_lines> out{};
  for (std::size_t line = 0; line < k_n_all_lines; ++line) {
    const auto [source, factor] = source_of(line, options);
    out[line] = light.strength[source] == 0 ? 0  // no line, whatever is known of its continuum
                                            : factor * light.strength[source] * unit_of(light, source, options).value;
  }
  return out;
}

std::array<FluxSlope, k_n_all_lines> line_flux_slopes(const LineLight& light, const PaintOptions& options) {
  std::array<FluxSlope, k_n_all_lines> out;
  for (std::size_t line = 0; line < k_n_all_lines; ++line) {
    const auto [source, factor] = source_of(line, options);
    const Unit unit = unit_of(light, source, options);
    const double strength = factor * light.strength[source];
    out[line] = {source, factor * unit.value, strength * unit.d_continuum, strength * unit.d_z};
  }
  return out;
}

std::array<Profile, k_n_painted_components> line_profiles(const PixelGrid& grid, const LineLight& light,
                                                          const PaintOptions& options, const Instrument& instrument) {
  check(grid, light, options, instrument, grid.size());
  const auto flux = line_fluxes(light, options);
  std::array<Profile, k_n_painted_components> out;
  for (std::size_t c = 0; c < k_n_painted_components; ++c) {
    const std::size_t line = k_painted_components[c].line;
    const double wave = k_painted_components[c].wave_vac * (1 + light.z);
    const double own = wave * light.sigma_v[line] / k_light_speed_km_s;
    out[c] = {wave, std::hypot(own, instrument_width(grid, instrument, wave).sigma), share_of(c, options) * flux[line]};
  }
  return out;
}

void paint(const PixelGrid& grid, const LineLight& light, std::span<double> pixels, const PaintOptions& options,
           const Instrument& instrument) {
  check(grid, light, options, instrument, pixels.size());
  const auto profiles = line_profiles(grid, light, options, instrument);
  if (instrument.matrix.empty()) return add_lines(grid, profiles, pixels);
  std::vector<double> sharp(grid.size());
  add_lines(grid, profiles, sharp);
  multiply(instrument.matrix, sharp, pixels, false);
}

void paint_jvp(const PixelGrid& grid, const LineLight& light, const LineLight& d, std::span<double> d_pixels,
               const PaintOptions& options, const Instrument& instrument) {
  check(grid, light, options, instrument, d_pixels.size());
  const auto profiles = line_profiles(grid, light, options, instrument);
  const auto slopes = line_flux_slopes(light, options);
  std::array<Profile, k_n_painted_components> d_profiles;
  for (std::size_t c = 0; c < k_n_painted_components; ++c) {
    const std::size_t line = k_painted_components[c].line;
    const FluxSlope& slope = slopes[line];
    const double wave = profiles[c].wave, d_wave = k_painted_components[c].wave_vac * d.z;
    const Width width = instrument_width(grid, instrument, wave);
    const double own = wave * light.sigma_v[line] / k_light_speed_km_s;
    const double d_own = (d_wave * light.sigma_v[line] + wave * d.sigma_v[line]) / k_light_speed_km_s;
    const double sigma = profiles[c].sigma;
    d_profiles[c].wave = d_wave;
    d_profiles[c].sigma = sigma == 0 ? 0 : (own * d_own + width.sigma * width.slope * d_wave) / sigma;
    d_profiles[c].flux = share_of(c, options) * (d.strength[slope.source] * slope.d_strength + slope.d_z * d.z +
                                                 d.continuum[slope.source] * slope.d_continuum);
  }
  if (instrument.matrix.empty()) return add_lines_jvp(grid, profiles, d_profiles, d_pixels);
  std::vector<double> sharp(grid.size());
  add_lines_jvp(grid, profiles, d_profiles, sharp);
  multiply(instrument.matrix, sharp, d_pixels, false);
}

LineLight paint_vjp(const PixelGrid& grid, const LineLight& light, std::span<const double> d_pixels,
                    const PaintOptions& options, const Instrument& instrument) {
  check(grid, light, options, instrument, d_pixels.size());
  const auto profiles = line_profiles(grid, light, options, instrument);
  std::vector<double> blurred;
  if (!instrument.matrix.empty()) {
    blurred.assign(grid.size(), 0);
    multiply(instrument.matrix, d_pixels, blurred, true);
    d_pixels = blurred;
  }
  std::array<Profile, k_n_painted_components> d_profiles;
  add_lines_vjp(grid, profiles, d_pixels, d_profiles);
  const auto slopes = line_flux_slopes(light, options);
  LineLight out;
  for (std::size_t c = 0; c < k_n_painted_components; ++c) {
    const std::size_t line = k_painted_components[c].line;
    const FluxSlope& slope = slopes[line];
    const Profile &p = profiles[c], &g = d_profiles[c];
    const Width width = instrument_width(grid, instrument, p.wave);
    const double own = p.wave * light.sigma_v[line] / k_light_speed_km_s;
    const double d_own = p.sigma == 0 ? 0 : g.sigma * own / p.sigma;
    const double d_flux = share_of(c, options) * g.flux;
    const double d_wave = g.wave + d_own * light.sigma_v[line] / k_light_speed_km_s +
                          (p.sigma == 0 ? 0 : g.sigma * width.sigma * width.slope / p.sigma);
    out.strength[slope.source] += d_flux * slope.d_strength;
    out.continuum[slope.source] += d_flux * slope.d_continuum;
    out.z += d_flux * slope.d_z + d_wave * k_painted_components[c].wave_vac;
    out.sigma_v[line] += d_own * p.wave / k_light_speed_km_s;
  }
  return out;
}

}  // namespace starglow
