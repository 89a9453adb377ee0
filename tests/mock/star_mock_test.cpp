#include "starglow/mock/star_mock.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/spectra/line_continua.hpp"
#include "starglow/stars/histories.hpp"
#include "starglow/stars/universe.hpp"

namespace starglow {
namespace {

constexpr auto k_halpha = static_cast<std::size_t>(Line::HALPHA), k_hbeta = static_cast<std::size_t>(Line::HBETA);

struct Made {
  WorkerPool pool{2};
  Model model = Model::shipped();
  CompactSsp grid = compact(shipped_ssp());
  StarMock make(const StarMockOptions& options, std::int64_t first = 1, std::size_t n = 400) {
    const StarMocker mocker(options, grid, photon_grid(), {}, model, pool);
    StarMock mock = mocker.stars(first, n);
    mocker.lines(mock, first);
    return mock;
  }
};
Made& made() {
  static Made of;
  return of;
}

StarMockOptions smooth(LinesFrom lines) {
  StarMockOptions out;
  out.population = star_population({{"lgfburst", "fixed -10"}, {"lgtau", "uniform -0.2 1"}, {"av", "fixed 0.5"}});
  out.lines = lines;
  return out;
}

TEST(StarMock, OfPhotonsHasTheHalphaOfThePhotons) {
  const StarMock mock = made().make(smooth(LinesFrom::photons), 1, 2000);
  double squares = 0;
  std::size_t n = 0, fainter = 0, above = 0;
  for (std::size_t g = 0; g < mock.galaxies.n; ++g) {
    const double own = mock.halpha_ew_caseb[g];
    ASSERT_TRUE(std::isfinite(own));
    EXPECT_NEAR(mock.halpha_lum_caseb[g], 1.37e-12 * mock.budget.photons[g], 1e-9 * mock.halpha_lum_caseb[g]);
    EXPECT_EQ(mock.lines.flags[g] & k_photon_budget, 0);
    EXPECT_NE(mock.lines.flags[g] & k_conditioned, 0);
    // the photons' and, once, what gas without young stars has (below 2 A)
    EXPECT_GT(mock.lines.ew(g, k_halpha), 0.9 * own - 0.1);
    EXPECT_LT(mock.lines.ew(g, k_halpha), 1.1 * own + 2.1);
    if (own < 10) continue;  // where the floor, which has a scatter of its own, is small
    const double apart = std::log10(mock.draw(g, k_halpha) / mock.lines.ew(g, k_halpha));
    above += apart > 0 ? 1U : 0U;
    squares += apart * apart;
    ++n;
    fainter += mock.draw(g, k_hbeta) < mock.draw(g, k_halpha) ? 1U : 0U;
  }
  ASSERT_GT(n, 100U);
  EXPECT_GT(fainter, n - n / 50);
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(n)), 0.1, 0.015);
  EXPECT_NEAR(static_cast<double>(above) / static_cast<double>(n), 0.5, 0.1);
}

TEST(StarMock, OfDustlessGalaxiesHasNoMoreHalphaThanThePhotonsMake) {
  StarMockOptions options = smooth(LinesFrom::photons);
  for (const char* av : {"fixed 0", "uniform 0 0.3"}) {
    options.population.distributions[static_cast<std::size_t>(StarDraw::av)] =
        StarDistribution::parse(av, StarDraw::av);
    const StarMock mock = made().make(options);
    std::size_t n = 0;
    for (std::size_t g = 0; g < mock.galaxies.n; ++g) {
      const auto continuum = mock.light.light.row(g).subspan(k_n_bands);
      const double decrement =
          mock.draw(g, k_halpha) * continuum[k_halpha] / (mock.draw(g, k_hbeta) * continuum[k_hbeta]);
      EXPECT_GT(decrement, 2.80) << g;
      if (mock.halpha_ew_caseb[g] <= 3) continue;
      EXPECT_LE(mock.luminosity(g, k_halpha), mock.halpha_lum_caseb[g]);
      ++n;
    }
    EXPECT_GT(n, 100U);
  }
}

TEST(StarMock, OfTheUniverseHasGasOfItsOwn) {
  StarMockOptions options;
  options.population = star_population({{"preset", "universe"}, {"redshift", "fixed 1.5"}, {"lgmass", "fixed 10.8"}});
  options.aperture = "total";
  options.lines = LinesFrom::photons;
  const StarMock mock = made().make(options);
  std::vector<double> escaped;
  double dust = 0, n = 0;
  for (std::size_t g = 0; g < mock.galaxies.n; ++g) {
    const bool quiescent = mock.sample.galaxy_class[g] == StarClass::quiescent;
    const double used = mock.halpha_lum_caseb[g] / (1.37e-12 * mock.budget.photons[g]);
    if (quiescent) {
      escaped.push_back(1 - used);
      continue;
    }
    EXPECT_NEAR(used, 1, 1e-9);
    // 0.74 of the gas' reddening is that of the stars: Saito et al. 2020
    EXPECT_NEAR(2.5 * mock.halpha_dust[g],
                gas_attenuation(6564.6, mock.sample.dust[g].av, {.dust_factor = 2.27 * 0.44 / 0.74}), 1e-9);
    dust += 2.5 * mock.halpha_dust[g];
    ++n;
  }
  EXPECT_NEAR(dust / n, universe_halpha_dust(10.8), 0.05);
  ASSERT_GT(escaped.size(), 50U);
  double mean = 0;
  for (const double share : escaped) mean += share / static_cast<double>(escaped.size());
  EXPECT_NEAR(mean, 2.0 / 3, 0.1);
}

