#include "starglow/spectra/paint_spectra.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "spectra/coverage.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/limits.hpp"
#include "starglow/base/marks.hpp"
#include "starglow/base/random.hpp"
#include "starglow/spectra/side_bands.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

// log sigma at 3700 + 400 i A relative to 6500 A: what tools/fit_desi_noise.py prints for the two coadds of fastspecfit
// and one spectrum of the DESI early data release.
constexpr std::array<double, 16> k_noise_nodes{1.885,  0.989,  0.729,  0.424,  0.328,  0.367,  0.144,  0.000,
                                               -0.110, -0.121, -0.149, -0.358, -0.484, -0.450, -0.300, -0.107};
constexpr double k_noise_start = 3700, k_noise_step = 400, k_sky_flux = 1.81;

void check(const Spectra& s, const MatrixView<const double>& strength, const MatrixView<const double>& sigma_v,
           const PaintSpectraOptions& options) {
  const std::size_t n = s.continuum.rows();
  const auto refuse = [](const std::string& what, std::string seen, std::string wanted) {
    throw Error(ErrorKind::usage, what, {std::move(seen), std::move(wanted), ""});
  };
  if (s.continuum.cols() != s.pixels()) refuse("a batch to paint has no continuum on its grid", "", "a continuum");
  if (s.z.size() != n) refuse("a batch to paint has no redshifts", std::to_string(s.z.size()), std::to_string(n));
  for (const auto* m : {&strength, &sigma_v})
    if (m->rows() != n || m->cols() < k_n_lines || m->cols() > k_n_all_lines || m->cols() != strength.cols())
      refuse("strengths or widths do not fit the spectra",
             std::to_string(m->rows()) + " x " + std::to_string(m->cols()),
             std::to_string(n) + " x " + std::to_string(k_n_lines) + " to " + std::to_string(k_n_all_lines));
  if (options.matrix && s.resolution.rows() != n) refuse("the spectra have no resolution matrices", "", "RESOLUTION");
  if (options.noise == SpectrumNoise::ivar && s.ivar.rows() != n) refuse("the spectra have no ivar", "", "IVAR");
  if (!options.draw.empty() && options.draw.size() != n)
    refuse("numbers of draws do not fit the spectra", std::to_string(options.draw.size()), std::to_string(n));
  if (!(options.noise_level >= 0)) refuse("a noise level is negative", std::to_string(options.noise_level), ">= 0");
}

constexpr double k_at = 1e-6;  // A: a line's centre as a range

/// The pixels, with more in the holes of their grid (then `place` says where they are); a resolution matrix belongs to
/// the pixels that are there.
PixelGrid grid_of(std::span<const double> wave, bool matrix, std::vector<std::size_t>& place) {
  const auto whole = matrix ? std::vector<double>() : without_holes(wave, place);
  return PixelGrid::from_centres(whole.empty() ? wave : std::span<const double>(whole));
}

/// What can be painted of the strengths of a row; its flags.
std::int32_t choose(std::span<const double> wave_obs, LineLight& light, std::span<const double> strength,
                    const PaintOptions& options, const LineSet& expected) {
  std::int32_t flags = 0;
  if (!(std::isfinite(light.z) && light.z > -1)) return k_nonfinite;
  for (std::size_t l = 0; l < strength.size(); ++l) {
    const double wave = k_all_lines[l].wave_vac * (1 + light.z);
    const bool on = wave > wave_obs.front() - 0.5 * pixel_width(wave_obs, 0) &&
                    wave < wave_obs.back() + 0.5 * pixel_width(wave_obs, wave_obs.size() - 1) &&
                    !(width_of_holes(wave_obs, wave - k_at, wave + k_at) > 0);
    if (!on && (expected.has(l) || strength[l] != 0)) flags |= k_line_outside;
    if (!std::isfinite(strength[l])) return flags | k_nonfinite;
    if (options.strength == Strength::ew && (strength[l] > k_most_ew || !can_be_measured(strength[l])))
      return flags | k_nonfinite | k_bounded;
    light.strength[l] = strength[l];
    if (options.strength != Strength::ew || light.continuum[l] > 0) continue;
    // Only what falls on the spectrum is missed.
    if (strength[l] != 0 && on) flags |= k_poor_continuum;
    light.strength[l] = 0;
  }
  return flags;
}

void add_noise(Spectra& s, std::size_t i, const PaintSpectraOptions& options) {
  const std::int64_t id = s.targetid.empty() ? static_cast<std::int64_t>(options.first_row + i)
                                             : object_id(s.targetid[i], s.survey.empty() ? "" : s.survey[i],
                                                         s.program.empty() ? "" : s.program[i]);
  const RandomObject random(options.seed, Stream::spectrum_noise, id);
  const std::uint32_t draw = options.draw.empty() ? 0 : options.draw[i];
  const auto wave = s.wave_obs.row(s.wave_obs.rows() == 1 ? 0 : i);
  for (std::size_t j = 0; j < s.pixels(); ++j) {
    if (options.noise == SpectrumNoise::desi) s.ivar(i, j) = desi_ivar(wave[j], s.flux(i, j), options.noise_level);
    if (const double ivar = s.ivar(i, j); ivar > 0)
      s.flux(i, j) += random.normal(draw, static_cast<std::uint32_t>(j)) / std::sqrt(ivar);
  }
}

}  // namespace

