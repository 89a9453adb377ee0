// Models with lines of their own: a part of the shipped model's lines must be answered as the shipped model does.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <filesystem>
#include <limits>

#include "model/fit_joint.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "starglow/files/models.hpp"
#include "starglow/model/model.hpp"
#include "starglow/model/noise.hpp"
#include "starglow/model/train.hpp"
#include "support/example_galaxies.hpp"
#include "support/expect_derivative.hpp"
#include "support/head_of_lines.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = k_n_independent_lines;
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

std::vector<std::size_t> places_of(const LineSet& lines) {
  std::vector<std::size_t> out;
  for (const std::size_t line : lines.independent())
    out.push_back(static_cast<std::size_t>(std::ranges::find(k_independent_lines, line) - k_independent_lines.begin()));
  return out;
}

void take_lines(NetworkBank& bank, const LineSet& lines) {
  const auto places = places_of(lines);
  test::take_outputs(bank, lines, places);
  JointHead& head = *bank.joint;
  const Matrix<double> whole = head.factor;
  head.factor = Matrix<double>(head.components, k_n * k_n);
  const auto n = static_cast<Eigen::Index>(places.size());
  for (std::size_t c = 0; c < head.components; ++c) {
    const Eigen::Map<const Eigen::Matrix<double, k_n, k_n, Eigen::RowMajor>> factor(whole.row(c).data());
    const Eigen::MatrixXd all = factor * factor.transpose();
    Eigen::MatrixXd part(n, n);
    for (Eigen::Index i = 0; i < n; ++i)
      for (Eigen::Index j = 0; j < n; ++j)
        part(i, j) = all(static_cast<Eigen::Index>(places[static_cast<std::size_t>(i)]),
                         static_cast<Eigen::Index>(places[static_cast<std::size_t>(j)]));
    const Eigen::MatrixXd lower = part.llt().matrixL();
    for (std::size_t i = 0; i < k_n; ++i)
      for (std::size_t j = 0; j < k_n; ++j)
        head.factor(c, i * k_n + j) = i < places.size() && j < places.size()
                                          ? lower(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j))
                                          : (i == j ? 1.0 : 0.0);
  }
}

// The shipped model with some of its lines alone.
Model part_of_shipped(const LineSet& lines) {
  Model::Parts parts = Model::shipped().parts();
  parts.lines = lines;
  take_lines(*parts.full, lines);
  take_lines(*parts.partial, lines);
  const auto places = places_of(lines);
  Matrix<double> law(places.size(), NoiseModel::k_n_terms);
  std::vector<double> scatter;
  for (std::size_t k = 0; k < places.size(); ++k) {
    std::ranges::copy(parts.noise->coefficients.row(places[k]), law.row(k).begin());
    scatter.push_back(parts.noise->scatter[places[k]]);
  }
  parts.noise->coefficients = law;
  parts.noise->scatter = scatter;
  parts.noise->lines.assign(lines.independent().begin(), lines.independent().end());
  std::string& evolution = parts.metadata["evolution"];
  std::string kept = evolution.substr(0, evolution.find(':') + 1);
  bool first = true;
  for (std::size_t at = kept.size(); at < evolution.size();) {
    const std::size_t end = std::min(evolution.find(',', at), evolution.size());
    const std::string item = evolution.substr(at, end - at), name = item.substr(1, item.find(' ', 1) - 1);
    if (const auto line = find_any_line(name); line && lines.has(*line)) {
      kept += (first ? "" : ",") + item;
      first = false;
    }
    at = end + 1;
  }
  evolution = kept;
  return Model(std::move(parts));
}

// Galaxies of every kind: whole ones, some that lack bands or the redshift, some beyond the training.
Galaxies some_galaxies() {
  Galaxies g = test::example_galaxies(24);
  for (const std::size_t b : {0U, 1U}) g.band_flux(3, b) = k_nan;
  g.z[4] = k_nan;
  g.z[5] = 0.7;
  for (std::size_t b = 0; b < k_n_bands; ++b) g.band_flux(6, b) *= std::exp(0.4 * static_cast<double>(b));
  return g;
}

