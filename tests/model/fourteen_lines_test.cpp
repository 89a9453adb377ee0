// A model of fourteen lines, more than the eight independent ones of the shipped model: the shipped model's lines in
// it must be answered as the shipped model does.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <numbers>

#include "model/sites.hpp"
#include "starglow/base/random.hpp"
#include "starglow/files/models.hpp"
#include "starglow/model/model.hpp"
#include "support/example_galaxies.hpp"
#include "support/head_of_lines.hpp"
#include "support/slow_condition.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = k_n_independent_lines, k_most = k_most_independent_lines;
// What the four further lines are made of: a line of the eight each, which they are correlated with.
constexpr std::array<std::size_t, 4> k_like{0, 2, 4, 7};
constexpr double k_common = 0.6;

LineSet fourteen() { return LineSet::parse(LineSet::standard().names() + ",NEIII_3869,HDELTA,HEI_5876,OI_6300"); }

void add_lines(NetworkBank& bank, const LineSet& lines) {
  JointHead& head = *bank.joint;
  const std::size_t n_c = head.components, n = lines.independent().size();
  std::vector<std::size_t> like(n);
  for (std::size_t j = 0; j < n; ++j) like[j] = j < k_n ? j : k_like[j - k_n];
  test::take_outputs(bank, lines, like);
  const Matrix<double> eight = head.factor;
  head.factor = Matrix<double>(n_c, k_most * k_most);
  for (std::size_t c = 0; c < n_c; ++c)
    for (std::size_t i = 0; i < k_most; ++i) {
      head.factor(c, i * k_most + i) = i < k_n ? 0 : i < n ? std::sqrt(1 - k_common * k_common) : 1;
      for (std::size_t j = 0; i < n && j < k_n; ++j)
        head.factor(c, i * k_most + j) += (i < k_n ? 1 : k_common) * eight(c, like[i] * k_n + j);
    }
}

Model wide_model() {
  Model::Parts parts = Model::shipped().parts();
  parts.lines = fourteen();
  add_lines(*parts.full, parts.lines);
  add_lines(*parts.partial, parts.lines);
  NoiseModel& law = *parts.noise;
  Matrix<double> rows(k_n + k_like.size(), NoiseModel::k_n_terms);
  for (std::size_t j = 0; j < rows.rows(); ++j) {
    const std::size_t from = j < k_n ? j : k_like[j - k_n];
    std::ranges::copy(law.coefficients.row(from), rows.row(j).begin());
    if (j >= k_n) law.scatter.push_back(law.scatter[from]);
  }
  law.coefficients = rows;
  law.lines.assign(parts.lines.independent().begin(), parts.lines.independent().end());
  return Model(std::move(parts));
}

// Galaxies of every kind: whole ones, some that lack bands or the redshift, some beyond the training.
Galaxies some_galaxies() {
  Galaxies g = test::example_galaxies(24);
  for (const std::size_t b : {0U, 1U}) g.band_flux(3, b) = std::numeric_limits<double>::quiet_NaN();
  g.z[4] = std::numeric_limits<double>::quiet_NaN();
  g.z[5] = 0.7;
  for (std::size_t b = 0; b < k_n_bands; ++b) g.band_flux(6, b) *= std::exp(0.4 * static_cast<double>(b));
  return g;
}

void expect_same(const Matrix<double>& wide, const Matrix<double>& ten, double tolerance) {
  ASSERT_EQ(wide.rows(), ten.rows());
  for (std::size_t i = 0; i < ten.rows(); ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      ASSERT_EQ(std::isnan(wide(i, line)), std::isnan(ten(i, line))) << i << ' ' << line;
      if (std::isnan(ten(i, line))) continue;
      ASSERT_NEAR(wide(i, line), ten(i, line), tolerance * (1 + std::fabs(ten(i, line)))) << i << ' ' << line;
    }
}

