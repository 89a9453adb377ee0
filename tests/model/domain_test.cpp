#include "starglow/model/domain.hpp"
#include "starglow/files/models.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/model/model.hpp"
#include "starglow/model/population.hpp"
#include "support/example_galaxies.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

TEST(ChiSquareTail, EqualsOtherLibraries) {
  // log10 of scipy.stats.chi2.sf(x, n); beyond its range by mpmath's gammainc with 30 digits
  const struct {
    double x;
    std::size_t n;
    double log10_sf;
  } cases[]{{1, 1, -0.4985155458},      {3.84, 1, -1.3006521393},  {5, 2, -1.0857362048},
            {12, 12, -0.3509772040},    {30, 12, -2.5540178087},   {200, 12, -35.4865884273},
            {2000, 11, -422.511381902}, {3000, 12, -637.63899871}, {0, 5, 0}};
  for (const auto& c : cases)
    EXPECT_NEAR(log10_chi_square_tail(c.x, c.n), c.log10_sf, 1e-8 * (1 + std::fabs(c.log10_sf))) << c.x << " " << c.n;
  EXPECT_TRUE(std::isnan(log10_chi_square_tail(k_nan, 3)));
}

TEST(Domain, FlagsTheFractionAndKnowsFarFromNear) {
  const Galaxies g = test::example_galaxies(2000);
  std::vector<std::size_t> rows(g.n);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  const Domain domain = fit_domain(g, rows, 0.01, 1);
  std::array<double, Domain::k_n_features> x{};
  std::size_t outside = 0, outside_partial = 0;
  for (const auto row : rows) {
    compute_features({true, false, false}, g.band_flux.row(row), g.z[row], x);
    outside += domain.contains(x) ? 0U : 1U;
    x[0] = x[1] = x[11] = k_nan;
    outside_partial += domain.contains(x) ? 0U : 1U;
  }
  EXPECT_EQ(outside, 20U);
  EXPECT_NEAR(static_cast<double>(outside_partial), 20, 15);
  compute_features({true, false, false}, g.band_flux.row(0), g.z[0], x);
  auto far = x;
  far[4] += 1;
  EXPECT_TRUE(domain.contains(x));
  EXPECT_FALSE(domain.contains(far));
  domain.clip(far);
  EXPECT_NEAR(domain.score(far), domain.parts().threshold, 1e-6);
  x.fill(k_nan);
  EXPECT_TRUE(domain.contains(x));  // nothing known, nothing said
  EXPECT_THROW(fit_domain(g, std::span(rows).first(50), 0.01, 1), Error);
  Domain::Parts broken = domain.parts();
  broken.covariance(0, 0) = -1;
  EXPECT_THROW(Domain{broken}, Error);
}

TEST(Domain, OutliersOfTheShippedModelAreFlaggedAndThePoliciesKept) {
  const Model model = Model::shipped();
  WorkerPool pool(1);
  Galaxies g = shipped_population().sample(1, 1, 2000, pool);
  const auto share = [&](const Prediction& p) {
    double n = 0;
    for (const auto f : p.flags) n += (f & k_out_of_domain) != 0 ? 1 : 0;
    return n / static_cast<double>(p.flags.size());
  };
  EXPECT_LT(share(model.predict(g, pool)), 0.03);  // galaxies like those it was trained on
  const struct {
    const char* what;
    std::function<void(Galaxies&)> spoil;
  } outliers[]{{"starburst far outside",
                [](Galaxies& x) {
                  for (std::size_t b = 0; b < k_n_bands; ++b)
                    x.band_flux(0, b) *= std::pow(10.0, -0.15 * static_cast<double>(b));
                }},
               {"z = 3", [](Galaxies& x) { x.z[0] = 3; }},
               {"a star at z = 0.0001",
                [](Galaxies& x) {
                  x.z[0] = 1e-4;
                  for (std::size_t b = 0; b < k_n_bands; ++b)
                    x.band_flux(0, b) *= std::pow(10.0, -0.03 * static_cast<double>(b));
                }},
               {"fluxes a hundred times too large", [](Galaxies& x) {
                  for (std::size_t b = 0; b < k_n_bands; ++b) x.band_flux(0, b) *= 100;
                }}};
  for (const auto& c : outliers) {
    SCOPED_TRACE(c.what);
    const std::size_t first[]{0};
    Galaxies one = select_rows(g, first);
    c.spoil(one);
    const auto warn = model.predict(one, pool);
    EXPECT_NE(warn.flags[0] & k_out_of_domain, 0);
    EXPECT_TRUE(std::isfinite(warn.ew(0, 6)));
    const auto none = model.predict(one, pool, {.out_of_domain = OutOfDomain::nan});
    EXPECT_NE(none.flags[0] & k_out_of_domain, 0);
    EXPECT_TRUE(std::isnan(none.ew(0, 6)));
    const auto clipped = model.predict(one, pool, {.out_of_domain = OutOfDomain::clip});
    EXPECT_TRUE(std::isfinite(clipped.ew(0, 6)));
    EXPECT_NE(clipped.ew(0, 6), warn.ew(0, 6));
    const auto prior = model.predict(one, pool, {.out_of_domain = OutOfDomain::prior});
    EXPECT_NEAR(prior.ew(0, 6), std::sinh(model.parts().full->y_mean[4]), 1e-9 * prior.ew(0, 6));
    EXPECT_GT(prior.p84(0, 6) / prior.p16(0, 6), 3);
  }
  // Total light is told by its card: luminosity is not used, colours alone are judged.
  g.conventions.aperture = "total";
  const auto total = model.predict(g, pool);
  EXPECT_NE(total.flags[0] & k_no_luminosity, 0);
  EXPECT_LT(share(total), 0.03);
}

}  // namespace
}  // namespace starglow
