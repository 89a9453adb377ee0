#include "starglow/base/cosmology.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace starglow {
namespace {

// Gauss-Legendre, 10 points on [-1, 1]: abscissae and weights of one half.
constexpr std::array<double, 5> k_node{0.14887433898163122, 0.43339539412924719, 0.67940956829902441,
                                       0.86506336668898451, 0.97390652851717172};
constexpr std::array<double, 5> k_weight{0.29552422471475287, 0.26926671930999636, 0.21908636251598204,
                                         0.14945134915058059, 0.066671344308688138};

}  // namespace

double luminosity_distance(double z, const Cosmology& c) noexcept {
  if (!(z >= 0.0)) return std::numeric_limits<double>::quiet_NaN();
  // Comoving distance = c/H0 times the integral of exp(u)/E(u) over u = ln(1+z), in panels of at most 0.25.
  const double end = std::log1p(z);
  const int panels = 1 + static_cast<int>(end / 0.25);
  const double half = 0.5 * end / panels;
  const auto integrand = [&c](double u) {
    const double a = std::exp(u);
    return a / std::sqrt(c.om0 * a * a * a + (1.0 - c.om0));
  };
  double sum = 0.0;
  for (int p = 0; p < panels; ++p) {
    const double mid = (2 * p + 1) * half;
    for (std::size_t k = 0; k < k_node.size(); ++k)
      sum += k_weight[k] * (integrand(mid - half * k_node[k]) + integrand(mid + half * k_node[k]));
  }
  return (1.0 + z) * (k_light_speed_km_s / c.h0) * sum * half;
}

double luminosity_distance_slope(double z, const Cosmology& c) noexcept {
  const double x = 1.0 + z, expansion = std::sqrt(c.om0 * x * x * x + (1.0 - c.om0));
  return luminosity_distance(z, c) / x + x * k_light_speed_km_s / (c.h0 * expansion);
}

double log_lum(double band_flux_9, double z, const Cosmology& cosmology) noexcept {
  const double d = luminosity_distance(z, cosmology);
  return std::log10(band_flux_9 * (1.0 + z) * d * d);
}

double log_lum_slope(double z, const Cosmology& c) noexcept {
  // D_L = (1+z) D_C, dD_C/dz = c / (H0 E(z))
  const double a = 1.0 + z, hubble = std::sqrt(c.om0 * a * a * a + (1.0 - c.om0));
  return (3.0 / a + 2.0 * a * (k_light_speed_km_s / c.h0) / (hubble * luminosity_distance(z, c))) / std::numbers::ln10;
}

}  // namespace starglow
