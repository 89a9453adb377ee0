// Band fluxes between "as observed" and "without the Milky Way's dust".
#include "model/dust.hpp"

#include <array>
#include <cmath>

#include "starglow/spectra/extinction.hpp"

namespace starglow {
namespace {

// Factors of the twelve bands and their derivatives with respect to the redshift.
struct Factors {
  std::array<double, k_n_bands> value{}, d_z{};
};

// E(B-V) by which a row is converted; 0: as it is. Synthetic light has no more than it says.
double ebv_of(const Galaxies& g, std::size_t i) {
  if (g.z.empty() || !std::isfinite(g.z[i]) || !(g.z[i] > -1)) return 0;
  if (!g.ebv.empty() && known_ebv(g.ebv[i])) return g.ebv[i];
  return g.conventions.contsrc == "synthetic" ? 0 : k_usual_ebv;
}

Factors factors(double ebv, double z, int dust, bool derivative) {
  Factors out;
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    const double rest = 0.5 * (band_lo(b) + band_hi(b)), wave = rest * (1 + z), step = 1e-4 * wave;
    const double scale = -0.4 * dust * ebv;
    out.value[b] = std::pow(10.0, scale * milky_way_extinction(wave));
    if (derivative)
      out.d_z[b] = out.value[b] * scale * std::log(10.0) * rest *
                   (milky_way_extinction(wave + step) - milky_way_extinction(wave - step)) / (2 * step);
  }
  return out;
}

}  // namespace

Galaxies Model::with_own_dust(Galaxies g) const {
  const int dust = dust_to_add(g.conventions, *this);
  if (dust == 0) return g;
  for (std::size_t i = 0; i < g.band_flux.rows(); ++i) {
    const double ebv = ebv_of(g, i);
    if (ebv == 0) continue;
    const Factors f = factors(ebv, g.z[i], dust, false);
    for (std::size_t b = 0; b < k_n_bands; ++b) {
      g.band_flux(i, b) *= f.value[b];
      if (!g.band_flux_ivar.empty()) g.band_flux_ivar(i, b) /= f.value[b] * f.value[b];
    }
  }
  g.ebv.clear();  // used: these bands are not converted again
  g.conventions.mwcorr = dust > 0 ? "F" : "T";
  return g;
}

void chain_dust(const Galaxies& g, const Model& model, Matrix<double>& slopes) {
  const int dust = dust_to_add(g.conventions, model);
  if (dust == 0 || slopes.empty()) return;
  for (std::size_t i = 0; i < g.n; ++i) {
    const double ebv = ebv_of(g, i);
    if (ebv == 0) continue;
    const Factors f = factors(ebv, g.z[i], dust, true);
    for (std::size_t line = 0; line * k_n_slopes < slopes.cols(); ++line) {
      const auto of = slopes.row(i).subspan(line * k_n_slopes, k_n_slopes);
      for (std::size_t b = 0; b < k_n_bands; ++b) {
        if (of[b] != 0) of[k_n_bands] += of[b] * g.band_flux(i, b) * f.d_z[b];
        of[b] *= f.value[b];
      }
    }
  }
}

}  // namespace starglow
