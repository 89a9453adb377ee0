#include "starglow/spectra/line_continua.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

constexpr std::size_t at(Line line) { return static_cast<std::size_t>(line); }
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

struct Weights {
  std::size_t first;  // of three bands
  std::array<double, 3> weight;
};
constexpr Weights k_oii{0, {0.7088, 0.0154, 0.2146}}, k_hgamma{2, {0.6734, 0.3171, -0.0575}},
    k_hbeta{3, {-0.1210, 0.7012, 0.4404}}, k_oiii{4, {0.3882, 0.3924, 0.2194}}, k_halpha{9, {0.1629, 0.5083, 0.3413}},
    k_sii{9, {0.1307, 0.2653, 0.5982}};
constexpr std::array<Weights, k_n_lines> k_of_line{k_oii,    k_hgamma, k_hbeta,  k_oiii, k_oiii,
                                                   k_halpha, k_halpha, k_halpha, k_sii,  k_sii};

}  // namespace

std::array<double, k_n_lines> line_continua(std::span<const double> band_flux) noexcept {
  std::array<double, k_n_lines> out{};
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    const Weights& w = k_of_line[line];
    for (std::size_t k = 0; k < w.weight.size(); ++k) {
      const double flux = band_flux[w.first + k];
      out[line] += flux > 0 && std::isfinite(flux) ? w.weight[k] * flux : k_nan;
    }
    if (!(out[line] > 0)) out[line] = k_nan;
  }
  return out;
}

Matrix<double> bands_that_are_there(const Galaxies& galaxies) {
  Matrix<double> out = galaxies.band_flux;
  if (galaxies.band_flux_ivar.empty()) return out;
  for (std::size_t i = 0; i < out.rows(); ++i)
    for (std::size_t b = 0; b < k_n_bands; ++b)
      if (!(galaxies.band_flux_ivar(i, b) > 0)) out(i, b) = k_nan;
  return out;
}

Matrix<double> line_fluxes(const Matrix<double>& ew, const Matrix<double>& band_flux, std::span<const double> z) {
  const std::size_t n = ew.rows();
  if (band_flux.rows() != n || (!z.empty() && z.size() != n))
    throw Error(ErrorKind::input, "EWs, bands and redshifts differ in number",
                {std::to_string(n) + ", " + std::to_string(band_flux.rows()) + ", " + std::to_string(z.size()),
                 "one row a galaxy", ""});
  Matrix<double> out(n, k_n_lines);
  for (std::size_t i = 0; i < n; ++i) {
    const double stretch = !z.empty() && z[i] > -1 && std::isfinite(z[i]) ? 1 + z[i] : k_nan;
    const auto continuum = line_continua(band_flux.row(i));
    for (std::size_t line = 0; line < k_n_lines; ++line) out(i, line) = ew(i, line) * stretch * continuum[line];
    for (const Doublet& d : k_doublets) out(i, at(d.weak)) = out(i, at(d.strong)) / d.flux_ratio;
  }
  return out;
}

}  // namespace starglow
