#include "starglow/spectra/extinction.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace starglow {
namespace {

// Fitzpatrick (1999), table 3: inverse wavelength (1/micron) and A/E(B-V) for R_V = 3.1; a natural cubic spline.
constexpr std::size_t k_n = 9;
constexpr std::array<double, k_n> k_x{0.0, 0.377, 0.820, 1.667, 1.828, 2.141, 2.433, 3.704, 3.846};
constexpr std::array<double, k_n> k_y{0.0, 0.265, 0.829, 2.688, 3.055, 3.806, 4.315, 6.265, 6.591};
constexpr double k_recalibration = 0.86;

std::array<double, k_n> second_derivatives() {
  std::array<double, k_n> m{}, u{};
  for (std::size_t i = 1; i + 1 < k_n; ++i) {
    const double s = (k_x[i] - k_x[i - 1]) / (k_x[i + 1] - k_x[i - 1]), p = s * m[i - 1] + 2;
    m[i] = (s - 1) / p;
    const double slope = (k_y[i + 1] - k_y[i]) / (k_x[i + 1] - k_x[i]) - (k_y[i] - k_y[i - 1]) / (k_x[i] - k_x[i - 1]);
    u[i] = (6 * slope / (k_x[i + 1] - k_x[i - 1]) - s * u[i - 1]) / p;
  }
  for (std::size_t i = k_n - 1; i-- > 0;) m[i] = m[i] * m[i + 1] + u[i];
  m[0] = 0;
  return m;
}

}  // namespace

double milky_way_extinction(double wave_obs) {
  static const std::array<double, k_n> m = second_derivatives();
  const double x = std::clamp(1e4 / wave_obs, 0.37, k_x.back());
  const auto i = static_cast<std::size_t>(
      std::min<std::ptrdiff_t>(std::upper_bound(k_x.begin(), k_x.end(), x) - k_x.begin() - 1, k_n - 2));
  const double h = k_x[i + 1] - k_x[i], a = (k_x[i + 1] - x) / h, b = (x - k_x[i]) / h;
  const double y = a * k_y[i] + b * k_y[i + 1] + ((a * a * a - a) * m[i] + (b * b * b - b) * m[i + 1]) * h * h / 6;
  return k_recalibration * y;
}

double milky_way_transmission(double wave_obs, double ebv_sfd98) {
  return std::pow(10.0, -0.4 * ebv_sfd98 * milky_way_extinction(wave_obs));
}

}  // namespace starglow
