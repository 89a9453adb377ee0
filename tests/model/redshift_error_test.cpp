// A redshift with an error: the answer is the mean over redshifts.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "starglow/base/random.hpp"
#include "starglow/files/models.hpp"
#include "starglow/model/model.hpp"
#include "support/example_galaxies.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

TEST(RedshiftError, AnswerIsThatOfManyRedshifts) {
  const Model model = Model::shipped();
  WorkerPool pool(1);
  const Galaxies four = test::example_galaxies(4);
  constexpr std::size_t n = 4000;
  for (std::size_t row = 0; row < four.n; ++row) {
    const std::size_t rows[]{row};
    Galaxies one = select_rows(four, rows);
    one.z[0] = 0.17;
    one.z_err = {0.02};
    const auto answer = model.distributions(one, pool).at(0);
    Galaxies many = select_rows(one, std::vector<std::size_t>(n, 0));
    many.z_err.clear();
    const RandomObject random(9, Stream::population, 1);
    for (std::size_t i = 0; i < n; ++i) many.z[i] += 0.02 * random.normal(0, static_cast<std::uint32_t>(i));
    const auto each = model.distributions(many, pool);
    for (std::size_t line = 0; line < k_n_independent_lines; ++line) {
      SCOPED_TRACE(testing::Message() << "row " << row << " line " << line);
      for (const double t : {answer.p16[line], answer.median[line], answer.p84[line]}) {
        double mean = 0;
        for (const auto& d : each) mean += d.cdf(line, t) / static_cast<double>(n);
        EXPECT_NEAR(answer.cdf(line, t), mean, 0.02);
      }
    }
  }
}

TEST(RedshiftError, WidensAndLeavesOtherRowsAlone) {
  const Model model = Model::shipped();
  WorkerPool pool(2);
  Galaxies g = test::example_galaxies(60);
  const Prediction before = model.predict(g, pool, {.draws = 2});
  g.z_err = {0.0, 1e-5, k_nan, -0.1, std::numeric_limits<double>::infinity(), 3e-4};
  g.z_err.resize(60, 0.05);
  const Prediction after = model.predict(g, pool, {.draws = 2});
  std::size_t wider = 0, lines = 0;
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      if (i < 6) {
        EXPECT_EQ(before.ew(i, line), after.ew(i, line)) << i;
        EXPECT_EQ(before.p84(i, line), after.p84(i, line)) << i;
        EXPECT_EQ(before.draws(i, 2 * line), after.draws(i, 2 * line)) << i;
        continue;
      }
      ++lines;
      const auto width = [&](const Prediction& p) { return std::asinh(p.p84(i, line)) - std::asinh(p.p16(i, line)); };
      wider += width(after) > width(before) ? 1U : 0U;
      EXPECT_TRUE(std::isfinite(after.ew(i, line)));
    }
  EXPECT_GT(static_cast<double>(wider), 0.85 * static_cast<double>(lines));
}

TEST(RedshiftError, NeverReachesARedshiftOfZero) {
  const Model model = Model::shipped();
  WorkerPool pool(1);
  Galaxies g = test::example_galaxies(2);
  g.z = {0.01, k_nan};
  g.z_err = {0.2, 0.2};
  const Prediction p = model.predict(g, pool);
  for (std::size_t line = 0; line < k_n_lines; ++line)
    for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(std::isfinite(p.ew(i, line)));
}

}  // namespace
}  // namespace starglow
