#include "starglow/judge/evaluate.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "starglow/files/table.hpp"
#include "starglow/judge/metrics.hpp"
#include "support/example_galaxies.hpp"
#include "support/shared_data.hpp"

namespace starglow {
namespace {

NamedPrediction noisy_truth(const Galaxies& g, const std::string& name, double spread, std::int64_t salt) {
  NamedPrediction p{name, Matrix<double>(g.n, k_n_lines)};
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line)
      p.ew(i, line) =
          static_cast<double>(g.ew(i, line)) +
          spread * RandomObject(8, Stream::intrinsic, g.targetid[i] + salt).normal(0, static_cast<std::uint32_t>(line));
  return p;
}

TEST(Evaluate, NumbersAreThoseOfTheMetrics) {
  const Galaxies g = test::example_galaxies(300);
  WorkerPool pool(1);
  const auto a = noisy_truth(g, "a", 1.0, 0), b = noisy_truth(g, "b", 3.0, 1000000);
  const Evaluation e = evaluate(g, {a, b}, 0, 1, pool);
  std::vector<double> obs, pred, other;
  for (std::size_t i = 0; i < g.n; ++i) {
    obs.push_back(static_cast<double>(g.ew(i, 6)));
    pred.push_back(a.ew(i, 6));
    other.push_back(b.ew(i, 6));
  }
  EXPECT_EQ(e.lines[0][6].n, 300U);
  EXPECT_EQ(e.lines[0][6].all[0].value, spearman(obs, pred));
  EXPECT_EQ(e.lines[0][6].all[1].value, nmad_k24(obs, pred));
  EXPECT_EQ(e.differences[0].lines[6][0].value, spearman(obs, pred) - spearman(obs, other));
  double mean = 0;
  for (std::size_t line = 0; line < k_n_lines; ++line) mean += e.lines[0][line].all[0].value / 10;
  EXPECT_NEAR(e.mean10[0][0].value, mean, 1e-15);
}

TEST(Evaluate, RowsWithoutLabelPositiveEWOrPredictionAreLeftOutForAll) {
  Galaxies g = test::example_galaxies(100);
  auto a = noisy_truth(g, "a", 1, 0), b = noisy_truth(g, "b", 1, 5000);
  g.ew_ivar(0, 6) = 0.0F;
  g.ew(1, 6) = -2.0F;
  a.ew(2, 6) = std::nan("");
  b.ew(3, 6) = std::numeric_limits<double>::infinity();
  WorkerPool pool(1);
  const Evaluation e = evaluate(g, {a, b}, 0, 1, pool);
  EXPECT_EQ(e.lines[0][6].n, 96U);
  EXPECT_EQ(e.lines[1][6].n, 96U);
  EXPECT_EQ(e.n_labelled[6], 99U);
  EXPECT_EQ(e.lines[0][5].n, 100U);
}

// The same resampling with the plain functions: the fast ranks must give the same numbers.
TEST(Evaluate, BootstrapEqualsTheSlowWay) {
  Galaxies g = test::example_galaxies(120);
  for (std::size_t i = 0; i < g.n; i += 3) g.ew(i, 6) = std::fmax(1.0F, std::round(g.ew(i, 6)));  // ties
  WorkerPool pool(2);
  const auto a = noisy_truth(g, "a", 1, 0), b = noisy_truth(g, "b", 2, 7000);
  const std::int64_t resamples = 60;
  const Evaluation e = evaluate(g, {a, b}, resamples, 3, pool);
  const RandomObject random(3, Stream::bootstrap, 0);
  std::vector<double> rho, nmad, difference;
  for (std::uint32_t r = 0; r < resamples; ++r) {
    std::vector<double> obs, pa, pb;
    for (std::uint32_t i = 0; i < g.n; ++i) {
      const std::size_t row = random.words(r, i)[0] % g.n;
      obs.push_back(static_cast<double>(g.ew(row, 6)));
      pa.push_back(a.ew(row, 6));
      pb.push_back(b.ew(row, 6));
    }
    rho.push_back(spearman(obs, pa));
    nmad.push_back(nmad_k24(obs, pa));
    difference.push_back(spearman(obs, pa) - spearman(obs, pb));
  }
  const auto sd = [](const std::vector<double>& v) {
    double mean = 0, sum = 0;
    for (const double x : v) mean += x / static_cast<double>(v.size());
    for (const double x : v) sum += (x - mean) * (x - mean);
    return std::sqrt(sum / static_cast<double>(v.size() - 1));
  };
  EXPECT_NEAR(e.lines[0][6].all[0].error, sd(rho), 1e-12);
  EXPECT_NEAR(e.lines[0][6].all[1].error, sd(nmad), 1e-12);
  EXPECT_NEAR(e.differences[0].lines[6][0].error, sd(difference), 1e-12);
}

TEST(Evaluate, ErrorsAreThoseOfTheSamplingAndEqualForAnyThreads) {
  const Galaxies g = test::example_galaxies(500);
  WorkerPool one(1), many(5);
  const auto a = noisy_truth(g, "a", 5, 0);
  const Evaluation e = evaluate(g, {a}, 300, 1, one), f = evaluate(g, {a}, 300, 1, many);
  EXPECT_EQ(e.lines[0][6].all[0].error, f.lines[0][6].all[0].error);
  EXPECT_EQ(e.mean10[0][1].error, f.mean10[0][1].error);
  // Against the scatter over independent samples of the same law.
  std::vector<double> rho;
  for (int k = 1; k <= 40; ++k) {
    const Galaxies h = test::example_galaxies(500, 39627000000000000 + k * 1000000LL);
    rho.push_back(evaluate(h, {noisy_truth(h, "a", 5, 0)}, 0, 1, one).lines[0][6].all[0].value);
  }
  double mean = 0, sum = 0;
  for (const double r : rho) mean += r / 40;
  for (const double r : rho) sum += (r - mean) * (r - mean);
  EXPECT_NEAR(e.lines[0][6].all[0].error / std::sqrt(sum / 39), 1.0, 0.4);
}

TEST(Evaluate, TextAndJsonHoldTheNumbers) {
  const Galaxies g = test::example_galaxies(50);
  WorkerPool pool(1);
  Evaluation e = evaluate(g, {noisy_truth(g, "ours", 1, 0), noisy_truth(g, "theirs", 2, 9)}, 20, 1, pool);
  e.lines[0][3].all[2].value = std::nan("");
  const auto j = nlohmann::json::parse(evaluation_json(e));
  EXPECT_EQ(j["predictions"][0]["name"], "ours");
  EXPECT_EQ(j["predictions"][0]["lines"]["HALPHA"]["rho"].get<double>(), e.lines[0][6].all[0].value);
  EXPECT_TRUE(j["predictions"][0]["lines"]["OIII_4959"]["nmad_centred"].is_null());
  EXPECT_EQ(j["differences"][0]["mean10"]["rho_error"].get<double>(), e.differences[0].mean10[0].error);
  const std::string table = evaluation_table(e);
  for (const char* word : {"ours", "theirs", "HALPHA", "mean of 10", "ours minus theirs", "cNMAD"})
    EXPECT_NE(table.find(word), std::string::npos) << word;
}

TEST(Evaluate, WhatDoesNotFitIsAnError) {
  Galaxies g = test::example_galaxies(10);
  WorkerPool pool(1);
  EXPECT_THROW(evaluate(g, {}, 0, 1, pool), Error);
  EXPECT_THROW(evaluate(g, {{"short", Matrix<double>(9, 10)}}, 0, 1, pool), Error);
  g.ew = {};
  EXPECT_THROW(evaluate(g, {{"a", Matrix<double>(10, 10)}}, 0, 1, pool), Error);
}

TEST(CrossValidate, EveryRowIsPredictedByAModelThatHasNotSeenIt) {
  Galaxies g = test::example_galaxies(300);
  TrainConfig c;
  c.hidden = {8};
  c.members = c.point_members = 1;
  c.epochs = 3;
  c.sibling = false;
  c.joint_epochs = c.width_epochs = 5;
  WorkerPool pool(2);
  const auto p = cross_validate(g, c, {}, pool).at(0);
  // The rows of one fold are predicted by the model trained on the other four.
  std::vector<std::size_t> inside, outside;
  for (std::size_t i = 0; i < g.n; ++i) (fold_of(g.targetid[i]) == 2 ? outside : inside).push_back(i);
  const auto direct = train(select_rows(g, inside), c, pool).predict(select_rows(g, outside), pool).ew;
  for (std::size_t i = 0; i < outside.size(); ++i) EXPECT_EQ(p.ew(outside[i], 6), direct(i, 6));
  g.targetid.clear();
  EXPECT_THROW(cross_validate(g, c, {}, pool), Error);
}

// The scores of the published predictions on the shared 4000 galaxies, to their printed digits.
TEST(Evaluate, PublishedPredictionsHaveTheirPublishedScores) {
  const auto path = test::shared_file("desi_bgs/desi_edr_bgs.fits");
  STARGLOW_NEED_SHARED(path);
  const TableReader reader(path);
  const Galaxies g = reader.read(0, reader.rows());
  NamedPrediction p{"K24", Matrix<double>(g.n, k_n_lines)};
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    const auto values = reader.read_column(std::string(k_lines[line].name) + "_EW_K24", 0, g.n);
    for (std::size_t i = 0; i < g.n; ++i) p.ew(i, line) = values(i, 0);
  }
  WorkerPool pool(1);
  const Evaluation e = evaluate(g, {p}, 0, 1, pool);
  const struct {
    std::size_t n;
    double rho, nmad, bias;
  } wanted[k_n_lines]{{3884, .7028, 6.676, .920}, {3120, .6900, .960, .927},  {4000, .8519, 1.564, .975},
                      {3125, .7401, .533, 1.031}, {4000, .7256, 1.293, .968}, {3768, .7736, .822, .960},
                      {4000, .8691, 6.516, .974}, {4000, .7842, 2.406, .952}, {3854, .8355, 1.411, .955},
                      {3737, .8051, 1.142, .955}};
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    SCOPED_TRACE(k_lines[line].name);
    EXPECT_EQ(e.lines[0][line].n, wanted[line].n);
    EXPECT_NEAR(e.lines[0][line].all[0].value, wanted[line].rho, 0.000051);
    EXPECT_NEAR(e.lines[0][line].all[1].value, wanted[line].nmad, 0.00051);
    EXPECT_NEAR(e.lines[0][line].all[3].value, wanted[line].bias, 0.00051);
  }
}

}  // namespace
}  // namespace starglow
