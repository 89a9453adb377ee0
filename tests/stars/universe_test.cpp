#include "starglow/stars/universe.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "starglow/base/error.hpp"
#include "starglow/stars/histories.hpp"
#include "starglow/stars/photons.hpp"
#include "starglow/stars/sfh.hpp"
#include "starglow/stars/star_population.hpp"
#include "support/goldens.hpp"

namespace starglow {
namespace {

TEST(Universe, RelationsAreThosePublished) {
  // Baldry et al. 2012, table 1: phi at log M = 10.0 is 5.71e-3, at 11.0 1.27e-3 (points, errors 6 and 13 %).
  EXPECT_NEAR(std::log10(universe_mass_function(10.0, 0.03) / 5.71e-3), 0, 0.05);
  EXPECT_NEAR(std::log10(universe_mass_function(11.1, 0.03) / 1.27e-3), 0, 0.1);
  // Leja et al. 2020 at z = 1.6 are their anchors; masses here are 0.1 dex lighter.
  const double x = 10.6 - 10.88, e = std::exp(-std::pow(10.0, x));
  const double leja =
      std::log(10.0) * e * (std::pow(10.0, -3.08 + (1 - 0.28) * x) + std::pow(10.0, -3.29 + (1 - 1.48) * x));
  EXPECT_NEAR(universe_mass_function(10.5, 1.6), leja, 1e-9 * leja);
  EXPECT_NEAR(universe_halpha_dust(10), 0.91, 1e-12);  // Garn & Best 2010
  EXPECT_NEAR(universe_halpha_dust(11), 0.91 + 0.77 + 0.11 - 0.09, 1e-12);
  EXPECT_EQ(universe_halpha_dust(7), universe_halpha_dust(8.5));
  EXPECT_NEAR(universe_old_lgmet(10.31), std::log10(0.02) - 0.11, 1e-12);  // Gallazzi et al. 2005
  EXPECT_NEAR(universe_quiescent_share(10.575, 0.1), 0.5, 0.001);
  for (double z = 0; z < 3; z += 0.5) {
    EXPECT_GT(universe_quiescent_share(11, z), universe_quiescent_share(10, z));
    EXPECT_GT(universe_quiescent_share(10.8, z), universe_quiescent_share(10.8, z + 0.5));
    EXPECT_GT(universe_log_sfr(10, z + 0.5), universe_log_sfr(10, z));
  }
  // Sargent et al. 2012; Saito et al. 2020
  EXPECT_NEAR(universe_log_sfr(10, 1) - universe_log_sfr(10, 0), 2.8 * std::log10(2.0), 1e-12);
  EXPECT_EQ(universe_gas_dust(0), 1);
  EXPECT_NEAR(universe_gas_dust(1.5), 0.44 / 0.74, 1e-12);
  EXPECT_NEAR(universe_gas_dust(3.5), 0.44, 1e-12);
  EXPECT_GT(universe_oxygen(10, -0.5), universe_oxygen(10, 0.5));
  EXPECT_GT(universe_oxygen(10.5, 0), universe_oxygen(9, 0));
  EXPECT_NEAR(oxygen_of_lgmet(lgmet_of_oxygen(8.4)), 8.4, 1e-12);
  EXPECT_NEAR(lgmet_of_oxygen(8.69), std::log10(0.0142), 1e-12);
}

TEST(Universe, HistoriesEndAtTheirRateAndLeaveTheirMass) {
  const auto t = test::linspace(0.1, 13.8, 100);
  WorkerPool pool(1);
  const StarPhotons photons(photon_grid(), t);
  for (const double z : {0.05, 0.4, 1.5})
    for (const double lgmass : {8.0, 10.0, 11.5})
      for (std::int64_t id = 1; id <= 20; ++id) {
        const RandomObject random(5, Stream::population, id);
        const double age[] = {z};
        const double t_obs = ages_at(age, {})[0], start = std::min(1.0, 0.2 * t_obs);
        const UniverseGalaxy galaxy = universe_galaxy(lgmass, z, t_obs, start, random);
        StarInputs in;
        in.sfr = Matrix<double>(1, t.size());
        universe_history(galaxy, lgmass, t_obs, t, in.sfr.row(0));
        in.t_obs = {t_obs};
        in.lgmet = {galaxy.lgmet};
        in.lgmet_scatter = {0.15};
        const StarBudget of = photons.budget(in, pool);
        EXPECT_NEAR(std::log10(of.surviving[0]), lgmass, 0.02) << z << " " << id;
        EXPECT_NEAR(std::log10(of.sfr10[0]), galaxy.log_sfr, 0.06) << z << " " << lgmass << " " << id;
        EXPECT_GE(galaxy.av, 0);
        if (galaxy.quiescent) {
          EXPECT_LT(galaxy.log_sfr - lgmass, -11.0);
        }
        EXPECT_LE(galaxy.log_sfr - lgmass, -8.4);
        EXPECT_EQ(galaxy.escape > 0, galaxy.quiescent);
        EXPECT_LT(galaxy.escape, 1);
        EXPECT_GE(galaxy.t_start, start);
      }
}

TEST(Universe, WeightsAddUpToTheMassFunctionWhateverMassesAreDrawn) {
  WorkerPool pool(2);
  const auto t = test::linspace(0.1, 13.8, 12);
  constexpr std::size_t k_n = 4000;
  for (const char* masses : {"uniform 9 12", "normal 10.3 0.8 9 12"}) {
    StarPopulation population = StarPopulation::standard(StarPreset::universe);
    population.distributions[1] = StarDistribution::parse(masses, StarDraw::lgmass);
    const StarSample sample = sample_stars(population, t, 3, 1, k_n, pool);
    double sum = 0, integral = 0, farther = 0;
    for (std::size_t g = 0; g < k_n; ++g) {
      sum += sample.weight[g] / k_n;
      farther += sample.parameters(g, 0) > 0.12 ? 1.0 / k_n : 0;
      EXPECT_GE(sample.parameters(g, 0), 0.05);
      EXPECT_LE(sample.parameters(g, 0), 0.15);
    }
    for (double m = 9.005; m < 12; m += 0.01) integral += 0.01 * universe_mass_function(m, 0.12);
    EXPECT_NEAR(sum / integral, 1, 0.06) << masses;
    // comoving volume: (D(0.15)^3 - D(0.12)^3) / (D(0.15)^3 - D(0.05)^3), D near z (1 - 0.225 z)
    const auto cube = [](double z) { return std::pow(z * (1 - 0.225 * z), 3); };
    EXPECT_NEAR(farther, (cube(0.15) - cube(0.12)) / (cube(0.15) - cube(0.05)), 0.03);
  }
}

TEST(Universe, SettingsThatDoNotGoTogetherAreRefused) {
  EXPECT_EQ(parse_star_preset("universe"), StarPreset::universe);
  EXPECT_EQ(to_string(StarPreset::desi_bgs), "desi-bgs");
  EXPECT_THROW((void)parse_star_preset("milky-way"), Error);
  EXPECT_THROW((void)StarDistribution::parse("volume 0.1 0.2", StarDraw::av), Error);
  EXPECT_THROW((void)StarDistribution::parse("relation", StarDraw::slope), Error);
  EXPECT_THROW((void)StarDistribution::parse("volume 0.2 0.1", StarDraw::redshift), Error);
  EXPECT_EQ(StarDistribution::parse("relation", StarDraw::av).kind, StarDistribution::Kind::relation);
}

TEST(Universe, HasTheAgesOfItsCosmology) {
  const double z[] = {0.1, 2.0};
  const auto one = ages_at(z, {}), other = ages_at(z, {.h0 = 50, .om0 = 0.3});
  EXPECT_NEAR(other[1] / one[1], 70.0 / 50, 1e-9);
  EXPECT_EQ(ages_at(z, {}), one);
}

TEST(Histories, BecomeGalaxiesRowByRow) {
  StarHistories h;
  h.times = {1, 5, 9, 13};
  h.sfr = Matrix<double>(3, 4, 2.0);
  h.sfr(1, 2) = -1;
  h.z = {0.1, 0.2, 7.0};
  h.lgmet = {-1.8, -1.9, -2};
  h.targetid = {11, 12, 13};
  const StarPopulation population;
  const StarSample sample = sample_of(h, population, 1);
  EXPECT_FALSE(sample.scaled);
  EXPECT_NEAR(sample.inputs.t_obs[0], ages_at(h.z = {0.1}, population.cosmology)[0], 1e-12);
  EXPECT_TRUE(std::isnan(sample.inputs.t_obs[1]));  // a negative rate
  EXPECT_TRUE(std::isnan(sample.inputs.t_obs[2]));  // beyond the ages
  EXPECT_EQ(sample.inputs.lgmet_scatter[0], 0.2);
  EXPECT_EQ(sample.dust[0].av, 0);
  h.z = {0.1, 0.2};
  EXPECT_THROW((void)sample_of(h, population, 1), Error);
}

}  // namespace
}  // namespace starglow
