#include "starglow/model/noise.hpp"
#include "starglow/files/models.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/limits.hpp"
#include "starglow/base/random.hpp"
#include "starglow/model/model.hpp"
#include "support/example_galaxies.hpp"

namespace starglow {
namespace {

TEST(NoiseModel, RecoversALaw) {
  Galaxies g = test::example_galaxies(2000);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const double f = std::log10(g.band_flux(i, band_of_line(line)));
      const double log_sigma =
          0.2 - 0.7 * f + 0.05 * f * f + 0.5 * g.z[i] + 0.02 * std::asinh(static_cast<double>(g.ew(i, line)));
      g.ew_ivar(i, line) = static_cast<float>(std::pow(10.0, -2 * log_sigma));
    }
  g.ew_ivar(5, 6) = 1e12F;  // one absurd error must not matter
  const NoiseModel model = fit_noise_model(g);
  for (std::size_t i = 10; i < 40; ++i)
    for (const auto line : k_independent_lines)
      EXPECT_NEAR(std::log10(model.sigma(line, g.band_flux.row(i), g.z[i], static_cast<double>(g.ew(i, line)))),
                  -0.5 * std::log10(static_cast<double>(g.ew_ivar(i, line))), 2e-3);
}

// A file of a model does not take coefficients beyond 1e5.
TEST(NoiseModel, OfGalaxiesAtOneRedshiftHasNoEnormousCoefficients) {
  Galaxies g = test::example_galaxies(2000);
  const auto log_sigma = [&](std::size_t i, std::size_t line) {
    return 0.2 - 0.7 * std::log10(g.band_flux(i, band_of_line(line)));
  };
  for (std::size_t i = 0; i < g.n; ++i) {
    g.z[i] = 0.02 + 0.001 * g.z[i];
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const double noisy =
          log_sigma(i, line) +
          0.05 * RandomObject(3, Stream::training, g.targetid[i]).normal(0, static_cast<std::uint32_t>(line));
      g.ew_ivar(i, line) = static_cast<float>(std::pow(10.0, -2 * noisy));
    }
  }
  const NoiseModel model = fit_noise_model(g);
  for (const double c : model.coefficients.flat()) EXPECT_LT(std::fabs(c), 1e4);
  for (std::size_t i = 10; i < 40; ++i)
    for (const auto line : k_independent_lines)
      EXPECT_NEAR(std::log10(model.sigma(line, g.band_flux.row(i), g.z[i], static_cast<double>(g.ew(i, line)))),
                  log_sigma(i, line), 0.03);
}

TEST(NoiseModel, TooFewRowsOrColumnsAreErrors) {
  EXPECT_THROW(fit_noise_model(test::example_galaxies(50)), Error);
  Galaxies g = test::example_galaxies(500);
  g.ew_ivar = {};
  EXPECT_THROW(fit_noise_model(g), Error);
}

TEST(NoiseModel, BadRowsHaveNoSigma) {
  const Model model = Model::shipped();
  ASSERT_TRUE(model.parts().noise);
  std::vector<double> flux(12, 1.0);
  EXPECT_GT(model.parts().noise->sigma(6, flux, 0.2, 10), 0);
  EXPECT_GT(model.parts().noise->sigma(6, flux, std::nan(""), 10), 0);
  flux[10] = -1;
  EXPECT_TRUE(std::isnan(model.parts().noise->sigma(6, flux, 0.2, 10)));
}

TEST(AddNoise, HasTheRowsOwnErrorAndTiesTheDoublets) {
  const Galaxies g = test::example_galaxies(4000);
  Matrix<double> ew(g.n, k_n_lines, 5.0);
  WorkerPool pool(2);
  const auto noisy = add_noise(ew, g, 0, std::nullopt, 9, pool);
  double squares = 0;
  for (std::size_t i = 0; i < g.n; ++i) {
    squares += std::pow((noisy(i, 6) - 5) * std::sqrt(static_cast<double>(g.ew_ivar(i, 6))), 2);
    for (const auto& d : k_doublets)
      EXPECT_NEAR((noisy(i, static_cast<std::size_t>(d.weak)) - 5) * d.ew_ratio,
                  noisy(i, static_cast<std::size_t>(d.strong)) - 5, 1e-12);
  }
  EXPECT_NEAR(squares / static_cast<double>(g.n), 1.0, 0.1);
}

TEST(AddNoise, DependsOnSeedAndIdAlone) {
  const Galaxies g = test::example_galaxies(100);
  Matrix<double> ew(g.n, k_n_lines, 5.0);
  WorkerPool one(1), many(5);
  const auto a = add_noise(ew, g, 0, std::nullopt, 9, one), b = add_noise(ew, g, 0, std::nullopt, 9, many),
             c = add_noise(ew, g, 0, std::nullopt, 10, one);
  EXPECT_TRUE(std::equal(a.flat().begin(), a.flat().end(), b.flat().begin()));
  EXPECT_NE(a(0, 0), c(0, 0));
  std::vector<std::size_t> reversed;
  for (std::size_t i = g.n; i-- > 0;) reversed.push_back(i);
  const auto d = add_noise(ew, select_rows(g, reversed), 0, std::nullopt, 9, one);
  for (std::size_t i = 0; i < g.n; ++i) EXPECT_EQ(d(i, 3), a(g.n - 1 - i, 3));
  const double expected = 5 + RandomObject(9, Stream::label_noise, g.targetid[0]).normal(0, 6) /
                                  std::sqrt(static_cast<double>(g.ew_ivar(0, 6)));
  EXPECT_DOUBLE_EQ(a(0, 6), expected);
}

TEST(AddNoise, IsHeldToWhatCanBe) {
  Galaxies g = test::example_galaxies(4);
  g.ew_ivar = Matrix<float>(4, k_n_lines, 1.0F);
  for (std::size_t line = 0; line < k_n_lines; ++line) g.ew_ivar(2, line) = 1e-30F;
  Matrix<double> ew(g.n, k_n_lines, 5.0);
  WorkerPool pool(1);
  const auto noisy = add_noise(ew, g, 0, std::nullopt, 9, pool);
  std::vector<std::int32_t> flags(g.n, k_z_range);
  flag_bounded(noisy, flags);
  for (std::size_t i = 0; i < g.n; ++i) {
    EXPECT_EQ(flags[i], i == 2 ? k_z_range | k_bounded : k_z_range);
    for (std::size_t line = 0; line < k_n_lines; ++line) EXPECT_LE(std::fabs(noisy(i, line)), k_most_noisy_ew);
  }
}

TEST(AddNoise, WithoutErrorsTheModelOrNothing) {
  Galaxies g = test::example_galaxies(3);
  g.ew_ivar = {};
  Matrix<double> ew(g.n, k_n_lines, 5.0);
  WorkerPool pool(1);
  EXPECT_TRUE(std::isnan(add_noise(ew, g, 0, std::nullopt, 1, pool)(0, 0)));
  EXPECT_TRUE(std::isfinite(add_noise(ew, g, 0, Model::shipped().parts().noise, 1, pool)(0, 0)));
}

}  // namespace
}  // namespace starglow