TEST(OwnLines, APartOfTheLinesIsAnsweredAsAllAre) {
  const Model whole = Model::shipped();
  const Galaxies g = some_galaxies();
  WorkerPool pool(1);
  PredictOptions options{.float64 = true};
  const Prediction all = whole.predict(g, pool, options);
  for (const char* names :
       {"HALPHA", "HBETA,OIII_5007,HALPHA,NII_6584", "HALPHA,NII_6584,NII_6548,SII_6716,SII_6731"}) {
    const LineSet lines = LineSet::parse(names);
    const Model part = part_of_shipped(lines);
    EXPECT_EQ(part.lines(), lines);
    const Prediction p = part.predict(g, pool, options);
    ASSERT_EQ(p.ew.cols(), k_n_lines);
    for (std::size_t i = 0; i < g.n; ++i) {
      EXPECT_EQ(p.flags[i], all.flags[i]) << i;
      EXPECT_EQ(p.domain[i], all.domain[i]) << i;
      if (!std::isnan(all.ew(i, 6))) {
        EXPECT_NEAR(p.p_lineless[i], all.p_lineless[i], 1e-12) << i;
      }
      for (std::size_t line = 0; line < k_n_lines; ++line)
        for (const auto& [own, wanted] :
             {std::pair{&p.ew, &all.ew}, std::pair{&p.p16, &all.p16}, std::pair{&p.p84, &all.p84}}) {
          const double e = (*own)(i, line), w = lines.has(line) ? (*wanted)(i, line) : k_nan;
          EXPECT_EQ(std::isnan(e), std::isnan(w)) << names << i << ' ' << line;
          if (!std::isnan(w)) {
            EXPECT_NEAR(e, w, 1e-9 * (1 + w)) << names << i << ' ' << line;
          }
        }
    }
  }
}

TEST(OwnLines, WithoutHalphaThereIsNoProbabilityOfNoLines) {
  Model::Parts parts = part_of_shipped(LineSet::parse("HBETA,OIII_5007,HALPHA")).parts();
  EXPECT_THROW((void)Evolution::parse(parts.metadata.at("evolution"), LineSet::parse("HBETA,OIII_5007")), Error);
  const LineSet lines = LineSet::parse("SII_6716,SII_6731");
  Model::Parts shipped = Model::shipped().parts();
  for (const char* key : {"evolution", "evolution.components"}) shipped.metadata.erase(key);
  shipped.lines = lines;
  take_lines(*shipped.full, lines);
  take_lines(*shipped.partial, lines);
  const Model part{std::move(shipped)};
  WorkerPool pool(1);
  const Prediction p = part.predict(test::example_galaxies(5), pool, {.draws = 500});
  EXPECT_TRUE(p.p_lineless.empty());
  for (std::size_t i = 0; i < 5; ++i)  // the ratio of [SII] is held wherever the lines stand
    for (std::size_t k = 0; k < 500; ++k) {
      const float blue = p.draws(i, 8 * 500 + k), red = p.draws(i, 9 * 500 + k);
      if (blue + red < 1e-3F) continue;
      EXPECT_GE(blue / red, 0.44F * (1 - 1e-4F)) << i << ' ' << k;
      EXPECT_LE(blue / red, 1.45F * (1 + 1e-4F)) << i << ' ' << k;
    }
}

