#include "starglow/spectra/photometry.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "starglow/base/error.hpp"
#include "starglow/spectra/side_bands.hpp"
#include "support/expect_derivative.hpp"

namespace starglow {
namespace {

Filter hat(const std::string& name, double lo, double hi, double ramp = 40) {
  return {name, {lo - ramp, lo, hi, hi + ramp}, {0, 0.8, 0.6, 0}};
}
std::vector<double> grid(double lo, double hi, double step) {
  std::vector<double> out;
  for (double w = lo; w <= hi; w += step) out.push_back(w);
  return out;
}
double smooth(double w) { return 1e-6 * (1 + 0.3 * std::sin(w / 700) + w / 9000); }
std::vector<double> smooth_spectrum(const std::vector<double>& wave) {
  std::vector<double> out;
  for (const double w : wave) out.push_back(smooth(w));
  return out;
}

TEST(Filter, RefusesWhatIsNoFilter) {
  EXPECT_THROW(Filter("a", {1, 2}, {0.5}), Error);
  EXPECT_THROW(Filter("a", {1, 2, 2}, {0, 0.5, 0}), Error);
  EXPECT_THROW(Filter("a", {1, 2, 3}, {0, 1.5, 0}), Error);
  EXPECT_THROW(Filter("a", {1, 2, 3}, {0, std::nan(""), 0}), Error);
  EXPECT_THROW(Filter("a", {1, 2, 3}, {0, 0, 0}), Error);
  EXPECT_THROW(Filter("a", {-1, 2, 3}, {0, 1, 0}), Error);
}

TEST(Filter, IsStraightBetweenItsPointsAndCutsZeros) {
  const Filter f("f", {1000, 2000, 3000, 5000, 6000, 7000}, {0, 0, 0.4, 0.8, 0, 0});
  EXPECT_EQ(f.lo(), 2000);
  EXPECT_EQ(f.hi(), 6000);
  EXPECT_DOUBLE_EQ(f.at(2500), 0.2);
  EXPECT_DOUBLE_EQ(f.at(4000), 0.6);
  EXPECT_DOUBLE_EQ(f.slope(4000), 0.0002);
  EXPECT_EQ(f.at(1999), 0);
  EXPECT_EQ(f.at(6001), 0);
  double sum = 0;  // the integral by brute force
  const double step = 0.01;
  for (double w = 2000; w < 6000; w += step) sum += f.at(w + step / 2) / (w + step / 2) * step;
  EXPECT_NEAR(f.integral(0, 1e9), sum, 1e-9);
}

TEST(Photometry, FlatFnuHasItsMagnitude) {
  // F_nu = 3631 Jy times 1e-8 everywhere is magnitude 20.
  const auto wave = grid(3000, 11000, 0.5);
  std::vector<double> flux;
  for (const double w : wave) flux.push_back(3.631e-28 * 2.99792458e18 / (w * w) / 1e-17);
  for (const auto& f : {hat("g", 4000, 5400), hat("r", 5500, 6900), hat("narrow", 7000, 7100, 5)})
    EXPECT_NEAR(ab_magnitude(spectrum_light(f, wave, flux).maggies), 20, 1e-7) << f.name();
  EXPECT_TRUE(std::isnan(ab_magnitude(0)) && std::isnan(ab_magnitude(-1)));
}

TEST(Photometry, QuadratureEqualsBruteForceOnCoarseAndFineGrids) {
  const Filter f("f", {5000, 5013, 5200, 5641, 5800}, {0, 0.7, 0.9, 0.3, 0});
  for (const double step : {0.8, 37.0, 400.0}) {
    const auto wave = grid(4000, 8000, step);
    const auto flux = smooth_spectrum(wave);
    const auto linear = [&](double w) {
      const auto k = static_cast<std::size_t>((w - 4000) / step);
      return flux[k] + (flux[k + 1] - flux[k]) * (w - wave[k]) / step;
    };
    double sum = 0;
    const double h = 0.005;
    for (int i = 0; i < 160000; ++i) {
      const double w = 5000 + h * (i + 0.5);
      sum += f.at(w) * linear(w) * w * h;
    }
    const double want = sum * 1e-17 / 2.99792458e18 / (3.631e-20 * f.integral(0, 1e9));
    EXPECT_NEAR(spectrum_light(f, wave, flux).maggies / want, 1, 2e-8) << step;
  }
}

TEST(Photometry, LineEqualsAFineGaussian) {
  const auto wave = grid(5000, 7000, 0.02);
  std::vector<double> pixels(wave.size());
  const Filter f = hat("r", 5400, 6500);
  const Profile line{6000, 3, 50};
  add_lines(PixelGrid::from_centres(wave), std::span(&line, 1), pixels);
  EXPECT_NEAR(line_light(f, 5000, 0.2, 50).maggies / spectrum_light(f, wave, pixels).maggies, 1, 1e-6);
}

TEST(Photometry, UncoveredFiltersAreNaN) {
  const auto wave = grid(5000, 7000, 1);
  const auto flux = smooth_spectrum(wave);
  EXPECT_TRUE(std::isnan(spectrum_light(hat("r", 4500, 6500), wave, flux).maggies));
  EXPECT_TRUE(std::isnan(sed_light(hat("r", 5500, 6500), wave, flux, 0.3).maggies));
  // A foot of 0.01 % of the filter outside is no reason.
  const Filter foot("foot", {4900, 5100, 5110, 6500, 6510}, {1e-4, 1e-4, 0.9, 0.9, 0});
  EXPECT_FALSE(std::isnan(spectrum_light(foot, wave, flux).maggies));
  const std::vector<Filter> filters{hat("a", 5500, 6500), hat("b", 6900, 7500)};
  const auto m = magnitudes(filters, wave, flux, LineLight{});
  EXPECT_TRUE(m.outside);
  EXPECT_TRUE(std::isfinite(m.total[0]) && std::isnan(m.total[1]));
}

TEST(Photometry, EwMovesTheMagnitudeByTheRuleOfThumb) {
  // dm = -2.5 log10(1 + EW (1 + z)/width) for a top hat in photons; z = 0.2, EW 20 A, 1000 A: -0.026 mag.
  const auto wave = grid(3000, 10000, 1);
  const std::vector<double> flux(wave.size(), 1.0);
  const Filter f("hat", {7376.999, 7377, 8377, 8377.001}, {0, 1, 1, 0});
  LineLight light;
  light.z = 0.2;
  light.strength[6] = 20;
  light.continuum.fill(1);
  const auto m = magnitudes(std::span(&f, 1), wave, flux, light);
  EXPECT_NEAR(m.total[0] - m.continuum[0], -0.026, 5e-4);
  light.strength[6] = 0;
  const auto none = magnitudes(std::span(&f, 1), wave, flux, light);
  EXPECT_EQ(none.total[0], none.continuum[0]);
}

TEST(Photometry, KeepingTheTotalKeepsItInTheReference) {
  const auto wave = grid(3000, 10000, 1);
  const auto flux = smooth_spectrum(wave);
  const std::vector<Filter> filters{hat("g", 4000, 5300), hat("r", 5600, 7000), hat("i", 7000, 8200)};
  LineLight light;
  light.z = 0.02;
  light.strength.fill(40);
  light.continuum.fill(1e-6);
  const auto add = magnitudes(filters, wave, flux, light);
  const auto keep = magnitudes(filters, wave, flux, light, {.total = LineTotal::keep, .reference = 1});
  EXPECT_NEAR(keep.total[1], keep.continuum[1], 1e-12);
  EXPECT_NEAR(keep.total[0] - keep.total[1], add.total[0] - add.total[1], 1e-12);
  EXPECT_LT(add.total[1], add.continuum[1] - 0.02);
  EXPECT_THROW((void)magnitudes(filters, wave, flux, light, {.total = LineTotal::keep, .reference = 3}), Error);
}

TEST(Photometry, SedLineLuminosityIsEwTimesSideBands) {
  const auto wave = grid(3000, 10000, 1);
  const std::vector<double> lum(wave.size(), 2e-6);
  std::array<double, k_n_lines> ew{};
  ew[6] = 30;
  const auto got = line_luminosities(wave, lum, ew);
  double mean = 0;  // of L_lambda in the side bands, by brute force
  const SideBands& s = k_lines[6].side_bands;
  for (const auto& [lo, hi] : {std::pair{s.blue_lo, s.blue_hi}, std::pair{s.red_lo, s.red_hi}})
    for (int i = 0; i < 1000; ++i) {
      const double w = lo + (hi - lo) * (i + 0.5) / 1000;
      mean += 2e-6 * 3.828e33 * 2.99792458e18 / (w * w) / 2000;
    }
  EXPECT_NEAR(got[6] / (30 * mean), 1, 1e-6);
  EXPECT_EQ(got[0], 0);
}

TEST(Photometry, DerivativesEqualDifferences) {
  const auto wave = grid(2500, 12000, 5);
  const auto flux = smooth_spectrum(wave);
  const std::vector<Filter> filters{hat("g", 4000, 5300, 200), hat("r", 5600, 7000, 300), hat("i", 7100, 8200, 150)};
  std::vector<double> bump(flux);  // curved, so that the continuum's slope counts
  for (std::size_t i = 0; i < wave.size(); ++i) bump[i] *= 1 + std::exp(-std::pow((wave[i] - 5400) / 900, 2));
  for (const auto total : {LineTotal::add, LineTotal::keep}) {
    const MagnitudeOptions options{.total = total, .reference = 1, .derivatives = true};
    const auto observed = [&](const test::Vector& x) {
      LineLight light;
      for (std::size_t l = 0; l < k_n_lines; ++l) light.strength[l] = 10 * x[l];
      light.continuum.fill(1e-6);
      light.z = x[k_n_lines];
      return magnitudes(filters, wave, flux, light, options);
    };
    const auto synthetic = [&](const test::Vector& x) {
      std::array<double, k_n_lines> ew{};
      for (std::size_t l = 0; l < k_n_lines; ++l) ew[l] = 10 * x[l];
      return sed_magnitudes(filters, wave, bump, x[k_n_lines], ew, options);
    };
    for (const auto& f : {std::function<Magnitudes(const test::Vector&)>(observed),
                          std::function<Magnitudes(const test::Vector&)>(synthetic)}) {
      const auto value = [&](const test::Vector& x) { return f(x).total; };
      const auto jacobian = [&](const test::Vector& x) {
        const Magnitudes m = f(x);
        test::Vector jac;
        for (std::size_t k = 0; k < filters.size(); ++k) {
          for (std::size_t l = 0; l < k_n_lines; ++l) jac.push_back(10 * m.d_strength(k, l));
          jac.push_back(m.d_z[k]);
        }
        return jac;
      };
      test::Vector x(k_n_lines + 1, 2.0);
      for (std::size_t l = 0; l < k_n_lines; ++l) x[l] += 0.3 * static_cast<double>(l);
      x[k_n_lines] = 0.1203;
      test::expect_derivative({value, jacobian, {}}, x, {.check_nan = false});
    }
  }
}

}  // namespace
}  // namespace starglow
