#include "starglow/stars/ssp.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "starglow/base/error.hpp"
#include "support/ssp_writer.hpp"

namespace starglow {
namespace {

TEST(SspGrid, ShapesThatDoNotFitAreRefused) {
  EXPECT_NO_THROW(check_ssp(test::small_grid()));
  EXPECT_NO_THROW(check_ssp(test::small_grid(1)));
  SspGrid grid = test::small_grid();
  grid.flux = Matrix<double>(18, 39, 1.0);
  EXPECT_THROW(check_ssp(grid), Error);
  grid = test::small_grid();
  grid.lg_age_gyr.resize(1);
  EXPECT_THROW(check_ssp(grid), Error);
  grid = test::small_grid();
  grid.line_name = {"a"};
  EXPECT_THROW(check_ssp(grid), Error);
  grid.line_wave = {5000};
  EXPECT_THROW(check_ssp(grid), Error);
  grid.line_luminosity = Matrix<double>(18, 1, 1.0);
  EXPECT_NO_THROW(check_ssp(grid));
  grid.line_luminosity(3, 0) = -1;
  EXPECT_THROW(check_ssp(grid), Error);
}

TEST(SspGrid, LinesInsideTheFluxAreFound) {
  SspGrid grid = test::small_grid(2, 6, 900);  // 5 A
  EXPECT_FALSE(has_nebular_lines(grid));
  const double clean = nebular_halpha_ew(grid);
  EXPECT_LT(std::fabs(clean), 5);
  // A line of 200 A equivalent width, 6 A wide, in the youngest population.
  double continuum = 0;
  for (std::size_t i = 0; i < grid.n_wave(); ++i)
    if (std::fabs(grid.wave[i] - 6564.6) < 3) continuum = grid.flux(0, i);
  for (std::size_t i = 0; i < grid.n_wave(); ++i)
    grid.flux(0, i) +=
        continuum * 200 / (6 * std::sqrt(2 * M_PI)) * std::exp(-0.5 * std::pow((grid.wave[i] - 6564.6) / 6, 2));
  EXPECT_TRUE(has_nebular_lines(grid));
  EXPECT_NEAR(nebular_halpha_ew(grid) - clean, 200, 5);
  EXPECT_TRUE(std::isnan(nebular_halpha_ew(test::small_grid())));  // 115 A pixels
  grid.lg_age_gyr = {-1.0, -0.5, 0.0, 0.5, 0.8, 1.1};              // nothing young
  EXPECT_TRUE(std::isnan(nebular_halpha_ew(grid)));
}

}  // namespace
}  // namespace starglow