TEST(OwnLines, GivenLinesAndCutsAreThoseOfAll) {
  const LineSet lines = LineSet::parse("HBETA,OIII_5007,HALPHA,NII_6584");
  const Model whole = Model::shipped(), part = part_of_shipped(lines);
  const Galaxies g = test::example_galaxies(12);
  WorkerPool pool(1);
  GivenLines given{Matrix<double>(g.n, k_n_lines), Matrix<double>(g.n, k_n_lines)};
  for (std::size_t i = 0; i < g.n; ++i) {
    given.ew(i, 6) = 3.0 * static_cast<double>(i);
    given.ivar(i, 6) = i % 3 == 0 ? 0.0 : 2.0;
    given.ew(i, 2) = 1.0;
    given.ivar(i, 2) = i % 2 == 0 ? 0.0 : 1.0;
  }
  const Selection cut = Selection::parse("HBETA > 0 and SNR(NII_6584) > 2");
  const PredictOptions options{.float64 = true, .given = &given, .selected = &cut};
  const Prediction all = whole.predict(g, pool, options), p = part.predict(g, pool, options);
  for (std::size_t i = 0; i < g.n; ++i) {
    EXPECT_EQ(p.flags[i], all.flags[i]);
    for (const std::size_t line : lines.lines()) {
      EXPECT_NEAR(p.ew(i, line), all.ew(i, line), 1e-6 * (1 + all.ew(i, line))) << i << ' ' << line;
      EXPECT_NEAR(p.p84(i, line), all.p84(i, line), 1e-6 * (1 + all.p84(i, line))) << i << ' ' << line;
    }
  }
  const Derivatives d_all = whole.derivatives(g, pool, &given), d = part.derivatives(g, pool, &given);
  for (std::size_t i = 0; i < g.n; ++i)
    for (const std::size_t line : lines.lines()) {
      for (std::size_t k = 0; k < k_n_slopes; ++k) {
        const std::size_t at = line * k_n_slopes + k;
        EXPECT_NEAR(d.ew(i, at), d_all.ew(i, at), 1e-6 * (1 + std::fabs(d_all.ew(i, at)))) << i << ' ' << at;
      }
      for (const std::size_t other : lines.lines()) {
        const std::size_t at = line * k_n_lines + other;
        EXPECT_NEAR(d.given(i, at), d_all.given(i, at), 1e-6) << i << ' ' << at;
      }
    }
  const Selection other = Selection::parse("SII_6716 > 0");
  EXPECT_THROW((void)part.predict(g, pool, {.selected = &other}), Error);
  given.ew(0, 8) = given.ivar(0, 8) = 1;
  EXPECT_THROW((void)part.predict(g, pool, {.given = &given}), Error);
}

TEST(OwnLines, DerivativesAreThoseOfAll) {
  const LineSet lines = LineSet::parse("HBETA,HALPHA,NII_6584,NII_6548");
  const Model whole = Model::shipped(), part = part_of_shipped(lines);
  const Galaxies g = some_galaxies();
  WorkerPool pool(1);
  const Derivatives all = whole.derivatives(g, pool), d = part.derivatives(g, pool);
  for (std::size_t i = 0; i < g.n; ++i)
    for (const std::size_t line : lines.lines())
      for (std::size_t k = 0; k < k_n_slopes; ++k)
        for (const auto& [own, wanted] :
             {std::pair{&d.ew, &all.ew}, std::pair{&d.p16, &all.p16}, std::pair{&d.p84, &all.p84}}) {
          const double w = (*wanted)(i, line * k_n_slopes + k);
          EXPECT_EQ(std::isnan((*own)(i, line * k_n_slopes + k)), std::isnan(w)) << i << ' ' << line << ' ' << k;
          if (!std::isnan(w)) {
            EXPECT_NEAR((*own)(i, line * k_n_slopes + k), w, 1e-9 * (1 + std::fabs(w))) << i << ' ' << line << ' ' << k;
          }
        }
  const Matrix<double> jac = part.jacobian(g, pool);
  Matrix<double> flux(g.n, k_n_bands, 0.01);
  const Matrix<double> along = part.jvp(g, flux, pool);
  double sum = 0;
  for (std::size_t b = 0; b < k_n_bands; ++b) sum += 0.01 * jac(0, 6 * k_n_bands + b);
  EXPECT_NEAR(along(0, 6), sum, 1e-12 * (1 + std::fabs(sum)));
}

