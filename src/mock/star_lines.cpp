#include "starglow/mock/star_lines.hpp"

#include "starglow/base/error.hpp"
#include "starglow/mock/star_mock.hpp"

namespace starglow {
namespace {

double dilution(double z, const Cosmology& cosmology) {
  return flux_per_luminosity(luminosity_distance(z, cosmology), z);
}

// EWs of galaxies of the same light at redshifts z + step (1 + z).
Matrix<double> ews(const Model& model, const StarLight& light, std::span<const double> z, double step,
                   const Conventions& conventions, const Cosmology& cosmology, WorkerPool& pool, Galaxies& g,
                   std::vector<std::int32_t>& flags) {
  g.n = z.size();
  g.conventions = conventions;
  g.z.resize(g.n);
  g.band_flux = Matrix<double>(g.n, k_n_bands);
  for (std::size_t i = 0; i < g.n; ++i) {
    g.z[i] = z[i] + step * (1 + z[i]);
    const double scale = dilution(g.z[i], cosmology);
    for (std::size_t b = 0; b < k_n_bands; ++b) g.band_flux(i, b) = light.light(i, b) * scale;
  }
  Prediction p = model.predict(g, pool, {.float64 = true});
  flags = std::move(p.flags);
  return std::move(p.ew);
}

}  // namespace

StarLines star_lines(const StarBands& bands, const Model& model, const StarInputs& inputs, std::span<const Dust> dust,
                     std::span<const double> z, const Conventions& conventions, WorkerPool& pool, bool derivatives,
                     const Cosmology& cosmology) {
  const std::size_t n = inputs.size();
  if (z.size() != n)
    throw Error(ErrorKind::input, "redshifts and galaxies differ in number",
                {std::to_string(z.size()), std::to_string(n), ""});
  StarLines out;
  StarJacobian slopes;
  if (derivatives) {
    slopes = bands.jacobian(inputs, dust, pool, true);
    out.light = slopes.at;
  } else {
    out.light = bands.light(inputs, dust, pool);
  }
  Galaxies g;
  out.ew = ews(model, out.light, z, 0, conventions, cosmology, pool, g, out.flags);
  out.band_flux = g.band_flux;
  out.luminosity = Matrix<double>(n, k_n_lines);
  for (std::size_t i = 0; i < n; ++i) {
    out.flags[i] |= out.light.flags[i];
    for (std::size_t l = 0; l < k_n_lines; ++l)
      out.luminosity(i, l) = out.ew(i, l) * out.light.light(i, k_n_bands + l) * k_lsun_erg_s;
  }
  if (!derivatives) return out;
  const Matrix<double> by_flux = model.jacobian(g, pool);
  constexpr double k_step = 1e-4;
  Galaxies moved;
  std::vector<std::int32_t> ignored;
  const Matrix<double> up = ews(model, out.light, z, k_step, conventions, cosmology, pool, moved, ignored);
  const Matrix<double> down = ews(model, out.light, z, -k_step, conventions, cosmology, pool, moved, ignored);
  const std::size_t n_t = bands.table().n_times();
  out.d_ew = out.d_luminosity = Matrix<double>(n, k_n_lines * k_n_star_line_slopes);
  out.d_ew_d_sfr = out.d_luminosity_d_sfr = Matrix<double>(n, k_n_lines * n_t);
  for (std::size_t i = 0; i < n; ++i) {
    const double scale = dilution(z[i], cosmology);
    for (std::size_t l = 0; l < k_n_lines; ++l) {
      const double continuum = out.light.light(i, k_n_bands + l), ew = out.ew(i, l);
      // Row `of` of a derivative of the 22 outputs, with `count` columns: chain it to the line.
      const auto chain = [&](std::span<const double> of, std::size_t count, std::size_t k, double& d_ew,
                             double& d_lum) {
        d_ew = 0;
        for (std::size_t b = 0; b < k_n_bands; ++b) d_ew += by_flux(i, l * k_n_bands + b) * scale * of[b * count + k];
        d_lum = (d_ew * continuum + ew * of[(k_n_bands + l) * count + k]) * k_lsun_erg_s;
      };
      for (std::size_t k = 0; k < k_n_star_parameters; ++k) {
        const std::size_t at = l * k_n_star_line_slopes + k;
        chain(slopes.d_parameters.row(i), k_n_star_parameters, k, out.d_ew(i, at), out.d_luminosity(i, at));
      }
      for (std::size_t k = 0; k < n_t; ++k)
        chain(slopes.d_sfr.row(i), n_t, k, out.d_ew_d_sfr(i, l * n_t + k), out.d_luminosity_d_sfr(i, l * n_t + k));
      const std::size_t at = l * k_n_star_line_slopes + k_n_star_parameters;
      out.d_ew(i, at) = (up(i, l) - down(i, l)) / (2 * k_step * (1 + z[i]));
      out.d_luminosity(i, at) = out.d_ew(i, at) * continuum * k_lsun_erg_s;
    }
  }
  return out;
}

}  // namespace starglow
