#include "starglow/spectra/photometry.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "starglow/base/error.hpp"
#include "starglow/spectra/side_bands.hpp"

namespace starglow {
namespace {

constexpr double k_c = 2.99792458e18;     // A/s
constexpr double k_ab_flux = 3.631e-20;   // erg/s/cm2/Hz: 3631 Jy
constexpr double k_ab_lum = 1.13492e-13;  // Lsun/Hz: 3631 Jy at 10 pc, DSPS' number (it rounds)
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
const double k_per_mag = -2.5 / std::numbers::ln10;

void check_sizes(std::span<const double> wave, std::span<const double> values) {
  if (wave.size() != values.size() || wave.size() < 2)
    throw Error(ErrorKind::usage, "a spectrum does not fit its wavelengths",
                {std::to_string(values.size()) + " values", std::to_string(wave.size()) + ", at least 2", ""});
}

bool covered(const Filter& f, double lo, double hi) {
  if (f.lo() >= lo && f.hi() <= hi) return true;
  return f.integral(lo, hi) >= (1 - k_max_outside) * f.integral(f.lo(), f.hi());
}

/// Sum over lines of what their components add, per unit of strength.
struct LineShares {
  std::array<FilterLight, k_n_all_lines> per_flux{};  ///< maggies per unit flux of each line
};

/// Light of the two members of [OII], or of the single line, per unit flux; of the ten lines, and of others with flux.
template <class One>
LineShares shares_of(const PaintOptions& options, std::span<const double> flux, One one) {
  LineShares out;
  for (const PaintedComponent& part : k_painted_components) {
    if (part.line >= flux.size() || (part.line >= k_n_lines && flux[part.line] == 0)) continue;
    const double r = options.oii_ratio, of_second = part.second ? r / (1 + r) : 1 / (1 + r),
                 share = lines::n_components(k_all_lines[part.line]) == 1 ? 1 : of_second;
    const FilterLight light = one(part.wave_vac);
    auto& sum = out.per_flux[part.line];
    sum.maggies += share * light.maggies;
    sum.d_z += share * light.d_z;
  }
  return out;
}

/// Light of one filter: continuum, lines, and the lines' slopes with respect to strength.
struct Sum {
  FilterLight continuum, lines;
  std::array<double, k_n_all_lines> d_strength{};
};

void finish(std::span<const Sum> sums, const MagnitudeOptions& options, double shift, double d_shift, Magnitudes& out) {
  const std::size_t n = sums.size();
  out.continuum.resize(n);
  out.total.resize(n);
  if (options.derivatives) {
    out.d_strength = Matrix<double>(n, k_n_lines);
    out.d_z.resize(n);
  }
  const bool keep = options.total == LineTotal::keep;
  const auto total = [&](std::size_t k) { return sums[k].continuum.maggies + sums[k].lines.maggies; };
  for (std::size_t k = 0; k < n; ++k) {
    const Sum& s = sums[k];
    out.outside = out.outside || std::isnan(s.continuum.maggies);
    out.continuum[k] = ab_magnitude(s.continuum.maggies) + shift;
    out.total[k] = ab_magnitude(total(k)) + shift;
    const Sum& ref = sums[std::min(options.reference, n - 1)];
    const double ref_total = ref.continuum.maggies + ref.lines.maggies;
    if (keep) out.total[k] += ab_magnitude(ref.continuum.maggies) - ab_magnitude(ref_total);
    if (!options.derivatives) continue;
    for (std::size_t l = 0; l < k_n_lines; ++l) {
      double slope = s.d_strength[l] / total(k);
      if (keep) slope -= ref.d_strength[l] / ref_total;
      out.d_strength(k, l) = k_per_mag * slope;
    }
    double slope = (s.continuum.d_z + s.lines.d_z) / total(k);
    if (keep) slope += ref.continuum.d_z / ref.continuum.maggies - (ref.continuum.d_z + ref.lines.d_z) / ref_total;
    out.d_z[k] = k_per_mag * slope + d_shift;
  }
}

void check_reference(std::size_t n, const MagnitudeOptions& options) {
  if (options.total == LineTotal::keep && options.reference >= n)
    throw Error(ErrorKind::usage, "the reference filter does not exist",
                {std::to_string(options.reference), "below " + std::to_string(n), ""});
}

}  // namespace

double ab_magnitude(double maggies) noexcept { return maggies > 0 ? -2.5 * std::log10(maggies) : k_nan; }

FilterLight spectrum_light(const Filter& f, std::span<const double> wave, std::span<const double> flux) {
  check_sizes(wave, flux);
  if (!covered(f, wave.front(), wave.back())) return {k_nan, k_nan};
  // Where filter, flux and wavelength are straight lines the integrand is a cubic: Simpson's rule is exact.
  const auto fw = f.wave(), ft = f.transmission();
  const double lo = std::max(f.lo(), wave.front()), hi = std::min(f.hi(), wave.back());
  auto i = static_cast<std::size_t>(std::upper_bound(wave.begin(), wave.end() - 1, lo) - wave.begin()) - 1;
  auto j = static_cast<std::size_t>(std::upper_bound(fw.begin(), fw.end() - 1, lo) - fw.begin()) - 1;
  double sum = 0;
  for (double a = lo; a < hi;) {
    const double b = std::min({wave[i + 1], fw[j + 1], hi});
    const double slope_f = (flux[i + 1] - flux[i]) / (wave[i + 1] - wave[i]);
    const double slope_t = (ft[j + 1] - ft[j]) / (fw[j + 1] - fw[j]);
    const double fa = flux[i] + slope_f * (a - wave[i]), fb = flux[i] + slope_f * (b - wave[i]);
    const double ta = ft[j] + slope_t * (a - fw[j]), tb = ft[j] + slope_t * (b - fw[j]);
    sum += (b - a) / 6 * (fa * ta * a + 0.5 * (fa + fb) * (ta + tb) * (a + b) + fb * tb * b);
    if (b == wave[i + 1] && i + 2 < wave.size()) ++i;
    if (b == fw[j + 1] && j + 2 < fw.size()) ++j;
    a = b;
  }
  return {sum * k_flux_unit / k_c / (k_ab_flux * f.integral(f.lo(), f.hi())), 0};
}

FilterLight sed_light(const Filter& f, std::span<const double> wave, std::span<const double> lum, double z) {
  check_sizes(wave, lum);
  const double x = 1 + z;
  if (!(x > 0) || !covered(f, wave.front() * x, wave.back() * x)) return {k_nan, k_nan};
  const auto fw = f.wave(), ft = f.transmission();
  // L at lambda/(1 + z) and its slope with respect to z, 0 off the spectrum.
  const auto at = [&](double lambda) -> std::array<double, 2> {
    const double rest = lambda / x;
    if (!(rest >= wave.front() && rest <= wave.back())) return {0, 0};
    const auto above = std::upper_bound(wave.begin(), wave.end() - 1, rest) - wave.begin();
    const auto k = static_cast<std::size_t>(above) - 1;
    const double slope = (lum[k + 1] - lum[k]) / (wave[k + 1] - wave[k]);
    return {lum[k] + slope * (rest - wave[k]), -slope * rest / x};
  };
  FilterLight sum;
  std::array<double, 2> before{};
  for (std::size_t i = 0; i < fw.size(); ++i) {
    auto now = at(fw[i]);
    for (double& v : now) v *= ft[i] / fw[i];
    if (i > 0) {
      sum.maggies += 0.5 * (before[0] + now[0]) * (fw[i] - fw[i - 1]);
      sum.d_z += 0.5 * (before[1] + now[1]) * (fw[i] - fw[i - 1]);
    }
    before = now;
  }
  const double scale = 1 / (k_ab_lum * f.trapezoid());
  return {sum.maggies * scale, sum.d_z * scale};
}

FilterLight line_light(const Filter& f, double wave_rest, double z, double flux) {
  const double wave = wave_rest * (1 + z), scale = flux * k_flux_unit / k_c / (k_ab_flux * f.integral(f.lo(), f.hi()));
  return {scale * f.at(wave) * wave, scale * wave_rest * (f.at(wave) + f.slope(wave) * wave)};
}

FilterLight sed_line_light(const Filter& f, double wave_rest, double z, double luminosity) {
  const double wave = wave_rest * (1 + z);
  const double scale = luminosity / k_lsun_erg_s * wave_rest / k_c / (k_ab_lum * f.trapezoid());
  return {scale * f.at(wave), scale * f.slope(wave) * wave_rest};
}

Magnitudes magnitudes(std::span<const Filter> filters, std::span<const double> wave, std::span<const double> flux,
                      const LineLight& light, const MagnitudeOptions& options) {
  check_reference(filters.size(), options);
  std::vector<Sum> sums(filters.size());
  const auto fluxes = line_fluxes(light, options.lines);
  const auto slopes = line_flux_slopes(light, options.lines);
  for (std::size_t k = 0; k < filters.size(); ++k) {
    Sum& s = sums[k];
    s.continuum = spectrum_light(filters[k], wave, flux);
    const LineShares shares =
        shares_of(options.lines, fluxes, [&](double rest) { return line_light(filters[k], rest, light.z, 1); });
    for (std::size_t l = 0; l < k_n_all_lines; ++l) {
      const FilterLight& share = shares.per_flux[l];
      if (share.maggies != 0) s.lines.maggies += fluxes[l] * share.maggies;
      if (!options.derivatives) continue;
      if (fluxes[l] != 0) s.lines.d_z += fluxes[l] * share.d_z + slopes[l].d_z * share.maggies;
      s.d_strength[slopes[l].source] += slopes[l].d_strength * share.maggies;
    }
  }
  Magnitudes out;
  if (!sums.empty()) finish(sums, options, 0, 0, out);
  return out;
}

std::array<double, k_n_lines> line_luminosities(std::span<const double> wave, std::span<const double> lum_nu,
                                                std::span<const double, k_n_lines> ew) {
  check_sizes(wave, lum_nu);
  std::vector<double> lum(wave.size());
  for (std::size_t i = 0; i < wave.size(); ++i) lum[i] = lum_nu[i] * k_lsun_erg_s * k_c / (wave[i] * wave[i]);
  std::array<double, k_n_lines> out{};
  for (std::size_t l = 0; l < k_n_lines; ++l) out[l] = ew[l] * side_band_continuum(wave, lum, static_cast<Line>(l));
  return out;
}

Magnitudes sed_magnitudes(std::span<const Filter> filters, std::span<const double> wave, std::span<const double> lum_nu,
                          double z, std::span<const double, k_n_lines> ew, const MagnitudeOptions& options,
                          const Cosmology& cosmology) {
  check_reference(filters.size(), options);
  std::array<double, k_n_lines> ones{}, given{};
  ones.fill(1);
  for (std::size_t l = 0; l < k_n_lines; ++l) given[l] = std::isnan(ew[l]) ? 0 : ew[l];
  // Luminosities go through the rules of doublets as fluxes do.
  LineLight light;
  std::ranges::copy(given, light.strength.begin());
  std::ranges::copy(line_luminosities(wave, lum_nu, ones), light.continuum.begin());
  PaintOptions rules = options.lines;
  rules.strength = Strength::ew;
  const auto luminosity = line_fluxes(light, rules);  // light.z = 0: EW times L_lambda
  const auto slopes = line_flux_slopes(light, rules);
  std::vector<Sum> sums(filters.size());
  for (std::size_t k = 0; k < filters.size(); ++k) {
    Sum& s = sums[k];
    s.continuum = sed_light(filters[k], wave, lum_nu, z);
    const LineShares shares = shares_of(rules, std::span(luminosity).first<k_n_lines>(),
                                        [&](double rest) { return sed_line_light(filters[k], rest, z, 1); });
    for (std::size_t l = 0; l < k_n_lines; ++l) {
      const FilterLight& share = shares.per_flux[l];
      if (share.maggies == 0) continue;
      s.lines.maggies += luminosity[l] * share.maggies;
      s.lines.d_z += luminosity[l] * share.d_z;
      s.d_strength[slopes[l].source] += slopes[l].d_strength * share.maggies;
    }
  }
  double shift = 0, d_shift = 0;
  if (z != 0) {
    const double distance = luminosity_distance(z, cosmology);
    shift = 5 * std::log10(1e5 * distance) - 2.5 * std::log10(1 + z);
    d_shift = 5 / std::numbers::ln10 * luminosity_distance_slope(z, cosmology) / distance + k_per_mag / (1 + z);
  }
  Magnitudes out;
  if (!sums.empty()) finish(sums, options, shift, d_shift, out);
  return out;
}

}  // namespace starglow
