#include "spectra/coverage.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "starglow/spectra/air.hpp"
#include "starglow/spectra/side_bands.hpp"
#include "starglow/spectra/spectrum.hpp"

namespace starglow {
namespace {

std::vector<double> linear(double lo, double hi, double step) {
  std::vector<double> out;
  for (double w = lo; w < hi; w += step) out.push_back(w);
  return out;
}

std::vector<double> without(const std::vector<double>& wave, double lo, double hi) {
  std::vector<double> out;
  for (const double w : wave)
    if (!(w > lo && w < hi)) out.push_back(w);
  return out;
}

double covered(const std::vector<double>& wave) {
  double sum = 0;
  for (std::size_t i = 0; i < wave.size(); ++i) sum += pixel_width(wave, i);
  return sum;
}

TEST(Coverage, GridsWithoutHolesTouch) {
  std::vector<double> log_grid, joined, jump = linear(3600, 5000, 0.8);
  for (double w = 3600; w < 9000; w *= 1 + 2e-4) log_grid.push_back(w);
  for (double w = 5700; w < 5800; w += 0.8) joined.insert(joined.end(), {w, w + 0.1});  // two cameras that alternate
  for (double w = 5000; w < 7000; w += 2.0) jump.push_back(w);  // a coarser camera behind a fine one
  for (const auto& wave : {linear(3600, 9824, 0.8), log_grid, joined, jump}) {
    for (std::size_t i = 0; i + 1 < wave.size(); ++i) EXPECT_FALSE(is_hole(wave, i)) << wave[i];
    std::vector<std::size_t> place;
    EXPECT_TRUE(without_holes(wave, place).empty());
    const double ends = 0.5 * (wave[1] - wave[0] + wave.back() - wave[wave.size() - 2]);
    EXPECT_NEAR(covered(wave), wave.back() - wave.front() + ends, 1e-6);
  }
}

TEST(Coverage, AHoleIsCoveredByNobody) {
  const auto whole = linear(3600, 9824, 0.8);
  for (const auto& [lo, hi] : {std::pair{5000.0, 5250.0}, {5000.0, 5002.1}, {7000.0, 8500.0}}) {
    const auto wave = without(whole, lo, hi);
    const double missing = 0.8 * static_cast<double>(whole.size() - wave.size());
    EXPECT_NEAR(covered(wave), covered(whole) - missing, 1e-6);
    EXPECT_NEAR(width_of_holes(wave, 3600, 9824), missing, 1e-6);
    EXPECT_NEAR(width_of_holes(wave, lo, 0.5 * (lo + hi)), 0.5 * (hi - lo), 1.0);
    EXPECT_EQ(width_of_holes(wave, 4000, 4100), 0);
    std::vector<std::size_t> place;
    const auto filled = without_holes(wave, place);
    ASSERT_EQ(filled.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(filled[i], whole[i], 1e-6);
    for (std::size_t i = 0; i < wave.size(); ++i) EXPECT_EQ(filled[place[i]], wave[i]);
  }
}

TEST(Coverage, AMeanOverAHoleIsNoMean) {
  const auto wave = without(linear(3600, 9824, 0.8), 5000, 5250);
  const std::vector<double> flux(wave.size(), 2.0);
  EXPECT_TRUE(std::isnan(window_mean(wave, flux, 5000, 5300)));
  EXPECT_DOUBLE_EQ(window_mean(wave, flux, 4700, 5240), 2.0);
  EXPECT_DOUBLE_EQ(window_mean(wave, flux, 4400, 4700), 2.0);
}

TEST(Air, HalphaInAirIsHalphaInVacuum) {
  // NIST: 6562.80 A in standard air, 6564.61 A in vacuum; 5006.843 and 5008.240 A of [OIII]
  EXPECT_NEAR(vacuum_of_air(6562.80), 6564.613, 0.005);
  EXPECT_NEAR(vacuum_of_air(5006.843), 5008.240, 0.002);
  EXPECT_EQ(vacuum_of_air(1500), 1500);
}

TEST(InstrumentSigma, TakesAnyOddNumberOfDiagonals) {
  for (const std::size_t diagonals : {5U, 9U, 11U, 15U}) {
    constexpr std::size_t n = 40;
    std::vector<float> r(diagonals * n);
    double sum = 0, second = 0;
    for (std::size_t k = 0; k < diagonals; ++k) {
      const double x = static_cast<double>(k) - 0.5 * static_cast<double>(diagonals - 1),
                   weight = std::exp(-0.5 * x * x);
      sum += weight;
      second += weight * x * x;
      for (std::size_t j = 0; j < n; ++j) r[k * n + j] = static_cast<float>(weight);
    }
    EXPECT_NEAR(instrument_sigma(r, n, 0.8)[20], 0.8 * std::sqrt(second / sum), 1e-6);
  }
}

}  // namespace
}  // namespace starglow
