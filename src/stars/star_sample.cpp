#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <utility>

#include "starglow/base/random.hpp"
#include "starglow/stars/dsps_cosmology.hpp"
#include "starglow/stars/star_population.hpp"
#include "starglow/stars/universe.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_shard = 512;
constexpr std::size_t k_nodes = 401;
constexpr double k_z_max = 4;

// Linear in z between 401 nodes up to z = 4.
double at_redshift(std::span<const double> table, double z) {
  const double place = z / k_z_max * (k_nodes - 1);
  const auto i = static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(k_nodes - 2)));
  return std::lerp(table[i], table[i + 1], place - static_cast<double>(i));
}
double node(std::size_t i) { return k_z_max * static_cast<double>(i) / (k_nodes - 1); }

// The last cosmology's table is kept: making one costs as much as hundreds of galaxies.
std::shared_ptr<const std::vector<double>> age_table(const Cosmology& cosmology) {
  static std::mutex guard;
  static std::shared_ptr<const std::vector<double>> last;
  static Cosmology of;
  const std::scoped_lock lock(guard);
  if (last && of.h0 == cosmology.h0 && of.om0 == cosmology.om0) return last;
  const DspsCosmology same{cosmology.om0, -1, 0, cosmology.h0 / 100};
  auto made = std::make_shared<std::vector<double>>();
  for (std::size_t i = 0; i < k_nodes; ++i) made->push_back(dsps_age(node(i), same).value);
  last = std::move(made);
  of = cosmology;
  return last;
}
std::vector<double> distance_table(const Cosmology& cosmology) {
  std::vector<double> out;
  for (std::size_t i = 0; i < k_nodes; ++i) out.push_back(luminosity_distance(node(i), cosmology) / (1 + node(i)));
  return out;
}

// The redshift below which the share u of the comoving volume between lo and hi lies.
double redshift_in_volume(std::span<const double> distance, double lo, double hi, double u) {
  const double near = at_redshift(distance, lo), far = at_redshift(distance, hi);
  const double d = std::cbrt(near * near * near + u * (far * far * far - near * near * near));
  const auto above = std::upper_bound(distance.begin(), distance.end(), d) - distance.begin();
  const auto i = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(above, 1, k_nodes - 1));
  return std::clamp(node(i - 1) + (node(i) - node(i - 1)) * (d - distance[i - 1]) / (distance[i] - distance[i - 1]), lo,
                    hi);
}

}  // namespace

std::vector<double> ages_at(std::span<const double> z, const Cosmology& cosmology) {
  const auto table = age_table(cosmology);
  std::vector<double> out;
  out.reserve(z.size());
  for (const double value : z) out.push_back(at_redshift(*table, value));
  return out;
}

StarSample sample_stars(const StarPopulation& population, std::span<const double> times, std::uint64_t seed,
                        std::int64_t first_id, std::size_t n, WorkerPool& pool) {
  using D = StarDraw;
  using Kind = StarDistribution::Kind;
  const bool universe = population.preset == StarPreset::universe;
  StarSample out;
  out.scaled = !universe && population.shape != SfhShape::diffstar;
  out.parameters = Matrix<double>(n, k_n_star_draws);
  out.inputs.sfr = Matrix<double>(n, times.size());
  out.inputs.t_obs.resize(n);
  out.inputs.lgmet.resize(n);
  out.inputs.lgmet_scatter.resize(n);
  out.inputs.burst.resize(n);
  out.dust.resize(n);
  out.band_factor = Matrix<double>(n, k_n_bands);
  if (universe) {
    out.galaxy_class.resize(n);
    out.weight.resize(n);
    out.gas_dust.resize(n);
    out.escape.resize(n);
  }
  const auto age_of_universe = age_table(population.cosmology);
  const std::span<const double> ages = *age_of_universe;
  const auto& redshift = population.distributions[static_cast<std::size_t>(D::redshift)];
  const auto distances = redshift.kind == Kind::volume ? distance_table(population.cosmology) : std::vector<double>{};
  pool.for_shards(shard_count(n, k_shard), [&](std::size_t s) {
    const Shard rows = shard(s, n, k_shard);
    for (std::size_t g = rows.first; g < rows.last; ++g) {
      const RandomObject random(seed, Stream::population, first_id + static_cast<std::int64_t>(g));
      auto p = out.parameters.row(g);
      double density = 1;  // of the masses drawn, per dex
      for (std::size_t k = 0; k < k_n_star_draws; ++k) {
        const StarDistribution& d = population.distributions[k];
        const double u =
            d.kind == Kind::fixed || d.kind == Kind::relation ? 0.5 : random.uniform(1, static_cast<std::uint32_t>(k));
        if (d.kind == Kind::fixed) {
          p[k] = d.mean;
        } else if (d.kind == Kind::uniform) {
          p[k] = d.lo + u * (d.hi - d.lo);
          if (k == static_cast<std::size_t>(D::lgmass)) density = 1 / (d.hi - d.lo);
        } else if (d.kind == Kind::volume) {
          p[k] = redshift_in_volume(distances, d.lo, d.hi, u);
        } else if (d.kind == Kind::normal) {
          double mean = d.mean;
          for (const auto& term : d.terms) mean += term.slope * (p[term.parameter] - term.centre);
          const double low = normal_cdf((d.lo - mean) / d.sd), high = normal_cdf((d.hi - mean) / d.sd);
          const double x = mean + d.sd * normal_quantile(low + u * (high - low));
          p[k] = std::clamp(x, d.lo, d.hi);
          if (k == static_cast<std::size_t>(D::lgmass))
            density = normal_density((p[k] - mean) / d.sd) / (d.sd * (high - low));
        }
      }
      const auto value = [&](D d) { return p[static_cast<std::size_t>(d)]; };
      const double z = value(D::redshift), t_obs = at_redshift(ages, z);
      if (universe) {
        const auto related = [&](D d) {
          return population.distributions[static_cast<std::size_t>(d)].kind == Kind::relation;
        };
        const auto set = [&](D d, double to) {
          if (related(d)) p[static_cast<std::size_t>(d)] = to;
        };
        const double lgmass = value(D::lgmass);
        UniverseGalaxy galaxy = universe_galaxy(lgmass, z, t_obs, std::min(1.0, 0.2 * t_obs), random);
        set(D::t_start, galaxy.t_start);
        set(D::lgtau, galaxy.lgtau);
        set(D::lgmet, galaxy.lgmet);
        set(D::av, galaxy.av);
        galaxy.lgtau = value(D::lgtau);
        galaxy.t_start = value(D::t_start);
        universe_history(galaxy, lgmass, t_obs, times, out.inputs.sfr.row(g));
        out.galaxy_class[g] = galaxy.quiescent ? StarClass::quiescent : StarClass::star_forming;
        out.gas_dust[g] = universe_gas_dust(z);
        out.escape[g] = galaxy.escape;
        out.weight[g] = universe_mass_function(lgmass, z) / density;
      } else {
        parametric_sfh(population.shape, p.first<k_n_star_draws>(), times, out.inputs.sfr.row(g));
      }
      out.inputs.t_obs[g] = t_obs;
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
    }
  });
  return out;
}

}  // namespace starglow
