#include "cli/spectra_bench.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "starglow/base/random.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/spectra/measure.hpp"
#include "starglow/spectra/merge.hpp"
#include "starglow/spectra/paint.hpp"
#include "starglow/spectra/side_bands.hpp"

namespace starglow::cli {
namespace {

struct Arm {
  std::size_t first, pixels;
};
constexpr std::array<Arm, 3> k_arms{{{0, 2751}, {2700, 2326}, {4900, 2881}}};

double redshift(std::size_t i, std::size_t n) { return 0.06 + 0.3 * static_cast<double>(i) / static_cast<double>(n); }

std::vector<double> desi_grid() {
  std::vector<double> wave(k_n_desi_pixels);
  for (std::size_t i = 0; i < wave.size(); ++i) wave[i] = desi_wave(i);
  return wave;
}

Spectra empty_spectra(std::size_t n) {
  Spectra out;
  out.wave_obs = Matrix<double>(1, k_n_desi_pixels);
  for (std::size_t i = 0; i < k_n_desi_pixels; ++i) out.wave_obs(0, i) = desi_wave(i);
  out.flux = Matrix<double>(n, k_n_desi_pixels);
  out.ivar = Matrix<double>(n, k_n_desi_pixels);
  out.mask = Matrix<std::int32_t>(n, k_n_desi_pixels);
  out.z.resize(n);
  out.targetid.resize(n);
  return out;
}

}  // namespace

struct SpectraBench::State {
  explicit State(WorkerPool& workers) : pool(workers), grid(PixelGrid::from_centres(desi_grid())) {
    const auto centres = desi_grid();
    for (std::size_t i = 0; i < k_prepared; ++i) {
      const double z = redshift(i, k_prepared), snr = 3 * std::pow(10, static_cast<double>(i % 8) / 7);
      // Two populations of the templates behind some dust.
      const std::size_t old_one = i % templates.count(), young = (i / 4 + 5) % templates.count();
      const double share = 0.2 + 0.15 * static_cast<double>(i % 5), dust = 0.1 * static_cast<double>(i % 4);
      std::vector<double> light(k_n_desi_pixels);
      for (std::size_t p = 0; p < light.size(); ++p) {
        const double rest = centres[p] / (1 + z);
        const double x = (std::log(rest) - templates.log_first()) / templates.log_step();
        const auto cell = static_cast<std::size_t>(std::clamp(x, 0.0, static_cast<double>(templates.pixels() - 1)));
        const float* t = templates.at_sigma(1) + cell * templates.stride();
        light[p] = (share * static_cast<double>(t[old_one]) + (1 - share) * static_cast<double>(t[young])) *
                   std::exp(dust * (rest - 5500) / 2000);
      }
      LineLight lines;
      lines.z = z;
      for (std::size_t k = 0; k < k_n_lines; ++k) {
        lines.strength[k] = 0.3 * std::pow(10, 2.5 * static_cast<double>((i + 3 * k) % 11) / 10);
        lines.continuum[k] = side_band_continuum(centres, light, z, static_cast<Line>(k));
        lines.sigma_v[k] = 60 + 20 * static_cast<double>(i % 9);
        if (!std::isfinite(lines.continuum[k])) lines.strength[k] = lines.continuum[k] = 0;
      }
      starglow::paint(grid, lines, light);
      const RandomObject random(1, Stream::spectrum_noise, static_cast<std::int64_t>(i));
      for (std::size_t a = 0; a < k_arms.size(); ++a)
        for (std::size_t p = 0; p < k_arms[a].pixels; ++p) {
          const double noise = random.normal(static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(p)) / snr;
          flux[a].push_back(static_cast<float>(light[k_arms[a].first + p] + noise));
          ivar[a].push_back(static_cast<float>(snr * snr));
        }
    }
    for (std::size_t a = 0; a < k_arms.size(); ++a)
      wave[a].assign(centres.begin() + static_cast<std::ptrdiff_t>(k_arms[a].first),
                     centres.begin() + static_cast<std::ptrdiff_t>(k_arms[a].first + k_arms[a].pixels));
    merged = merge();
    painted = Matrix<double>(k_painted, grid.size());
  }

  Spectra merge() const {
    Spectra out = empty_spectra(k_prepared);
    for (std::size_t i = 0; i < k_prepared; ++i) {
      out.z[i] = redshift(i, k_prepared);
      for (std::size_t a = 0; a < k_arms.size(); ++a) {
        const std::size_t n = k_arms[a].pixels;
        merge_camera({wave[a], std::span(flux[a]).subspan(i * n, n), std::span(ivar[a]).subspan(i * n, n), {}, {}},
                     k_arms[a].first, out, i);
      }
    }
    return out;
  }

  WorkerPool& pool;
  TemplateSet templates = shipped_templates();
  PixelGrid grid;
  std::array<std::vector<double>, 3> wave;
  std::array<std::vector<float>, 3> flux, ivar;
  Spectra merged;
  Matrix<double> painted;
};

SpectraBench::SpectraBench(WorkerPool& pool) : state_(std::make_unique<State>(pool)) {}
SpectraBench::~SpectraBench() = default;

double SpectraBench::prep() const {
  (void)measure(state_->merge(), state_->templates, state_->pool);
  return static_cast<double>(k_prepared);
}

double SpectraBench::side_bands() const {
  double sum = 0;
  for (std::size_t i = 0; i < k_prepared; ++i)
    for (std::size_t k = 0; k < k_n_lines; ++k) sum += side_band_ew(state_->merged.view(i), static_cast<Line>(k)).ew;
  return std::isnan(sum) ? 0 : static_cast<double>(k_prepared);  // what is not used would not be computed
}

double SpectraBench::paint() const {
  State& s = *state_;
  s.pool.for_shards(k_painted, [&](std::size_t i) {
    LineLight light;
    light.z = redshift(i, k_painted);
    light.strength.fill(20);
    light.continuum.fill(1);
    light.sigma_v.fill(100);
    starglow::paint(s.grid, light, s.painted.row(i));
  });
  return static_cast<double>(k_painted);
}

}  // namespace starglow::cli
