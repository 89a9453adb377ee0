#include "starglow/stars/dust.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "kernels/dispatch.hpp"
#include "starglow/base/error.hpp"
#include "starglow/stars/sfh.hpp"

namespace starglow {
namespace {

constexpr double k_rv = 4.05, k_v_micron = 0.55, k_bump_centre = 0.2175, k_bump_width = 0.0350;
constexpr double k_switch = 0.15, k_step = 0.63;  // micron
constexpr double k_mag = 0.4 * 2.302585092994045684;
constexpr std::array<std::string_view, 5> k_names{"calzetti00", "leitherer02", "noll09", "salim18", "smooth"};

double calzetti(double l) {
  const double y = 1 / l;
  if (l < k_step) return 2.659 * (-2.156 + 1.509 * y - 0.198 * y * y + 0.011 * y * y * y) + k_rv;
  return 2.659 * (-1.857 + 1.040 * y) + k_rv;
}
double leitherer(double l) {
  const double y = 1 / l;
  return 5.472 + 0.671 * y - 9.218e-3 * y * y + 2.620e-3 * y * y * y;
}
double base(DustLaw law, double l) {
  switch (law) {
    case DustLaw::calzetti00:
      return calzetti(l);
    case DustLaw::leitherer02:
      return leitherer(l);
    case DustLaw::smooth: {
      const double x = std::log10(l);
      const double slope = -0.65 + (-1.95 + 0.65) * triweight_cdf((x - 0.5) / 0.5);
      return std::pow(10.0, 1.15 + slope * (x + 1));
    }
    default:
      return l > k_switch ? calzetti(l) : leitherer(l);
  }
}
double drude(double l) {
  const double w = l * l * k_bump_width * k_bump_width, off = l * l - k_bump_centre * k_bump_centre;
  return w / (off * off + w);
}
bool has_bump(DustLaw law) { return law == DustLaw::noll09 || law == DustLaw::salim18 || law == DustLaw::smooth; }

}  // namespace

std::string_view to_string(DustLaw law) noexcept { return k_names[static_cast<std::size_t>(law)]; }
DustLaw parse_dust_law(std::string_view name) {
  for (std::size_t i = 0; i < k_names.size(); ++i)
    if (k_names[i] == name) return static_cast<DustLaw>(i);
  throw Error(ErrorKind::usage, "unknown dust law",
              {"'" + std::string(name) + "'", "calzetti00, leitherer02, noll09, salim18 or smooth", ""});
}

double dust_k(DustLaw law, double l, double slope, double bump) noexcept {
  const double k = base(law, l);
  if (!has_bump(law)) return k;
  const double power = std::pow(l / k_v_micron, slope);
  return std::max(0.0, law == DustLaw::salim18 ? k * power + bump * drude(l) : (k + bump * drude(l)) * power);
}

DustScreen::DustScreen(std::span<const double> micron, DustLaw law) : law_(law) {
  for (const double l : micron) {
    if (!(l > 0) || std::isinf(l))
      throw Error(ErrorKind::input, "dust at no wavelength", {std::to_string(l) + " micron", "finite, > 0", ""});
    base_.push_back(base(law, l));
    drude_.push_back(drude(l));
    log_v_.push_back(std::log(l / k_v_micron));
  }
}

void DustScreen::transmission(const Dust& dust, std::span<double> out, std::span<double> d_av,
                              std::span<double> d_slope, std::span<double> d_bump) const {
  if (dust.law != law_)
    throw Error(ErrorKind::usage, "a screen of another dust law",
                {std::string(to_string(dust.law)), std::string(to_string(law_)), ""});
  const std::size_t n = size();
  const auto& exp_of = kernels::ops<double>(kernels::active()).exp;
  const bool bumpy = has_bump(law_), inside = law_ != DustLaw::salim18;
  const bool slopes = !d_av.empty();
  const double av = dust.av > 0 ? dust.av : (std::isnan(dust.av) ? dust.av : 0.0), amplitude = dust.amplitude();
  const double scale = -k_mag * av / k_rv;
  // d_bump is the place for (lambda/0.55)^slope where it is given, else out is.
  constexpr std::size_t k_chunk = 256;
  std::array<double, k_chunk> power{}, depth{}, exponent{};
  for (std::size_t first = 0; first < n; first += k_chunk) {
    const std::size_t count = std::min(k_chunk, n - first);
    if (bumpy && dust.slope != 0) {
      for (std::size_t i = 0; i < count; ++i) exponent[i] = dust.slope * log_v_[first + i];
      exp_of(exponent.data(), power.data(), count);
    } else {
      power.fill(1.0);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const double bump = bumpy ? amplitude * drude_[first + i] : 0.0;
      const double k = inside ? (base_[first + i] + bump) * power[i] : base_[first + i] * power[i] + bump;
      depth[i] = k < 0 ? 0 : k;
      exponent[i] = scale * depth[i];
    }
    double* const value = out.data() + first;
    exp_of(exponent.data(), value, count);
    for (std::size_t i = 0; i < count; ++i) {
      const double pure = value[i];
      value[i] = dust.floor + (1 - dust.floor) * pure;
      if (!slopes) continue;
      const double by_a = -k_mag / k_rv * (1 - dust.floor) * pure;  // dF/d(av k)
      // At av < 0, and where k is clipped, nothing moves.
      d_av[first + i] = dust.av < 0 ? 0 : by_a * depth[i];
      const bool free = bumpy && depth[i] > 0;
      const double bump = free ? amplitude * drude_[first + i] : 0.0;
      const double by_slope =
          free ? (inside ? base_[first + i] + bump : base_[first + i]) * power[i] * log_v_[first + i] : 0.0;
      const double by_bump = free ? drude_[first + i] * (inside ? power[i] : 1.0) : 0.0;
      d_slope[first + i] = by_a * av * (by_slope + (dust.bump_from_slope ? -1.9 * by_bump : 0.0));
      d_bump[first + i] = dust.bump_from_slope ? 0.0 : by_a * av * by_bump;
    }
  }
}

double dust_av_at_age(double u_av, double delta, double lg_age) noexcept {
  const double x = u_av + sigmoid(lg_age, -2.5, 5, delta, 0);
  return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}

}  // namespace starglow
