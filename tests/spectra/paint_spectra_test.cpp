#include "starglow/spectra/paint_spectra.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/spectra/side_bands.hpp"

namespace starglow {
namespace {

Spectra example(std::size_t n, std::size_t first = 0) {
  Spectra s;
  s.wave_obs = Matrix<double>(1, 7781);
  for (std::size_t j = 0; j < 7781; ++j) s.wave_obs(0, j) = desi_wave(j);
  s.continuum = Matrix<double>(n, 7781);
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = static_cast<double>(first + i);
    s.z.push_back(0.08 + 0.01 * row);
    s.targetid.push_back(static_cast<std::int64_t>(1000 + first + i));
    for (std::size_t j = 0; j < 7781; ++j) s.continuum(i, j) = 2 + 0.1 * row + std::sin(s.wave_obs(0, j) / 300);
  }
  return s;
}
Matrix<double> filled(std::size_t n, double value) { return {n, k_n_lines, value}; }

TEST(PaintSpectra, PaintThenMeasureReturnsTheEw) {
  Spectra s = example(3);
  Matrix<double> ew = filled(3, 0);
  for (std::size_t i = 0; i < 3; ++i)
    for (const auto l : k_independent_lines) ew(i, l) = 1 + static_cast<double>(l) + 3 * static_cast<double>(i);
  WorkerPool pool(2);
  const auto flux = paint_spectra(s, ew, filled(3, 70), pool);
  for (std::size_t i = 0; i < 3; ++i) {
    // All light between two wavelengths that hold one group of lines, divided by the side-band continuum.
    const auto measured = [&](double lo, double hi, Line line) {
      double sum = 0;
      for (std::size_t j = 0; j < 7781; ++j)
        if (s.wave_obs(0, j) > lo * (1 + s.z[i]) && s.wave_obs(0, j) < hi * (1 + s.z[i]))
          sum += 0.8 * (s.flux(i, j) - s.continuum(i, j));
      return sum / (1 + s.z[i]) / side_band_continuum(s.wave_obs.row(0), s.continuum.row(i), s.z[i], line);
    };
    EXPECT_NEAR(measured(3700, 3755, Line::OII_DOUBLET), ew(i, 0), 1e-6 * ew(i, 0));
    EXPECT_NEAR(measured(4320, 4360, Line::HGAMMA), ew(i, 1), 1e-6 * ew(i, 1));
    EXPECT_NEAR(measured(4840, 4885, Line::HBETA), ew(i, 2), 1e-6 * ew(i, 2));
    EXPECT_NEAR(measured(4985, 5030, Line::OIII_5007), ew(i, 4), 1e-6 * ew(i, 4));
    EXPECT_NEAR(measured(6530, 6610, Line::HALPHA), ew(i, 6) + ew(i, 7) * (1 + 1 / 3.049), 1e-6 * ew(i, 6));
    EXPECT_NEAR(flux(i, 3), flux(i, 4) / 2.993, 1e-12);
    EXPECT_EQ(s.flags[i], 0);
  }
}

TEST(PaintSpectra, ZeroLeavesTheBytesOfTheContinuum) {
  Spectra s = example(1);
  s.continuum(0, 5) = -0.0;
  WorkerPool pool(1);
  (void)paint_spectra(s, filled(1, 0), filled(1, 100), pool);
  EXPECT_EQ(std::memcmp(s.flux.data(), s.continuum.data(), 7781 * sizeof(double)), 0);
}

TEST(PaintSpectra, BitEqualForAnyThreadsAndChunks) {
  const auto run = [](unsigned threads, std::size_t chunk) {
    std::vector<double> all;
    WorkerPool pool(threads);
    for (std::size_t first = 0; first < 9; first += chunk) {
      const std::size_t n = std::min(chunk, 9 - first);
      Spectra s = example(n, first);
      (void)paint_spectra(s, filled(n, 12), filled(n, 90), pool,
                          {.resolving_power = 3000, .noise = SpectrumNoise::desi, .seed = 5, .first_row = first});
      all.insert(all.end(), s.flux.flat().begin(), s.flux.flat().end());
      all.insert(all.end(), s.ivar.flat().begin(), s.ivar.flat().end());
    }
    // Plane by plane within a chunk: sorted bits compare whatever the chunk.
    std::sort(all.begin(), all.end());
    return all;
  };
  const auto want = run(1, 4096);
  for (const unsigned threads : {1U, 2U, 7U})
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
      const auto got = run(threads, chunk);
      ASSERT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(double)), 0) << threads << " " << chunk;
    }
}

TEST(PaintSpectra, NoiseHasItsWidthAndItsOwnDraws) {
  Spectra s = example(1);
  s.ivar = Matrix<double>(1, 7781, 4.0);
  s.ivar(0, 100) = 0;
  WorkerPool pool(1);
  Spectra again = s, other = s;
  const PaintSpectraOptions options{.noise = SpectrumNoise::ivar, .seed = 3};
  (void)paint_spectra(s, filled(1, 0), filled(1, 100), pool, options);
  (void)paint_spectra(again, filled(1, 0), filled(1, 100), pool, options);
  PaintSpectraOptions second = options;
  second.draw = {1};
  (void)paint_spectra(other, filled(1, 0), filled(1, 100), pool, second);
  EXPECT_EQ(s.flux(0, 100), s.continuum(0, 100));
  double squares = 0, product = 0;
  for (std::size_t j = 0; j < 7781; ++j) {
    EXPECT_EQ(s.flux(0, j), again.flux(0, j));
    const double a = 2 * (s.flux(0, j) - s.continuum(0, j)), b = 2 * (other.flux(0, j) - s.continuum(0, j));
    squares += a * a;
    product += a * b;
  }
  EXPECT_NEAR(squares / 7780, 1, 5 * std::sqrt(2.0 / 7780));
  EXPECT_NEAR(product / 7780, 0, 5 * std::sqrt(1.0 / 7780));
}

