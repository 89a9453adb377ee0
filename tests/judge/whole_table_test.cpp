#include "starglow/judge/whole_table.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "starglow/base/error.hpp"
#include "starglow/model/joint.hpp"
#include "support/example_galaxies.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_draws = 200;

// Labels that are draws of the prediction plus noise, negative ones among them; `wrong` adds to the prediction's t.
NamedPrediction prediction_of(Galaxies& g, double wrong) {
  NamedPrediction p{"p", Matrix<double>(g.n, k_n_lines), Matrix<float>(g.n, k_n_lines * k_draws), k_draws};
  for (std::size_t i = 0; i < g.n; ++i) {
    const RandomObject truth(1, Stream::population, g.targetid[i]), other(2, Stream::population, g.targetid[i]);
    const double centre = -0.5 + 2.5 * truth.uniform(0, 99);
    for (std::uint32_t line = 0; line < k_n_lines; ++line) {
      p.ew(i, line) = intrinsic_ew(centre + wrong);
      for (std::uint32_t k = 0; k < k_draws; ++k)
        p.draws(i, line * k_draws + k) = static_cast<float>(intrinsic_ew(centre + wrong + 0.4 * other.normal(k, line)));
      const double y = intrinsic_ew(centre + 0.4 * truth.normal(0, line)) + 0.6 * truth.normal(1, line);
      g.ew(i, line) = static_cast<float>(y);
      g.ew_ivar(i, line) = static_cast<float>(1 / 0.36);
    }
    g.band_flux(i, 1) = g.band_flux(i, 6) * std::pow(10.0, -0.44 + 0.2 * truth.uniform(0, 98));
  }
  return p;
}

TEST(WholeTable, FindsWhatIsCalibratedAndWhatIsNot) {
  Galaxies g = test::example_galaxies(1500);
  WorkerPool pool(2);
  const NamedPrediction right = prediction_of(g, 0.0);
  const auto good = score_whole_table(g, right, 1, pool);
  Galaxies same = test::example_galaxies(1500);
  const auto bad = score_whole_table(g, prediction_of(same, 0.6), 1, pool);
  for (const auto line : k_independent_lines) {
    EXPECT_EQ(good.lines[line].n, 1500U);
    EXPECT_NEAR(good.lines[line].coverage68, 0.683, 0.04) << line;
    EXPECT_LT(good.lines[line].crps, bad.lines[line].crps);
  }
  EXPECT_LT(good.mean_crps, bad.mean_crps - 0.05);
  EXPECT_EQ(good.n_lineless, 1500U);
  EXPECT_NEAR(good.observed, good.predicted, 0.03);
  EXPECT_LT(bad.predicted, bad.observed - 0.1);
  std::size_t in_bins = 0;
  for (const auto& b : good.lineless) in_bins += b.n;
  EXPECT_EQ(in_bins, 1500U);  // colours from -.44 to -.24; the bins from -.45 to -.20
  const auto json = nlohmann::json::parse(whole_table_json(good));
  EXPECT_EQ(json["lineless"]["n"], 1500);
  EXPECT_NEAR(json["lines"]["HALPHA"]["crps"], good.lines[6].crps, 1e-6);
  // Medians of red galaxies; no domain was given.
  const auto& halpha = good.lines[6];
  EXPECT_NEAR(static_cast<double>(halpha.n_red), 1500 * 0.7, 100);
  EXPECT_NEAR(halpha.red_predicted, halpha.red_observed, 0.25);
  EXPECT_GT(bad.lines[6].red_predicted, halpha.red_observed + 0.4);
  EXPECT_EQ(json["domain"]["n"], 0);
  NamedPrediction graded = right;
  graded.domain.assign(g.n, 0.2);
  for (std::size_t i = 0; i < 300; ++i) graded.domain[i] = 0.7;
  for (std::size_t i = 300; i < 500; ++i) graded.domain[i] = std::nan("");
  const auto far = score_whole_table(g, graded, 1, pool);
  EXPECT_EQ(far.n_graded, 1300U);
  EXPECT_DOUBLE_EQ(far.outside, 300.0 / 1300.0);
  EXPECT_NE(whole_table_text(good).find("fraction with EW(Ha) < 2 A"), std::string::npos);
}

TEST(WholeTable, NeedsLabelsAndDraws) {
  Galaxies g = test::example_galaxies(5);
  WorkerPool pool(1);
  NamedPrediction p{"p", Matrix<double>(5, k_n_lines, 1.0)};
  EXPECT_THROW((void)score_whole_table(g, p, 1, pool), Error);
  g.ew = Matrix<float>();
  EXPECT_THROW((void)score_whole_table(g, p, 1, pool), Error);
}

}  // namespace
}  // namespace starglow
