// Templates of starlight from stellar populations in DSPS's layout.
#include "starglow/spectra/templates.hpp"
#include "starglow/files/starlight.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "starglow/base/error.hpp"
#include "support/shared_data.hpp"
#include "support/ssp_writer.hpp"

namespace starglow {
namespace {

// 3 x 6 populations every 2 A.
SspGrid fine_grid() { return test::small_grid(3, 6, 2251); }

std::string refusal(const SspGrid& grid) {
  const test::TempFolder folder;
  test::Hdf5Writer(folder / "g.h5").grid(grid);
  try {
    (void)load_templates(folder / "g.h5");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    return e.what();
  }
  return "";
}

TEST(Templates, PopulationsBecomeLightPerWavelength) {
  const test::TempFolder folder;
  const SspGrid grid = fine_grid();
  test::Hdf5Writer(folder / "g.h5").grid(grid);
  const TemplateSet set = load_templates(folder / "g.h5");
  EXPECT_EQ(set.count(), 16U);
  EXPECT_NEAR(std::exp(set.log_first()), 3335, 1e-6);
  EXPECT_GT(set.log_first() + set.log_step() * static_cast<double>(set.pixels()), std::log(7290.0));
  // Each template is one of the populations: L_nu / wave^2, mean 1 of the pixels at 5400 to 5600 A.
  const auto wave_of = [&](std::size_t p) {
    return std::exp(set.log_first() + set.log_step() * static_cast<double>(p));
  };
  const auto light = [&](std::size_t row, double wave) {
    const double x = (wave - 3000) / 2;
    const auto i = static_cast<std::size_t>(x);
    const double f = x - static_cast<double>(i);
    return ((1 - f) * grid.flux(row, i) + f * grid.flux(row, i + 1)) / (wave * wave);
  };
  for (std::size_t k = 0; k < set.count(); ++k) {
    double best = 1;
    for (std::size_t row = 0; row < grid.flux.rows(); ++row) {
      double sum = 0, n = 0, worst = 0;
      for (std::size_t p = 0; p < set.pixels(); ++p)
        if (wave_of(p) > 5400 && wave_of(p) < 5600) sum += light(row, wave_of(p)), n += 1;
      for (std::size_t p = 0; p < set.pixels(); p += 97) {
        const auto seen = static_cast<double>(set.at_sigma(0)[p * set.stride() + k]);
        worst = std::max(worst, std::fabs(seen * sum / n / light(row, wave_of(p)) - 1));
      }
      best = std::min(best, worst);
    }
    EXPECT_LT(best, 1e-6) << "template " << k;
  }
}

TEST(Templates, GridsThatCannotServeAreRefused) {
  EXPECT_THAT(refusal(test::small_grid()), testing::HasSubstr("coarse"));
  SspGrid narrow = fine_grid();
  for (double& w : narrow.wave) w += 600;
  EXPECT_THAT(refusal(narrow), testing::HasSubstr("cover the wavelengths of the lines"));
  SspGrid nebular = fine_grid();
  for (std::size_t i = 0; i < nebular.n_wave(); ++i)
    if (std::fabs(nebular.wave[i] - 6564.6) < 3) nebular.flux(0, i) *= 60;
  EXPECT_THAT(refusal(nebular), testing::HasSubstr("nebular"));
  SspGrid dark = fine_grid();
  for (double& f : dark.flux.flat()) f = 0;
  EXPECT_NE(refusal(dark), "");
}

}  // namespace
}  // namespace starglow
