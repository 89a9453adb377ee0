#pragma once
#include <span>
#include <vector>

#include "starglow/base/cosmology.hpp"
#include "starglow/model/model.hpp"
#include "starglow/stars/star_bands.hpp"

namespace starglow {

/// Lines of galaxies made of stars, with derivatives through the network: histories -> bands -> EWs -> luminosities.
struct StarLines {
  StarLight light;            ///< L_sun/A
  Matrix<double> band_flux;   ///< (n, 12) 1e-17 erg/s/cm2/A, as observed at z
  Matrix<double> ew;          ///< (n, 10) A, rest frame: Prediction::ew in float64
  Matrix<double> luminosity;  ///< (n, 10) erg/s: EW x continuum in the line's side bands, one EW for the whole galaxy
  std::vector<std::int32_t> flags;

  /// By the parameters of StarParameter, then z: (n, 10 * 10), line-major. The slope by z is of a galaxy of fixed
  /// luminosity seen from elsewhere, by central differences of z; 0 for models without z or luminosity.
  Matrix<double> d_ew, d_luminosity;
  Matrix<double> d_ew_d_sfr, d_luminosity_d_sfr;  ///< (n, 10 * n_times), per M_sun/yr
};
inline constexpr std::size_t k_n_star_line_slopes = k_n_star_parameters + 1;

/// z: (n), above 0. `derivatives`: fill the four of them. Error(input): sizes differ; Error(model): the model's answers
/// have no derivatives (knn, llr).
StarLines star_lines(const StarBands& bands, const Model& model, const StarInputs& inputs, std::span<const Dust> dust,
                     std::span<const double> z, const Conventions& conventions, WorkerPool& pool,
                     bool derivatives = false, const Cosmology& cosmology = {});

}  // namespace starglow
