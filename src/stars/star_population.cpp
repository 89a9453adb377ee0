#include "starglow/stars/star_population.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "starglow/base/error.hpp"
#include "starglow/stars/sfh.hpp"

namespace starglow {
namespace {

constexpr std::array<std::string_view, 7> k_shapes{"constant",         "tau",      "delayed_tau",  "lognormal",
                                                   "double_power_law", "diffstar", "main_sequence"};

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

bool has_relation(StarDraw parameter) {
  using D = StarDraw;
  return parameter == D::lgtau || parameter == D::t_start || parameter == D::lgmet || parameter == D::av;
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
    {"lgmass", "log10 M_sun", "stellar mass formed until the observation; for diffstar: halo mass today"},
    {"lgtau", "log10 Gyr", "time scale of tau, delayed_tau, double_power_law"},
    {"t_start", "Gyr", "cosmic time of the first stars"},
    {"t_peak", "Gyr", "time of the peak of lognormal"},
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
  throw Error(ErrorKind::usage, "unknown shape of the star-formation history",
              {"'" + std::string(name) + "'",
               "constant, tau, delayed_tau, lognormal, double_power_law, diffstar or main_sequence", ""});
}

StarDistribution StarDistribution::parse(std::string_view text, StarDraw parameter) {
  const auto parts = words(text);
  const auto wrong = [&](const std::string& why) {
    return Error(ErrorKind::usage,
                 "the distribution of " + std::string(k_star_draws[static_cast<std::size_t>(parameter)].name) +
                     " cannot be read",
                 {"'" + std::string(text) + "': " + why,
                  "fixed VALUE, uniform LO HI or normal MEAN SD LO HI [+SLOPE*(NAME-CENTRE)] ..." +
                      std::string(parameter == StarDraw::redshift ? "; volume LO HI" : "") +
                      (has_relation(parameter) ? "; relation (preset universe)" : ""),
                  ""});
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
  } else if (parts[0] == "relation" && has_relation(parameter)) {
    d.kind = Kind::relation;
    next = 1;
  } else if (parts[0] == "uniform" || (parts[0] == "volume" && parameter == StarDraw::redshift)) {
    need(2);
    d.kind = parts[0] == "uniform" ? Kind::uniform : Kind::volume;
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
  if (d.kind != Kind::fixed && d.kind != Kind::relation && !(d.hi > d.lo)) throw wrong("the range is empty");
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

std::array<double, k_n_bands> StarPopulation::parse_bands(std::string_view text, std::string_view what) {
  const auto parts = words(text);
  if (parts.size() != 1 && parts.size() != k_n_bands)
    throw Error(ErrorKind::usage, std::string(what) + " needs one number for all bands, or twelve",
                {std::to_string(parts.size()) + " in '" + std::string(text) + "'", "1 or 12", ""});
  std::array<double, k_n_bands> out{};
  for (std::size_t b = 0; b < k_n_bands; ++b) out[b] = number(parts[parts.size() == 1 ? 0 : b], text);
  return out;
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
      case SfhShape::main_sequence:
        break;  // universe_history()
    }
    if (since < 0) rate = 0;
    sfr[i] = rate < k_sfr_min ? k_sfr_min : rate;  // NaN stays
  }
}

}  // namespace starglow
