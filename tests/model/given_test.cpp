#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/files/models.hpp"
#include "starglow/model/condition.hpp"
#include "starglow/model/model.hpp"
#include "support/example_galaxies.hpp"

namespace starglow {
namespace {

constexpr auto k_halpha = static_cast<std::size_t>(Line::HALPHA), k_hbeta = static_cast<std::size_t>(Line::HBETA),
               k_nii = static_cast<std::size_t>(Line::NII_6584), k_weak = static_cast<std::size_t>(Line::NII_6548);

GivenLines none(std::size_t n) { return {Matrix<double>(n, k_n_lines), Matrix<double>(n, k_n_lines)}; }

TEST(GivenLines, MoveTheOthersAndAreFlagged) {
  const Model model = Model::shipped();
  WorkerPool pool(2);
  const Galaxies g = test::example_galaxies(6);
  const Prediction plain = model.predict(g, pool, {.draws = 4});
  GivenLines given = none(g.n);
  for (std::size_t i = 0; i < 4; ++i) {
    given.ew(i, k_halpha) = 3 * plain.ew(i, k_halpha) + 5;
    given.ivar(i, k_halpha) = 100;
  }
  given.ew(4, k_halpha) = std::numeric_limits<double>::quiet_NaN();
  given.ivar(4, k_halpha) = 1;
  const Prediction p = model.predict(g, pool, {.draws = 4, .given = &given});
  for (std::size_t i = 0; i < g.n; ++i) {
    EXPECT_EQ((p.flags[i] & k_conditioned) != 0, i < 4);
    if (i < 4) {
      EXPECT_NEAR(p.ew(i, k_halpha), given.ew(i, k_halpha), 0.5);
      EXPECT_GT(p.ew(i, k_hbeta), plain.ew(i, k_hbeta));
      EXPECT_LT(p.p84(i, k_hbeta) / p.p16(i, k_hbeta), plain.p84(i, k_hbeta) / plain.p16(i, k_hbeta));
      continue;
    }
    for (std::size_t line = 0; line < k_n_lines; ++line) EXPECT_EQ(p.ew(i, line), plain.ew(i, line));
    for (std::size_t k = 0; k < 4 * k_n_lines; ++k) EXPECT_EQ(p.draws(i, k), plain.draws(i, k));
  }
}

TEST(GivenLines, DrawsFollowTheConditionedDistribution) {
  const Model model = Model::shipped();
  WorkerPool pool(2);
  const Galaxies g = test::example_galaxies(3);
  GivenLines given = none(g.n);
  for (std::size_t i = 0; i < g.n; ++i) {
    given.ew(i, k_halpha) = 10;
    given.ivar(i, k_halpha) = 1;
    given.ew(i, 0) = 12;
    given.ivar(i, 0) = 0.1;
  }
  constexpr std::size_t draws = 20000;
  const Prediction p = model.predict(g, pool, {.draws = draws, .given = &given});
  for (std::size_t i = 0; i < g.n; ++i)
    for (const std::size_t line : {std::size_t{0}, k_hbeta, k_halpha, k_nii})
      for (const auto& [ew, share] :
           {std::pair{p.p16(i, line), k_p16}, std::pair{p.ew(i, line), 0.5}, std::pair{p.p84(i, line), k_p84}}) {
        if (ew <= 0) continue;
        std::size_t below = 0;
        for (std::size_t k = 0; k < draws; ++k)
          below += static_cast<double>(p.draws(i, line * draws + k)) < ew ? 1U : 0U;
        EXPECT_NEAR(static_cast<double>(below) / draws, share, 0.015);
      }
}

TEST(GivenLines, DerivativesAreThoseOfTheValues) {
  const Model model = Model::shipped();
  WorkerPool pool(1);
  Galaxies g = test::example_galaxies(3);
  g.band_flux(1, 0) = std::numeric_limits<double>::quiet_NaN();  // the other networks
  GivenLines given = none(g.n);
  for (std::size_t i = 0; i < g.n; ++i) {
    given.ew(i, k_halpha) = 9 + static_cast<double>(i);
    given.ivar(i, k_halpha) = 2;
    given.ew(i, 0) = 11;
    given.ivar(i, 0) = 0.2;
    given.ew(i, k_weak) = 1.5;
    given.ivar(i, k_weak) = 9;
  }
  const auto values = [&] { return model.predict(g, pool, {.float64 = true, .given = &given}); };
  const Derivatives d = model.derivatives(g, pool, &given);
  const auto check = [&](double& x, double step, std::size_t i, const auto& slope) {
    const double at = x;
    x = at + step;
    const Prediction up = values();
    x = at - step;
    const Prediction down = values();
    x = at;
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const auto near = [&](double got, double a, double b) {
        EXPECT_NEAR(got, (a - b) / (2 * step), 2e-6 * (1 + std::fabs(got))) << i << " " << line;
      };
      slope(line, near, up, down);
    }
  };
  for (std::size_t i = 0; i < g.n; ++i) {
    for (const std::size_t b : {1U, 5U, 11U})
      check(g.band_flux(i, b), 1e-5 * g.band_flux(i, b), i,
            [&](std::size_t line, const auto& near, const Prediction& up, const Prediction& down) {
              near(d.ew(i, line * k_n_slopes + b), up.ew(i, line), down.ew(i, line));
              near(d.p16(i, line * k_n_slopes + b), up.p16(i, line), down.p16(i, line));
              near(d.p84(i, line * k_n_slopes + b), up.p84(i, line), down.p84(i, line));
            });
    check(g.z[i], 1e-6, i, [&](std::size_t line, const auto& near, const Prediction& up, const Prediction& down) {
      near(d.ew(i, line * k_n_slopes + k_n_bands), up.ew(i, line), down.ew(i, line));
    });
    for (const std::size_t by : {std::size_t{0}, k_halpha, k_weak})
      check(given.ew(i, by), 2e-5, i,
            [&](std::size_t line, const auto& near, const Prediction& up, const Prediction& down) {
              near(d.given(i, line * k_n_lines + by), up.ew(i, line), down.ew(i, line));
            });
    EXPECT_EQ(d.given(i, k_halpha * k_n_lines + k_nii), 0.0);  // the weak one was given
  }
}

TEST(Selected, AnswersForGalaxiesThatPass) {
  const Model model = Model::shipped();
  WorkerPool pool(2);
  const Galaxies g = test::example_galaxies(8);
  const Selection cut = Selection::parse("HBETA,HALPHA > 1 and SNR(NII_6584) > 2");
  const Prediction plain = model.predict(g, pool), p = model.predict(g, pool, {.selected = &cut});
  // As draws of the distribution weighted by the probability to pass.
  constexpr std::size_t draws = 40000;
  const Matrix<float> sample = model.sample(g, draws, 1, pool);
  for (std::size_t i = 0; i < g.n; ++i) {
    EXPECT_NE(p.flags[i] & k_conditioned, 0);
    EXPECT_GE(p.ew(i, k_nii), plain.ew(i, k_nii));
    std::vector<double> ew(k_n_lines), weight(draws);
    for (std::size_t line = 0; line < k_n_lines; ++line) ew[line] = plain.ew(i, line);
    const auto sigma = model.sigma_ew(g, i, ew);
    cut.probabilities(sample.row(i), sigma, weight);
    for (const std::size_t line : {k_hbeta, k_halpha, k_nii}) {
      double below = 0, all = 0;
      for (std::size_t k = 0; k < draws; ++k) {
        all += weight[k];
        if (static_cast<double>(sample(i, line * draws + k)) < p.ew(i, line)) below += weight[k];
      }
      if (all > 400) {
        EXPECT_NEAR(below / all, 0.5, 0.04) << i << " " << line;
      }
    }
  }
  EXPECT_EQ(model.predict(select_rows(g, {}), pool, {.selected = &cut}).flags.size(), 0U);
}

TEST(Conditions, OfPointModelsAndWrongShapesAreErrors) {
  const Model model = Model::shipped();
  WorkerPool pool(1);
  Galaxies g = test::example_galaxies(2);
  const GivenLines wrong = none(3);
  EXPECT_THROW((void)model.predict(g, pool, {.given = &wrong}), Error);
  Model::Parts parts = model.parts();
  parts.noise.reset();
  const Model silent(parts);
  const Selection cut = Selection::parse("HALPHA > 0");
  EXPECT_NO_THROW((void)silent.predict(g, pool, {.selected = &cut}));  // the rows have errors
  g.ew_ivar = {};
  EXPECT_THROW((void)silent.predict(g, pool, {.selected = &cut}), Error);
}

}  // namespace
}  // namespace starglow