TEST(PaintSpectra, ModelOfNoiseGrowsToTheBlueAndWithTheFlux) {
  EXPECT_NEAR(desi_ivar(6500, 0, 0.2), 25, 1e-9);
  EXPECT_GT(desi_ivar(6500, 0, 0.2), 10 * desi_ivar(3700, 0, 0.2));
  EXPECT_NEAR(desi_ivar(6500, 1.81, 0.2), 12.5, 1e-9);
  EXPECT_EQ(desi_ivar(6500, -5, 0.2), desi_ivar(6500, 0, 0.2));
  EXPECT_EQ(desi_ivar(3500, 1, 0.2), 0);
  EXPECT_EQ(desi_ivar(6500, std::nan(""), 0.2), 0);
}

TEST(PaintSpectra, BadRowsAreFlaggedAndOthersUntouched) {
  Spectra s = example(6);
  Matrix<double> ew = filled(6, 10);
  s.z[0] = std::nan("");
  ew(1, 4) = std::nan("");
  s.z[2] = 0.6;                                                   // Halpha beyond the red end
  for (std::size_t j = 0; j < 7781; ++j) s.continuum(3, j) -= 2;  // negative in places
  s.flags = {0, 0, 0, 0, k_no_answer, 0};
  WorkerPool pool(1);
  const auto flux = paint_spectra(s, ew, filled(6, 100), pool);
  EXPECT_EQ(s.flags[0], k_nonfinite);
  EXPECT_EQ(s.flags[1], k_nonfinite);
  EXPECT_EQ(s.flags[2], k_line_outside);
  EXPECT_EQ(s.flags[3] & k_poor_continuum, k_poor_continuum);
  EXPECT_EQ(s.flags[4], k_no_answer);
  EXPECT_EQ(s.flags[5], 0);
  for (const std::size_t i : {0U, 1U, 4U})
    EXPECT_TRUE(std::isnan(s.flux(i, 7)) && std::isnan(s.lines(i, 7)) && std::isnan(flux(i, 0)));
  for (const std::size_t i : {2U, 3U, 5U}) EXPECT_TRUE(std::isfinite(s.flux(i, 7)) && std::isfinite(flux(i, 0)));
  EXPECT_EQ(flux(2, 6), 0);
}

TEST(PaintSpectra, MissingPlanesAndWrongShapesAreRefused) {
  Spectra s = example(2);
  WorkerPool pool(1);
  EXPECT_THROW((void)paint_spectra(s, filled(3, 0), filled(2, 1), pool), Error);
  EXPECT_THROW((void)paint_spectra(s, filled(2, 0), filled(2, 1), pool, {.matrix = true}), Error);
  EXPECT_THROW((void)paint_spectra(s, filled(2, 0), filled(2, 1), pool, {.noise = SpectrumNoise::ivar}), Error);
  EXPECT_THROW((void)paint_spectra(s, filled(2, 0), filled(2, -1), pool), Error);
}

TEST(PaintSpectra, BandsOfAStraightLineAreItsMiddle) {
  const Spectra s = example(1);
  std::vector<double> line(7781);
  for (std::size_t j = 0; j < 7781; ++j) line[j] = 1 + s.wave_obs(0, j) / 1e4;
  const auto bands = continuum_bands(s.wave_obs.row(0), line, 0.1);
  for (std::size_t b = 0; b < k_n_bands; ++b)
    EXPECT_NEAR(bands[b], 1 + 1.1 * (3550 + 300 * static_cast<double>(b)) / 1e4, 1e-9);
  EXPECT_TRUE(std::isnan(continuum_bands(s.wave_obs.row(0), line, 0.01)[0]));
  EXPECT_TRUE(std::isnan(continuum_bands(s.wave_obs.row(0), line, std::nan(""))[3]));
}

TEST(PaintSpectra, FurtherLinesArePaintedWhereTheyAreGiven) {
  Spectra s;
  const std::size_t pixels = 8000;
  s.wave_obs = Matrix<double>(1, pixels);
  for (std::size_t j = 0; j < pixels; ++j) s.wave_obs(0, j) = 3600 + 0.8 * static_cast<double>(j);
  s.continuum = Matrix<double>(1, pixels, 2.0);
  s.z = {0.1};
  Matrix<double> ew(1, k_n_all_lines), sigma(1, k_n_all_lines, 100.0);
  for (std::size_t l = k_n_lines; l < k_n_all_lines; ++l) ew(0, l) = 1.0 + static_cast<double>(l);
  WorkerPool pool(1);
  const Matrix<double> fluxes = paint_spectra(s, ew, sigma, pool);
  ASSERT_EQ(fluxes.cols(), k_n_all_lines);
  double sum = 0, wanted = 0;
  for (const double v : s.lines.flat()) sum += 0.8 * v;
  for (std::size_t l = 0; l < k_n_all_lines; ++l) {
    EXPECT_NEAR(fluxes(0, l), 2.0 * 1.1 * ew(0, l), 1e-12);
    wanted += fluxes(0, l);
  }
  EXPECT_NEAR(sum, wanted, 1e-9 * wanted);
  Matrix<double> more(1, k_n_all_lines + 1), fewer(1, k_n_lines - 1);
  EXPECT_THROW((void)paint_spectra(s, more, more, pool), Error);
  EXPECT_THROW((void)paint_spectra(s, fewer, fewer, pool), Error);
}

}  // namespace
}  // namespace starglow
