#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/lines.hpp"
#include "starglow/base/view.hpp"

namespace starglow {

/// Law of the measurement error of an EW, for rows without EW_IVAR:
///   log10 sigma_EW = c . [1, f, f^2, z, z^2, z^3, a, a^2],  f = log10 of the band flux at the line, a = asinh(EW / A),
/// fitted to the quoted errors of a table by robust least squares, one row of coefficients an independent line. The
/// weak members of the doublets have the error of their strong partner, divided by the ratio of the EWs (lines.hpp).
struct NoiseModel {
  static constexpr std::size_t k_n_terms = 8;
  std::vector<std::size_t> lines{k_independent_lines.begin(), k_independent_lines.end()};  ///< of the rows below
  Matrix<double> coefficients;                                                             ///< (lines, k_n_terms)
  std::vector<double> scatter;   ///< (lines) rms of log10 sigma about the law, dex
  double z_min = 0, z_max = 1;   ///< range of the fit; z is clamped to it
  double f_min = -2, f_max = 2;  ///< the same for f

  /// sigma of one line, A. NaN where the flux at the line is missing, or of a line that the law does not know; z NaN:
  /// the middle of the range.
  double sigma(std::size_t line, std::span<const double> band_flux, double z, double ew) const;
};

/// Index of the band that holds a line.
std::size_t band_of_line(std::size_t line) noexcept;

/// Error(input): fewer than 100 usable rows for a line, or columns are missing.
NoiseModel fit_noise_model(const Galaxies& galaxies, std::span<const std::size_t> lines = k_independent_lines);

/// The independent line that a line's noise comes from, and the factor on it: (itself, 1), or for the weak member of a
/// doublet (its partner, 1/ratio).
struct NoiseSource {
  std::size_t line;  ///< index into k_all_lines
  double factor;
};
NoiseSource noise_source(std::size_t line) noexcept;

}  // namespace starglow
