#include "starglow/model/domain.hpp"
#include "starglow/files/models.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "model/contrast.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/model/condition.hpp"
#include "starglow/model/model.hpp"
#include "starglow/model/population.hpp"
#include "support/example_galaxies.hpp"
#include "support/expect_derivative.hpp"

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
    compute_features(FeatureRecipe{}, g.band_flux.row(row), g.z[row], x);
    outside += domain.contains(x) ? 0U : 1U;
    x[0] = x[1] = x[11] = k_nan;
    outside_partial += domain.contains(x) ? 0U : 1U;
  }
  EXPECT_EQ(outside, 20U);
  EXPECT_NEAR(static_cast<double>(outside_partial), 20, 15);
  compute_features(FeatureRecipe{}, g.band_flux.row(0), g.z[0], x);
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

// The fraction of rows (n, 11) of ratios beyond the limit, without the first and last of them.
double outside(const Domain& domain, const Matrix<double>& ratios, std::size_t blue = 0, std::size_t red = 0) {
  std::size_t n = 0;
  std::array<double, Domain::k_n_features> x{};
  for (std::size_t r = 0; r < ratios.rows(); ++r) {
    x.fill(k_nan);
    for (std::size_t i = blue; i + red < ratios.cols(); ++i) x[i] = ratios(r, i);
    n += domain.contains(x) ? 0U : 1U;
  }
  return static_cast<double>(n) / static_cast<double>(ratios.rows());
}

TEST(Domain, FormsTellForeignLightFromGalaxies) {
  WorkerPool pool(1);
  const Galaxies g = shipped_population().sample(1, 1, 4000, pool),
                 others = shipped_population().sample(2, 1, 2000, pool);
  std::vector<std::size_t> rows(g.n);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  const Domain plain = fit_domain(g, rows, 0.01, 1), domain = fit_domain(g, rows, 0.01, 1, true);
  EXPECT_TRUE(plain.parts().forms.empty());
  ASSERT_EQ(domain.parts().forms.rows(), k_domain_patterns.size() * k_n_foreign_kinds);
  Matrix<double> unseen(others.n, FeatureRecipe::k_n_ratios);
  for (std::size_t i = 0; i < others.n; ++i)
    for (std::size_t b = 0; b + 1 < k_n_bands; ++b)
      unseen(i, b) = std::log10(others.band_flux(i, b + 1) / others.band_flux(i, b));
  EXPECT_LT(outside(domain, unseen), 0.02);
  EXPECT_LT(outside(domain, unseen, 1), 0.02);
  EXPECT_LT(outside(domain, smooth_ratios(500, 7)), 0.05);  // synthetic, but as galaxies are
  for (const std::size_t kind : {0U, 1U, 3U, 4U}) {         // of a seed that was not fitted
    SCOPED_TRACE(kind);
    const Matrix<double> foreign = foreign_ratios(kind, 500, 7);
    EXPECT_GT(outside(domain, foreign), 0.7);
    EXPECT_GT(outside(domain, foreign, 1), 0.6);
    EXPECT_GT(outside(domain, foreign, 0, 2), 0.6);
    EXPECT_LT(outside(plain, foreign), outside(domain, foreign));
  }
  // Without one of the middle bands no form is asked.
  const Matrix<double> power = foreign_ratios(4, 1, 7);
  std::array<double, Domain::k_n_features> x{};
  std::copy(power.row(0).begin(), power.row(0).end(), x.begin());
  x[11] = x[5] = k_nan;
  EXPECT_EQ(domain.grade(x), std::clamp(k_limit_grade * domain.score(x) / domain.parts().threshold, 0.0, 1.0));
  // Moved to the edge.
  const Matrix<double> burst = foreign_ratios(3, 20, 9);
  for (std::size_t r = 0; r < burst.rows(); ++r) {
    std::copy(burst.row(r).begin(), burst.row(r).end(), x.begin());
    const bool inside = domain.contains(x);
    const auto before = x;
    domain.clip(x);
    EXPECT_TRUE(domain.contains(x));
    EXPECT_EQ(inside, std::equal(x.begin(), x.end() - 1, before.begin()));
    if (!inside) {
      EXPECT_NEAR(domain.grade(x), k_limit_grade, 1e-6);
    }
  }
  Domain::Parts broken = domain.parts();
  std::swap(broken.levels(0, 0), broken.levels(0, 1));
  EXPECT_THROW(Domain{broken}, Error);
  broken = domain.parts();
  broken.levels = Matrix<double>(3, 2);
  EXPECT_THROW(Domain{broken}, Error);
}

