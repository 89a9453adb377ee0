#include "starglow/mock/star_mock.hpp"

#include <cmath>
#include <utility>

#include "starglow/base/cosmology.hpp"
#include "starglow/base/error.hpp"
#include "starglow/mock/nebular.hpp"
#include "starglow/model/noise.hpp"
#include "starglow/spectra/photometry.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_times = 100;
constexpr auto k_hbeta = static_cast<std::size_t>(Line::HBETA);
constexpr double k_first_time = 0.1, k_last_time = 13.8;  // Gyr
constexpr double k_pi = 3.14159265358979323846;

std::vector<double> table_times() {
  std::vector<double> t(k_times);
  for (std::size_t i = 0; i < k_times; ++i)
    t[i] = k_first_time + (k_last_time - k_first_time) * static_cast<double>(i) / (k_times - 1);
  return t;
}

StarMockOptions checked(StarMockOptions options, const Model& model) {
  options.gas.check();
  if (!(options.photon_scatter >= 0 && options.photon_scatter <= 1))
    throw Error(ErrorKind::usage, "the scatter of Halpha about the photons is out of range",
                {std::to_string(options.photon_scatter), "0 to 1 dex", ""});
  if (options.lines != LinesFrom::continuum && !model.has_distribution())
    throw Error(ErrorKind::model, "this model kind cannot give the lines that go with a known Halpha",
                {"kind " + model.parts().kind, "kind joint, or lines of the continuum", ""});
  return options;
}

}  // namespace

StarMocker::StarMocker(StarMockOptions options, const CompactSsp& compact, PhotonGrid photons,
                       std::vector<Filter> filters, const Model& model, WorkerPool& pool, std::vector<double> times)
    : options_(checked(std::move(options), model)),
      times_(times.empty() ? table_times() : std::move(times)),
      bands_(compact, times_, options_.population.dust),
      photons_(std::move(photons), times_),
      filters_(std::move(filters)),
      model_(model),
      pool_(pool) {
  need_ten_lines(model, "a mock of stars");
  if (!filters_.empty()) photometry_.emplace(bands_.compact(), filters_);
  conventions_.aperture = options_.aperture;
  conventions_.contsrc = "synthetic";
  conventions_.fluxscal = "absolute";
  conventions_.vacuum = "T";
}

StarMock StarMocker::stars(std::int64_t first_id, std::size_t n) const {
  std::vector<std::int64_t> ids(n);
  for (std::size_t g = 0; g < n; ++g) ids[g] = first_id + static_cast<std::int64_t>(g);
  return stars(sample_stars(options_.population, times_, options_.seed, first_id, n, pool_), std::move(ids));
}

StarMock StarMocker::stars(StarSample sample, std::vector<std::int64_t> ids) const {
  const std::size_t n = ids.size();
  StarMock c;
  c.sample = std::move(sample);
  c.galaxies.targetid = std::move(ids);
  c.light = bands_.light(c.sample.inputs, c.sample.dust, pool_, photometry_.has_value());
  c.galaxies.n = n;
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
      const double z = value(StarDraw::redshift), d = luminosity_distance(z, options_.population.cosmology);
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

void StarMocker::lines(StarMock& c, std::int64_t first_id) const {
  const std::size_t n = c.galaxies.n;
  photons(c);
  if (options_.lines != LinesFrom::photons) {
    const bool joint = model_.has_distribution();
    c.lines = model_.predict(c.galaxies, pool_, {.draws = joint ? 1U : 0U, .seed = options_.seed});
    c.draw = joint ? one_draw(c.lines.draws, 1, 0) : c.lines.ew;
    compare_with_photons(c);
  }
  if (options_.lines != LinesFrom::continuum) lines_of_photons(c);
  for (std::size_t g = 0; g < n; ++g) {
    const auto continuum = c.light.light.row(g).subspan(k_n_bands, k_n_lines);
    hold_decrement(c.draw.row(g), continuum);
    const double before = c.lines.ew(g, k_hbeta);
    hold_decrement(c.lines.ew.row(g), continuum);
    if (c.lines.ew(g, k_hbeta) == before || c.lines.p16.empty()) continue;
    for (auto* quantile : {&c.lines.p16, &c.lines.p84}) (*quantile)(g, k_hbeta) *= c.lines.ew(g, k_hbeta) / before;
  }
  c.noisy =
      add_noise(c.draw, c.galaxies, static_cast<std::size_t>(first_id), model_.parts().noise, options_.seed, pool_);
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

double flux_per_luminosity(double mpc, double z) noexcept {
  const double cm = mpc * k_cm_per_mpc;
  return k_lsun_erg_s / (4 * k_pi * cm * cm * (1 + z)) / k_flux_unit;
}

}  // namespace starglow
