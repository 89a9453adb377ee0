#include "starglow/stars/star_population.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "starglow/stars/dsps_cosmology.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_shard = 512;
constexpr std::array<std::string_view, 6> k_shapes{"constant",         "tau",     "delayed_tau", "lognormal",
                                                   "double_power_law", "diffstar"};

// Words of a text: numbers and terms such as "+0.6*(lgmass-10.3)".
std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t from = text.find_first_not_of(" \t,", i);
    if (from == std::string_view::npos) break;
    i = std::min(text.find_first_of(" \t,", from), text.size());
    out.push_back(text.substr(from, i - from));
  }
  return out;
}

double number(std::string_view word, std::string_view whole) {
  double value = 0;
  std::string_view digits = word;
  if (!digits.empty() && digits.front() == '+') digits.remove_prefix(1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(value))
    throw Error(ErrorKind::usage, "a distribution cannot be read",
                {"'" + std::string(word) + "' in '" + std::string(whole) + "'", "a number",
                 "For example: fixed 0.15; uniform 0 1; normal 0.5 0.3 0 2 +0.6*(lgmass-10.3)"});
  return value;
}

double diffmah(double lgm0, double lgt) {
  constexpr double lgtc = 0.05, k = 3.5, early = 2.6137643, late = 0.12692805;
  const double lgt0 = std::log10(13.8);
  const double at = std::min(lgt, std::log10(14.0));
  return lgm0 + sigmoid(at, lgtc, k, early, late) * (at - lgt0);
}

}  // namespace

const std::array<StarDrawInfo, k_n_star_draws> k_star_draws{{
    {"redshift", "", "redshift"},
    {"lgmass", "log10 M_sun", "mass formed by the time of observation; diffstar: mass of the halo today"},
    {"lgtau", "log10 Gyr", "time scale of tau, delayed_tau, double_power_law"},
    {"t_start", "Gyr", "cosmic time of the first stars"},
    {"t_peak", "Gyr", "time of the greatest rate of lognormal"},
    {"width", "", "width of lognormal in ln t"},
    {"lgalpha", "", "log10 of the falling slope of double_power_law"},
    {"lgbeta", "", "log10 of the rising slope of double_power_law"},
    {"lgqt", "log10 Gyr", "time of quenching of diffstar"},
    {"lgqdt", "log10 Gyr", "its duration"},
    {"lgfburst", "log10", "fraction of the mass in a recent burst"},
    {"lgyr_peak", "log10 yr", "age at the burst's peak"},
    {"lgyr_max", "log10 yr", "age at which the burst began"},
    {"lgmet", "log10 Z", "metallicity, mass fraction"},
    {"lgmet_scatter", "dex", "its scatter inside the galaxy"},
    {"av", "mag", "attenuation at 0.55 micron"},
    {"slope", "", "slope of the attenuation"},
    {"bump", "", "amplitude of the bump at 0.2175 micron (bump_from_slope = false)"},
    {"fibre_fraction", "", "share of the light inside the fibre"},
}};

std::string_view to_string(SfhShape shape) noexcept { return k_shapes[static_cast<std::size_t>(shape)]; }
SfhShape parse_sfh_shape(std::string_view name) {
  for (std::size_t i = 0; i < k_shapes.size(); ++i)
    if (k_shapes[i] == name) return static_cast<SfhShape>(i);
  throw Error(
      ErrorKind::usage, "unknown shape of the star-formation history",
      {"'" + std::string(name) + "'", "constant, tau, delayed_tau, lognormal, double_power_law or diffstar", ""});
}

