#include "starglow/stars/photons.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "starglow/base/error.hpp"
#include "starglow/stars/dust.hpp"
#include "starglow/stars/sfh.hpp"
#include "stars/photon_table.hpp"

namespace starglow {
namespace {

constexpr double k_lyman = 911.753;                             // A
constexpr double k_planck = 6.62607015e-27, k_lsun = 3.828e33;  // erg s; erg/s
constexpr double k_least_z = 0.0004, k_most_z = 0.05;           // of the relation with metallicity
constexpr double k_first_lgmet = -4.0, k_lgmet_step = 0.1;
constexpr std::size_t k_n_lgmet = 29;
constexpr std::size_t k_n_younger = 30;             // ages below those of the table, down to 10^4 yr
constexpr double k_young = -2.99, k_short = 100.0;  // log10 Gyr, A: what a grid needs for photons of its own
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

double relative_to_solar(double lgmet) {
  const double y = std::clamp(lgmet, std::log10(k_least_z), std::log10(k_most_z)) - std::log10(k_photon_metallicity);
  return std::pow(10.0, -0.39 * y - 0.127 * y * y);
}

// Trapezoids of L_nu / (h lambda) up to the Lyman edge, to which the last step is cut.
double photons_of(std::span<const double> wave, std::span<const double> light) {
  double sum = 0;
  for (std::size_t k = 1; k < wave.size() && wave[k - 1] < k_lyman; ++k) {
    const double end = std::min(wave[k], k_lyman), share = (end - wave[k - 1]) / (wave[k] - wave[k - 1]);
    const double last = std::lerp(light[k - 1], light[k], share);
    sum += 0.5 * (light[k - 1] / wave[k - 1] + last / end) * (end - wave[k - 1]);
  }
  return sum * k_lsun / k_planck;
}

SspGrid one_wavelength(const PhotonGrid& grid) {
  SspGrid out;
  out.lgmet = grid.lgmet;
  out.lg_age_gyr = grid.lg_age_gyr;
  out.wave = {k_lyman};
  out.flux = grid.rate;
  return out;
}

// Mass formed until t, M_sun: the interpolation of age_weights().
double mass_until(const SfhTable& table, const AgeWeights& at, double t) {
  const auto lgt = table.log_times();
  const double x = std::log10(std::max(t, k_t_birth_min));
  const auto next = static_cast<std::size_t>(std::upper_bound(lgt.begin(), lgt.end(), x) - lgt.begin());
  if (next == 0) return std::pow(10.0, at.lgsm.front());
  if (next == lgt.size()) return std::pow(10.0, at.lgsm.back());
  const double share = (x - lgt[next - 1]) / (lgt[next] - lgt[next - 1]);
  return std::pow(10.0, std::lerp(at.lgsm[next - 1], at.lgsm[next], share));
}

}  // namespace

PhotonGrid photon_grid() {
  PhotonGrid out;
  for (std::size_t m = 0; m < k_n_lgmet; ++m)
    out.lgmet.push_back(k_first_lgmet + k_lgmet_step * static_cast<double>(m));
  // Younger than the table, stars shine as its first: without them a constant rate would lose a tenth of its photons.
  const std::size_t n_age = k_n_younger + k_n_photon_ages;
  for (std::size_t a = 0; a < n_age; ++a)
    out.lg_age_gyr.push_back(k_first_photon_age - 9.0 +
                             k_photon_age_step * (static_cast<double>(a) - static_cast<double>(k_n_younger)));
  out.rate = Matrix<double>(k_n_lgmet * n_age, 1);
  for (std::size_t m = 0; m < k_n_lgmet; ++m)
    for (std::size_t a = 0; a < n_age; ++a)
      out.rate(m * n_age + a, 0) =
          relative_to_solar(out.lgmet[m]) * std::pow(10.0, k_log_photons[std::max(a, k_n_younger) - k_n_younger]);
  out.source = "FSPS 2 (Padova, BaSeL, Z = 0.0190) by age, Ly et al. 2016 by metallicity";
  return out;
}

PhotonGrid photon_grid(const SspGrid& grid) {
  if (grid.lg_age_gyr.front() > k_young || grid.wave.front() > k_short) return photon_grid();
  PhotonGrid out;
  out.lgmet = grid.lgmet;
  out.lg_age_gyr = grid.lg_age_gyr;
  out.rate = Matrix<double>(grid.flux.rows(), 1);
  for (std::size_t row = 0; row < grid.flux.rows(); ++row) out.rate(row, 0) = photons_of(grid.wave, grid.flux.row(row));
  out.source = "the grid's own spectra below 911.75 A";
  out.own = true;
  return out;
}

StarPhotons::StarPhotons(PhotonGrid grid, std::span<const double> t_gyr)
    : grid_(std::move(grid)),
      synthesis_(grid_.lgmet, grid_.lg_age_gyr, t_gyr, grid_.rate),
      as_ssp_(one_wavelength(grid_)) {}

StarBudget StarPhotons::budget(const StarInputs& in, WorkerPool& pool) const {
  constexpr std::size_t k_shard = 128;
  constexpr double k_gyr10 = 0.01, k_gyr100 = 0.1;
  const std::size_t n = in.size(), n_age = grid_.lg_age_gyr.size();
  const SfhTable& table = synthesis_.table();
  std::vector<double> kept(n_age);
  for (std::size_t a = 0; a < n_age; ++a) kept[a] = surviving_mass_fraction(grid_.lg_age_gyr[a] + 9.0);
  StarBudget out;
  for (auto* column : {&out.photons, &out.mass, &out.surviving, &out.sfr10, &out.sfr100}) column->assign(n, k_nan);
  pool.for_shards(shard_count(n, k_shard), [&](std::size_t s) {
    const Shard rows = shard(s, n, k_shard);
    StarSynthesis::Weights w;
    for (std::size_t g = rows.first; g < rows.last; ++g) {
      synthesis_.weights(in, g, w);
      const double mass = w.smooth.mass;
      if (!std::isfinite(mass)) continue;
      double photons = 0, surviving = 0;
      for (std::size_t m = w.met_first; m < w.met_last; ++m) {
        double sum = 0;
        for (std::size_t a = 0; a < n_age; ++a) sum += w.age[a] * grid_.rate(m * n_age + a, 0);
        photons += w.met[m] * sum;
      }
      for (std::size_t a = 0; a < n_age; ++a) surviving += w.age[a] * kept[a];
      const double t = in.t_obs[g], smooth = 1 - w.fraction;
      const auto rate = [&](double gyr) {
        return smooth * (mass - mass_until(table, w.smooth, t - gyr)) / (std::min(gyr, t) * 1e9);
      };
      out.photons[g] = mass * photons;
      out.mass[g] = mass;
      out.surviving[g] = mass * surviving;
      out.sfr10[g] = rate(k_gyr10);
      out.sfr100[g] = rate(k_gyr100);
    }
  });
  return out;
}

RestSedGradient StarPhotons::slopes(std::span<const double> sfr, double lgmet, double lgmet_scatter,
                                    double t_obs) const {
  const double one[] = {1.0};
  return rest_sed_vjp(as_ssp_, synthesis_.table(), sfr, lgmet, lgmet_scatter, t_obs, one);
}

GasCurve parse_gas_curve(std::string_view name) {
  if (name == "calzetti") return GasCurve::calzetti;
  if (name == "milky_way") return GasCurve::milky_way;
  throw Error(ErrorKind::usage, "unknown curve of the gas' dust",
              {"'" + std::string(name) + "'", "calzetti, milky_way", ""});
}

void GasOptions::check() const {
  const auto share = [](double f) { return f >= 0 && f <= 1; };
  if (!share(f_esc) || !share(f_dust))
    throw Error(ErrorKind::usage, "a share of photons out of range",
                {"f_esc " + std::to_string(f_esc) + ", f_dust " + std::to_string(f_dust), "0 to 1", ""});
  if (!(dust_factor >= 0) || !std::isfinite(dust_factor))
    throw Error(ErrorKind::usage, "the dust of the gas over that of the stars is out of range",
                {std::to_string(dust_factor), "0 or more", ""});
}

double halpha_case_b(double photons, const GasOptions& gas) noexcept {
  return 1.37e-12 * photons * (1 - gas.f_esc) * (1 - gas.f_dust);
}

double gas_attenuation(double wave, double av, const GasOptions& gas) noexcept {
  const double reddening = gas.dust_factor * std::max(av, 0.0) / 4.05;
  if (gas.curve == GasCurve::calzetti) return reddening * dust_k(DustLaw::calzetti00, wave * 1e-4);
  constexpr double k_rv = 3.1;
  const double y = 1e4 / wave - 1.82;  // the polynomials of the optical, 0.3 to 0.9 micron
  const double a =
      1 +
      y * (0.17699 + y * (-0.50447 + y * (-0.02427 + y * (0.72085 + y * (0.01979 + y * (-0.77530 + y * 0.32999))))));
  const double b =
      y * (1.41338 + y * (2.28305 + y * (1.07233 + y * (-5.38434 + y * (-0.62251 + y * (5.30260 - y * 2.09002))))));
  return reddening * (k_rv * a + b);
}

}  // namespace starglow
