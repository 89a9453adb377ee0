#include "starglow/stars/star_population.hpp"
#include "starglow/files/starlight.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "starglow/base/error.hpp"
#include "starglow/stars/star_bands.hpp"
#include "support/goldens.hpp"

namespace starglow {
namespace {

using D = StarDraw;
std::size_t at(D d) { return static_cast<std::size_t>(d); }

TEST(StarDistribution, ReadsItsThreeKinds) {
  const auto fixed = StarDistribution::parse("fixed -0.5", D::slope);
  EXPECT_EQ(fixed.mean, -0.5);
  const auto flat = StarDistribution::parse("uniform 0, 2", D::av);
  EXPECT_EQ(flat.hi, 2);
  const auto normal = StarDistribution::parse("normal 0.5 0.3 0 2 +0.6*(lgmass-10.3) -1e-1*(lgmet--1.8)", D::av);
  ASSERT_EQ(normal.terms.size(), 2U);
  EXPECT_EQ(normal.terms[0].parameter, at(D::lgmass));
  EXPECT_EQ(normal.terms[0].slope, 0.6);
  EXPECT_EQ(normal.terms[1].slope, -0.1);
  EXPECT_EQ(normal.terms[1].centre, -1.8);
  for (const char* wrong :
       {"", "gauss 1 2", "fixed", "fixed x", "uniform 2 1", "normal 0 0 0 1", "normal 0 1 0", "fixed 1 2",
        "normal 0 1 0 1 +1*(av-1)", "normal 0 1 0 1 +1*(slope-1)", "normal 0 1 0 1 1*lgmass", "uniform nan 1"})
    EXPECT_THROW(StarDistribution::parse(wrong, D::av), Error) << wrong;
  EXPECT_THROW(StarPopulation::parse_bands("1 2 3", "band_scatter"), Error);
  EXPECT_EQ(StarPopulation::parse_bands("0.01", "band_scatter")[11], 0.01);
}

TEST(ParametricSfh, ShapesAreTheirFormulae) {
  const std::vector<double> t{0.5, 2, 5, 12};
  std::array<double, k_n_star_draws> p{};
  p[at(D::lgtau)] = std::log10(3.0);
  p[at(D::t_start)] = 1;
  p[at(D::t_peak)] = 5;
  p[at(D::width)] = 0.5;
  p[at(D::lgalpha)] = std::log10(4.0);
  p[at(D::lgbeta)] = std::log10(2.0);
  std::vector<double> sfr(4);
  parametric_sfh(SfhShape::constant, p, t, sfr);
  EXPECT_THAT(sfr, testing::ElementsAre(k_sfr_min, 1, 1, 1));
  parametric_sfh(SfhShape::tau, p, t, sfr);
  EXPECT_DOUBLE_EQ(sfr[1], std::exp(-1.0 / 3));
  parametric_sfh(SfhShape::delayed_tau, p, t, sfr);
  EXPECT_DOUBLE_EQ(sfr[2], 4 * std::exp(-4.0 / 3));
  parametric_sfh(SfhShape::double_power_law, p, t, sfr);
  EXPECT_NEAR(sfr[3], 1 / (std::pow(4.0, 4) + std::pow(4.0, -2)), 1e-15);
  // lognormal: the rate is greatest at t_peak
  const std::vector<double> near{4.99, 5, 5.01};
  std::vector<double> peak(3);
  parametric_sfh(SfhShape::lognormal, p, near, peak);
  EXPECT_GT(peak[1], peak[0]);
  EXPECT_GT(peak[1], peak[2]);
  // diffstar: a halo of 10^12 forms stars at a few M_sun a year in its prime, and quenching lowers that
  p[at(D::lgmass)] = 12;
  p[at(D::lgqt)] = 1;
  p[at(D::lgqdt)] = -0.50725;
  p[at(D::t_start)] = 0;
  parametric_sfh(SfhShape::diffstar, p, t, sfr);
  EXPECT_GT(sfr[2], 1);
  EXPECT_LT(sfr[2], 100);
  EXPECT_LT(sfr[3], sfr[2]);
  for (const auto shape :
       {"constant", "tau", "delayed_tau", "lognormal", "double_power_law", "diffstar", "main_sequence"})
    EXPECT_EQ(to_string(parse_sfh_shape(shape)), shape);
  EXPECT_THROW(parse_sfh_shape("linear"), Error);
}

TEST(StarPopulation, DrawsDependOnSeedAndIdAloneAndFollowTheirDistributions) {
  const StarPopulation population = StarPopulation::standard();
  const auto t = test::linspace(0.1, 13.8, 20);
  WorkerPool one(1), many(5);
  const StarSample all = sample_stars(population, t, 7, 100, 4000, one),
                   again = sample_stars(population, t, 7, 100, 4000, many);
  EXPECT_TRUE(std::equal(all.parameters.flat().begin(), all.parameters.flat().end(), again.parameters.flat().begin()));
  const StarSample part = sample_stars(population, t, 7, 1100, 3, one);
  for (std::size_t k = 0; k < k_n_star_draws; ++k) EXPECT_EQ(part.parameters(2, k), all.parameters(1002, k));
  EXPECT_NE(sample_stars(population, t, 8, 100, 1, one).parameters(0, 0), all.parameters(0, 0));
  for (std::size_t k = 0; k < k_n_star_draws; ++k) {
    const auto& d = population.distributions[k];
    for (std::size_t i = 0; i < 4000; ++i) {
      const double x = all.parameters(i, k);
      if (d.kind == StarDistribution::Kind::fixed) {
        ASSERT_EQ(x, d.mean);
      } else {
        ASSERT_GE(x, d.lo);
        ASSERT_LE(x, d.hi);
      }
    }
  }
  // The mass rises with redshift as its term says.
  double sxy = 0, sxx = 0, mz = 0, mm = 0;
  for (std::size_t i = 0; i < 4000; ++i) mz += all.parameters(i, 0) / 4000, mm += all.parameters(i, 1) / 4000;
  for (std::size_t i = 0; i < 4000; ++i) {
    sxy += (all.parameters(i, 0) - mz) * (all.parameters(i, 1) - mm);
    sxx += std::pow(all.parameters(i, 0) - mz, 2);
  }
  EXPECT_NEAR(sxy / sxx, 5.5, 0.6);
  for (std::size_t i = 0; i + 1 < 4000; ++i)  // an age falls with redshift
    if (all.parameters(i, 0) < all.parameters(i + 1, 0)) {
      ASSERT_GT(all.inputs.t_obs[i], all.inputs.t_obs[i + 1]);
    }
}

TEST(StarPopulation, TheShippedPopulationsGiveLightOfTheRightKind) {
  const SspGrid grid = shipped_ssp();
  EXPECT_EQ(grid.n_met(), 13U);
  EXPECT_EQ(grid.n_age(), 94U);
  EXPECT_FALSE(has_nebular_lines(grid));
  const auto t = test::linspace(0.1, 13.8, 60);
  WorkerPool pool(2);
  const StarPopulation population = StarPopulation::standard();
  const StarSample sample = sample_stars(population, t, 1, 1, 300, pool);
  const StarBands bands(compact(grid), t, population.dust);
  const StarLight light = bands.light(sample.inputs, sample.dust, pool);
  for (std::size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(light.flags[i], 0);
    // Mass to light at 5500 A, M_sun formed per L_sun/A x 5500 A: stars of 1 to 13 Gyr have 0.1 to 10.
    const double ratio = light.mass[i] / (light.light(i, 7) * 5500);
    EXPECT_GT(ratio, 0.1);
    EXPECT_LT(ratio, 20);
  }
}

TEST(CompactSsp, FilesReadBackAndForeignOnesAreRefused) {
  const test::TempFolder folder;
  CompactOptions options;
  options.photometry = true;
  options.photometry_step = 0.02;
  CompactSsp small = compact(shipped_ssp(), options);
  save(small, folder / "c.safetensors");
  const CompactSsp back = load_compact_ssp(folder / "c.safetensors");
  EXPECT_EQ(back.node, small.node);
  EXPECT_EQ(back.begin, small.begin);
  EXPECT_EQ(back.coefficient, small.coefficient);
  EXPECT_EQ(back.photometry_count, small.photometry_count);
  EXPECT_EQ(back.metadata, small.metadata);
  EXPECT_TRUE(std::equal(back.light.flat().begin(), back.light.flat().end(), small.light.flat().begin()));
  EXPECT_THROW(save(small, folder / "c.safetensors"), Error);
  small.node[0] = 60000;
  save(small, folder / "d.safetensors");
  EXPECT_THROW(load_compact_ssp(folder / "d.safetensors"), Error);
  EXPECT_THROW(load_compact_ssp(std::filesystem::path(STARGLOW_SOURCE_DIR) / "models/population.safetensors"), Error);
  EXPECT_THROW(load_compact_ssp(std::filesystem::path(STARGLOW_SOURCE_DIR) / "models/ssp.safetensors"), Error);
}

}  // namespace
}  // namespace starglow