std::array<double, k_n_bands> continuum_bands(std::span<const double> wave, std::span<const double> continuum,
                                              double z) {
  std::array<double, k_n_bands> out{};
  for (std::size_t b = 0; b < k_n_bands; ++b)
    out[b] = z > -1 ? window_mean(wave, continuum, band_lo(b) * (1 + z), band_hi(b) * (1 + z)) : k_nan;
  return out;
}

std::array<double, k_n_all_lines> continuum_levels(std::span<const double> wave, std::span<const double> continuum,
                                                   double z, std::size_t n_lines) {
  std::array<double, k_n_all_lines> out{};
  for (std::size_t l = 0; l < n_lines; ++l)
    out[l] = z > -1 ? side_band_continuum(wave, continuum, z, static_cast<Line>(l)) : k_nan;
  return out;
}

double desi_ivar(double wave, double flux, double level) noexcept {
  if (!(wave >= 3600 && wave <= 9824.4) || !std::isfinite(flux) || !(level > 0)) return 0;
  const double at =
      std::clamp((wave - k_noise_start) / k_noise_step, 0.0, static_cast<double>(k_noise_nodes.size() - 1));
  const auto k = std::min(static_cast<std::size_t>(at), k_noise_nodes.size() - 2);
  const double log_shape = k_noise_nodes[k] + (at - static_cast<double>(k)) * (k_noise_nodes[k + 1] - k_noise_nodes[k]);
  const double sigma = level * std::exp(log_shape);
  return 1 / (sigma * sigma * (1 + std::max(flux, 0.0) / k_sky_flux));
}

void add_spectrum_noise(Spectra& s, WorkerPool& pool, const PaintSpectraOptions& options) {
  if (options.noise == SpectrumNoise::none) return;
  if (options.noise == SpectrumNoise::desi) s.ivar = Matrix<double>(s.flux.rows(), s.pixels());
  pool.for_shards(s.flux.rows(), [&](std::size_t i) { add_noise(s, i, options); });
}

Matrix<double> paint_spectra(Spectra& s, MatrixView<const double> strength, MatrixView<const double> sigma_v,
                             WorkerPool& pool, const PaintSpectraOptions& options) {
  check(s, strength, sigma_v, options);
  const std::size_t n = s.continuum.rows(), m = s.pixels();
  s.lines = Matrix<double>(n, m);
  s.flux = Matrix<double>(n, m);
  s.flags.resize(n, 0);
  Matrix<double> fluxes(n, strength.cols());
  if (n == 0) return fluxes;
  std::vector<std::size_t> common_place;
  const PixelGrid common = grid_of(s.wave_obs.row(0), options.matrix, common_place);
  pool.for_shards(n, [&](std::size_t i) {
    const bool own = s.wave_obs.rows() > 1;
    std::vector<std::size_t> own_place;
    const PixelGrid grid = own ? grid_of(s.wave_obs.row(i), options.matrix, own_place) : common;
    LineLight light;
    light.z = s.z[i];
    std::copy_n(sigma_v.row(i).begin(), sigma_v.cols(), light.sigma_v.begin());
    if (options.lines.strength == Strength::ew)
      light.continuum = continuum_levels(s.wave_obs.row(own ? i : 0), s.continuum.row(i), light.z, strength.cols());
    s.flags[i] |= (s.flags[i] & k_fatal_flags) != 0
                      ? 0
                      : choose(s.wave_obs.row(own ? i : 0), light, strength.row(i), options.lines, options.expected);
    const auto lines = s.lines.row(i), flux = s.flux.row(i), continuum = std::span(s.continuum.row(i));
    const auto none = [&] {
      std::fill(lines.begin(), lines.end(), k_nan);
      std::fill(flux.begin(), flux.end(), k_nan);
      std::fill(fluxes.row(i).begin(), fluxes.row(i).end(), k_nan);
    };
    if ((s.flags[i] & k_fatal_flags) != 0) return none();
    Instrument instrument{.resolving_power = options.resolving_power};
    if (options.matrix) instrument.matrix = {s.resolution.row(i).data(), k_n_diagonals, m};
    const auto& place = own ? own_place : common_place;
    if (place.empty()) {
      paint(grid, light, lines, options.lines, instrument);
    } else {  // lines fall into the holes of the grid as onto its pixels
      std::vector<double> whole(grid.size());
      paint(grid, light, whole, options.lines, instrument);
      for (std::size_t j = 0; j < m; ++j) lines[j] = whole[place[j]];
    }
    if (std::any_of(lines.begin(), lines.end(), [](double x) { return !(std::fabs(x) <= k_most_flux); })) {
      s.flags[i] |= k_nonfinite | k_bounded;
      return none();
    }
    const auto f = line_fluxes(light, options.lines);
    // -9999 and the like as a flux: no line takes away that much light
    if (options.lines.strength != Strength::ew && std::any_of(f.begin(), f.end(), [](double x) { return x < 0; })) {
      const auto level = continuum_levels(s.wave_obs.row(own ? i : 0), s.continuum.row(i), light.z, strength.cols());
      for (std::size_t l = 0; l < strength.cols(); ++l)
        if (level[l] > 0 && f[l] < 0 && !can_be_measured(f[l] / (level[l] * (1 + light.z)))) {
          s.flags[i] |= k_nonfinite | k_bounded;
          return none();
        }
    }
    std::copy_n(f.begin(), fluxes.cols(), fluxes.row(i).begin());
    for (std::size_t j = 0; j < m; ++j) flux[j] = lines[j] == 0 ? continuum[j] : continuum[j] + lines[j];
  });
  add_spectrum_noise(s, pool, options);
  return fluxes;
}

}  // namespace starglow
