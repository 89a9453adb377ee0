#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/cosmology.hpp"
#include "starglow/base/lines.hpp"
#include "starglow/stars/dust.hpp"
#include "starglow/stars/stars.hpp"

namespace starglow {

/// Shapes of star-formation histories with a few parameters, as functions of cosmic time t (Gyr). All are zero before
/// t_start; all but diffstar are scaled to the mass formed.
enum class SfhShape {
  constant,          ///< 1
  tau,               ///< exp(-(t - t_start)/tau)
  delayed_tau,       ///< (t - t_start) exp(-(t - t_start)/tau)
  lognormal,         ///< exp(-(ln t/t_peak - width^2)^2 / (2 width^2))/t, greatest at t_peak (Gladders et al. 2013)
  double_power_law,  ///< 1/((t/tau)^alpha + (t/tau)^-beta) (Behroozi et al. 2013)
  diffstar,          ///< Alarcon et al. 2023 on a halo of Hearin et al. 2021: lgmass is log10 of its mass at 13.8 Gyr
  main_sequence      ///< of the preset universe: lgmass is the mass left, the rate now that of universe_galaxy()
};
std::string_view to_string(SfhShape shape) noexcept;
SfhShape parse_sfh_shape(std::string_view name);  ///< Error(usage) with the names

/// Parameters of a synthetic galaxy, in the order in which they are drawn.
enum class StarDraw : std::size_t {
  redshift,
  lgmass,
  lgtau,
  t_start,
  t_peak,
  width,
  lgalpha,
  lgbeta,
  lgqt,
  lgqdt,
  lgfburst,
  lgyr_peak,
  lgyr_max,
  lgmet,
  lgmet_scatter,
  av,
  slope,
  bump,
  fibre_fraction
};
inline constexpr std::size_t k_n_star_draws = 19;
struct StarDrawInfo {
  std::string_view name, unit, meaning;
};
extern const std::array<StarDrawInfo, k_n_star_draws> k_star_draws;

/// Distribution of one parameter: fixed; uniform between lo and hi; normal about mean + sum of slope (p - centre) over
/// parameters p drawn before it, cut to [lo, hi] (the cut tails are redistributed, nothing piles up at the ends); of a
/// redshift uniform in the comoving volume from lo to hi; or a relation with mass and redshift (universe.hpp).
struct StarDistribution {
  enum class Kind { fixed, uniform, normal, volume, relation } kind = Kind::fixed;
  double mean = 0, sd = 0, lo = 0, hi = 0;
  struct Term {
    std::size_t parameter;
    double slope, centre;
  };
  std::vector<Term> terms;
  /// "fixed 0.15", "uniform 0 1", "normal 0.5 0.3 0 2 +0.6*(lgmass-10.3)": see docs/mock.md. Error(usage).
  static StarDistribution parse(std::string_view text, StarDraw parameter);
};

/// Ready-made populations.
enum class StarPreset {
  desi_bgs,  ///< light in the fibres of the DESI Bright Galaxy Survey: colours and luminosities, no star-formation
             ///< rates
  universe   ///< whole galaxies of a volume, by the relations of universe.hpp, with weights
};
std::string_view to_string(StarPreset preset) noexcept;
StarPreset parse_star_preset(std::string_view name);  ///< Error(usage): desi-bgs, universe

enum class StarClass : std::uint8_t { quiescent, star_forming };
std::string_view to_string(StarClass galaxy) noexcept;

/// Star-formation rates at `times` for a shape and its parameters, at least 1e-14; scale arbitrary but for diffstar.
void parametric_sfh(SfhShape shape, std::span<const double, k_n_star_draws> parameters, std::span<const double> times,
                    std::span<double> sfr);

/// A population of galaxies: the distributions, and what is common to all.
struct StarPopulation {
  StarPreset preset = StarPreset::desi_bgs;
  SfhShape shape = SfhShape::delayed_tau;
  DustLaw dust = DustLaw::salim18;
  bool bump_from_slope = true;
  std::array<StarDistribution, k_n_star_draws> distributions;
  Cosmology cosmology;  ///< distances and ages
  /// Of the measured band fluxes, dex: what stars and dust of this kind do not give. Offset, and normal scatter
  /// independent from band to band: noise, calibration, and spectra that no population has.
  std::array<double, k_n_bands> band_offset{}, band_scatter{};
  static StarPopulation standard(StarPreset preset = StarPreset::desi_bgs);  ///< all of the preset's values
  /// The texts of a preset. desi_bgs: galaxies of the DESI Bright Galaxy Survey with four measured BPT lines, as their
  /// fibres see them (tools/fit_star_population.py).
  static std::string_view default_text(StarDraw parameter, StarPreset preset = StarPreset::desi_bgs) noexcept;
  static std::string_view default_band_offset(StarPreset preset = StarPreset::desi_bgs) noexcept;
  static std::string_view default_band_scatter(StarPreset preset = StarPreset::desi_bgs) noexcept;
  static SfhShape default_shape(StarPreset preset) noexcept;
  /// Twelve numbers, or one for all. Error(usage).
  static std::array<double, k_n_bands> parse_bands(std::string_view text, std::string_view what);
};

/// Galaxies first_id .. first_id + n - 1: depends on (seed, id) alone.
struct StarSample {
  Matrix<double> parameters;  ///< (n, 19)
  StarInputs inputs;          ///< histories unscaled: light is multiplied by `scale` after the synthesis
  std::vector<Dust> dust;
  Matrix<double> band_factor;           ///< (n, 12): offset and scatter of the measured bands
  bool scaled = true;                   ///< histories are to be scaled to 10^lgmass (not diffstar, not main_sequence)
  std::vector<StarClass> galaxy_class;  ///< as drawn; empty where the population has no classes
  /// Galaxies per Mpc^3 for which each stands, times the number of galaxies drawn; empty where there are no weights. A
  /// fixed lgmass has them per dex.
  std::vector<double> weight;
  /// Of each galaxy, empty where GasOptions alone says it: the E(B-V) of its gas over that of its stars as a multiple
  /// of GasOptions::dust_factor; the share of its photons that escape, beside GasOptions::f_esc.
  std::vector<double> gas_dust, escape;
};
/// Age of the universe, Gyr, at redshifts 0 to 4: a table, 1e-5 of the age.
std::vector<double> ages_at(std::span<const double> z, const Cosmology& cosmology);
StarSample sample_stars(const StarPopulation& population, std::span<const double> times, std::uint64_t seed,
                        std::int64_t first_id, std::size_t n, WorkerPool& pool);

}  // namespace starglow