TEST(OwnLines, DrawsHaveTheDistribution) {
  const LineSet lines = LineSet::parse("OIII_5007,HALPHA,NII_6584");
  const Model part = part_of_shipped(lines);
  const Galaxies g = test::example_galaxies(3);
  constexpr std::size_t n = 4000;
  WorkerPool pool(1);
  const Prediction p = part.predict(g, pool, {.draws = n});
  const auto joint = part.joint_distributions(g, pool);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      const std::size_t line = lines.independent()[j];
      double below = 0;
      for (std::size_t k = 0; k < n; ++k)
        below += static_cast<double>(p.draws(i, line * n + k)) < p.p84(i, line) ? 1 : 0;
      EXPECT_NEAR(below / n, k_p84, 0.025) << i << ' ' << line;
    }
  EXPECT_EQ(joint[0].lines.slots, lines.slots());
  for (std::size_t j = 3; j < k_n; ++j) {  // empty places
    EXPECT_EQ(joint[0].lines.mean[0][j], 0);
    EXPECT_EQ(joint[0].lines.sd[0][j], 1);
    EXPECT_EQ(joint[0].factor[0][j * k_n + j], 1);
  }
  EXPECT_TRUE(std::isnan(p.draws(0, 0)));
}

TEST(OwnLines, AreKeptInTheFile) {
  const Model part = part_of_shipped(LineSet::parse("HBETA,OIII_5007,HALPHA,NII_6584"));
  const auto path = std::filesystem::temp_directory_path() / "starglow_own_lines_test.safetensors";
  save(part, path, true);
  const Model back = Model::load(path);
  std::filesystem::remove(path);
  EXPECT_EQ(back.lines(), part.lines());
  EXPECT_EQ(back.parts().full->joint->factor.cols(), k_n * k_n);
  const Galaxies g = some_galaxies();
  WorkerPool pool(1);
  const Prediction a = part.predict(g, pool, {.draws = 3}), b = back.predict(g, pool, {.draws = 3});
  for (std::size_t i = 0; i < g.n; ++i)
    for (const std::size_t line : part.lines().lines()) {
      EXPECT_EQ(a.ew(i, line), b.ew(i, line));
      EXPECT_EQ(a.draws(i, line * 3), b.draws(i, line * 3));
    }
  const Matrix<double> noisy = add_noise(a.ew, g, 0, back.parts().noise, 1, pool);
  EXPECT_TRUE(std::isfinite(noisy(0, 6)));
  EXPECT_TRUE(std::isnan(noisy(0, 0)));
}

TEST(OwnLines, PartsThatDoNotFitAreRefused) {
  const Model part = part_of_shipped(LineSet::parse("HBETA,HALPHA"));
  const auto refused = [&](auto change) {
    Model::Parts parts = part.parts();
    change(parts);
    EXPECT_THROW(Model{parts}, Error);
  };
  refused([](auto& p) { p.lines = LineSet(); });
  refused([](auto& p) { p.lines = LineSet::parse("HBETA,NII_6584"); });
  refused([](auto& p) { p.full->outputs[0] = 8; });
  refused([](auto& p) { p.full->joint->slots = LineSlots{}; });
  EXPECT_THROW(need_ten_lines(part, "the page"), Error);
  EXPECT_NO_THROW(need_ten_lines(Model::shipped(), "the page"));
}

