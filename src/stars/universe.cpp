#include "starglow/stars/universe.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "starglow/stars/photons.hpp"
#include "starglow/stars/sfh.hpp"

namespace starglow {
namespace {

constexpr double k_ln10 = 2.302585092994045684;
constexpr double k_most_ssfr = -8.4;                       // log10 yr^-1: what histories of 0.15 Gyr steps can hold
constexpr double k_scatter = 0.3;                          // dex, of the main sequence
constexpr double k_old_ssfr = -12.7, k_old_scatter = 0.5;  // log10 yr^-1, dex: quiescent galaxies
constexpr double k_kept = 0.62;                            // of the mass formed, where only a start is needed
constexpr double k_excursion = 0.5, k_full = 0.15;         // Gyr; full for longer than a step of the usual table
constexpr double k_halpha_micron = 6564.6;                 // A
constexpr std::uint32_t k_draw = 3;                        // beside those of the parameters
constexpr std::uint32_t k_class = 0, k_rate = 1, k_dust = 2, k_metal = 3, k_escape = 4;

double schechter(double lgmass, double lgphi, double lgstar, double alpha) {
  const double x = lgmass - lgstar;
  return k_ln10 * std::pow(10.0, lgphi + (alpha + 1) * x) * std::exp(-std::pow(10.0, x));
}

// The parabola through three values at z = 0.2, 1.6 and 3.
double through(const std::array<double, 3>& y, double z) {
  constexpr double a = 0.2, b = 1.6, c = 3.0;
  return y[0] * (z - b) * (z - c) / ((a - b) * (a - c)) + y[1] * (z - a) * (z - c) / ((b - a) * (b - c)) +
         y[2] * (z - a) * (z - b) / ((c - a) * (c - b));
}

double normal_between(double mean, double sd, double lo, double hi, double u) {
  const double low = normal_cdf((lo - mean) / sd), high = normal_cdf((hi - mean) / sd);
  return std::clamp(mean + sd * normal_quantile(low + u * (high - low)), lo, hi);
}

// Share of a population's mass that is left, by age in Gyr: a table, linear in the root of the age.
double kept(double age) {
  constexpr std::size_t k_n = 1024;
  constexpr double k_last = 4.0;  // root of 16 Gyr
  static const std::vector<double> table = [] {
    std::vector<double> out;
    for (std::size_t i = 0; i < k_n; ++i) {
      const double root = k_last * static_cast<double>(i) / (k_n - 1);
      out.push_back(surviving_mass_fraction(std::log10(std::max(root * root, 1e-5)) + 9));
    }
    return out;
  }();
  const double place = std::sqrt(std::clamp(age, 0.0, k_last * k_last)) / k_last * (k_n - 1);
  const std::size_t i = std::min(static_cast<std::size_t>(place), k_n - 2);
  return std::lerp(table[i], table[i + 1], place - static_cast<double>(i));
}

// x = age / tau at which a delayed exponential has (rate x age / mass formed) = `wanted`; it falls from 2.
double age_in_tau(double wanted) {
  double lo = 0.05, hi = 40;
  for (int i = 0; i < 40; ++i) {
    const double x = 0.5 * (lo + hi), e = std::exp(-x);
    (x * x * e / (1 - (1 + x) * e) > wanted ? lo : hi) = x;
  }
  return 0.5 * (lo + hi);
}

}  // namespace

double universe_mass_function(double lgmass, double z) noexcept {
  constexpr double k_near = 0.1, k_far = 0.5, k_lighter = 0.1;
  const double far_z = std::clamp(z, 0.2, 3.0), m = lgmass + k_lighter;
  const double near =
      schechter(lgmass, std::log10(3.96e-3), 10.66, -0.35) + schechter(lgmass, std::log10(0.79e-3), 10.66, -1.47);
  const double star = through({10.79, 10.88, 10.84}, far_z);
  const double far = schechter(m, through({-2.44, -3.08, -4.14}, far_z), star, -0.28) +
                     schechter(m, through({-2.89, -3.29, -3.51}, far_z), star, -1.48);
  const double share = std::clamp((z - k_near) / (k_far - k_near), 0.0, 1.0);
  return std::exp(std::lerp(std::log(near), std::log(far), share));
}

double universe_quiescent_share(double lgmass, double z) noexcept {
  const double slope = 0.8 + 0.2 * std::min(z, 1.0);
  return 1 / (1 + std::pow(10.0, -slope * (lgmass - (10.55 + 0.25 * z))));
}

double universe_log_sfr(double lgmass, double z) noexcept {
  return 0.2 + 0.65 * (lgmass - 10.5) + 2.8 * std::log10((1 + z) / 1.1);
}

double universe_halpha_dust(double lgmass) noexcept {
  const double x = std::clamp(lgmass - 10, -1.33, 1.5);
  return 0.91 + x * (0.77 + x * (0.11 - 0.09 * x));
}

double universe_gas_dust(double z) noexcept { return 0.44 / std::min(0.44 + 0.2 * std::max(z, 0.0), 1.0); }

double universe_oxygen(double lgmass, double log_sfr) noexcept {
  constexpr double k_richest = 8.84, k_turn = 10.5;  // Curti et al.: 8.779, 10.11
  return k_richest - 0.31 / 2.1 * std::log10(1 + std::pow(10.0, -2.1 * (lgmass - k_turn - 0.56 * log_sfr)));
}

double universe_old_lgmet(double lgmass) noexcept {
  constexpr std::array<double, 16> k_lgmass{8.91,  9.11,  9.31,  9.51,  9.72,  9.91,  10.11, 10.31,
                                            10.51, 10.72, 10.91, 11.11, 11.31, 11.51, 11.72, 11.91};
  constexpr std::array<double, 16> k_relative{-0.60, -0.61, -0.65, -0.61, -0.52, -0.41, -0.23, -0.11,
                                              -0.01, 0.04,  0.07,  0.10,  0.12,  0.13,  0.14,  0.15};
  const double m = std::clamp(lgmass, k_lgmass.front(), k_lgmass.back());
  const auto next = std::clamp<std::ptrdiff_t>(std::upper_bound(k_lgmass.begin(), k_lgmass.end(), m) - k_lgmass.begin(),
                                               1, static_cast<std::ptrdiff_t>(k_lgmass.size()) - 1);
  const auto i = static_cast<std::size_t>(next);
  const double share = (m - k_lgmass[i - 1]) / (k_lgmass[i] - k_lgmass[i - 1]);
  return std::log10(0.02) + std::lerp(k_relative[i - 1], k_relative[i], share);
}

double lgmet_of_oxygen(double oxygen) noexcept { return oxygen - 8.69 + std::log10(0.0142); }
double oxygen_of_lgmet(double lgmet) noexcept { return lgmet - std::log10(0.0142) + 8.69; }

UniverseGalaxy universe_galaxy(double lgmass, double z, double t_obs, double first, const RandomObject& random) {
  static const double k_per_av = gas_attenuation(k_halpha_micron, 1, {});  // mag of Halpha a mag of the stars' Av
  constexpr double k_dust_scatter = 0.28, k_most_dust = 6;                 // mag of Halpha: Garn & Best 2010
  constexpr double k_metal_scatter = 0.05, k_old_metal_scatter = 0.12;     // dex
  UniverseGalaxy out;
  out.quiescent = random.uniform(k_draw, k_class) < universe_quiescent_share(lgmass, z);
  const double u = random.normal(k_draw, k_rate), dust = random.uniform(k_draw, k_dust),
               metal = random.normal(k_draw, k_metal);
  double typical = universe_log_sfr(lgmass, z);  // that of the smooth part of the history
  out.log_sfr = std::min(typical + k_scatter * u, lgmass + k_most_ssfr);
  if (out.quiescent) {
    out.log_sfr = lgmass + k_old_ssfr + k_old_scatter * u;
    typical = out.log_sfr;
    out.av = normal_between(0.15, 0.1, 0, 1, dust);
    out.lgmet = universe_old_lgmet(lgmass) + k_old_metal_scatter * metal;
    const double kept_share = random.uniform(k_draw, k_escape);
    out.escape = 1 - kept_share * kept_share;
  } else {
    out.av = normal_between(universe_halpha_dust(lgmass), k_dust_scatter, 0, k_most_dust, dust) /
             (k_per_av * universe_gas_dust(z));
    out.lgmet = lgmet_of_oxygen(universe_oxygen(lgmass, out.log_sfr) + k_metal_scatter * metal);
  }
  // A delayed exponential has at most twice its mean rate: who has more began later.
  constexpr double k_rising = 1.6, k_most = 1.7;
  const double specific = std::pow(10.0, typical - lgmass + 9) * k_kept;
  out.t_start = std::max(first, t_obs - k_rising / specific);
  const double age = t_obs - out.t_start;
  out.lgtau = std::log10(age / age_in_tau(std::min(specific * age, k_most)));
  return out;
}

void universe_history(const UniverseGalaxy& galaxy, double lgmass, double t_obs, std::span<const double> times,
                      std::span<double> sfr) {
  const double t_start = galaxy.t_start;
  constexpr int k_rounds = 8;
  const std::size_t n = times.size();
  const double tau = std::pow(10.0, galaxy.lgtau), top = (t_obs - t_start) / tau;
  const auto smooth = [&](double t) { return t > t_start ? (t - t_start) * std::exp(top - (t - t_start) / tau) : 0.0; };
  std::vector<double> left(n), recent(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double ago = t_obs - times[i];
    sfr[i] = smooth(times[i]);
    left[i] = kept(ago);
    recent[i] = ago < 10 * k_excursion ? k_ln10 * std::exp(-std::max(ago - k_full, 0.0) / k_excursion) : 0.0;
  }
  const double now = smooth(t_obs), wanted = std::pow(10.0, galaxy.log_sfr - lgmass + 9);
  double excursion = 0, mass = 0;
  for (int round = 0; round < k_rounds; ++round) {
    mass = 0;
    double before = 0, t_before = t_start;
    for (std::size_t i = 0; i < n && times[i] < t_obs; ++i) {
      if (times[i] <= t_start) continue;
      const double here = sfr[i] * left[i] * (recent[i] > 0 ? std::exp(excursion * recent[i]) : 1.0);
      mass += 0.5 * (before + here) * (times[i] - t_before);
      before = here;
      t_before = times[i];
    }
    mass += 0.5 * (before + now * std::pow(10.0, excursion)) * (t_obs - t_before);
    if (round + 1 < k_rounds) excursion = std::log10(wanted * mass / now);
  }
  const double scale = std::pow(10.0, lgmass - 9) / mass;
  for (std::size_t i = 0; i < n; ++i)
    sfr[i] = std::max(sfr[i] * scale * (recent[i] > 0 ? std::exp(excursion * recent[i]) : 1.0), k_sfr_min);
}

}  // namespace starglow
