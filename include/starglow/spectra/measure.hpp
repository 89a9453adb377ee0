#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "starglow/base/parallel.hpp"
#include "starglow/spectra/bands.hpp"
#include "starglow/spectra/continuum_fit.hpp"
#include "starglow/spectra/indices.hpp"
#include "starglow/spectra/line_fit.hpp"
#include "starglow/spectra/spectrum.hpp"
#include "starglow/spectra/templates.hpp"

namespace starglow {

struct MeasureOptions {
  MaskRecipe recipe = MaskRecipe::k24;
  bool deredden = false;    ///< divide by the Milky Way's transmission (extinction.hpp); needs ebv
  bool lines = true;        ///< measure the lines; without, recipe k24 fits no starlight and is much faster
  bool side_bands = false;  ///< EWs against side bands alone, the second method; not the fit of Gaussians
};

/// Broad Balmer lines beside the narrow ones: see BroadLines. NaN and 0 where there are none; the odds are told
/// wherever they were looked into.
struct BroadMeasurement {
  std::array<double, k_n_all_lines> flux, flux_ivar, ew, ew_ivar;
  double sigma_v, sigma_ivar, v_shift, v_shift_ivar;  ///< km/s, of all of them
  double delta_chi2, log_odds;
};

/// Everything measured of one spectrum, of all lines of lines.hpp. Fluxes 1e-17 erg/s/cm2, EWs rest frame in A. A line
/// with no number: NaN and 0.
struct Measurement {
  BandMeasurement bands;
  std::array<double, k_n_all_lines> ew, ew_ivar;
  std::array<double, k_n_all_lines> ew_limit;  ///< upper limit, 95 % one-sided: EW + 1.645 / sqrt(ivar)
  std::array<double, k_n_all_lines> flux, flux_ivar, flux_limit;
  std::array<double, k_n_all_lines> sigma_v, sigma_ivar;        ///< km/s, intrinsic
  std::array<double, k_n_all_lines> v_shift, v_shift_ivar;      ///< km/s against z
  std::array<double, k_n_all_lines> continuum, continuum_ivar;  ///< mean of the two side bands
  BroadMeasurement broad;
  Index break_4000, lick_hdelta;  ///< indices.hpp
  double break_4000_model = 0;    ///< of the fitted starlight
  double snr = 0;                 ///< median flux over noise a pixel, of the pixels that starlight was fitted to
  double vdisp = 0, v_stars = 0;  ///< of the stars, km/s: see ContinuumFit
  std::int32_t flags = 0;
  std::vector<double> continuum_model, line_model;  ///< one a pixel; empty when not fitted
};

/// Separates starlight and lines of one spectrum and measures both.
///
/// EW = flux / continuum / (1 + z), the continuum as in side_bands.hpp: the mean of the fitted starlight in the side
/// bands, corrected by the mean of what the data show there beyond it, as far as this is better known than the
/// starlight itself is trusted (2 %). ew_ivar joins the errors of flux, continuum and of the starlight under the Balmer
/// lines. A galaxy with z not finite, or without a usable pixel, gets NaN and its flags; nothing is thrown for data.
Measurement measure_spectrum(const SpectrumView& s, const TemplateSet& templates, const MeasureOptions& options = {},
                             bool quasar = false);

/// All spectra of a batch; the answer does not depend on the number of threads.
std::vector<Measurement> measure(const Spectra& spectra, const TemplateSet& templates, WorkerPool& pool,
                                 const MeasureOptions& options = {});
/// The given rows of a batch alone, in the given order.
std::vector<Measurement> measure(const Spectra& spectra, std::span<const std::size_t> rows,
                                 const TemplateSet& templates, WorkerPool& pool, const MeasureOptions& options = {});

}  // namespace starglow