TEST(Domain, SlopesOfTheGradeByTheHarness) {
  const Galaxies g = test::example_galaxies(2000);
  std::vector<std::size_t> rows(g.n);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  const Domain density = fit_domain(g, rows, 0.01, 1);
  Domain::Parts with_forms = density.parts();
  with_forms.forms = Matrix<double>(k_domain_patterns.size() * 2, Domain::k_n_form * Domain::k_n_form);
  with_forms.levels = Matrix<double>(with_forms.forms.rows(), 2);
  const RandomObject random(1, Stream::training, 1);
  for (std::size_t f = 0; f < with_forms.forms.rows(); ++f) {
    const auto [first, n] = k_domain_patterns[f / 2];
    for (std::size_t i = 0; i <= n; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        const std::size_t a = i == 0 ? 0 : first + i, b = j == 0 ? 0 : first + j;
        with_forms.forms(f, a * Domain::k_n_form + b) = with_forms.forms(f, b * Domain::k_n_form + a) =
            random.normal(static_cast<std::uint32_t>(f), static_cast<std::uint32_t>(12 * i + j));
      }
    with_forms.levels(f, 0) = -6;
    with_forms.levels(f, 1) = 3;
  }
  const Domain forms{with_forms};
  for (const auto& [domain_, missing] :
       std::vector<std::pair<const Domain*, std::vector<std::size_t>>>{{&density, {}},
                                                                       {&density, {0}},
                                                                       {&density, {0, 11}},
                                                                       {&density, {3, 4, 5, 6, 7, 8, 9, 10, 11}},
                                                                       {&forms, {}},
                                                                       {&forms, {0}},
                                                                       {&forms, {0, 1, 11}},
                                                                       {&forms, {9, 10}}}) {
    const Domain& domain = *domain_;
    std::array<double, Domain::k_n_features> x{};
    compute_features(FeatureRecipe{}, g.band_flux.row(1), g.z[1], x);
    x[1] += 0.05;
    x[2] -= 0.05;
    std::vector<std::size_t> known;
    for (std::size_t i = 0; i < x.size(); ++i)
      if (std::find(missing.begin(), missing.end(), i) == missing.end()) known.push_back(i);
    const auto all = [&](const test::Vector& v) {
      std::array<double, Domain::k_n_features> out;
      out.fill(k_nan);
      for (std::size_t k = 0; k < known.size(); ++k) out[known[k]] = v[k];
      return out;
    };
    test::Operation op;
    op.value = [&](const test::Vector& v) { return test::Vector{domain.grade(all(v))}; };
    op.jacobian = [&](const test::Vector& v) {
      std::array<double, Domain::k_n_features> slopes{};
      domain.grade_slopes(all(v), slopes);
      test::Vector out;
      for (const auto i : known) out.push_back(slopes[i]);
      return out;
    };
    test::Vector start;
    for (const auto i : known) start.push_back(x[i]);
    ASSERT_GT(domain.grade(x), 0.0);
    ASSERT_LT(domain.grade(x), 1.0);
    test::expect_derivative(op, start, {.step = 1e-5, .check_nan = false});
  }
}

