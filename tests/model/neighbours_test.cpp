#include "starglow/model/neighbours.hpp"
#include "starglow/files/models.hpp"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/model/model.hpp"
#include "starglow/model/train.hpp"
#include "support/example_galaxies.hpp"

namespace starglow {
namespace {

// Example galaxies with lines that are a smooth function of the continuum; every seventh label is absent.
Galaxies labelled(std::size_t n) {
  Galaxies g = test::example_galaxies(n);
  g.ew = Matrix<float>(n, k_n_lines);
  g.ew_ivar = Matrix<float>(n, k_n_lines, 1.0F);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const double blue = std::log10(g.band_flux(i, 0) / g.band_flux(i, 5));
      g.ew(i, line) = static_cast<float>(std::sinh(1.5 + 2 * blue + 0.1 * static_cast<double>(line)));
      if ((i * 3 + line) % 7 == 0) g.ew_ivar(i, line) = 0;
    }
  return g;
}

TrainConfig preset(const std::string& name, std::int64_t k, std::int64_t principal) {
  TrainConfig c = train_preset(name);
  c.neighbours = k;
  c.principal = principal;
  return c;
}

// All distances, all sorted; the regression by least squares on weighted rows.
std::array<double, 8> slow_answer(const NeighbourBank& bank, std::span<const double> features) {
  const std::size_t n = bank.points.rows(), m = bank.n_components();
  std::vector<double> point(m), distance(n);
  for (std::size_t c = 0; c < m; ++c)
    for (std::size_t i = 0; i < features.size(); ++i)
      point[c] += bank.components(c, i) * (features[i] - bank.x_mean[i]) / bank.x_scale[i];
  for (std::size_t r = 0; r < n; ++r) {
    for (std::size_t c = 0; c < m; ++c) distance[r] += std::pow(static_cast<double>(bank.points(r, c)) - point[c], 2);
    distance[r] = std::max(std::sqrt(distance[r]), 1e-6);
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return distance[a] < distance[b]; });
  std::array<double, 8> out{};
  for (std::size_t line = 0; line < 8; ++line) {
    std::vector<std::size_t> near;
    for (std::size_t i = 0; i < bank.k; ++i)
      if (!std::isnan(bank.t(order[i], line))) near.push_back(order[i]);
    const auto rows = static_cast<Eigen::Index>(near.size()), columns = static_cast<Eigen::Index>(m) + 1;
    Eigen::MatrixXd a(rows, columns);
    Eigen::VectorXd y(rows);
    double sum = 0, total = 0, low = 1e9, high = -1e9;
    for (Eigen::Index i = 0; i < rows; ++i) {
      const std::size_t r = near[static_cast<std::size_t>(i)];
      const double t = static_cast<double>(bank.t(r, line)), root = 1 / std::sqrt(distance[r]);
      a(i, 0) = root;
      for (std::size_t c = 0; c < m; ++c)
        a(i, static_cast<Eigen::Index>(c) + 1) = root * (static_cast<double>(bank.points(r, c)) - point[c]);
      y[i] = root * t;
      sum += t / distance[r];
      total += 1 / distance[r];
      low = std::min(low, t);
      high = std::max(high, t);
    }
    out[line] = bank.local_linear ? std::clamp(a.colPivHouseholderQr().solve(y)[0], low, high) : sum / total;
  }
  return out;
}

