#include "starglow/judge/calibration.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "support/example_galaxies.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_draws = 200;

// Galaxies whose lines are drawn from a known law, correlated by `common`, measured with sigma = 1 A; and draws of that
// law, with the scatter multiplied by `factor`.
struct Truth {
  Galaxies g = test::example_galaxies(2000);
  NamedPrediction prediction;
};
Truth truth(double factor, double common) {
  Truth out;
  out.prediction = {"law", Matrix<double>(out.g.n, k_n_lines), Matrix<float>(out.g.n, k_n_lines * k_draws), k_draws};
  for (std::size_t i = 0; i < out.g.n; ++i) {
    const RandomObject random(17, Stream::intrinsic, out.g.targetid[i]);
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const auto at = static_cast<std::size_t>(noise_source(line).line);
      const double scale = noise_source(line).factor, middle = 2.5 + 0.5 * random.normal(9999, 1);
      const auto t = [&](std::uint32_t draw, double f) {
        return middle + f * 0.5 *
                            (std::sqrt(common) * random.normal(draw, 50) +
                             std::sqrt(1 - common) * random.normal(draw, static_cast<std::uint32_t>(at)));
      };
      const double noise =
          RandomObject(99, Stream::label_noise, out.g.targetid[i]).normal(7, static_cast<std::uint32_t>(at));
      out.g.ew(i, line) = static_cast<float>(scale * (std::sinh(std::max(t(5000, 1), 0.0)) + noise));
      out.g.ew_ivar(i, line) = static_cast<float>(1 / (scale * scale));
      out.prediction.ew(i, line) = scale * std::sinh(middle);
      for (std::uint32_t k = 0; k < k_draws; ++k)
        out.prediction.draws(i, line * k_draws + k) =
            static_cast<float>(scale * std::sinh(std::max(t(k, factor), 0.0)));
    }
  }
  return out;
}

TEST(Calibration, TheTrueLawIsCalibratedAndOthersAreNot) {
  WorkerPool pool(2);
  const Truth right = truth(1, 0.6), narrow = truth(0.5, 0.6), independent = truth(1, 0);
  NamedPrediction too_narrow = narrow.prediction, uncorrelated = independent.prediction;
  too_narrow.name = "narrow";
  const Calibration c = calibrate(right.g, {right.prediction, too_narrow, uncorrelated}, 0, 1, pool);
  for (const auto line : k_independent_lines) {
    EXPECT_LT(c.scores[0].lines[line].pit_ks, 0.045);
    EXPECT_NEAR(c.scores[0].lines[line].coverage[1], 0.683, 0.035);
    EXPECT_NEAR(c.scores[0].lines[line].coverage[2], 0.95, 0.02);
    EXPECT_LT(c.scores[1].lines[line].coverage[1], 0.55);
    EXPECT_LT(c.scores[0].lines[line].crps, c.scores[1].lines[line].crps);
    EXPECT_LT(c.scores[0].lines[line].log_score, c.scores[1].lines[line].log_score);
    EXPECT_LT(c.differences[0].lines[line].value, -3 * c.differences[0].lines[line].error);
    // 20 bins of mean 1; quintiles about the mean coverage
    double sum = 0;
    for (const double bin : c.scores[0].lines[line].pit) sum += bin / 20;
    EXPECT_NEAR(sum, 1, 1e-12);
    for (const auto& split : c.scores[0].lines[line].coverage68)
      for (const double v : split) EXPECT_NEAR(v, 0.683, 0.09);
  }
  EXPECT_LT(c.scores[0].correlation_rms, 0.03);
  EXPECT_GT(c.scores[2].correlation_rms, 0.3);
  EXPECT_NEAR(c.scores[0].ratios.width_oiii_hb / c.observed.width_oiii_hb, 1, 0.05);
  EXPECT_NEAR(c.scores[0].ratios.star_forming, c.observed.star_forming, 0.03);
  EXPECT_GT(c.scores[2].ratios.width_oiii_hb, 1.2 * c.observed.width_oiii_hb);
  EXPECT_LT(c.differences[0].mean8.value, -5 * c.differences[0].mean8.error);
}

TEST(Calibration, CrpsOfANormalLawIsItsFormula) {
  // Bright lines: noise and selection play no part; asinh EW ~ N(5, 0.3), so CRPS has a closed form (Gneiting 2005).
  WorkerPool pool(1);
  Galaxies g = test::example_galaxies(1);
  NamedPrediction p{"normal", Matrix<double>(1, k_n_lines), Matrix<float>(1, k_n_lines * 4000), 4000};
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    p.ew(0, line) = std::sinh(5.0);
    g.ew(0, line) = static_cast<float>(std::sinh(5.2));
    g.ew_ivar(0, line) = 1e4F;
    const RandomObject random(1, Stream::intrinsic, static_cast<std::int64_t>(line));
    for (std::uint32_t k = 0; k < 4000; ++k)
      p.draws(0, line * 4000 + k) = static_cast<float>(std::sinh(5 + 0.3 * random.normal(k, 0)));
  }
  const auto c = calibrate(g, {p}, 0, 1, pool);
  const double z = 0.2 / 0.3, cdf = 0.5 * std::erfc(-z / std::numbers::sqrt2),
               density = std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi);
  const double wanted = 0.3 * (z * (2 * cdf - 1) + 2 * density - 1 / std::sqrt(std::numbers::pi));
  EXPECT_NEAR(c.scores[0].lines[6].crps, wanted, 0.005);
  EXPECT_NEAR(c.scores[0].lines[6].crps_free, c.scores[0].lines[6].crps, 1e-9);
}

TEST(Calibration, TheControlFindsTheScatter) {
  WorkerPool pool(2);
  const Truth t = truth(1, 0.6);
  const NamedPrediction control = points_with_scatter(t.g, t.prediction, 200, 1, pool);
  const Calibration c = calibrate(t.g, {control}, 0, 1, pool);
  for (const auto line : k_independent_lines) {
    EXPECT_LT(c.scores[0].lines[line].pit_ks, 0.05) << line;
    EXPECT_NEAR(c.scores[0].lines[line].coverage[1], 0.683, 0.04) << line;
  }
  EXPECT_GT(c.scores[0].correlation_rms, 0.3);  // it knows no correlations
}

TEST(Calibration, TablesAndJsonHoldTheNumbers) {
  WorkerPool pool(1);
  const Truth t = truth(1, 0.5);
  const Calibration c = calibrate(t.g, {t.prediction, t.prediction}, 0, 1, pool);
  EXPECT_NE(calibration_table(c).find("mean CRPS of the 8 independent lines"), std::string::npos);
  EXPECT_NE(calibration_json(c).find("\"pit_ks\""), std::string::npos);
  EXPECT_THROW(calibrate(Galaxies{}, {t.prediction}, 0, 1, pool), Error);
  EXPECT_THROW(calibrate(t.g, {}, 0, 1, pool), Error);
}

}  // namespace
}  // namespace starglow