StarDistribution StarDistribution::parse(std::string_view text, StarDraw parameter) {
  const auto parts = words(text);
  const auto wrong = [&](const std::string& why) {
    return Error(ErrorKind::usage,
                 "the distribution of " + std::string(k_star_draws[static_cast<std::size_t>(parameter)].name) +
                     " cannot be read",
                 {"'" + std::string(text) + "': " + why,
                  "fixed VALUE, uniform LO HI or normal MEAN SD LO HI [+SLOPE*(NAME-CENTRE)] ...", ""});
  };
  if (parts.empty()) throw wrong("nothing");
  StarDistribution d;
  const auto need = [&](std::size_t n) {
    if (parts.size() < n + 1) throw wrong("too few numbers");
  };
  std::size_t next = 0;
  if (parts[0] == "fixed") {
    need(1);
    d.mean = number(parts[1], text);
    next = 2;
  } else if (parts[0] == "uniform") {
    need(2);
    d.kind = Kind::uniform;
    d.lo = number(parts[1], text);
    d.hi = number(parts[2], text);
    next = 3;
  } else if (parts[0] == "normal") {
    need(4);
    d.kind = Kind::normal;
    d.mean = number(parts[1], text);
    d.sd = number(parts[2], text);
    d.lo = number(parts[3], text);
    d.hi = number(parts[4], text);
    if (!(d.sd > 0)) throw wrong("the standard deviation is not positive");
    next = 5;
  } else {
    throw wrong("begins with '" + std::string(parts[0]) + "'");
  }
  if (d.kind != Kind::fixed && !(d.hi > d.lo)) throw wrong("the range is empty");
  for (; next < parts.size(); ++next) {
    const std::string_view term = parts[next];
    const auto star = term.find("*("), close = term.rfind(')');
    if (d.kind != Kind::normal || star == std::string_view::npos || close != term.size() - 1)
      throw wrong("'" + std::string(term) + "'");
    const std::string_view inside = term.substr(star + 2, close - star - 2);
    std::size_t which = 0;
    while (which < static_cast<std::size_t>(parameter) &&
           !(inside.starts_with(k_star_draws[which].name) && inside.size() > k_star_draws[which].name.size() &&
             inside[k_star_draws[which].name.size()] == '-'))
      ++which;
    if (which == static_cast<std::size_t>(parameter))
      throw wrong("'" + std::string(inside) + "' is not NAME-CENTRE of a parameter that is drawn before it");
    d.terms.push_back(
        {which, number(term.substr(0, star), text), number(inside.substr(k_star_draws[which].name.size() + 1), text)});
  }
  return d;
}

std::string_view StarPopulation::default_band_offset() noexcept {
  return "-0.0011 0.0004 0.0007 0.0036 -0.0040 0.0073 0.0048 0.0008 -0.0024 -0.0033 0.0001 -0.0033";
}
std::string_view StarPopulation::default_band_scatter() noexcept {
  return "0.0263 0.0151 0.0159 0.0148 0.0130 0.0125 0.0100 0.0077 0.0072 0.0081 0.0101 0.0104";
}

StarPopulation StarPopulation::standard() {
  StarPopulation out;
  for (std::size_t k = 0; k < k_n_star_draws; ++k)
    out.distributions[k] = StarDistribution::parse(default_text(static_cast<StarDraw>(k)), static_cast<StarDraw>(k));
  out.band_offset = parse_bands(default_band_offset(), "band_offset");
  out.band_scatter = parse_bands(default_band_scatter(), "band_scatter");
  return out;
}

std::array<double, k_n_bands> StarPopulation::parse_bands(std::string_view text, std::string_view what) {
  const auto parts = words(text);
  if (parts.size() != 1 && parts.size() != k_n_bands)
    throw Error(ErrorKind::usage, std::string(what) + " needs one number for all bands, or twelve",
                {std::to_string(parts.size()) + " in '" + std::string(text) + "'", "1 or 12", ""});
  std::array<double, k_n_bands> out{};
  for (std::size_t b = 0; b < k_n_bands; ++b) out[b] = number(parts[parts.size() == 1 ? 0 : b], text);
  return out;
}

std::string_view StarPopulation::default_text(StarDraw parameter) noexcept {
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

void parametric_sfh(SfhShape shape, std::span<const double, k_n_star_draws> p, std::span<const double> times,
                    std::span<double> sfr) {
  using D = StarDraw;
  const auto value = [&](D d) { return p[static_cast<std::size_t>(d)]; };
  const double tau = std::pow(10.0, value(D::lgtau)), start = value(D::t_start);
  const double alpha = std::pow(10.0, value(D::lgalpha)), beta = std::pow(10.0, value(D::lgbeta));
  const double width = value(D::width), ln_peak = std::log(value(D::t_peak)) + width * width;
  const double h = std::pow(10.0, value(D::lgqdt)) / 12;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const double t = times[i], since = t - start;
    double rate = 0;
    switch (shape) {
      case SfhShape::constant:
        rate = 1;
        break;
      case SfhShape::tau:
        rate = std::exp(-since / tau);
        break;
      case SfhShape::delayed_tau:
        rate = since * std::exp(-since / tau);
        break;
      case SfhShape::lognormal:
        rate = std::exp(-0.5 * std::pow((std::log(t) - ln_peak) / width, 2)) / t;
        break;
      case SfhShape::double_power_law:
        rate = 1 / (std::pow(t / tau, alpha) + std::pow(t / tau, -beta));
        break;
      case SfhShape::diffstar: {
        constexpr double fb = 0.156, lgm_crit = 12, lgy = -10, lo = 1, hi = -1, drop = -1.01773,
                         rejuvenated = -0.212307;
        const double lgm = diffmah(value(D::lgmass), std::log10(t));
        const double u = (std::log10(t) - value(D::lgqt)) / h;
        const double quench = u < 0 ? drop * triweight_cdf(u + 3) : drop - (drop - rejuvenated) * triweight_cdf(u - 3);
        rate = fb * std::pow(10.0, lgm + lgy + sigmoid(lgm, lgm_crit, 9, lo, hi) * (lgm - lgm_crit) + quench);
        break;
      }
    }
    if (since < 0) rate = 0;
    sfr[i] = rate < k_sfr_min ? k_sfr_min : rate;  // NaN stays
  }
}

