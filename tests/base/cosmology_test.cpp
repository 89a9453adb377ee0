#include "starglow/base/cosmology.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace starglow {
namespace {

// astropy 7.1 FlatLambdaCDM(H0=70, Om0=0.3, Tcmb0=0).luminosity_distance; tests/python/test_oracles.py computes more.
TEST(Cosmology, LuminosityDistanceEqualsStoredValues) {
  EXPECT_NEAR(luminosity_distance(0.14022831109931774), 662.6242129725742, 1e-9);  // first galaxy of the K24 parity row
  EXPECT_EQ(luminosity_distance(0.0), 0.0);
  EXPECT_NEAR(luminosity_distance(1e-8), k_light_speed_km_s / 70 * 1e-8, 1e-10);
}

TEST(Cosmology, EinsteinDeSitterHasAClosedForm) {
  for (const double z : {0.01, 0.3, 1.0, 5.0, 20.0}) {
    const double exact = 2 * k_light_speed_km_s / 70 * (1 + z) * (1 - 1 / std::sqrt(1 + z));
    EXPECT_NEAR(luminosity_distance(z, {70, 1.0}) / exact, 1.0, 1e-12) << z;
  }
}

TEST(Cosmology, SlopeOfTheLuminosityIsThatOfItsDifferences) {
  for (const double z : {0.01, 0.15, 0.9, 3.0})
    EXPECT_NEAR(log_lum_slope(z), (log_lum(2.0, z + 1e-6) - log_lum(2.0, z - 1e-6)) / 2e-6, 1e-7 * log_lum_slope(z));
}

TEST(Cosmology, BadRedshiftsAreNaN) {
  EXPECT_TRUE(std::isnan(luminosity_distance(-0.1)));
  EXPECT_TRUE(std::isnan(luminosity_distance(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_TRUE(std::isnan(log_lum(1.0, -1.0)));
}

}  // namespace
}  // namespace starglow
