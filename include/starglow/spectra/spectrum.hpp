#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "starglow/base/view.hpp"

namespace starglow {

/// Diagonals of a DESI resolution matrix, and the pixels of the survey's common grid.
inline constexpr std::size_t k_n_diagonals = 11;
inline constexpr std::size_t k_n_desi_pixels = 7781;

/// wave_obs of pixel `i` of the grid that the three cameras of DESI share: 3600 + 0.8 i, to 9824 A.
inline constexpr double desi_wave(std::size_t i) noexcept { return 3600.0 + 0.8 * static_cast<double>(i); }

/// One spectrum that somebody else owns. All spans have the length of `wave_obs` or are empty.
///
/// wave_obs: A, vacuum, observed frame, pixel centres, strictly increasing. flux: 1e-17 erg/s/cm2/A. ivar: of flux;
/// 0 = no information. mask: 0 = good.
struct SpectrumView {
  std::span<const double> wave_obs;
  std::span<const double> flux;
  std::span<const double> ivar;              ///< empty: unknown noise, every pixel counts alike
  std::span<const std::int32_t> mask;        ///< empty: no pixel masked
  std::span<const double> sigma_instrument;  ///< A, standard deviation of the instrument's profile; empty: unknown
  double z = 0;
  double ebv = 0;  ///< E(B-V) of the Milky Way, mag, SFD98 scale; NaN: unknown
  std::int64_t targetid = 0;

  std::size_t size() const noexcept { return wave_obs.size(); }
};

/// A batch of spectra: `size()` galaxies. An empty vector or matrix is an absent quantity.
struct Spectra {
  Matrix<double> wave_obs;          ///< (1, pixels): one grid for all; or (n, pixels): one row a galaxy
  Matrix<double> flux;              ///< (n, pixels)
  Matrix<double> ivar;              ///< (n, pixels)
  Matrix<std::int32_t> mask;        ///< (n, pixels), bits of DESI; 0 = good
  Matrix<double> continuum;         ///< (n, pixels), the light without lines
  Matrix<double> lines;             ///< (n, pixels), the lines alone
  Matrix<double> sigma_instrument;  ///< (n, pixels), A
  /// (n, 11 x pixels): diagonal k of galaxy i begins at column k x pixels, aligned by column as DESI writes it:
  /// M[j - off, j] = R[k, j] with off = 5 - k.
  Matrix<float> resolution;
  std::vector<std::int64_t> targetid;  ///< never through a double
  std::vector<std::string> survey, program;
  std::vector<double> z;
  std::vector<double> ebv;          ///< NaN = unknown
  std::vector<std::int32_t> flags;  ///< bits of flags.hpp
  Matrix<float> catalogue_ew,
      catalogue_ew_ivar;              ///< (n, 10): EWs that came with the file, rest frame, A; ivar 0 = none
  std::vector<std::string> spectype;  ///< GALAXY, QSO, STAR of the redshift fit
  /// What else the file says of its targets, kept for the tables: OBJTYPE, COADD_FIBERSTATUS, ZWARN, error of z, RA and
  /// DEC (degrees), and the id of the file where that is no TARGETID.
  std::vector<std::string> objtype, original_id;
  std::vector<std::int64_t> fiberstatus, zwarn;
  std::vector<double> z_err, ra, dec;

  std::size_t size() const noexcept { return flux.rows(); }
  std::size_t pixels() const noexcept { return wave_obs.cols(); }
  /// Spectrum `i`, as long as this batch lives unchanged.
  SpectrumView view(std::size_t i) const;
};

/// Throws Error(input) naming the pixel unless the grid is finite, positive and strictly increasing.
/// `what` names the spectrum in the message.
void check_wavelengths(std::span<const double> wave_obs, const std::string& what);

/// Standard deviation (A) of the instrument's profile at each pixel, from the second moment of the columns of a
/// resolution matrix of 11 or another odd number of diagonals (diagonals x pixels, as in `Spectra::resolution`) on
/// pixels of `step` A. Columns without light take the value of their nearest neighbour that has some; all NaN when none
/// has.
std::vector<double> instrument_sigma(std::span<const float> resolution, std::size_t pixels, double step);

}  // namespace starglow
