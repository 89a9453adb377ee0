#pragma once
#include <span>
#include <vector>

#include "starglow/base/parallel.hpp"
#include "starglow/base/view.hpp"
#include "starglow/stars/dust.hpp"
#include "starglow/stars/sfh.hpp"
#include "starglow/stars/ssp.hpp"

namespace starglow {

/// Light of composite populations, exactly as DSPS 0.4.8 computes it:
///   L_nu = M(t_obs) sum over metallicity m and age a of W[m, a] ssp_flux[m, a]        L_sun/Hz, rest frame
/// with M the mass *formed* and W the product of the weights, sum 1. Out of the grid: metallicity and ages are clamped
/// to the ends as in DSPS, and that is said by flags.

/// One galaxy's answer with its parts.
struct RestSed {
  std::vector<double> sed;              ///< (n_wave) L_sun/Hz
  Matrix<double> weights;               ///< (n_met, n_age)
  std::vector<double> lgmet_weights;    ///< (n_met); empty for a metallicity history
  Matrix<double> lgmet_weights_at_age;  ///< (n_met, n_age), of a metallicity history, columns summing to 1/n_age
  std::vector<double> age_weights;      ///< (n_age)
  double mass = 0;                      ///< M_sun formed
  std::int32_t flags = 0;               ///< k_clipped, k_nonfinite
};

/// Lognormal metallicities about lgmet. DSPS: calc_rest_sed_sfh_table_lognormal_mdf.
RestSed rest_sed(const SspGrid& grid, const SfhTable& table, std::span<const double> sfr, double lgmet,
                 double lgmet_scatter, double t_obs, double sfr_min = k_sfr_min);
/// A history of metallicity (n_times), with scatter. DSPS: calc_rest_sed_sfh_table_met_table.
RestSed rest_sed(const SspGrid& grid, const SfhTable& table, std::span<const double> sfr,
                 std::span<const double> lgmet_table, double lgmet_scatter, double t_obs, double sfr_min = k_sfr_min);

/// The SED of `of` behind dust whose av depends on the age of the stars (n_age; dust_av_at_age() is diffsky's): each
/// age is attenuated by itself. dust.av is not used.
std::vector<double> attenuated_by_age(const SspGrid& grid, const RestSed& of, const Dust& dust,
                                      std::span<const double> av_at_age);

/// Gradients of sum(d_sed . sed), as asked for by the reverse mode.
struct RestSedGradient {
  std::vector<double> sfr;          ///< (n_times)
  std::vector<double> lgmet_table;  ///< (n_times), of a metallicity history
  double lgmet = 0, lgmet_scatter = 0, t_obs = 0;
};
RestSedGradient rest_sed_vjp(const SspGrid& grid, const SfhTable& table, std::span<const double> sfr, double lgmet,
                             double lgmet_scatter, double t_obs, std::span<const double> d_sed,
                             double sfr_min = k_sfr_min);
RestSedGradient rest_sed_vjp(const SspGrid& grid, const SfhTable& table, std::span<const double> sfr,
                             std::span<const double> lgmet_table, double lgmet_scatter, double t_obs,
                             std::span<const double> d_sed, double sfr_min = k_sfr_min);

/// Many galaxies at once. One row a galaxy.
struct StarInputs {
  Matrix<double> sfr;                        ///< (n, n_times)
  std::vector<double> t_obs;                 ///< (n) Gyr
  std::vector<double> lgmet, lgmet_scatter;  ///< (n)
  std::vector<Burst> burst;                  ///< (n), or empty: none
  std::size_t size() const noexcept { return t_obs.size(); }
};

/// Weights of populations of a whole batch and products with spectra: the part that costs.
class StarSynthesis {
 public:
  /// `columns` (n_met * n_age, k): numbers of each population that are summed, e.g. grid.flux.
  StarSynthesis(std::span<const double> lgmet, std::span<const double> lg_age_gyr, std::span<const double> t_gyr,
                MatrixView<const double> columns);

  const SfhTable& table() const noexcept { return table_; }
  std::size_t n_met() const noexcept { return edges_.size() - 1; }
  std::size_t n_columns() const noexcept { return columns_; }

  /// Weights of one galaxy; `age` and `met` keep the parts. Returns the flags.
  struct Weights {
    AgeWeights smooth;
    std::vector<double> age, burst, met;      ///< mixed (n_age), pure burst, (n_met)
    std::size_t met_first = 0, met_last = 0;  ///< range of metallicities with weight
    double fraction = 0;                      ///< of mass in the burst
  };
  std::int32_t weights(const StarInputs& in, std::size_t galaxy, Weights& out) const;

  /// out (n, n_columns) = M sum W columns; flags (n). Only the metallicities that have weight are read. Equal for any
  /// threads; a galaxy's numbers do not depend on the others.
  void synthesise(const StarInputs& in, MatrixView<double> out, std::span<std::int32_t> flags, std::span<double> mass,
                  WorkerPool& pool) const;
  /// The galaxies [first, last) on the calling thread; out has a row for each of these, flags and mass for all.
  void synthesise(const StarInputs& in, std::size_t first, std::size_t last, MatrixView<double> out,
                  std::span<std::int32_t> flags, std::span<double> mass) const;

 private:
  static constexpr std::size_t k_panel = 32;
  SfhTable table_;
  std::vector<double> lgmet_, edges_;
  std::size_t columns_ = 0;
  AlignedVector<double> panels_;  ///< (panels, n_met * n_age, 32): columns in panels, the last filled up with zeros
};

}  // namespace starglow