TEST(FourteenLines, AreAnsweredAsTheTenAre) {
  const Model wide = wide_model(), ten = Model::shipped();
  const Galaxies g = some_galaxies();
  WorkerPool pool(1);
  constexpr std::size_t draws = 5;
  const PredictOptions options{.float64 = true, .draws = draws};
  const Prediction a = wide.predict(g, pool, options), b = ten.predict(g, pool, options);
  EXPECT_EQ(a.flags, b.flags);
  expect_same(a.ew, b.ew, 1e-9);
  expect_same(a.p16, b.p16, 1e-9);
  expect_same(a.p84, b.p84, 1e-9);
  const auto hdelta = line_index("HDELTA"), oiii_4363 = line_index("OIII_4363");
  for (std::size_t i = 0; i < g.n; ++i) {
    EXPECT_TRUE(std::isnan(a.ew(i, oiii_4363)));
    if (std::isnan(b.ew(i, 2))) continue;
    // It is made of Hbeta, but for the growth with redshift, which the file has for the ten.
    const double wanted = g.z[i] > 0.3 ? a.ew(i, hdelta) : b.ew(i, 2);
    EXPECT_NEAR(a.ew(i, hdelta), wanted, 1e-9 * (1 + wanted));
    for (std::size_t line = 0; line < k_n_lines; ++line)
      for (std::size_t k = 0; k < draws; ++k) {
        const auto one = static_cast<double>(b.draws(i, line * draws + k));
        EXPECT_NEAR(static_cast<double>(a.draws(i, line * draws + k)), one, 1e-5 * (1 + one)) << i << ' ' << line;
      }
  }
}

TEST(FourteenLines, DrawsHaveTheCorrelation) {
  const Model wide = wide_model();
  const Galaxies g = test::example_galaxies(2);
  WorkerPool pool(1);
  constexpr std::size_t n = 6000;
  const Prediction p = wide.predict(g, pool, {.draws = n});
  const auto joint = wide.joint_distributions(g, pool);
  EXPECT_EQ(joint[0].lines.slots.places(), k_most);
  for (const auto& [name, place] : {std::pair{"NEIII_3869", 8U}, std::pair{"OI_6300", 11U}}) {
    const std::size_t line = *find_any_line(name), partner = k_independent_lines[k_like[place - k_n]];
    for (std::size_t i = 0; i < g.n; ++i) {
      double below = 0, both = 0, own = 0, other = 0;
      for (std::size_t k = 0; k < n; ++k) {
        below += static_cast<double>(p.draws(i, line * n + k)) < p.p84(i, line) ? 1 : 0;
        const auto side = [&](std::size_t of) {
          return static_cast<double>(p.draws(i, of * n + k)) < p.ew(i, of) ? -1.0 : 1.0;
        };
        const double x = side(line), y = side(partner);
        both += x * y, own += x, other += y;
      }
      EXPECT_NEAR(below / n, k_p84, 0.02) << name;
      // The sign correlation of two normals of correlation r is 2 asin(r) / pi; components that lie apart add to it.
      EXPECT_GT(both / n, 2 / std::numbers::pi * std::asin(k_common) - 0.05) << name;
      EXPECT_NEAR(own / n, 0, 0.05);
    }
  }
}

