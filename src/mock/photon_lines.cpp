#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/random.hpp"
#include "starglow/mock/nebular.hpp"
#include "starglow/mock/star_mock.hpp"
#include "starglow/model/noise.hpp"
#include "starglow/spectra/photometry.hpp"
#include "starglow/stars/universe.hpp"

namespace starglow {
namespace {

constexpr auto k_halpha = static_cast<std::size_t>(Line::HALPHA);
constexpr std::size_t k_halpha_place = 4;                       // among the eight independent lines
constexpr std::uint32_t k_scatter_lane = 9, k_floor_lane = 10;  // beside those of the joint draws
constexpr double k_lineless = 2.0;      // A: a component below this is that of galaxies without star formation
constexpr double k_not_compared = 1.0;  // A: weaker lines are not held against the photons
constexpr double k_rounding = 1e-9;
constexpr double k_sharp = 0.01;              // A, and share of the EW: an Halpha that is known
constexpr double k_widest = 2.5;              // standard deviations: dust varies by less than there is of it
constexpr double k_floored = 2, k_bound = 3;  // A: between them the floor ceases to count above the photons

// Halpha of the weak component of a galaxy's distribution: gas that no young stars ionise.
struct Floor {
  double t = 0, sd = 0;  // asinh of A
  double ew(double normal) const { return intrinsic_ew(t + sd * normal); }
};
Floor floor_of(const LineDistribution& d) {
  Floor out;
  double least = k_lineless;
  for (std::size_t c = 0; c < d.components; ++c) {
    const double ew = intrinsic_ew(d.mean[c][k_halpha_place]);
    if (!(ew < least)) continue;
    least = ew;
    out = {d.mean[c][k_halpha_place], d.sd[c][k_halpha_place]};
  }
  return out;
}

}  // namespace

LinesFrom parse_lines_from(std::string_view name) {
  if (name == "continuum") return LinesFrom::continuum;
  if (name == "photons") return LinesFrom::photons;
  if (name == "both") return LinesFrom::both;
  throw Error(ErrorKind::usage, "lines of nothing known",
              {"'" + std::string(name) + "'", "continuum, photons, both", ""});
}

GasOptions gas_of(const StarSample& sample, std::size_t g, const GasOptions& gas) noexcept {
  GasOptions out = gas;
  if (!sample.gas_dust.empty()) out.dust_factor *= sample.gas_dust[g];
  if (!sample.escape.empty()) out.f_esc = 1 - (1 - gas.f_esc) * (1 - sample.escape[g]);
  return out;
}

// What the stars give, scaled, and the Halpha that follows.
void StarMocker::photons(StarMock& c) const {
  const std::size_t n = c.galaxies.n;
  c.budget = photons_.budget(c.sample.inputs, pool_);
  for (auto* column : {&c.budget.photons, &c.budget.mass, &c.budget.surviving, &c.budget.sfr10, &c.budget.sfr100})
    for (std::size_t g = 0; g < n; ++g) (*column)[g] *= c.scale[g];
  c.halpha_lum_caseb.resize(n);
  c.halpha_ew_caseb.resize(n);
  c.halpha_dust.resize(n);
  for (std::size_t g = 0; g < n; ++g) {
    const GasOptions gas = gas_of(c.sample, g, options_.gas);
    c.halpha_lum_caseb[g] = halpha_case_b(c.budget.photons[g], gas);
    c.halpha_dust[g] = 0.4 * gas_attenuation(k_lines[k_halpha].wave_vac, c.sample.dust[g].av, gas);
    c.halpha_ew_caseb[g] = c.halpha_lum_caseb[g] * std::pow(10.0, -c.halpha_dust[g]) /
                           (c.light.light(g, k_n_bands + k_halpha) * c.scale[g] * k_lsun_erg_s);
  }
  if (!c.sample.galaxy_class.empty()) return;
  c.sample.galaxy_class.resize(n);
  constexpr double k_share = 0.2, k_gyr = 1e9;  // of the mass that forms in an age of the universe
  for (std::size_t g = 0; g < n; ++g)
    c.sample.galaxy_class[g] = c.budget.sfr100[g] * c.sample.inputs.t_obs[g] * k_gyr > k_share * c.budget.surviving[g]
                                   ? StarClass::star_forming
                                   : StarClass::quiescent;
}

// Whether lines of the continuum agree with the photons.
void StarMocker::compare_with_photons(StarMock& c) const {
  for (std::size_t g = 0; g < c.galaxies.n; ++g) {
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
  std::vector<Floor> least(n);
  for (std::size_t g = 0; g < n; ++g) least[g] = floor_of(d[g].lines);
  // Halpha of a galaxy whose gas has `fainter` times its dust: never above what all photons make before dust, but for
  // the floor, where there are hardly any.
  const auto halpha = [&](std::size_t g, double fainter, double normal) {
    const double own = c.halpha_ew_caseb[g] * std::pow(10.0, c.halpha_dust[g] * (1 - fainter));
    const double most = c.halpha_ew_caseb[g] * std::pow(10.0, c.halpha_dust[g]) * (1 - k_rounding),
                 both = own + least[g].ew(normal);
    if (both <= most) return both;
    const double free = std::clamp((k_bound - c.halpha_ew_caseb[g]) / (k_bound - k_floored), 0.0, 1.0);
    return std::lerp(most, both, free);
  };
  const bool both = options_.lines == LinesFrom::both;
  const double scatter = options_.photon_scatter;
  for (std::size_t g = 0; g < n; ++g) {
    const double ew = halpha(g, 1, 0);
    set(g, ew, k_sharp + ew * (both ? std::max(scatter * std::log(10.0), k_sharp) : k_sharp));
  }
  const auto budget = c.lines.flags;
  PredictOptions how{.draws = both ? 1U : 0U, .seed = options_.seed, .given = &given};
  c.lines = model_.predict(c.galaxies, pool_, how);
  if (both) {
    for (std::size_t g = 0; g < n; ++g) c.lines.flags[g] |= budget[g] & k_photon_budget;
    c.draw = one_draw(c.lines.draws, 1, 0);
    return;
  }
  // Each draw has dust of its own in front of the gas, so an Halpha about that of the photons, and the lines with it.
  std::vector<double> fainter(n, 1.0);
  for (std::size_t g = 0; g < n; ++g) {
    const RandomObject random(options_.seed, Stream::intrinsic, c.galaxies.targetid[g]);
    const double dust = c.halpha_dust[g], width = std::min(scatter, dust / k_widest);
    if (dust > 0) fainter[g] = std::max(1 - width * random.normal(0, k_scatter_lane) / dust, 0.0);
    const double ew = halpha(g, fainter[g], random.normal(0, k_floor_lane));
    set(g, ew, k_sharp * (1 + ew));
  }
  how.draws = 1;
  c.draw = one_draw(model_.predict(c.galaxies, pool_, how).draws, 1, 0);
  pool_.for_shards(shard_count(n, 1024), [&](std::size_t s) {
    const Shard rows = shard(s, n, 1024);
    for (std::size_t g = rows.first; g < rows.last; ++g) {
      const GasOptions options = gas_of(c.sample, g, options_.gas);
      const double factor = options.dust_factor;
      const double more = factor > 1 ? c.halpha_dust[g] * (1 - 1 / factor) : 0;
      const GalaxyGas gas{oxygen_of_lgmet(c.sample.inputs.lgmet[g]), c.galaxies.z[g], c.sample.dust[g].av,
                          c.halpha_ew_caseb[g] * std::pow(10.0, more),
                          c.light.light.row(g).subspan(k_n_bands, k_n_lines)};
      c.draw(g, k_halpha) = given.ew(g, k_halpha);  // known, not only nearly
      std::array<double, k_n_lines> middle{};
      std::copy_n(c.lines.ew.row(g).begin(), k_n_lines, middle.begin());
      hold_to_gas(c.draw.row(g), middle, gas, options, fainter[g]);
      hold_to_gas(c.lines.ew.row(g), middle, gas, options);
      for (std::size_t l = 0; l < k_n_lines; ++l) {
        if (!(middle[l] > 0)) continue;
        c.lines.p16(g, l) *= c.lines.ew(g, l) / middle[l];
        c.lines.p84(g, l) *= c.lines.ew(g, l) / middle[l];
      }
    }
  });
}

}  // namespace starglow