TEST(Domain, WidthsGrowOutsideAndLinesWithRedshift) {
  Model::Parts parts = Model::shipped().parts();
  parts.metadata.erase("evolution");
  parts.metadata.erase("domain.widen");
  const Model plain{parts};
  parts.metadata["evolution"] = "0.31: OII_DOUBLET 1.3 0.5, HBETA 1.3 0.3, OIII_5007 2 0.5, HALPHA 1.3 0.3";
  parts.metadata["evolution.components"] = "2";
  parts.metadata["domain.widen"] = "0.5";
  const Model model{parts};
  EXPECT_EQ(model.evolution_begins(), 0.31);
  WorkerPool pool(1);
  Galaxies g = shipped_population().sample(1, 1, 6, pool);
  const double factors[]{1, 1, 1.15, 1.25, 1, 1};
  const double redshifts[]{0.2, 0.33, 0.15, 0.2, 1.2, 0.36};
  for (std::size_t i = 0; i < g.n; ++i) {
    for (std::size_t b = 0; b < k_n_bands; b += 2) g.band_flux(i, b) *= factors[i];
    g.z[i] = redshifts[i];
  }
  const PredictOptions exact{.float64 = true};
  const Prediction p = model.predict(g, pool, exact), before = plain.predict(g, pool, exact);
  const Prediction without = model.predict(g, pool, {.float64 = true, .evolution = false});
  constexpr auto halpha = static_cast<std::size_t>(Line::HALPHA);
  EXPECT_EQ(p.ew(0, halpha), before.ew(0, halpha));
  ASSERT_LT(p.domain[0], 0.5);
  EXPECT_GT(p.ew(4, halpha), 1.3 * before.ew(4, halpha));
  EXPECT_NEAR(without.ew(4, halpha), before.ew(4, halpha), 0.15 * before.ew(4, halpha));
  ASSERT_EQ(p.domain[3], 1.0);
  const auto width = [&](const Prediction& of, std::size_t i) {
    return std::asinh(of.p84(i, halpha)) - std::asinh(of.p16(i, halpha));
  };
  EXPECT_NEAR(width(p, 3), 1.5 * width(before, 3), 0.12 * width(before, 3));
  // An answer for the edge of the domain is as wide as there.
  const PredictOptions clip{.float64 = true, .out_of_domain = OutOfDomain::clip};
  EXPECT_EQ(width(model.predict(g, pool, clip), 3), width(plain.predict(g, pool, clip), 3));
  // Derivatives of all levels by differences, plain and given a line.
  GivenLines given;
  given.ew = Matrix<double>(g.n, k_n_lines, k_nan);
  given.ivar = Matrix<double>(g.n, k_n_lines);
  for (std::size_t i = 0; i < g.n; ++i) {
    given.ew(i, 2) = 5;
    given.ivar(i, 2) = 1;
  }
  for (const GivenLines* use : {static_cast<const GivenLines*>(nullptr), static_cast<const GivenLines*>(&given)}) {
    const Derivatives d = model.derivatives(g, pool, use);
    PredictOptions options = exact;
    options.given = use;
    for (std::size_t k = 0; k < k_n_slopes; ++k) {
      std::array<Prediction, 2> sides;
      std::vector<double> step(g.n);
      for (std::size_t side = 0; side < 2; ++side) {
        Galaxies moved = g;
        for (std::size_t i = 0; i < g.n; ++i) {
          step[i] = 1e-5 * (k < k_n_bands ? g.band_flux(i, k) : 1.0);
          (k < k_n_bands ? moved.band_flux(i, k) : moved.z[i]) += (side == 0 ? -1 : 1) * step[i];
        }
        sides[side] = model.predict(moved, pool, options);
      }
      for (std::size_t i = 0; i < g.n; ++i)
        for (std::size_t line = 0; line < k_n_lines; ++line) {
          const auto check = [&](const Matrix<double>& low, const Matrix<double>& high, const Matrix<double>& slope) {
            const double seen = (high(i, line) - low(i, line)) / (2 * step[i]), own = slope(i, line * k_n_slopes + k);
            EXPECT_NEAR(own, seen, 2e-4 * (std::fabs(seen) + high(i, line) / (k < k_n_bands ? g.band_flux(i, k) : 1.0)))
                << "galaxy " << i << ", line " << line << ", input " << k;
          };
          check(sides[0].ew, sides[1].ew, d.ew);
          check(sides[0].p16, sides[1].p16, d.p16);
          check(sides[0].p84, sides[1].p84, d.p84);
        }
    }
  }
  for (const auto& [key, bad] :
       {std::pair{"evolution", "nonsense"}, {"evolution.components", "1.5"}, {"domain.widen", "-1"}}) {
    Model::Parts broken = parts;
    broken.metadata[key] = bad;
    EXPECT_THROW(Model{broken}, Error) << key;
  }
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
  // A mistake in the unit of the fluxes moves most galaxies out of the luminosities that go with their colours.
  Galaxies bright = g;
  for (double& flux : bright.band_flux.flat()) flux *= 100;
  EXPECT_GT(share(model.predict(bright, pool)), 0.6);
  // Total light is told by its card: luminosity is not used, colours alone are judged.
  g.conventions.aperture = "total";
  const auto total = model.predict(g, pool);
  EXPECT_NE(total.flags[0] & k_no_luminosity, 0);
  EXPECT_LT(share(total), 0.03);
}

}  // namespace
}  // namespace starglow
