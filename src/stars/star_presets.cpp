#include <array>

#include "starglow/base/error.hpp"
#include "starglow/stars/star_population.hpp"

namespace starglow {
namespace {

// Galaxies of the DESI Bright Galaxy Survey with four measured BPT lines, as their fibres see them.
std::string_view desi_bgs(StarDraw parameter) {
  using D = StarDraw;
  switch (parameter) {
    case D::redshift:
      return "normal 0.1760 0.0977 0.0594 0.2999";
    case D::lgmass:
      return "normal 10.3133 0.4021 8.8779 11.3033 +5.530*(redshift-0.176)";
    case D::lgtau:
      return "normal 0.2307 0.1947 -0.2311 0.8604 +0.607*(redshift-0.176) -0.222*(lgmass-10.313)";
    case D::t_start:
      return "fixed 1";
    case D::t_peak:
      return "uniform 2 8";
    case D::width:
      return "uniform 0.3 0.9";
    case D::lgalpha:
      return "normal 0.6 0.3 -0.5 1.5";
    case D::lgbeta:
      return "normal 0.2 0.3 -0.5 1.2";
    case D::lgqt:
      return "normal 1.0 0.15 0.6 1.4";
    case D::lgqdt:
      return "fixed -0.50725";
    case D::lgfburst:
      return "normal -2.2880 0.5620 -3.9973 -1.0274 +3.413*(redshift-0.176) -0.962*(lgmass-10.313) "
             "+0.166*(lgtau-0.231)";
    case D::lgyr_peak:
      return "fixed 7.8";
    case D::lgyr_max:
      return "fixed 8.8";
    case D::lgmet:
      return "normal -1.8144 0.1347 -2.3437 -1.3210 -0.257*(redshift-0.176) -0.037*(lgmass-10.313) "
             "-0.731*(lgtau-0.231) +0.065*(lgfburst--2.288)";
    case D::lgmet_scatter:
      return "fixed 0.15";
    case D::av:
      return "normal 0.5272 0.2973 0.0027 2.1418 -2.126*(redshift-0.176) +0.617*(lgmass-10.313) +0.308*(lgtau-0.231) "
             "+0.341*(lgfburst--2.288) -0.974*(lgmet--1.814)";
    case D::slope:
      return "fixed 0";
    case D::bump:
      return "fixed 0.85";
    case D::fibre_fraction:
      return "fixed 1";
  }
  return "";
}

// What the relations of universe.hpp do not give. Delayed histories begin at a fifth of the age, at most at 1 Gyr.
std::string_view universe(StarDraw parameter) {
  using D = StarDraw;
  switch (parameter) {
    case D::redshift:
      return "volume 0.05 0.15";
    case D::lgmass:
      return "uniform 8 12";
    case D::lgtau:
    case D::t_start:
    case D::lgmet:
    case D::av:
      return "relation";
    case D::lgfburst:
      return "fixed -10";
    default:
      return desi_bgs(parameter);
  }
}

}  // namespace

std::string_view to_string(StarPreset preset) noexcept {
  return preset == StarPreset::universe ? "universe" : "desi-bgs";
}
StarPreset parse_star_preset(std::string_view name) {
  for (const StarPreset preset : {StarPreset::desi_bgs, StarPreset::universe})
    if (name == to_string(preset)) return preset;
  throw Error(ErrorKind::usage, "unknown preset of star populations",
              {"'" + std::string(name) + "'", "desi-bgs, universe", ""});
}
std::string_view to_string(StarClass galaxy) noexcept {
  return galaxy == StarClass::quiescent ? "quiescent" : "star-forming";
}

std::string_view StarPopulation::default_text(StarDraw parameter, StarPreset preset) noexcept {
  return preset == StarPreset::universe ? universe(parameter) : desi_bgs(parameter);
}
std::string_view StarPopulation::default_band_offset(StarPreset preset) noexcept {
  if (preset == StarPreset::universe) return "0";
  return "-0.0011 0.0004 0.0007 0.0036 -0.0040 0.0073 0.0048 0.0008 -0.0024 -0.0033 0.0001 -0.0033";
}
std::string_view StarPopulation::default_band_scatter(StarPreset preset) noexcept {
  if (preset == StarPreset::universe) return "0";
  return "0.0263 0.0151 0.0159 0.0148 0.0130 0.0125 0.0100 0.0077 0.0072 0.0081 0.0101 0.0104";
}
SfhShape StarPopulation::default_shape(StarPreset preset) noexcept {
  return preset == StarPreset::universe ? SfhShape::main_sequence : SfhShape::delayed_tau;
}

StarPopulation StarPopulation::standard(StarPreset preset) {
  StarPopulation out;
  out.preset = preset;
  out.shape = default_shape(preset);
  for (std::size_t k = 0; k < k_n_star_draws; ++k) {
    const auto draw = static_cast<StarDraw>(k);
    out.distributions[k] = StarDistribution::parse(default_text(draw, preset), draw);
  }
  out.band_offset = parse_bands(default_band_offset(preset), "band_offset");
  out.band_scatter = parse_bands(default_band_scatter(preset), "band_scatter");
  return out;
}

}  // namespace starglow