TEST(StarMock, HasTheLineFluxesOfItsBandsAndItsLuminosities) {
  StarMockOptions options;
  options.population = star_population({{"preset", "universe"}, {"redshift", "uniform 0.1 1"}});
  options.aperture = "total";
  const StarMock mock = made().make(options);
  const auto flux = line_fluxes(mock.draw, mock.galaxies.band_flux, mock.galaxies.z);
  for (std::size_t g = 0; g < mock.galaxies.n; ++g) {
    const double cm = mock.distance[g] * 3.0856775814913673e24, area = 4 * 3.14159265358979323846 * cm * cm;
    for (const std::size_t l : k_independent_lines) {
      if (!(mock.draw(g, l) > 0)) continue;
      const bool hgamma = l == static_cast<std::size_t>(Line::HGAMMA);
      EXPECT_NEAR(flux(g, l) * 1e-17 * area / mock.luminosity(g, l), 1, hgamma ? 0.06 : 0.04) << g << " " << l;
    }
  }
}

TEST(StarMock, OfGivenHistoriesHasTheLinesOfTheirPhotons) {
  StarHistories h;
  for (int i = 0; i < 110; ++i) h.times.push_back(0.1 + 0.1 * i);       // to 11 Gyr
  for (int i = 0; i < 300; ++i) h.times.push_back(11.105 + 0.005 * i);  // to 12.6 Gyr
  const double t_obs = 12.0;
  h.sfr = Matrix<double>(2, h.times.size(), 1.0);
  for (std::size_t i = 0; i < h.times.size(); ++i)
    if (h.times[i] > t_obs - 0.3) h.sfr(1, i) = 0;  // stopped 300 Myr ago
  h.z = {0.1, 0.1};
  h.t_obs = {t_obs, t_obs};
  h.lgmet = {-1.8, -1.8};
  h.targetid = {5, 6};
  StarMockOptions options;
  options.aperture = "total";
  options.lines = LinesFrom::photons;
  const StarMocker mocker(options, made().grid, photon_grid(), {}, made().model, made().pool, h.times);
  StarMock mock = mocker.stars(sample_of(h, options.population, 1), h.targetid);
  mocker.lines(mock, 1);
  EXPECT_EQ(mock.sample.galaxy_class[0], StarClass::star_forming);
  EXPECT_EQ(mock.sample.galaxy_class[1], StarClass::quiescent);
  EXPECT_GT(mock.lines.ew(0, k_halpha), 20);
  EXPECT_LT(mock.lines.ew(1, k_halpha), 3);
  EXPECT_NEAR(mock.budget.sfr10[0], 1, 0.02);
}

TEST(StarMock, FlagsLinesThatThePhotonsCannotMake) {
  StarMockOptions options = smooth(LinesFrom::continuum);
  const StarMock usual = made().make(options);
  // The stars stop with the shortest histories; gas that lets all photons out has none to make lines with.
  options.gas.f_esc = 1;
  const StarMock none = made().make(options);
  std::size_t flagged = 0;
  for (std::size_t g = 0; g < usual.galaxies.n; ++g) {
    const double ew = usual.lines.ew(g, k_halpha), own = usual.halpha_ew_caseb[g];
    const bool off = std::max(ew, own) > 1 && std::max(ew / own, own / ew) > 2;
    EXPECT_EQ((usual.lines.flags[g] & k_photon_budget) != 0, off) << ew << " " << own;
    EXPECT_EQ((none.lines.flags[g] & k_photon_budget) != 0, ew > 1);
    EXPECT_EQ(none.lines.ew(g, k_halpha), ew);
    flagged += off ? 1U : 0U;
  }
  EXPECT_LT(flagged, usual.galaxies.n);
}

TEST(StarMock, DoesNotDependOnChunks) {
  for (const LinesFrom lines : {LinesFrom::continuum, LinesFrom::photons, LinesFrom::both}) {
    const StarMock whole = made().make(smooth(lines), 1, 60), part = made().make(smooth(lines), 31, 30);
    for (std::size_t g = 0; g < 30; ++g) {
      EXPECT_EQ(whole.draw(30 + g, k_hbeta), part.draw(g, k_hbeta));
      EXPECT_EQ(whole.noisy(30 + g, k_halpha), part.noisy(g, k_halpha));
      EXPECT_EQ(whole.luminosity(30 + g, k_halpha), part.luminosity(g, k_halpha));
      EXPECT_EQ(whole.budget.photons[30 + g], part.budget.photons[g]);
    }
  }
}

TEST(StarMock, RefusesWhatItCannotMake) {
  StarMockOptions options = smooth(LinesFrom::photons);
  options.photon_scatter = -1;
  EXPECT_THROW((void)made().make(options), Error);
  options = smooth(LinesFrom::photons);
  options.gas.f_esc = 2;
  EXPECT_THROW((void)made().make(options), Error);
  EXPECT_THROW((void)star_population({{"preset", "universe"}, {"sfh", "tau"}}), Error);
  EXPECT_THROW((void)star_population({{"sfh", "main_sequence"}}), Error);
  EXPECT_THROW((void)star_population({{"av", "relation"}}), Error);
  EXPECT_THROW((void)star_population({{"no_such", "fixed 1"}}), Error);
  EXPECT_THROW((void)star_population({{"redshift", "uniform 0 9"}}), Error);
  EXPECT_THROW((void)star_population({{"om0", "dark"}}), Error);
  EXPECT_THROW((void)parse_lines_from("stars"), Error);
}

}  // namespace
}  // namespace starglow
