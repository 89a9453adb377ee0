#include "starglow/spectra/side_bands.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace starglow {
namespace {

std::vector<double> grid(double from, double to, double step) {
  std::vector<double> wave;
  for (double w = from; w <= to; w += step) wave.push_back(w);
  return wave;
}
std::vector<double> line_of(const std::vector<double>& wave) {
  std::vector<double> values;
  for (const double w : wave) values.push_back(2.0 + 3e-4 * (w - 5000));
  return values;
}

TEST(SideBands, StandClearOfTheLinesOfTheirGroup) {
  for (std::size_t i = 0; i < k_n_all_lines; ++i) {
    const SideBands& b = k_all_lines[i].side_bands;
    EXPECT_LT(b.blue_lo, b.blue_hi);
    EXPECT_LT(b.blue_hi, b.red_lo);
    EXPECT_LT(b.red_lo, b.red_hi);
    if (k_all_lines[i].leads) {
      for (const double edge : {b.blue_hi, b.red_lo})
        EXPECT_GT(std::fabs(edge - k_all_lines[i].wave_vac) / k_all_lines[i].wave_vac * 299792.458, 3.3 * 400.0) << i;
    }
    for (const auto& line : k_lines)
      for (const double edge : {b.blue_lo, b.blue_hi, b.red_lo, b.red_hi})
        EXPECT_GT(std::fabs(edge - line.wave_vac) / line.wave_vac * 299792.458, 3.3 * 400.0) << i << ' ' << line.name;
  }
}

TEST(SideBands, MeanOfALineIsItsValueAtTheMiddleOnAnyGrid) {
  for (const double step : {0.3, 0.8, 1.0, 21.0, 170.0}) {
    const auto wave = grid(3000, 7500, step);
    const auto values = line_of(wave);
    EXPECT_NEAR(window_mean(wave, values, 6001.3, 6049.1), 2.0 + 3e-4 * 1025.2, 1e-12) << step;
    for (std::size_t i = 0; i < k_n_all_lines; ++i) {
      const SideBands& b = k_all_lines[i].side_bands;
      const double middle = 0.25 * (b.blue_lo + b.blue_hi + b.red_lo + b.red_hi);
      EXPECT_NEAR(side_band_continuum(wave, values, static_cast<Line>(i)), 2.0 + 3e-4 * (middle - 5000), 1e-12);
    }
  }
}

TEST(SideBands, ObservedGridIsTheRestGridStretched) {
  const auto wave = grid(3000, 7500, 0.8);
  std::vector<double> values, wave_obs;
  for (const double w : wave) {
    values.push_back(1 + 0.2 * std::sin(w / 11));
    wave_obs.push_back(w * 1.23);
  }
  for (std::size_t i = 0; i < k_n_lines; ++i)
    EXPECT_NEAR(side_band_continuum(wave_obs, values, 0.23, static_cast<Line>(i)),
                side_band_continuum(wave, values, static_cast<Line>(i)), 1e-12);
}

TEST(SideBands, OffTheGridAndNanGiveNan) {
  const auto wave = grid(4820, 7500, 0.8);
  auto values = line_of(wave);
  EXPECT_TRUE(std::isnan(side_band_continuum(wave, values, Line::HBETA)));  // blue window begins at 4805
  EXPECT_FALSE(std::isnan(side_band_continuum(wave, values, Line::HALPHA)));
  EXPECT_TRUE(std::isnan(side_band_continuum(wave, values, std::nan(""), Line::HALPHA)));
  values[static_cast<std::size_t>((6490 - 4820) / 0.8)] = std::nan("");
  EXPECT_TRUE(std::isnan(side_band_continuum(wave, values, Line::HALPHA)));
  EXPECT_TRUE(std::isnan(window_mean({}, {}, 1, 2)));
  EXPECT_TRUE(std::isnan(window_mean(wave, values, 6000, 6000)));
}

TEST(SideBands, GoodPixelsAloneCount) {
  const auto wave = grid(4000, 7500, 0.8);
  auto flux = line_of(wave);
  std::vector<double> ivar(wave.size(), 4.0);
  const auto clean = measure_side_bands(wave, flux, ivar, 0.0, Line::HALPHA);
  EXPECT_NEAR(clean.mean, side_band_continuum(wave, flux, Line::HALPHA), 1e-3);
  EXPECT_EQ(clean.good_pixels, 100U);
  EXPECT_NEAR(clean.variance, 0.25 / 100, 1e-12);
  std::size_t spoiled = 0;
  for (std::size_t i = 0; i < wave.size(); i += 3) {
    flux[i] = i % 2 == 0 ? 1e9 : std::nan("");
    ivar[i] = i % 2 == 0 ? 0 : 4.0;
    spoiled += (wave[i] >= 6470 && wave[i] < 6510) || (wave[i] >= 6622 && wave[i] < 6662) ? 1U : 0U;
  }
  const auto rest = measure_side_bands(wave, flux, ivar, 0.0, Line::HALPHA);
  EXPECT_NEAR(rest.mean, clean.mean, 1e-3);
  EXPECT_EQ(rest.good_pixels, 100 - spoiled);
  for (std::size_t i = 0; i < wave.size(); ++i)
    if (wave[i] > 6480 && wave[i] < 6510) ivar[i] = 0;
  EXPECT_TRUE(std::isnan(measure_side_bands(wave, flux, ivar, 0.0, Line::HALPHA).mean));
  EXPECT_TRUE(std::isnan(measure_side_bands(wave, flux, {}, 0.0, Line::HBETA).variance));
  EXPECT_FALSE(std::isnan(measure_side_bands(wave, line_of(wave), {}, 0.0, Line::HBETA).mean));
}

}  // namespace
}  // namespace starglow
