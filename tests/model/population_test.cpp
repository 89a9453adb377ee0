#include "starglow/model/population.hpp"
#include "starglow/files/models.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "model/mixture.hpp"
#include "starglow/base/cosmology.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "starglow/model/features.hpp"
#include "starglow/model/model.hpp"
#include "support/example_galaxies.hpp"
#include "support/shared_data.hpp"

namespace starglow {
namespace {

TEST(Mixture, RecoversAKnownMixtureAndItsLikelihoodNeverFalls) {
  Eigen::MatrixXd x(4000, 2);
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    const RandomObject random(5, Stream::population, i);
    const bool first = random.uniform(0, 0) < 0.3;
    const double a = random.normal(0, 1), b = random.normal(0, 2);
    x(i, 0) = first ? -2 + 0.5 * a : 1 + a;
    x(i, 1) = first ? 1 + 0.4 * a + 0.3 * b : -1 - 0.6 * a + 0.8 * b;
  }
  const Mixture m = fit_mixture(x, 2, 500, 1);
  const Eigen::Index k = m.mean(0, 0) < m.mean(1, 0) ? 0 : 1;
  EXPECT_NEAR(m.weight[k], 0.3, 0.02);
  EXPECT_NEAR(m.mean(k, 0), -2, 0.06);
  EXPECT_NEAR(m.mean(1 - k, 1), -1, 0.08);
  const Eigen::MatrixXd covariance =
      m.factor[static_cast<std::size_t>(k)] * m.factor[static_cast<std::size_t>(k)].transpose();
  EXPECT_NEAR(covariance(0, 1), 0.2, 0.03);
  for (std::size_t i = 1; i < m.likelihood.size(); ++i) EXPECT_GE(m.likelihood[i], m.likelihood[i - 1] - 1e-4);
}

TEST(Mixture, OneComponentIsTheMeanAndCovariance) {
  Eigen::MatrixXd x(3, 1);
  x << 1, 2, 6;
  const Mixture m = fit_mixture(x, 1, 10, 1);
  EXPECT_NEAR(m.mean(0, 0), 3, 1e-9);
  EXPECT_NEAR(std::pow(m.factor[0](0, 0), 2), 14.0 / 3 + 1e-4, 1e-9);
  // density by the formula
  double sum = 0;
  for (int i = 0; i < 3; ++i)
    sum += -0.5 * std::pow(x(i, 0) - 3, 2) / (14.0 / 3 + 1e-4) - 0.5 * std::log(2 * M_PI * (14.0 / 3 + 1e-4));
  EXPECT_NEAR(m.score(x), sum / 3, 1e-9);
}

TEST(Population, AFitToGalaxiesDrawsGalaxiesLikeThem) {
  const Galaxies g = test::example_galaxies(3000);
  PopulationOptions options;
  options.components = 2;
  const Population p = fit_population(g, options);
  WorkerPool pool(2);
  const Galaxies mock = p.sample(1, 1, 3000, pool);
  const auto a = population_features(mock, p.z_low, p.z_high), b = population_features(g, p.z_low, p.z_high);
  ASSERT_EQ(a.rows(), 3000U);
  for (std::size_t j = 0; j < Population::k_n_features; ++j) {
    std::vector<double> va, vb;
    for (std::size_t i = 0; i < a.rows(); ++i) va.push_back(a(i, j));
    for (std::size_t i = 0; i < b.rows(); ++i) vb.push_back(b(i, j));
    EXPECT_LT(ks_distance(va, vb), 0.06) << population_feature_names()[j];
  }
}

TEST(Population, DrawsDependOnSeedAndIdAlone) {
  const Population p = shipped_population();
  WorkerPool one(1), many(7);
  const Galaxies all = p.sample(4, 100, 5000, one), again = p.sample(4, 100, 5000, many);
  EXPECT_TRUE(std::equal(all.band_flux.flat().begin(), all.band_flux.flat().end(), again.band_flux.flat().begin()));
  for (const std::size_t chunk : {1U, 7U, 4096U})
    for (std::size_t first = 0; first < 400; first += chunk) {
      const Galaxies part = p.sample(4, 100 + static_cast<std::int64_t>(first), std::min<std::size_t>(chunk, 50), one);
      for (std::size_t i = 0; i < part.n; ++i)
        for (std::size_t b = 0; b < k_n_bands; ++b) ASSERT_EQ(part.band_flux(i, b), all.band_flux(first + i, b));
    }
  EXPECT_NE(p.sample(5, 100, 1, one).z[0], all.z[0]);
  for (std::size_t i = 0; i < all.n; ++i) {
    EXPECT_GT(all.z[i], p.z_low);
    EXPECT_LT(all.z[i], p.z_high);
    for (std::size_t b = 0; b < k_n_bands; ++b) ASSERT_TRUE(all.band_flux(i, b) > 0 && all.band_flux_ivar(i, b) > 0);
  }
}

TEST(Population, FluxesHaveTheDrawnLuminosityAndRatios) {
  const Population p = shipped_population();
  WorkerPool pool(1);
  const Galaxies g = p.sample(1, 1, 200, pool);
  std::array<double, 12> x{};
  for (std::size_t i = 0; i < g.n; ++i) {
    compute_features(FeatureRecipe{}, g.band_flux.row(i), g.z[i], x);
    for (std::size_t j = 0; j < 12; ++j) {
      EXPECT_GE(x[j], p.low[j] - 1e-9);
      EXPECT_LE(x[j], p.high[j] + 1e-9);
    }
  }
}

TEST(Population, FilesReadBackAndForeignOnesAreRefused) {
  const test::TempFolder folder;
  const Population p = shipped_population();
  save(p, folder / "p.safetensors");
  const Population back = load_population(folder / "p.safetensors");
  WorkerPool pool(1);
  EXPECT_EQ(back.sample(1, 1, 1, pool).z[0], p.sample(1, 1, 1, pool).z[0]);
  EXPECT_THROW(Model::load(folder / "p.safetensors"), Error);
  save(Model::shipped(), folder / "m.safetensors");
  EXPECT_THROW(load_population(folder / "m.safetensors"), Error);
}

TEST(Population, TooFewGalaxiesAreAnError) { EXPECT_THROW(fit_population(test::example_galaxies(100), {}), Error); }

TEST(KsDistance, OfSmallSamples) {
  EXPECT_EQ(ks_distance({1, 2, 3}, {1, 2, 3}), 0.0);
  EXPECT_EQ(ks_distance({1, 2}, {3, 4}), 1.0);
  EXPECT_DOUBLE_EQ(ks_distance({1, 2, 3, 4}, {3, 4, 5, 6}), 0.5);
}

}  // namespace
}  // namespace starglow
