#include "starglow/mock/nebular.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "starglow/base/bpt.hpp"

namespace starglow {
namespace {

constexpr std::size_t at(Line line) { return static_cast<std::size_t>(line); }
constexpr double k_no_stars = 3, k_all_stars = 14;  // A of Halpha
constexpr double k_border = 0.05;                   // dex: width of the border in the BPT plane
constexpr double k_most_shift = 1.5;                // dex

double smoothstep(double x) {
  const double u = std::clamp(x, 0.0, 1.0);
  return u * u * (3 - 2 * u);
}

// How far a row belongs to the star-forming side of Kauffmann et al. 2003.
double star_forming(double nii_halpha, double oiii_hbeta) {
  if (!(nii_halpha < 0.05)) return 0;
  return 1 / (1 + std::exp((oiii_hbeta - kauffmann_border(nii_halpha)) / k_border));
}

}  // namespace

NebularTrack nebular_track(double oxygen, double z) noexcept {
  const double x = std::clamp(oxygen, 7.6, 8.85) - 8.69;
  NebularTrack out{-0.489 + x * (1.513 + x * (-2.554 + x * (-5.293 - 2.867 * x))),
                   -0.442 + x * (-0.360 + x * (-6.271 + x * (-8.339 - 3.559 * x))),
                   -0.277 + x * (-3.549 + x * (-3.593 - 0.981 * x)), 0.418 + x * (-0.961 + x * (-3.505 - 1.949 * x))};
  constexpr double k_far = 2.3, k_most_rise = 0.6;
  const double far = 0.67 / (out.nii_halpha - 0.20) + 1.12, near = 0.61 / (out.nii_halpha + 0.08) + 1.1;
  out.oiii_hbeta += std::clamp(z / k_far, 0.0, 1.0) * std::clamp(far - near, 0.0, k_most_rise);
  return out;
}

void hold_to_gas(std::span<double> ew, std::span<const double> middle, const GalaxyGas& galaxy, const GasOptions& gas,
                 double fainter) noexcept {
  const auto c = galaxy.continuum;
  const auto flux = [&](std::span<const double> of, Line l) { return of[at(l)] * c[at(l)]; };
  const auto ratio = [&](std::span<const double> of, Line over, Line under) {
    return std::log10(std::max(flux(of, over), 1e-300) / std::max(flux(of, under), 1e-300));
  };
  const auto dex = [&](Line l) { return 0.4 * gas_attenuation(k_lines[at(l)].wave_vac, galaxy.av, gas) * fainter; };
  const double halpha = dex(Line::HALPHA), hbeta = dex(Line::HBETA);
  const auto balmer = [&](std::span<const double> of, Line l, double case_b, double dust) {
    return flux(of, Line::HALPHA) / (case_b * std::pow(10.0, dust - halpha)) / c[at(l)];
  };
  const double side = star_forming(ratio(ew, Line::NII_6584, Line::HALPHA), ratio(ew, Line::OIII_5007, Line::HBETA));
  const double middle_hbeta = balmer(middle, Line::HBETA, k_case_b_hbeta, hbeta) * c[at(Line::HBETA)];
  // The shifts are of the middle, which may be overwritten here.
  const NebularTrack track = nebular_track(galaxy.oxygen, galaxy.z);
  const auto off = [&](double wanted, double is) { return std::clamp(wanted - is, -k_most_shift, k_most_shift); };
  const double sulphur = flux(middle, Line::SII_6716) + flux(middle, Line::SII_6731);
  const double over_halpha = std::log10(std::max(flux(middle, Line::HALPHA), 1e-300));
  const double over_hbeta = std::log10(std::max(middle_hbeta, 1e-300));
  const auto lg = [](double x) { return std::log10(std::max(x, 1e-300)); };
  const double nii = off(track.nii_halpha, lg(flux(middle, Line::NII_6584)) - over_halpha),
               sii = off(track.sii_halpha, lg(sulphur) - over_halpha),
               oiii =
                   off(track.oiii_hbeta - dex(Line::OIII_5007) + hbeta, lg(flux(middle, Line::OIII_5007)) - over_hbeta),
               oii = off(track.oii_hbeta - dex(Line::OII_DOUBLET) + hbeta,
                         lg(flux(middle, Line::OII_DOUBLET)) - over_hbeta);
  ew[at(Line::HGAMMA)] = balmer(ew, Line::HGAMMA, k_case_b_hgamma, dex(Line::HGAMMA));
  ew[at(Line::HBETA)] = balmer(ew, Line::HBETA, k_case_b_hbeta, hbeta);
  static const double k_first = std::log(k_no_stars), k_span = std::log(k_all_stars / k_no_stars);
  const double share = side * smoothstep((std::log(std::max(galaxy.intrinsic_ew, 1e-300)) - k_first) / k_span);
  const auto shift = [&](Line l, double by) { ew[at(l)] *= std::pow(10.0, share * by); };
  shift(Line::NII_6584, nii), shift(Line::NII_6548, nii);
  shift(Line::SII_6716, sii), shift(Line::SII_6731, sii);
  shift(Line::OIII_5007, oiii), shift(Line::OIII_4959, oiii);
  shift(Line::OII_DOUBLET, oii);
}

void hold_decrement(std::span<double> ew, std::span<const double> continuum) noexcept {
  const double most =
      ew[at(Line::HALPHA)] * continuum[at(Line::HALPHA)] / (k_least_decrement * continuum[at(Line::HBETA)]);
  if (ew[at(Line::HBETA)] > most) ew[at(Line::HBETA)] = std::max(most, 0.0);
}

}  // namespace starglow
