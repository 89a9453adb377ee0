#include "cli/star_maker.hpp"

#include <cmath>

#include "starglow/base/cosmology.hpp"
#include "starglow/base/error.hpp"
#include "starglow/model/noise.hpp"
#include "starglow/spectra/photometry.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_times = 100;
constexpr double k_first_time = 0.1, k_last_time = 13.8;  // Gyr
constexpr double k_pi = 3.14159265358979323846;
std::vector<double> table_times() {
  std::vector<double> t(k_times);
  for (std::size_t i = 0; i < k_times; ++i)
    t[i] = k_first_time + (k_last_time - k_first_time) * static_cast<double>(i) / (k_times - 1);
  return t;
}

}  // namespace

StarPopulation population_of(const Settings& settings) {
  StarPopulation out;
  out.shape = parse_sfh_shape(settings.text("sfh"));
  out.dust = parse_dust_law(settings.text("dust_law"));
  out.bump_from_slope = settings.flag("bump_from_slope");
  out.cosmology = {settings.number("h0"), settings.number("om0")};
  if (!(out.cosmology.h0 > 0) || !(out.cosmology.om0 > 0 && out.cosmology.om0 < 1))
    throw Error(ErrorKind::usage, "no such cosmology",
                {"h0 " + settings.text("h0") + ", om0 " + settings.text("om0"), "h0 > 0, 0 < om0 < 1", ""});
  out.band_offset = StarPopulation::parse_bands(settings.text("band_offset"), "band_offset");
  out.band_scatter = StarPopulation::parse_bands(settings.text("band_scatter"), "band_scatter");
  for (std::size_t k = 0; k < k_n_star_draws; ++k)
    out.distributions[k] = StarDistribution::parse(settings.text(key_of(k)), static_cast<StarDraw>(k));
  const auto& z = out.distributions[static_cast<std::size_t>(StarDraw::redshift)];
  if (!(z.kind == StarDistribution::Kind::fixed ? z.mean > 0 && z.mean <= 4 : z.lo > 0 && z.hi <= 4))
    throw Error(ErrorKind::usage, "redshifts out of range", {settings.text("redshift"), "above 0, at most 4", ""});
  return out;
}

std::string key_of(std::size_t parameter) { return std::string(k_star_draws[parameter].name); }

Maker::Maker(StarPopulation population, const std::string& aperture, std::uint64_t seed, const CompactSsp& compact,
             std::vector<Filter> filters, const Model& model, WorkerPool& pool)
    : population_(std::move(population)),
      times_(table_times()),
      bands_(compact, times_, population_.dust),
      filters_(std::move(filters)),
      model_(model),
      pool_(pool),
      seed_(seed) {
  if (!filters_.empty()) photometry_.emplace(bands_.compact(), filters_);
  conventions_.aperture = aperture;
  conventions_.contsrc = "synthetic";
  conventions_.fluxscal = "absolute";
  conventions_.vacuum = "T";
}

Chunk Maker::stars(std::int64_t first_id, std::size_t n) const {
  Chunk c;
  c.sample = sample_stars(population_, times_, seed_, first_id, n, pool_);
  c.light = bands_.light(c.sample.inputs, c.sample.dust, pool_, photometry_.has_value());
  c.galaxies.n = n;
  c.galaxies.targetid.resize(n);
  c.galaxies.z.resize(n);
  c.galaxies.band_flux = Matrix<double>(n, k_n_bands);
  c.galaxies.conventions = conventions_;
  c.scale.resize(n);
  c.distance.resize(n);
  pool_.for_shards(shard_count(n, 1024), [&](std::size_t s) {
    const Shard rows = shard(s, n, 1024);
    for (std::size_t g = rows.first; g < rows.last; ++g) {
      const auto p = c.sample.parameters.row(g);
      const auto value = [&](StarDraw d) { return p[static_cast<std::size_t>(d)]; };
      const double z = value(StarDraw::redshift), d = luminosity_distance(z, population_.cosmology);
      c.galaxies.targetid[g] = first_id + static_cast<std::int64_t>(g);
      c.galaxies.z[g] = z;
      c.distance[g] = d;
      c.scale[g] = c.sample.scaled ? std::pow(10.0, value(StarDraw::lgmass)) / c.light.mass[g] : 1;
      const double dilution = flux_per_luminosity(d, z) * c.scale[g] * value(StarDraw::fibre_fraction);
      for (std::size_t b = 0; b < k_n_bands; ++b)
        c.galaxies.band_flux(g, b) = c.light.light(g, b) * dilution * c.sample.band_factor(g, b);
    }
  });
  return c;
}

void Maker::lines(Chunk& c, std::int64_t first_id) const {
  const std::size_t n = c.galaxies.n;
  c.lines = model_.predict(c.galaxies, pool_, {.draws = model_.has_distribution() ? 1U : 0U, .seed = seed_});
  c.draw = model_.has_distribution() ? one_draw(c.lines.draws, 1, 0) : c.lines.ew;
  c.noisy = add_noise(c.draw, c.galaxies, static_cast<std::size_t>(first_id), model_.parts().noise, seed_, pool_);
  c.luminosity = Matrix<double>(n, k_n_lines);
  c.magnitude = Matrix<double>(n, filters_.size());
  c.continuum_magnitude = Matrix<double>(n, filters_.size());
  pool_.for_shards(shard_count(n, 1024), [&](std::size_t s) {
    const Shard rows = shard(s, n, 1024);
    std::vector<double> maggies(filters_.size());
    for (std::size_t g = rows.first; g < rows.last; ++g) {
      c.lines.flags[g] |= c.light.flags[g];
      for (std::size_t l = 0; l < k_n_lines; ++l)
        c.luminosity(g, l) = c.draw(g, l) * c.light.light(g, k_n_bands + l) * c.scale[g] * k_lsun_erg_s;
      if (!photometry_) continue;
      const double z = c.galaxies.z[g];
      photometry_->light(c.light.photometry.row(g), z, maggies);
      const double apparent = 5 * std::log10(c.distance[g] * 1e5) - 2.5 * std::log10(1 + z);
      for (std::size_t f = 0; f < filters_.size(); ++f) {
        const double continuum = maggies[f] * c.scale[g];
        double total = continuum;
        for (std::size_t l = 0; l < k_n_lines; ++l) {
          const double at = k_lines[l].wave_vac * (1 + z);
          if (at > filters_[f].lo() && at < filters_[f].hi() && std::isfinite(c.luminosity(g, l)))
            total += sed_line_light(filters_[f], k_lines[l].wave_vac, z, c.luminosity(g, l)).maggies;
        }
        c.continuum_magnitude(g, f) = ab_magnitude(continuum) + apparent;
        c.magnitude(g, f) = ab_magnitude(total) + apparent;
      }
    }
  });
}

double Maker::flux_per_luminosity(double mpc, double z) noexcept {
  const double cm = mpc * k_cm_per_mpc;
  return k_lsun_erg_s / (4 * k_pi * cm * cm * (1 + z)) / k_flux_unit;
}

}  // namespace starglow::cli