// The loss of a distribution of some lines, against its formula; empty places cost a constant.
template <std::size_t k_n>
void check_loss(std::size_t n) {
  constexpr std::size_t components = 2;
  Sites sites{Matrix<double>(1, k_n), Matrix<double>(1, k_n, Sites::k_no_information), n};
  for (std::size_t j = 0; j < n; ++j) {
    sites.centre(0, j) = 0.4 * static_cast<double>(j) - 0.3;
    sites.variance(0, j) = 0.05 * static_cast<double>(j + 1);
  }
  Matrix<double> factor(components, k_n * k_n), points(1, k_n, 0.2);
  for (std::size_t c = 0; c < components; ++c)
    for (std::size_t i = 0; i < k_n; ++i) {
      factor(c, i * k_n + i) = i > 0 && i < n ? 0.8 : 1.0;
      if (i > 0 && i < n) factor(c, i * k_n + i - 1) = 0.6;
    }
  JointLossOf<k_n> loss(sites, components, factor, true, 1);
  loss.set_factor(factor);
  std::vector<double> o(JointHead::n_outputs(components, n));
  for (std::size_t k = 0; k < o.size(); ++k) o[k] = 0.3 * std::sin(static_cast<double>(k + 1));
  std::vector<SquareOf<k_n>> d_r(components, SquareOf<k_n>::Zero());
  test::Vector d(o.size(), 0.0);
  const double logit = o.back(), w1 = 1 / (1 + std::exp(-logit));
  const auto n_i = static_cast<Eigen::Index>(n);
  double p = 0;
  for (std::size_t c = 0; c < components; ++c) {
    Eigen::VectorXd residual(n_i), sd(n_i);
    Eigen::MatrixXd f = Eigen::MatrixXd::Zero(n_i, n_i);
    for (Eigen::Index j = 0; j < n_i; ++j) {
      const auto k = static_cast<std::size_t>(j);
      residual[j] = sites.centre(0, k) - o[c * n + k];
      sd[j] = JointHead::k_min_sd + std::exp(o[(components + c) * n + k]);
      for (Eigen::Index i = 0; i <= j; ++i) f(j, i) = factor(c, k * k_n + static_cast<std::size_t>(i));
    }
    Eigen::MatrixXd s = sd.asDiagonal() * f * f.transpose() * sd.asDiagonal();
    for (Eigen::Index j = 0; j < n_i; ++j) s(j, j) += sites.variance(0, static_cast<std::size_t>(j));
    p += (c == 0 ? 1 - w1 : w1) * std::exp(-0.5 * residual.dot(s.inverse() * residual)) /
         std::sqrt(std::pow(2 * std::numbers::pi, static_cast<double>(n)) * s.determinant());
  }
  const double empty =
      0.5 * static_cast<double>(k_n - n) * std::log(2 * std::numbers::pi * (1 + Sites::k_no_information));
  EXPECT_NEAR(loss.row(0, o, d, d_r), -std::log(p) + empty, 1e-12);
  loss.hold_means(points, 2.0);
  test::Operation op;
  op.value = [&](const test::Vector& x) {
    test::Vector unused(x.size(), 0.0);
    return test::Vector{loss.row(0, x, unused, d_r)};
  };
  op.jacobian = [&](const test::Vector& x) {
    test::Vector slopes(x.size(), 0.0);
    (void)loss.row(0, x, slopes, d_r);
    return slopes;
  };
  test::expect_derivative(op, o, {.difference_tolerance = 2e-6, .check_nan = false});
  d_r.assign(components, SquareOf<k_n>::Zero());
  (void)loss.row(0, o, d, d_r);
  const auto gradient = loss.factor_gradient(d_r);
  for (std::size_t c = 0; c < components; ++c)
    for (std::size_t i = n; i < k_n; ++i)  // no line learns from an empty place
      for (std::size_t j = 0; j <= i; ++j) EXPECT_NEAR(gradient[(c * k_n + i) * k_n + j], 0, 1e-15) << i << ' ' << j;
}

TEST(OwnLines, LossOfFewerLines) {
  check_loss<k_n_independent_lines>(3);
  check_loss<k_most_independent_lines>(12);
}

TEST(OwnLines, TrainingNeedsTheirColumns) {
  Galaxies g = test::example_galaxies(60);
  TrainConfig config = train_preset("point");
  config.lines = LineSet::parse("HALPHA,HEI_5876");
  WorkerPool pool(1);
  EXPECT_THROW((void)train(g, config, pool), Error);
  config = train_preset("knn");
  config.lines = LineSet::parse("HALPHA,HBETA");
  EXPECT_THROW((void)train(g, config, pool), Error);
}

}  // namespace
}  // namespace starglow
