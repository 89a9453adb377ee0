#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "starglow/base/line_set.hpp"
#include "starglow/base/lines.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/base/view.hpp"
#include "starglow/spectra/paint.hpp"
#include "starglow/spectra/spectrum.hpp"

namespace starglow {

/// Band fluxes of a line-free continuum: its means over the twelve bands at redshift z, linear between its points, in
/// its unit. NaN where it does not reach over a band, or z is not above -1.
std::array<double, k_n_bands> continuum_bands(std::span<const double> wave_obs, std::span<const double> continuum,
                                              double z);

/// Mean continuum at each of the first lines (side_bands.hpp); NaN where its side bands are not covered.
std::array<double, k_n_all_lines> continuum_levels(std::span<const double> wave_obs, std::span<const double> continuum,
                                                   double z, std::size_t n_lines = k_n_lines);

/// ivar of a spectrum as DESI's, smooth: sigma^2 = level^2 shape(lambda)^2 (1 + F/F_s), the shape 1 at 6500 A, straight
/// in its logarithm between nodes 400 A apart that are medians over three public spectra (tools/fit_desi_noise.py; they
/// scatter by 12 % about it), F_s = 1.81 the flux of a dark sky in a fibre. Without the sky's emission lines. level:
/// sigma at 6500 A without light, 1e-17 erg/s/cm2/A a pixel of 0.8 A; 0.15 in a 15 minute dark exposure or so. 0
/// outside 3600-9824 A and where the flux is not finite.
double desi_ivar(double wave_obs, double flux, double level) noexcept;

enum class SpectrumNoise {
  none,
  ivar,  ///< N(0, 1/sqrt(ivar)) of the batch's own ivar
  desi,  ///< of desi_ivar
};

struct PaintSpectraOptions {
  PaintOptions lines{};
  double resolving_power = 0;  ///< of Instrument; 0: none
  bool matrix = false;         ///< widen by the resolution matrices of the batch
  SpectrumNoise noise = SpectrumNoise::none;
  double noise_level = 0.15;  ///< of desi_ivar
  std::uint64_t seed = 1;
  std::size_t first_row = 0;          ///< of this batch in its file: the id of rows without TARGETID
  std::vector<std::uint32_t> draw{};  ///< number of the draw of each row; empty: 0. Keys the noise
  LineSet expected{};                 ///< lines that count as outside even where their strength is 0
};

/// Paints a batch: fills its `lines`, `flux` = continuum + lines + noise, `ivar` of SpectrumNoise::desi, and adds to
/// its flags. strength (n, lines) by options.lines.strength, sigma_v (n, lines) km/s, of the first lines of
/// k_all_lines; the continuum levels come from the batch's continuum. Returns the line fluxes (n, lines), 1e-17
/// erg/s/cm2.
///
/// A line off the spectrum: LINE_OUTSIDE. An EW of a line whose continuum is not positive or not covered: not painted,
/// its flux is 0, POOR_CONTINUUM. z, or a strength, that is not finite, or a row with a fatal flag: lines and flux NaN,
/// NONFINITE unless a fatal flag is there. Noise: stream spectrum_noise, the row's draw, lane = pixel; pixels of ivar 0
/// get none. The same for any number of threads. Error(usage): shapes, a missing plane.
Matrix<double> paint_spectra(Spectra& batch, MatrixView<const double> strength, MatrixView<const double> sigma_v,
                             WorkerPool& pool, const PaintSpectraOptions& options = {});

/// Adds noise to the flux of a painted batch, as options.noise says; paint_spectra does this itself.
void add_spectrum_noise(Spectra& batch, WorkerPool& pool, const PaintSpectraOptions& options);

}  // namespace starglow