TEST(FourteenLines, GivenLinesAreThoseOfTheTen) {
  const Model wide = wide_model(), ten = Model::shipped();
  const Galaxies g = test::example_galaxies(12);
  WorkerPool pool(1);
  GivenLines narrow{Matrix<double>(g.n, k_n_lines), Matrix<double>(g.n, k_n_lines)},
      all{Matrix<double>(g.n, k_n_all_lines), Matrix<double>(g.n, k_n_all_lines)};
  for (std::size_t i = 0; i < g.n; ++i)
    for (const std::size_t line : {2U, 4U, 6U}) {
      narrow.ew(i, line) = all.ew(i, line) = 3.0 + static_cast<double>(line + i);
      narrow.ivar(i, line) = all.ivar(i, line) = 1.5;
    }
  PredictOptions options{.float64 = true};
  options.given = &narrow;
  const Prediction b = ten.predict(g, pool, options);
  options.given = &all;
  const Prediction a = wide.predict(g, pool, options), plain = wide.predict(g, pool, {.float64 = true});
  expect_same(a.ew, b.ew, 1e-4);
  expect_same(a.p16, b.p16, 1e-4);
  const auto hdelta = line_index("HDELTA");
  for (std::size_t i = 0; i < g.n; ++i) EXPECT_NE(a.ew(i, hdelta), plain.ew(i, hdelta));
  const Derivatives wide_slopes = wide.derivatives(g, pool, &all), ten_slopes = ten.derivatives(g, pool, &narrow);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line)
      for (std::size_t of = 0; of < k_n_lines; ++of)
        EXPECT_NEAR(wide_slopes.given(i, line * k_n_all_lines + of), ten_slopes.given(i, line * k_n_lines + of), 1e-4)
            << i << ' ' << line << ' ' << of;
}

// Against matrices in long double and integrals by adaptive nodes.
TEST(FourteenLines, GivenLinesMeetTheSlowTwin) {
  const Model wide = wide_model();
  const Galaxies g = test::example_galaxies(3);
  WorkerPool pool(1);
  const auto joint = wide.joint_distributions(g, pool);
  for (const auto& known : {std::vector<std::size_t>{9}, {3, 11}, {0, 5, 8, 10}}) {
    Evidence evidence{};
    for (const std::size_t j : known) evidence[j] = {LineEvidence::Kind::measured, 2.0 + static_cast<double>(j), 0.7};
    for (const JointDistribution& prior : joint) {
      const JointDistribution got = condition(prior, evidence);
      const auto want = slow::condition(prior, evidence);
      EXPECT_NEAR(got.log_evidence, want.log_evidence, 1e-6);
      for (std::size_t c = 0; c < prior.lines.components; ++c) {
        EXPECT_NEAR(got.lines.weight[c], want.weight[c], 1e-7);
        for (std::size_t j = 0; j < 12; ++j) EXPECT_NEAR(got.lines.mean[c][j], want.mean[c][j], 1e-6) << c << ' ' << j;
      }
    }
  }
}

TEST(FourteenLines, JacobianIsThatOfTheTen) {
  const Model wide = wide_model(), ten = Model::shipped();
  const Galaxies g = some_galaxies();
  WorkerPool pool(1);
  const Matrix<double> a = wide.jacobian(g, pool), b = ten.jacobian(g, pool);
  ASSERT_EQ(a.cols(), k_n_all_lines * k_n_bands);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t k = 0; k < b.cols(); ++k) {
      ASSERT_EQ(std::isnan(a(i, k)), std::isnan(b(i, k)));
      if (std::isnan(b(i, k))) continue;
      EXPECT_NEAR(a(i, k), b(i, k), 1e-4 * (1 + std::fabs(b(i, k)))) << i << ' ' << k;
    }
}

TEST(FourteenLines, AreKeptInTheFile) {
  const Model wide = wide_model();
  const auto path = std::filesystem::temp_directory_path() / "starglow_fourteen_lines_test.safetensors";
  save(wide, path, true);
  const Model again = Model::load(path);
  std::filesystem::remove(path);
  EXPECT_EQ(again.lines(), wide.lines());
  EXPECT_EQ(again.parts().full->joint->factor.flat().size(), wide.parts().full->joint->factor.flat().size());
  const Galaxies g = some_galaxies();
  WorkerPool pool(1);
  const Prediction a = wide.predict(g, pool), b = again.predict(g, pool);
  for (std::size_t k = 0; k < a.ew.flat().size(); ++k)
    EXPECT_TRUE(a.ew.flat()[k] == b.ew.flat()[k] || (std::isnan(a.ew.flat()[k]) && std::isnan(b.ew.flat()[k])));
}

}  // namespace
}  // namespace starglow
