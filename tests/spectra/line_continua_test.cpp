#include "starglow/spectra/line_continua.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t at(Line line) { return static_cast<std::size_t>(line); }

std::vector<double> rising() {
  std::vector<double> out;
  for (std::size_t b = 0; b < k_n_bands; ++b) out.push_back(1 + 0.5 * static_cast<double>(b));
  return out;
}

TEST(LineContinua, AreSumsOfTheThreeNearestBands) {
  const auto bands = rising();
  const auto c = line_continua(bands);
  EXPECT_NEAR(c[at(Line::HALPHA)], 0.1629 * 5.5 + 0.5083 * 6 + 0.3413 * 6.5, 1e-12);
  EXPECT_NEAR(c[at(Line::HBETA)], -0.1210 * 2.5 + 0.7012 * 3 + 0.4404 * 3.5, 1e-12);
  EXPECT_NEAR(c[at(Line::OII_DOUBLET)], 0.7088 * 1 + 0.0154 * 1.5 + 0.2146 * 2, 1e-12);
  EXPECT_EQ(c[at(Line::NII_6584)], c[at(Line::HALPHA)]);
  EXPECT_EQ(c[at(Line::OIII_4959)], c[at(Line::OIII_5007)]);
  EXPECT_EQ(c[at(Line::SII_6716)], c[at(Line::SII_6731)]);
}

TEST(LineContinua, NeedTheirBands) {
  for (const double bad : {k_nan, 0.0, -1.0, std::numeric_limits<double>::infinity()}) {
    auto bands = rising();
    bands[11] = bad;
    const auto c = line_continua(bands);
    for (const Line line : {Line::NII_6548, Line::HALPHA, Line::NII_6584, Line::SII_6716, Line::SII_6731})
      EXPECT_TRUE(std::isnan(c[at(line)]));
    for (const Line line : {Line::OII_DOUBLET, Line::HGAMMA, Line::HBETA, Line::OIII_5007})
      EXPECT_TRUE(std::isfinite(c[at(line)]));
  }
}

TEST(LineFluxes, AreEwsTimesTheObservedContinuum) {
  Matrix<double> ew(3, k_n_lines, 10.0), bands(3, k_n_bands, 2.0);
  for (std::size_t b = 0; b < k_n_bands; ++b) bands(2, b) = rising()[b];
  const std::vector<double> z{0.5, k_nan, 0.0};
  const auto flux = line_fluxes(ew, bands, z);
  EXPECT_NEAR(flux(0, at(Line::HALPHA)), 10 * 1.5 * 2 * (0.1629 + 0.5083 + 0.3413), 1e-10);
  EXPECT_NEAR(flux(0, at(Line::OIII_4959)), flux(0, at(Line::OIII_5007)) / 2.993, 1e-10);
  EXPECT_NEAR(flux(2, at(Line::NII_6548)), flux(2, at(Line::NII_6584)) / 3.049, 1e-10);
  for (std::size_t l = 0; l < k_n_lines; ++l) EXPECT_TRUE(std::isnan(flux(1, l)));
  EXPECT_TRUE(std::isnan(line_fluxes(ew, bands, {})(0, 0)));
  EXPECT_THROW((void)line_fluxes(ew, Matrix<double>(2, k_n_bands), z), Error);
  EXPECT_THROW((void)line_fluxes(ew, bands, std::vector<double>{0.1}), Error);
}

TEST(LineFluxes, LeaveBandsOutThatTheirErrorsLeaveOut) {
  Galaxies g;
  g.n = 1;
  g.band_flux = Matrix<double>(1, k_n_bands, 1.0);
  EXPECT_EQ(bands_that_are_there(g)(0, 3), 1.0);
  g.band_flux_ivar = Matrix<double>(1, k_n_bands, 1.0);
  g.band_flux_ivar(0, 3) = 0;
  EXPECT_TRUE(std::isnan(bands_that_are_there(g)(0, 3)));
  EXPECT_EQ(bands_that_are_there(g)(0, 4), 1.0);
}

}  // namespace
}  // namespace starglow
