#include "starglow/stars/histories.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"

namespace starglow {

StarSample sample_of(const StarHistories& h, const StarPopulation& population, std::uint64_t seed) {
  using D = StarDraw;
  constexpr double k_nan = std::numeric_limits<double>::quiet_NaN(), k_z_max = 4;
  const std::size_t n = h.size(), n_times = h.times.size();
  const auto check = [&](const char* what, std::size_t size, bool optional) {
    if (size != n && !(optional && size == 0))
      throw Error(ErrorKind::input, std::string(what) + " of the histories and redshifts differ in number",
                  {std::to_string(size), std::to_string(n), ""});
  };
  check("ids", h.targetid.size(), false);
  check("metallicities", h.lgmet.size(), false);
  check("rows", h.sfr.rows(), false);
  if (h.sfr.cols() != n_times)
    throw Error(ErrorKind::input, "rates and times of the histories differ in number",
                {std::to_string(h.sfr.cols()) + " rates", std::to_string(n_times), ""});
  struct Column {
    D draw;
    const std::vector<double>* values;
    double otherwise;
  };
  const Column columns[] = {
      {D::lgmet, &h.lgmet, 0}, {D::av, &h.av, 0},        {D::lgmet_scatter, &h.lgmet_scatter, 0.2},
      {D::slope, &h.slope, 0}, {D::bump, &h.bump, 0.85}, {D::fibre_fraction, &h.fibre_fraction, 1},
      {D::redshift, &h.z, 0}};
  for (const auto& column : columns)
    check(std::string(k_star_draws[static_cast<std::size_t>(column.draw)].name).c_str(), column.values->size(), true);
  check("times of observation", h.t_obs.size(), true);

  StarSample out;
  out.scaled = false;
  out.parameters = Matrix<double>(n, k_n_star_draws, k_nan);
  out.inputs.sfr = h.sfr;
  out.inputs.lgmet = h.lgmet;
  out.inputs.lgmet_scatter.resize(n);
  out.inputs.t_obs.resize(n);
  out.dust.resize(n);
  out.band_factor = Matrix<double>(n, k_n_bands, 1.0);
  std::vector<double> known(n);
  for (std::size_t g = 0; g < n; ++g) known[g] = h.z[g] > 0 && h.z[g] <= k_z_max ? h.z[g] : k_nan;
  std::vector<double> held = known;
  for (double& z : held) z = std::isnan(z) ? 1 : z;
  const auto ages = ages_at(held, population.cosmology);
  for (std::size_t g = 0; g < n; ++g) {
    auto p = out.parameters.row(g);
    bool good = !std::isnan(known[g]);
    for (const auto& column : columns) {
      const double x = column.values->empty() ? column.otherwise : (*column.values)[g];
      p[static_cast<std::size_t>(column.draw)] = x;
      good = good && std::isfinite(x);
    }
    good = good && std::ranges::all_of(h.sfr.row(g), [](double rate) { return rate >= 0 && std::isfinite(rate); });
    const double t = h.t_obs.empty() ? ages[g] : h.t_obs[g];
    const auto value = [&](D d) { return p[static_cast<std::size_t>(d)]; };
    out.inputs.t_obs[g] = good && t > 0 ? t : k_nan;
    out.inputs.lgmet_scatter[g] = value(D::lgmet_scatter);
    out.dust[g] = {population.dust,
                   value(D::av),
                   value(D::slope),
                   value(D::bump),
                   0,
                   population.bump_from_slope && h.bump.empty()};
    const RandomObject random(seed, Stream::population, h.targetid[g]);
    for (std::size_t b = 0; b < k_n_bands; ++b) {
      const double scatter = population.band_scatter[b];
      const double dex =
          population.band_offset[b] + (scatter != 0 ? scatter * random.normal(2, static_cast<std::uint32_t>(b)) : 0.0);
      out.band_factor(g, b) = std::pow(10.0, dex);
    }
  }
  return out;
}

}  // namespace starglow