class Neighbours : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(, Neighbours, ::testing::Values("knn", "llr"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Neighbours, AnswerAsAllDistancesSortedSay) {
  WorkerPool pool(2);
  const Galaxies g = labelled(400);
  const Model model = train(g, preset(GetParam(), 40, 4), pool);
  const NeighbourBank& bank = *model.parts().neighbours;
  EXPECT_EQ(bank.k, 40U);
  EXPECT_EQ(bank.n_components(), 4U);
  const Galaxies asked = test::example_galaxies(450);
  const Prediction p = model.predict(asked, pool);
  EXPECT_TRUE(p.p16.empty());
  std::vector<double> x(bank.features.size());
  for (std::size_t i = 0; i < asked.n; i += 7) {
    compute_features(bank.features, asked.band_flux.row(i), asked.z[i], x);
    const auto t = slow_answer(bank, x);
    // the regression's ridge of 1e-6 of the trace, and float32 points
    for (std::size_t j = 0; j < 8; ++j)
      ASSERT_NEAR(std::asinh(p.ew(i, k_independent_lines[j])), t[j], 2e-3) << "row " << i << " line " << j;
    EXPECT_NEAR(p.ew(i, 4), 3.161 * p.ew(i, 3), 1e-6 * p.ew(i, 4));
  }
}

TEST_P(Neighbours, RecoverASmoothLawOnOtherGalaxies) {
  WorkerPool pool(2);
  const Galaxies all = labelled(1200);
  std::vector<std::size_t> first, second;
  for (std::size_t i = 0; i < all.n; ++i) (i % 2 == 0 ? first : second).push_back(i);
  const Model model = train(select_rows(all, first), preset(GetParam(), 0, 0), pool);
  EXPECT_FALSE(model.parts().metadata.at("tried").empty());
  const Galaxies other = select_rows(all, second);
  const Prediction p = model.predict(other, pool);
  double error = 0;
  for (std::size_t i = 0; i < other.n; ++i)
    error += std::fabs(std::asinh(p.ew(i, 6)) - std::asinh(static_cast<double>(other.ew(i, 6)))) /
             static_cast<double>(other.n);
  EXPECT_LT(error, std::string(GetParam()) == "llr" ? 0.03 : 0.12);
}

TEST_P(Neighbours, KeepTheirNumbersThroughAFileAndForAnyThreads) {
  WorkerPool one(1), three(3);
  const Galaxies g = labelled(300);
  const Model a = train(g, preset(GetParam(), 0, 0), one), b = train(g, preset(GetParam(), 0, 0), three);
  EXPECT_EQ(a.hash(), b.hash());
  const auto file = std::filesystem::temp_directory_path() / (std::string("starglow_") + GetParam() + ".safetensors");
  save(a, file, true);
  const Model c = Model::load(file);
  std::filesystem::remove(file);
  EXPECT_EQ(a.hash(), c.hash());
  const Prediction p = a.predict(g, one), q = c.predict(g, three);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line) ASSERT_EQ(p.ew(i, line), q.ew(i, line));
}

TEST_P(Neighbours, FlagRowsThatTheyCannotAnswer) {
  WorkerPool pool(1);
  const Model model = train(labelled(200), preset(GetParam(), 20, 5), pool);
  Galaxies g = test::example_galaxies(3);
  g.band_flux(0, 4) = std::nan("");
  g.z[1] = -1;
  const Prediction p = model.predict(g, pool);
  EXPECT_TRUE((p.flags[0] & k_fatal_flags) != 0 && std::isnan(p.ew(0, 6)));
  EXPECT_TRUE((p.flags[1] & k_no_answer) != 0 && std::isnan(p.ew(1, 6)));
  EXPECT_EQ(p.flags[2] & k_fatal_flags, 0);
  EXPECT_THROW(model.jacobian(g, pool), Error);
  EXPECT_THROW(model.sample(g, 4, 1, pool), Error);
}

TEST(NeighbourBank, RefusesWhatDoesNotFit) {
  WorkerPool pool(1);
  const Model model = train(labelled(100), preset("knn", 10, 3), pool);
  const auto refused = [&](auto change) {
    Model::Parts parts = model.parts();
    change(*parts.neighbours);
    EXPECT_THROW(Model{parts}, Error);
  };
  refused([](NeighbourBank& b) { b.k = 0; });
  refused([](NeighbourBank& b) { b.k = 101; });
  refused([](NeighbourBank& b) { b.x_scale[2] = 0; });
  refused([](NeighbourBank& b) { b.points(3, 1) = std::nanf(""); });
  refused([](NeighbourBank& b) { b.t = Matrix<float>(99, 8); });
  refused([](NeighbourBank& b) { b.components = Matrix<double>(3, 4); });
  Model::Parts parts = model.parts();
  parts.kind = "joint";
  EXPECT_THROW(Model{parts}, Error);
  EXPECT_THROW(train(labelled(100), preset("llr", 101, 3), pool), Error);
  TrainConfig c = preset("knn", 10, 3);
  c.joint = true;
  EXPECT_THROW(train(labelled(100), c, pool), Error);
}

}  // namespace
}  // namespace starglow