StarSample sample_stars(const StarPopulation& population, std::span<const double> times, std::uint64_t seed,
                        std::int64_t first_id, std::size_t n, WorkerPool& pool) {
  using D = StarDraw;
  StarSample out;
  out.scaled = population.shape != SfhShape::diffstar;
  out.parameters = Matrix<double>(n, k_n_star_draws);
  out.inputs.sfr = Matrix<double>(n, times.size());
  out.inputs.t_obs.resize(n);
  out.inputs.lgmet.resize(n);
  out.inputs.lgmet_scatter.resize(n);
  out.inputs.burst.resize(n);
  out.dust.resize(n);
  out.band_factor = Matrix<double>(n, k_n_bands);
  // Ages by a table in z, linear: 1e-5 of the age.
  const DspsCosmology cosmology{population.cosmology.om0, -1, 0, population.cosmology.h0 / 100};
  constexpr std::size_t k_ages = 401;
  constexpr double k_z_max = 4;
  static const auto ages_of = [](const DspsCosmology& c) {
    std::vector<double> ages;
    for (std::size_t i = 0; i < k_ages; ++i)
      ages.push_back(dsps_age(k_z_max * static_cast<double>(i) / (k_ages - 1), c).value);
    return ages;
  };
  const std::vector<double> ages = ages_of(cosmology);
  pool.for_shards(shard_count(n, k_shard), [&](std::size_t s) {
    const Shard rows = shard(s, n, k_shard);
    for (std::size_t g = rows.first; g < rows.last; ++g) {
      const RandomObject random(seed, Stream::population, first_id + static_cast<std::int64_t>(g));
      auto p = out.parameters.row(g);
      for (std::size_t k = 0; k < k_n_star_draws; ++k) {
        const StarDistribution& d = population.distributions[k];
        const double u =
            d.kind == StarDistribution::Kind::fixed ? 0.5 : random.uniform(1, static_cast<std::uint32_t>(k));
        if (d.kind == StarDistribution::Kind::fixed) {
          p[k] = d.mean;
        } else if (d.kind == StarDistribution::Kind::uniform) {
          p[k] = d.lo + u * (d.hi - d.lo);
        } else {
          double mean = d.mean;
          for (const auto& term : d.terms) mean += term.slope * (p[term.parameter] - term.centre);
          const double low = normal_cdf((d.lo - mean) / d.sd), high = normal_cdf((d.hi - mean) / d.sd);
          const double x = mean + d.sd * normal_quantile(low + u * (high - low));
          p[k] = std::clamp(x, d.lo, d.hi);
        }
      }
      const auto value = [&](D d) { return p[static_cast<std::size_t>(d)]; };
      const double place = value(D::redshift) / k_z_max * (k_ages - 1);
      const auto i = static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(k_ages - 2)));
      out.inputs.t_obs[g] = std::lerp(ages[i], ages[i + 1], place - static_cast<double>(i));
      out.inputs.lgmet[g] = value(D::lgmet);
      out.inputs.lgmet_scatter[g] = value(D::lgmet_scatter);
      out.inputs.burst[g] = {value(D::lgfburst), value(D::lgyr_peak), value(D::lgyr_max)};
      out.dust[g] = {population.dust, value(D::av), value(D::slope), value(D::bump), 0, population.bump_from_slope};
      for (std::size_t b = 0; b < k_n_bands; ++b) {
        double dex = population.band_offset[b];
        if (population.band_scatter[b] != 0)
          dex += population.band_scatter[b] * random.normal(2, static_cast<std::uint32_t>(b));
        out.band_factor(g, b) = std::pow(10.0, dex);
      }
      parametric_sfh(population.shape, p.first<k_n_star_draws>(), times, out.inputs.sfr.row(g));
    }
  });
  return out;
}

}  // namespace starglow
