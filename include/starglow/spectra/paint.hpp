#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "starglow/base/cosmology.hpp"
#include "starglow/base/lines.hpp"
#include "starglow/base/view.hpp"
#include "starglow/spectra/pixel_grid.hpp"

namespace starglow {

/// A Gaussian emission line on a spectrum, observed frame.
struct Profile {
  double wave = 0;   ///< centre, A, vacuum
  double sigma = 0;  ///< standard deviation, A; 0 = all in the pixel that holds `wave`
  double flux = 0;   ///< integral over wavelength; pixels then have its unit per A
};

/// The pixels [first, first + count) that a line touches: 8 sigma on each side, where the rest of its flux is below
/// 1e-15 of it.
struct Footprint {
  std::size_t first = 0, count = 0;
};
Footprint footprint(const PixelGrid& grid, const Profile& line) noexcept;

/// Adds lines to `pixels` (grid.size()): each pixel gets the mean of the Gaussian over it, by differences of the normal
/// distribution function at its edges (absolute error 2e-16 of the flux), so that sum(pixel x width) is the flux that
/// falls on the grid, at any sub-pixel phase and width. A line of flux 0 changes nothing. Not finite: every pixel NaN.
/// Error(usage): sigma < 0, or pixels of another size.
void add_lines(const PixelGrid& grid, std::span<const Profile> lines, std::span<double> pixels);

/// Adds the change of the pixels along the changes `d_lines` of the lines. At sigma = 0 only the flux counts.
void add_lines_jvp(const PixelGrid& grid, std::span<const Profile> lines, std::span<const Profile> d_lines,
                   std::span<double> d_pixels);

/// Adds to `d_lines` the gradient of sum(d_pixels . pixels) with respect to each line's wave, sigma and flux.
void add_lines_vjp(const PixelGrid& grid, std::span<const Profile> lines, std::span<const double> d_pixels,
                   std::span<Profile> d_lines);

/// The Gaussians of the lines, in the order of k_all_lines: [OII] is a pair.
struct PaintedComponent {
  std::string_view name;
  std::size_t line;  ///< index into k_all_lines
  double wave_vac;
  bool second;  ///< of a pair
};
inline constexpr std::size_t k_n_painted_components = [] {
  std::size_t n = 0;
  for (const auto& line : k_all_lines) n += lines::n_components(line);
  return n;
}();
inline constexpr std::array<PaintedComponent, k_n_painted_components> k_painted_components = [] {
  std::array<PaintedComponent, k_n_painted_components> out{};
  std::size_t c = 0;
  for (std::size_t l = 0; l < k_n_all_lines; ++l)
    for (std::size_t k = 0; k < lines::n_components(k_all_lines[l]); ++k) {
      const LineComponent part = lines::component(k_all_lines[l], k);
      out[c++] = {part.name, l, part.wave_vac, k == 1};
    }
  return out;
}();

/// Flux ratio [OII] 3729/3726 at an electron density (cm^-3): a (b + n)/(c + n) of Sanders et al. 2016 (ApJ 816, 23),
/// Table 1: 1.458 at low density, 0.377 at high. NaN for a density that is not >= 0.
double oii_flux_ratio(double electron_density) noexcept;
/// Electron density (cm^-3) from the flux ratio of the [SII] lines, blue over red, same source; clipped to [1, 1e5].
double sii_electron_density(double flux_ratio) noexcept;

/// What the strengths of LineLight are.
enum class Strength {
  ew,          ///< rest-frame equivalent width, A, of the line's side-band continuum
  flux,        ///< 1e-17 erg/s/cm2, observed
  luminosity,  ///< erg/s
};

/// The lines of one galaxy, in the order of k_all_lines; strength 0: no line.
struct LineLight {
  std::array<double, k_n_all_lines> strength{};
  std::array<double, k_n_all_lines> continuum{};  ///< with Strength::ew: mean continuum in the line's side bands,
                                                  ///< observed frame, 1e-17 erg/s/cm2/A
  double z = 0;
  std::array<double, k_n_all_lines> sigma_v{};  ///< km/s, of the gas alone
};

/// Widens lines. At most one of the three.
struct Instrument {
  double resolving_power = 0;        ///< wavelength / FWHM, constant
  std::span<const double> sigma{};   ///< A, one a pixel, linear between their centres
  MatrixView<const float> matrix{};  ///< DESI: (diagonals, pixels), row k holds diagonal (n_diagonals - 1)/2 - k,
                                     ///< aligned by column; its own column sums carry the flux
};

struct PaintOptions {
  Strength strength = Strength::ew;
  double oii_ratio = 1.3115;    ///< flux 3729/3726; oii_flux_ratio(100)
  bool atomic_doublets = true;  ///< 4959 and 6548 from their strong partners by flux; false: from their own strength
  Cosmology cosmology{};        ///< of luminosities
};

/// Flux of each line, 1e-17 erg/s/cm2: strength (1 + z) continuum, strength, or strength/(4 pi D_L^2).
std::array<double, k_n_all_lines> line_fluxes(const LineLight& light, const PaintOptions& options = {});

/// How the flux of a line follows from the strength of its source: the line itself, or the strong partner of a doublet.
struct FluxSlope {
  std::size_t source = 0;
  double d_strength = 0, d_continuum = 0;  ///< with respect to strength and continuum of the source
  double d_z = 0;                          ///< at fixed strength and continuum
};
std::array<FluxSlope, k_n_all_lines> line_flux_slopes(const LineLight& light, const PaintOptions& options = {});

/// The Gaussians, observed frame: centre wave_vac (1 + z), sigma^2 = (centre sigma_v/c)^2 + instrument^2.
std::array<Profile, k_n_painted_components> line_profiles(const PixelGrid& grid, const LineLight& light,
                                                          const PaintOptions& options = {},
                                                          const Instrument& instrument = {});

/// Adds the lines of a galaxy to `pixels`. Linear in the strengths. A line whose strength, or continuum, is NaN leaves
/// NaN in every pixel: choose what is painted. Error(usage): sizes, negative widths, two instruments.
void paint(const PixelGrid& grid, const LineLight& light, std::span<double> pixels, const PaintOptions& options = {},
           const Instrument& instrument = {});

/// Adds the change of the pixels along a change of strengths, continua, z and sigma_v. The continua are inputs: a
/// change of z moves the lines, and their strength by its own factor, at fixed continua.
void paint_jvp(const PixelGrid& grid, const LineLight& light, const LineLight& d_light, std::span<double> d_pixels,
               const PaintOptions& options = {}, const Instrument& instrument = {});

/// Gradient of sum(d_pixels . pixels) with respect to everything in `light`.
LineLight paint_vjp(const PixelGrid& grid, const LineLight& light, std::span<const double> d_pixels,
                    const PaintOptions& options = {}, const Instrument& instrument = {});

}  // namespace starglow
