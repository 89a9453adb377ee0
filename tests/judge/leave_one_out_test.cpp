#include "starglow/judge/leave_one_out.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "starglow/base/random.hpp"
#include "starglow/files/models.hpp"
#include "starglow/model/condition.hpp"
#include "support/example_galaxies.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = k_n_independent_lines;

// Galaxies whose lines are measured, not measured, or measured as something that no line can be.
Galaxies measured_galaxies() {
  Galaxies g = test::example_galaxies(40);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const RandomObject random(9, Stream::training, static_cast<std::int64_t>(i));
      const auto lane = static_cast<std::uint32_t>(line);
      const double sigma = 0.5 * std::exp(random.normal(0, lane));
      g.ew(i, line) = static_cast<float>(std::sinh(1 + 0.7 * random.normal(1, lane)) + sigma * random.normal(2, lane));
      g.ew_ivar(i, line) = (i + 3 * line) % 7 == 0 ? 0.0F : static_cast<float>(1 / (sigma * sigma));
    }
  g.ew(4, 6) = -900.0F;
  for (std::size_t line = 0; line < k_n_lines; ++line) g.ew_ivar(5, line) = 0.0F;
  return g;
}

// P(EW + noise > value) of one line: the evidence of a cut that it passes.
double above(const LineDistribution& d, std::size_t j, double value, double sigma) {
  JointDistribution marginal;
  marginal.lines.components = d.components;
  marginal.lines.weight = d.weight;
  marginal.lines.mean = d.mean;
  marginal.lines.sd = d.sd;
  for (std::size_t c = 0; c < d.components; ++c)
    for (std::size_t k = 0; k < k_n; ++k) marginal.factor[c][k * k_n + k] = 1.0;
  Evidence e{};
  e[j] = {LineEvidence::Kind::passed, value, sigma};
  return std::exp(condition(marginal, e).log_evidence);
}

TEST(GivenOthers, EachLineIsThatOfTheOtherLinesAlone) {
  const Model model = Model::shipped();
  WorkerPool pool(1);
  const Galaxies g = measured_galaxies();
  const GivenOthers got = given_others(model, g, pool);
  const auto pulls = given_pulls(model, g, pool);
  const auto prior = model.joint_distributions(g, pool);
  std::size_t answers = 0;
  for (std::size_t i = 0; i < g.n; ++i) {
    SCOPED_TRACE(i);
    std::array<double, k_n_lines> ew{}, ivar{};
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      ew[line] = static_cast<double>(g.ew(i, line));
      ivar[line] = static_cast<double>(g.ew_ivar(i, line));
    }
    const Evidence all = evidence_of(ew, ivar, model.ew_ratio());
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      SCOPED_TRACE(k_lines[line].name);
      double ratio = 1;
      std::size_t strong = line;
      for (std::size_t k = 0; k < k_doublets.size(); ++k)
        if (static_cast<std::size_t>(k_doublets[k].weak) == line) {
          strong = static_cast<std::size_t>(k_doublets[k].strong);
          ratio = model.ew_ratio()[k];
        }
      const auto j =
          static_cast<std::size_t>(std::ranges::find(k_independent_lines, strong) - k_independent_lines.begin());
      Evidence others = all;
      others[j] = {};
      const LineDistribution want = condition(prior[i], others).lines;
      const double width = std::cosh(want.p84[j]) * (want.p84[j] - want.p16[j]) / ratio;
      EXPECT_NEAR(got.ew(i, line), intrinsic_ew(want.median[j]) / ratio, 1e-4 * width);
      EXPECT_NEAR(got.p16(i, line), intrinsic_ew(want.p16[j]) / ratio, 1e-4 * width);
      EXPECT_NEAR(got.p84(i, line), intrinsic_ew(want.p84[j]) / ratio, 1e-4 * width);
      if (!(ivar[line] > 0)) {
        EXPECT_TRUE(std::isnan(got.pull(i, line)));
        EXPECT_TRUE(std::isnan(pulls(i, line)));
        continue;
      }
      ++answers;
      EXPECT_EQ(got.pull(i, line), pulls(i, line));
      const double over = std::min(above(want, j, ratio * ew[line], ratio / std::sqrt(ivar[line])), 1.0);
      const double pull = std::clamp(over < 0.5 ? -normal_quantile(over) : normal_quantile(1 - over), -8.0, 8.0);
      EXPECT_NEAR(got.pull(i, line), pull, 1e-4 * (1 + pull * pull));
    }
  }
  EXPECT_GT(answers, 250U);
  EXPECT_EQ(got.pull(4, 6), -8.0);  // no line absorbs as much
}

}  // namespace
}  // namespace starglow
