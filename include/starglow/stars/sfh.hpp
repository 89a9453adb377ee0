#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace starglow {

/// Histories of star formation and metallicity, and the weights that they give the populations of a grid: the
/// conventions of DSPS 0.4.8 (Hearin et al. 2023, MNRAS 521, 1741), float64. Times in Gyr since the Big Bang, rates in
/// M_sun/yr, masses in M_sun formed, metallicity log10 Z, ages log10(age/Gyr).

inline constexpr double k_sfr_min = 1e-14;                  ///< M_sun/yr, floor of tabulated rates
inline constexpr double k_t_birth_min = 0.001;              ///< Gyr, start of the integral and earliest birth
inline constexpr double k_lgmet_lo = -10, k_lgmet_hi = 10;  ///< outer edges of the metallicity bins

/// Widths that belong to the points t (n >= 3): between the midpoints; the ends as in DSPS, whose last width differs
/// from the last step on an uneven grid.
std::vector<double> dt_array(std::span<const double> t);

/// Cumulative triweight kernel of z = (x - m)/h: 0 below -3, 1 above 3; and its derivative by z.
double triweight_cdf(double z) noexcept;
double triweight_slope(double z) noexcept;

/// lo + (hi - lo)/(1 + exp(-k (x - x0))), and its inverse.
double sigmoid(double x, double x0, double k, double lo, double hi) noexcept;
double inverse_sigmoid(double y, double x0, double k, double lo, double hi) noexcept;

/// Edges of the age bins of a grid (n_age + 1), log10 Gyr; ends closed at half a bin.
std::vector<double> age_edges(std::span<const double> lg_age_gyr);
/// Edges of the metallicity bins (n_met + 1); the end bins are open (-10, 10). One and two metallicities too, which
/// DSPS refuses: one bin, or two that meet in the middle.
std::vector<double> metallicity_edges(std::span<const double> lgmet);

/// Weights of the metallicity bins of a lognormal distribution, sum 1, and, where given (same size), their derivatives.
/// Beyond the outer edges all weight is in the end bin. `scatter` <= 0 or NaN gives NaN.
void metallicity_weights(std::span<const double> edges, double lgmet, double scatter, std::span<double> weights,
                         std::span<double> d_lgmet = {}, std::span<double> d_scatter = {});

/// Times of a table of star-formation rates, and the age bins of a grid: what all galaxies of a table share.
class SfhTable {
 public:
  /// Error(input): fewer than 3 times, not ascending, the first not above 0.001 Gyr, fewer than 3 ages.
  SfhTable(std::span<const double> t_gyr, std::span<const double> lg_age_gyr);

  std::size_t n_times() const noexcept { return t_.size(); }
  std::size_t n_ages() const noexcept { return lg_age_.size(); }
  std::span<const double> times() const noexcept { return t_; }
  std::span<const double> log_times() const noexcept { return lgt_; }
  std::span<const double> lg_ages() const noexcept { return lg_age_; }
  /// Birth time, Gyr, of the age bins' edges is t_obs minus these.
  std::span<const double> edge_ages() const noexcept { return edge_age_; }
  std::span<const double> bin_ages() const noexcept { return bin_age_; }  ///< Gyr, of the populations

 private:
  std::vector<double> t_, lgt_, lg_age_, edge_age_, bin_age_;
};

/// The ages of one galaxy's stars. Keeps what the reverse pass needs; reuse the object to save allocations.
struct AgeWeights {
  std::vector<double> weights;  ///< (n_age), sum 1; mass of each bin over that of all
  double mass = 0;              ///< M_sun formed at t_obs
  bool nonfinite = false;       ///< t_obs before the table, or NaN: no answer, weights NaN
  bool clipped = false;         ///< t_obs beyond the table, or a rate below the floor of 1e-14 (negative ones too)

  // of the reverse pass
  std::vector<double> sfr, cumulative, lgsm, lnsm, edge_mass, fraction;
  std::vector<std::size_t> interval;
  double total = 0, t_obs = 0, mass_fraction = 0;
  std::size_t mass_interval = 0;
};

/// Weights of the age bins of a tabulated history, and the mass formed.
void age_weights(const SfhTable& table, std::span<const double> sfr, double t_obs, AgeWeights& out,
                 double sfr_min = k_sfr_min);

/// Reverse pass: gradients by the table's rates (added to d_sfr) and by t_obs (returned), given those by the weights
/// and by the mass. Zero where the value is clamped, as in JAX.
double age_weights_vjp(const SfhTable& table, const AgeWeights& at, std::span<const double> d_weights, double d_mass,
                       std::span<double> d_sfr, double sfr_min = k_sfr_min);

/// A burst: triweight in log10 age/yr about `lgyr_peak`, zero beyond `lgyr_max` and its mirror.
struct Burst {
  double lgf = -1e300;     ///< log10 of the mass fraction; 10^lgf = 0: no burst
  double lgyr_peak = 5.5;  ///< log10 age/yr
  double lgyr_max = 7.0;   ///< log10 age/yr
  double fraction() const noexcept;
};

/// Weights of a pure burst, sum 1 (0 when it lies between or beyond all ages; syntheses leave it out, then, and flag
/// it), and derivatives where given.
void burst_weights(const Burst& burst, std::span<const double> lg_age_gyr, std::span<double> weights,
                   std::span<double> d_peak = {}, std::span<double> d_max = {});

/// Metallicity at each age of a grid of a tabulated history of metallicity (n_times): clamped interpolation in log10 of
/// the birth time.
void metallicity_at_ages(const SfhTable& table, std::span<const double> lgmet_table, double t_obs,
                         std::span<double> lgmet_at_age);

/// Metallicity of a galaxy of mass 10^lgsm at time t (Gyr): the relation that diffsky draws from.
double mass_metallicity(double lgsm, double t) noexcept;

enum class Imf { chabrier, salpeter };
/// Fraction of a population's mass that is still in stars and remnants at an age of 10^lg_age_yr years.
double surviving_mass_fraction(double lg_age_yr, Imf imf = Imf::chabrier) noexcept;

}  // namespace starglow
