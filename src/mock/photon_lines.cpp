#include <algorithm>
#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/random.hpp"
#include "starglow/mock/star_mock.hpp"
#include "starglow/model/noise.hpp"
#include "starglow/spectra/photometry.hpp"

namespace starglow {
namespace {

constexpr auto k_halpha = static_cast<std::size_t>(Line::HALPHA);
constexpr std::size_t k_halpha_place = 4;    // among the eight independent lines
constexpr std::uint32_t k_scatter_lane = 9;  // beside those of the joint draws
constexpr double k_lineless = 2.0;           // A: a component below this is that of galaxies without star formation
constexpr double k_not_compared = 1.0;       // A: weaker lines are not held against the photons
constexpr double k_sharp = 0.01;             // A, and share of the EW: an Halpha that is known

// Halpha of the weak component of a galaxy's distribution: gas that no young stars ionise. 0 without such a component.
double floor_of(const LineDistribution& d) {
  double least = k_lineless;
  for (std::size_t c = 0; c < d.components; ++c) least = std::min(least, intrinsic_ew(d.mean[c][k_halpha_place]));
  return least < k_lineless ? least : 0.0;
}

}  // namespace

LinesFrom parse_lines_from(std::string_view name) {
  if (name == "continuum") return LinesFrom::continuum;
  if (name == "photons") return LinesFrom::photons;
  if (name == "both") return LinesFrom::both;
  throw Error(ErrorKind::usage, "lines of nothing known",
              {"'" + std::string(name) + "'", "continuum, photons, both", ""});
}

// What the stars give, scaled, the Halpha that follows, and whether lines of the continuum agree with it.
void StarMocker::photons(StarMock& c) const {
  const std::size_t n = c.galaxies.n;
  c.budget = photons_.budget(c.sample.inputs, pool_);
  for (auto* column : {&c.budget.photons, &c.budget.mass, &c.budget.surviving, &c.budget.sfr10, &c.budget.sfr100})
    for (std::size_t g = 0; g < n; ++g) (*column)[g] *= c.scale[g];
  c.halpha_lum_caseb.resize(n);
  c.halpha_ew_caseb.resize(n);
  for (std::size_t g = 0; g < n; ++g) {
    c.halpha_lum_caseb[g] = halpha_case_b(c.budget.photons[g], options_.gas);
    const double mag = gas_attenuation(k_lines[k_halpha].wave_vac, c.sample.dust[g].av, options_.gas);
    c.halpha_ew_caseb[g] = c.halpha_lum_caseb[g] * std::pow(10.0, -0.4 * mag) /
                           (c.light.light(g, k_n_bands + k_halpha) * c.scale[g] * k_lsun_erg_s);
    if (options_.lines == LinesFrom::photons) continue;
    const double ew = c.lines.ew(g, k_halpha), own = c.halpha_ew_caseb[g];
    if (std::max(ew, own) > k_not_compared && (ew > 2 * own || own > 2 * ew)) c.lines.flags[g] |= k_photon_budget;
  }
}

void StarMocker::lines_of_photons(StarMock& c) const {
  const std::size_t n = c.galaxies.n;
  const auto d = model_.joint_distributions(c.galaxies, pool_);
  GivenLines given{Matrix<double>(n, k_n_lines), Matrix<double>(n, k_n_lines)};
  const auto set = [&](std::size_t g, double ew, double sigma) {
    given.ew(g, k_halpha) = ew;
    given.ivar(g, k_halpha) = 1 / (sigma * sigma);
  };
  const auto known = [&](std::size_t g) { return c.halpha_ew_caseb[g] + floor_of(d[g].lines); };
  const bool both = options_.lines == LinesFrom::both;
  const double scatter = options_.photon_scatter;
  for (std::size_t g = 0; g < n; ++g) {
    const double ew = known(g);
    set(g, ew, k_sharp + ew * (both ? std::max(scatter * std::log(10.0), k_sharp) : k_sharp));
  }
  const auto budget = c.lines.flags;
  PredictOptions how{.draws = 1, .seed = options_.seed, .given = &given};
  c.lines = model_.predict(c.galaxies, pool_, how);
  if (both) {
    for (std::size_t g = 0; g < n; ++g) c.lines.flags[g] |= budget[g] & k_photon_budget;
    c.draw = one_draw(c.lines.draws, 1, 0);
    return;
  }
  // Each draw has an Halpha of its own about that of the photons, and the lines that go with it.
  for (std::size_t g = 0; g < n; ++g) {
    const RandomObject random(options_.seed, Stream::intrinsic, c.galaxies.targetid[g]);
    const double ew = known(g) * std::pow(10.0, scatter * random.normal(0, k_scatter_lane));
    set(g, ew, k_sharp * (1 + ew));
  }
  c.draw = one_draw(model_.predict(c.galaxies, pool_, how).draws, 1, 0);
}

}  // namespace starglow
