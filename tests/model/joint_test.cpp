#include "starglow/model/joint.hpp"
#include "starglow/files/models.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "model/fit_joint.hpp"
#include "model/masking.hpp"
#include "model/sites.hpp"
#include "starglow/base/cosmology.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/model/evolution.hpp"
#include "starglow/model/model.hpp"
#include "starglow/model/train.hpp"
#include "support/example_galaxies.hpp"
#include "support/expect_derivative.hpp"
#include "support/slow_model.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = k_n_independent_lines;
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

Matrix<double> some_factor(std::size_t components) {
  Matrix<double> f(components, k_n * k_n);
  const RandomObject random(5, Stream::training, 1);
  for (std::size_t c = 0; c < components; ++c)
    for (std::size_t i = 0; i < k_n; ++i) {
      double norm = 0;
      for (std::size_t j = 0; j <= i; ++j) {
        f(c, i * k_n + j) = (i == j ? 1.0 : 0.3) * (1 + 0.5 * random.normal(static_cast<std::uint32_t>(c),
                                                                            static_cast<std::uint32_t>(i * k_n + j)));
        norm += f(c, i * k_n + j) * f(c, i * k_n + j);
      }
      for (std::size_t j = 0; j <= i; ++j) f(c, i * k_n + j) /= std::sqrt(norm);
    }
  return f;
}

std::vector<double> some_outputs(std::size_t n, std::int64_t id) {
  std::vector<double> out(n);
  const RandomObject random(6, Stream::training, id);
  for (std::size_t k = 0; k < n; ++k) out[k] = 0.6 * random.normal(0, static_cast<std::uint32_t>(k));
  return out;
}

TEST(LineDistribution, QuantilesInvertTheDistribution) {
  LineDistribution d;
  d.components = 3;
  d.weight = {0.2, 0.5, 0.3};
  for (std::size_t j = 0; j < k_n; ++j) {
    const double far = static_cast<double>(j);  // from near to bimodal
    d.mean[0][j] = -far;
    d.mean[1][j] = 1;
    d.mean[2][j] = 2 + far;
    d.sd[0][j] = 0.3;
    d.sd[1][j] = 1;
    d.sd[2][j] = 0.05;
    for (const double p : {1e-6, 0.01, k_p16, 0.5, k_p84, 0.999}) EXPECT_NEAR(d.cdf(j, d.quantile(j, p)), p, 1e-9);
    double area = 0;
    for (double t = -20; t < 20; t += 1e-3) area += d.density(j, t) * 1e-3;
    EXPECT_NEAR(area, 1, 1e-9);
  }
  d.components = 1;
  d.weight[0] = 1;
  EXPECT_DOUBLE_EQ(d.quantile(2, k_p84), -2 + 0.3 * normal_quantile(k_p84));
}

// One row of sites at which the loss is looked at.
Sites some_sites() {
  Sites s{Matrix<double>(1, k_n), Matrix<double>(1, k_n)};
  for (std::size_t j = 0; j < k_n; ++j) {
    s.centre(0, j) = 0.4 * static_cast<double>(j) - 1;
    s.variance(0, j) = j == 3 ? Sites::k_no_information : 0.02 * static_cast<double>(j + 1);
  }
  return s;
}

TEST(JointLoss, GradientOfTheOutputsByTheHarness) {
  const Sites sites = some_sites();
  Matrix<double> points(1, k_n, 0.3);
  for (const auto& [components, held] : {std::pair{1U, 0.0}, {2U, 0.0}, {3U, 0.0}, {1U, 3.0}, {3U, 3.0}}) {
    JointLoss loss(sites, components, some_factor(components), true, 1);
    if (held > 0) loss.hold_means(points, held);
    std::vector<Matrix8> unused(components, Matrix8::Zero());
    test::Operation op;
    op.value = [&](const test::Vector& o) {
      test::Vector d(o.size(), 0.0);
      return test::Vector{loss.row(0, o, d, unused)};
    };
    op.jacobian = [&](const test::Vector& o) {
      test::Vector d(o.size(), 0.0);
      (void)loss.row(0, o, d, unused);
      return d;
    };
    for (const std::int64_t id : {1, 2, 3})
      test::expect_derivative(op, some_outputs(JointHead::n_outputs(components), id),
                              {.difference_tolerance = 2e-6, .check_nan = false});
  }
}

TEST(JointLoss, HeldMeansCostTheirSquaredDistance) {
  const Sites sites = some_sites();
  const auto o = some_outputs(JointHead::n_outputs(2), 5);
  const double logit = o[4 * k_n], w = 1 / (1 + std::exp(-logit));  // of the second component
  Matrix<double> points(1, k_n, -0.2);
  double distance = 0;
  for (std::size_t j = 0; j < k_n; ++j) distance += std::pow((1 - w) * o[j] + w * o[k_n + j] - points(0, j), 2);
  JointLoss loss(sites, 2, some_factor(2), true, 1);
  std::vector<Matrix8> unused(2, Matrix8::Zero());
  test::Vector d(o.size(), 0.0);
  const double free = loss.row(0, o, d, unused);
  loss.hold_means(points, 4.0);
  EXPECT_NEAR(loss.row(0, o, d, unused), free + 2.0 * distance, 1e-12);
}

TEST(JointLoss, FixedMeansReplaceTheNetworksAndGetNoGradient) {
  const Sites sites = some_sites();
  const std::size_t n = JointHead::n_outputs(2);
  auto o = some_outputs(n, 6);
  JointLoss loss(sites, 2, some_factor(2), true, 1);
  Matrix<float> y(1, n), dy(1, n), means(1, 2 * k_n);
  const auto run = [&] {
    std::transform(o.begin(), o.end(), y.data(), [](double v) { return static_cast<float>(v); });
    return loss(FitData{}, std::vector<std::size_t>{0}, y.view(), dy.view());
  };
  for (std::size_t k = 0; k < 2 * k_n; ++k) means(0, k) = static_cast<float>(o[k]);
  const double own = run();
  const Matrix<float> own_dy = dy;
  loss.fix_means(means);
  for (std::size_t k = 0; k < 2 * k_n; ++k) o[k] += 1;  // nobody sees these
  EXPECT_EQ(run(), own);
  for (std::size_t k = 0; k < n; ++k) EXPECT_EQ(dy(0, k), k < 2 * k_n ? 0.0F : own_dy(0, k)) << k;
}

TEST(JointLoss, GradientOfTheFactorsByTheHarness) {
  const Sites sites = some_sites();
  const auto outputs = some_outputs(JointHead::n_outputs(2), 4);
  JointLoss loss(sites, 2, some_factor(2), true, 1);
  // The loss depends on the lower triangles alone.
  std::vector<std::size_t> places;
  for (std::size_t k = 0; k < 2 * k_n * k_n; ++k)
    if (k % k_n <= k / k_n % k_n) places.push_back(k);
  const auto set = [&](const test::Vector& x) {
    for (std::size_t k = 0; k < places.size(); ++k) loss.raw_factor()[places[k]] = static_cast<float>(x[k]);
    loss.refresh();
  };
  test::Operation op;
  op.value = [&](const test::Vector& x) {
    set(x);
    std::vector<Matrix8> d_r(2, Matrix8::Zero());
    test::Vector d(outputs.size(), 0.0);
    return test::Vector{loss.row(0, outputs, d, d_r)};
  };
  op.jacobian = [&](const test::Vector& x) {
    set(x);
    std::vector<Matrix8> d_r(2, Matrix8::Zero());
    test::Vector d(outputs.size(), 0.0), out;
    (void)loss.row(0, outputs, d, d_r);
    const auto all = loss.factor_gradient(d_r);
    for (const auto k : places) out.push_back(all[k]);
    return out;
  };
  test::Vector x;
  for (const auto k : places) x.push_back(static_cast<double>(loss.raw_factor()[k]) + 0.05);
  // The factors are kept in float32: a coarse step, and its tolerance.
  test::expect_derivative(op, x, {.difference_tolerance = 3e-3, .step = 1e-3, .check_nan = false});
}

TEST(JointHead, QuantileSlopesByTheHarness) {
  JointHead head;
  head.factor = some_factor(2);
  head.shift.assign(k_n, 0.0);
  head.slope.assign(k_n, 1.0);
  head.check();
  const std::vector<double> mean(k_n, 2.0), scale(k_n, 0.9);
  const std::size_t n = head.n_outputs();
  // As the networks say; a galaxy far away, whose first component grows; and one outside the domain too.
  Adjustment evolving{.evolving = 1, .r = 0.4};
  for (std::size_t j = 0; j < k_n; ++j) {
    evolving.power[j] = 0.9 + 0.2 * static_cast<double>(j);
    evolving.width[j] = 0.3 + 0.05 * static_cast<double>(j);
  }
  Adjustment outside = evolving;
  outside.widen = 1.4;
  for (const Adjustment& start : {Adjustment{}, evolving, outside})
    for (const double p : {k_p16, 0.5, k_p84}) {
      const auto at = [&](const test::Vector& x) {
        Adjustment a = start;
        if (start.any()) {
          a.r = x[n];
          a.widen = x[n + 1];
        }
        return a;
      };
      test::Operation op;
      op.value = [&](const test::Vector& x) {
        const auto d = head.distribution(std::span(x).first(n), mean, scale, at(x));
        test::Vector out;
        for (std::size_t j = 0; j < k_n; ++j) out.push_back(d.quantile(j, p));
        return out;
      };
      op.jacobian = [&](const test::Vector& x) {
        auto m = head.quantile_slopes(std::span(x).first(n), mean, scale, p, at(x));
        for (std::size_t j = 0; j < k_n && !start.any(); ++j) m(j, n) = m(j, n + 1) = 0;
        return test::Vector(m.flat().begin(), m.flat().end());
      };
      test::Vector x = some_outputs(n, 7);
      x.push_back(start.r);
      x.push_back(start.widen);
      test::expect_derivative(op, x, {.check_nan = false});
    }
  head.slope[3] = 0;
  EXPECT_THROW(head.check(), Error);
  head.slope[3] = 1;
  head.factor(1, 8) = 2;
  EXPECT_THROW(head.check(), Error);
}

TEST(Evolution, TakesUpWhereTheTrainingEndsAndLeavesTheWeakComponent) {
  const Evolution e = Evolution::parse("0.31: HALPHA 1.3 0.3, OIII_5007 2 0.5");
  EXPECT_EQ(e.z0, 0.31);
  EXPECT_EQ(e.power[4], 1.3);
  EXPECT_EQ(e.width[3], 0.5);
  EXPECT_EQ(e.power[0], 0.0);
  EXPECT_EQ(e.log_growth(0.31), 0.0);
  EXPECT_EQ(e.log_growth(std::numeric_limits<double>::quiet_NaN()), 0.0);
  EXPECT_EQ(e.log_growth(std::numeric_limits<double>::infinity()), 0.0);
  EXPECT_NEAR(e.log_growth(1.62), std::log(2.0), 1e-12);
  for (const char* bad :
       {"", "HALPHA 1 1", "0.3:", "0.3: HALPHA", "0.3: HALPHA 1", "0.3: NII_6548 1 1", "-1: HALPHA 1 1",
        "0.3: HALPHA 1 -1", "0.3: HALPHA 1 1 1", "0.3: HALPHA nan 1", "0.3: HALPHA 1 1,", "nan: HALPHA 1 1"})
    EXPECT_THROW((void)Evolution::parse(bad), Error) << bad;
  // A narrow component at 20 A has the share g of a doubling at z = 1.62 where the power is 1; that of weak lines
  // stays.
  JointHead head;
  head.factor = some_factor(2);
  head.shift.assign(k_n, 0.0);
  head.slope.assign(k_n, 1.0);
  const std::vector<double> mean(k_n, std::asinh(20.0)), scale(k_n, 1.0);
  std::vector<double> o(head.n_outputs(), 0.0);
  for (std::size_t k = 2 * k_n; k < 4 * k_n; ++k) o[k] = std::log(0.05);
  Adjustment a{.evolving = 1, .r = e.log_growth(1.62)};
  a.power.fill(1.0);
  const double g = 400.0 / (400.0 + k_active_ew * k_active_ew), grown_ew = 20.0 * std::pow(2.0, g);
  EXPECT_NEAR(growth_share(std::asinh(20.0)).value, g, 1e-12);
  for (const double logit : {-60.0, 60.0}) {
    o[4 * k_n] = logit;
    const bool grows = logit < 0;
    a.width.fill(0.0);
    const auto d = head.distribution(o, mean, scale, a);
    EXPECT_NEAR(std::sinh(d.median[4]), grows ? grown_ew : 20.0, 1e-6);
    a.width.fill(0.3);
    const auto wide = head.distribution(o, mean, scale, a);
    const double by = std::pow(2.0, g) * std::cosh(std::asinh(20.0)) / std::cosh(std::asinh(grown_ew));
    EXPECT_NEAR(wide.sd[grows ? 0 : 1][4],
                grows ? std::hypot(0.08 * by, 0.3 * a.r * g * std::tanh(wide.median[4])) : 0.08, 1e-9);
  }
}

TEST(Sites, ArePreciseWhereTheMeasurementIsAndWideWhereItIsNot) {
  Galaxies g = test::example_galaxies(3);
  for (std::size_t line = 0; line < k_n_lines; ++line)
    for (std::size_t i = 0; i < 3; ++i) {
      g.ew(i, line) = i == 0 ? 40.0F : 0.5F;
      g.ew_ivar(i, line) = i == 0 ? 4.0F : i == 1 ? 1.0F / 400 : 0.0F;
    }
  const std::vector<std::size_t> rows{0, 1, 2};
  Matrix<double> prior(3, k_n, 3.0);
  const std::vector<double> sd(k_n, 0.8), mean(k_n, 0.0), scale(k_n, 1.0);
  NoiseModel noise;
  noise.coefficients = Matrix<double>(k_n, NoiseModel::k_n_terms);  // sigma = 1 A
  const Sites s = make_sites(g, rows, prior, sd, mean, scale, noise, {});
  // 40 +- 0.5 A: sd 0.5/sqrt(1 + 40^2) about asinh 40, less 3/2 sd^2 by the curvature of sinh (third order)
  const double sd_t = 0.5 / std::sqrt(1601.0);
  EXPECT_NEAR(s.centre(0, 4), std::asinh(40.0) - 1.5 * sd_t * sd_t, 5e-6);
  EXPECT_NEAR(std::sqrt(s.variance(0, 4)), sd_t, 1e-4);
  EXPECT_GT(s.variance(1, 4), 1.0);  // 0.5 +- 20 A says little
  EXPECT_LT(s.centre(2, 4), 1.5);    // not found with sigma = 1 A: below about 1 A, asinh 1 = 0.88
  EXPECT_LT(s.variance(2, 4), Sites::k_no_information / 10);
  const Sites missing = make_sites(g, rows, prior, sd, mean, scale, noise, {.censor = false});
  EXPECT_EQ(missing.variance(2, 4), Sites::k_no_information);
}

TEST(Sites, AreRefinedByWhatTheOtherLinesSay) {
  // A row whose lines are correlated; line 2 (Hbeta) is known, line 1 (Hgamma) hardly.
  Galaxies g = test::example_galaxies(1);
  for (std::size_t line = 0; line < k_n_lines; ++line) g.ew(0, line) = std::nanf(""), g.ew_ivar(0, line) = 0;
  g.ew(0, 2) = 10.0F;
  g.ew_ivar(0, 2) = 1e6F;
  g.ew(0, 1) = 2.0F;
  g.ew_ivar(0, 1) = 0.25F;  // 2 +- 2 A
  const std::vector<std::size_t> rows{0};
  const std::vector<double> mean(k_n, 1.0), scale(k_n, 2.0);
  const double sd = 0.4, r = 0.8;  // of the intrinsic residuals, standardised
  Matrix<double> centre(1, k_n, 0.3);
  Matrix8 covariance = Matrix8::Constant(sd * sd * r);
  covariance.diagonal().setConstant(sd * sd);
  Matrix<double> prior(1, k_n, 1.0 + 2.0 * 0.3);
  const std::vector<double> wide(k_n, 2.0);
  WorkerPool pool(1);
  Sites sites = make_sites(g, rows, prior, wide, mean, scale, {}, {});
  const double before = sites.variance(0, 1);
  for (int pass = 0; pass < 5; ++pass) refine_sites(sites, g, rows, centre, covariance, mean, scale, {}, {}, pool);
  EXPECT_NE(sites.variance(0, 1), before);
  EXPECT_NEAR(sites.centre(0, 2), (std::asinh(10.0) - 1.0) / 2.0, 1e-4);  // a sharp label stays where it is
  // The posterior mean of Hgamma by direct summation: its normal given Hbeta, times its likelihood.
  const double known = (std::asinh(10.0) - 1.0) / 2.0;
  const double m = 0.3 + r * (known - 0.3), s = sd * std::sqrt(1 - r * r);
  double sum = 0, first = 0, second = 0;
  for (int k = -8000; k <= 8000; ++k) {
    const double z = 1e-3 * k, t = 1.0 + 2.0 * (m + s * z), miss = (2.0 - intrinsic_ew(t)) / 2.0;
    const double p = std::exp(-0.5 * z * z - 0.5 * miss * miss);
    sum += p;
    first += p * (m + s * z);
    second += p * (m + s * z) * (m + s * z);
  }
  const double wanted = first / sum, spread = second / sum - wanted * wanted;
  const double precision = 1 / (s * s) + 1 / sites.variance(0, 1);
  EXPECT_NEAR(1 / precision, spread, 2e-4 * spread);
  EXPECT_NEAR((m / (s * s) + sites.centre(0, 1) / sites.variance(0, 1)) / precision, wanted, 2e-4);
  // Lines of which nothing is known keep it so, and without deconvolution nothing moves.
  EXPECT_EQ(sites.variance(0, 5), Sites::k_no_information);
  const Sites kept = sites;
  refine_sites(sites, g, rows, centre, covariance, mean, scale, {}, {.deconvolve = false}, pool);
  EXPECT_EQ(sites.centre.flat()[1], kept.centre.flat()[1]);
}

TEST(ResidualCovariance, TakesTheNoiseOut) {
  const std::size_t n = 4000;
  Sites s{Matrix<double>(n, k_n), Matrix<double>(n, k_n)};
  const Matrix<double> mean(n, k_n);
  for (std::size_t i = 0; i < n; ++i) {
    const RandomObject random(1, Stream::training, static_cast<std::int64_t>(i));
    for (std::size_t j = 0; j < k_n; ++j) {
      const double noise = 0.2 + 0.8 * random.uniform(1, static_cast<std::uint32_t>(j));
      s.variance(i, j) = noise * noise;
      s.centre(i, j) = 0.4 * random.normal(0, 100) + 0.3 * random.normal(0, static_cast<std::uint32_t>(j)) +
                       noise * random.normal(2, static_cast<std::uint32_t>(j));
    }
  }
  const Matrix8 c = residual_covariance(s, mean, 60);
  EXPECT_NEAR(c(0, 0), 0.25, 0.03);
  EXPECT_NEAR(c(0, 1), 0.16, 0.02);
}

TEST(MeanLines, FindOffsetAndSlopeOfThePoints) {
  const std::size_t n = 4000;
  Sites s{Matrix<double>(n, k_n), Matrix<double>(n, k_n)};
  Matrix<double> mean(n, k_n);
  for (std::size_t i = 0; i < n; ++i) {
    const RandomObject random(2, Stream::training, static_cast<std::int64_t>(i));
    for (std::size_t j = 0; j < k_n; ++j) {
      const auto lane = static_cast<std::uint32_t>(j);
      const double noise = j == 0 ? 0.9 : 0.3, point = random.normal(0, lane);
      mean(i, j) = point;
      s.variance(i, j) = noise * noise;
      s.centre(i, j) = -0.3 + 1.25 * point + 0.3 * random.normal(0, 100) + 0.4 * random.normal(3, lane) +
                       noise * random.normal(2, lane);
    }
  }
  const Matrix<double> points = mean;
  Matrix8 covariance = 0.5 * Matrix8::Identity();
  const MeanLine line = fit_mean_lines(s, mean, covariance, 100);
  for (Eigen::Index j = 0; j < static_cast<Eigen::Index>(k_n); ++j) {
    EXPECT_NEAR(line.offset[j], -0.3, 0.05);
    EXPECT_NEAR(line.slope[j], 1.25, 0.05);
    EXPECT_NEAR(covariance(j, j), 0.25, 0.05);
    EXPECT_NEAR(mean(7, static_cast<std::size_t>(j)),
                line.offset[j] + line.slope[j] * points(7, static_cast<std::size_t>(j)), 1e-12);
  }
  EXPECT_NEAR(covariance(0, 5), 0.09, 0.03);
}

TEST(Masking, EqualsFeaturesOfAGalaxyThatLacksThem) {
  const Galaxies g = test::example_galaxies(1);
  const std::size_t d4000 = input_index("d4000");
  const FeatureRecipe recipe{InputSet::of(k_input_log_lum, k_input_z, d4000), true};
  std::vector<double> full(recipe.size()), hidden(recipe.size());
  std::array<double, k_n_column_inputs> columns{};
  columns.fill(1.5);
  compute_features(recipe, {g.band_flux.row(0), g.z[0], true, columns}, full);
  std::array<float, k_n_bands> lum{};
  for (std::size_t b = 0; b < k_n_bands; ++b) lum[b] = static_cast<float>(log_lum(g.band_flux(0, b), g.z[0]));
  std::size_t seen_bands = 0, seen_lum = 0, seen_z = 0, seen_column = 0;
  for (std::uint32_t draw = 0; draw < 500; ++draw) {
    const MaskPattern m = draw_mask(RandomObject(1, Stream::training, 9), draw, 0.8, 0.4);
    seen_bands += m.bands != 0 ? 1U : 0U;
    seen_lum += m.log_lum ? 1U : 0U;
    seen_z += m.z ? 1U : 0U;
    seen_column += m.columns.has(d4000) ? 1U : 0U;
    columns.fill(m.columns.has(d4000) ? k_nan : 1.5);
    std::vector<float> x(full.begin(), full.end());  // mean 0, scale 1: as if standardised
    apply_mask(recipe, m, lum, x);
    std::vector<double> flux(g.band_flux.row(0).begin(), g.band_flux.row(0).end());
    for (std::size_t b = 0; b < k_n_bands; ++b)
      if ((m.bands >> b & 1U) != 0) flux[b] = k_nan;
    compute_features(recipe, {flux, m.z ? k_nan : g.z[0], !m.log_lum, columns}, hidden);
    for (std::size_t i = 0; i < x.size(); ++i)
      ASSERT_EQ(x[i], static_cast<float>(standardise(hidden[i], 0, 1))) << "draw " << draw << " feature " << i;
  }
  EXPECT_NEAR(static_cast<double>(seen_bands) / 500, 0.8, 0.06);
  EXPECT_NEAR(static_cast<double>(seen_lum) / 500, 0.4, 0.07);
  EXPECT_NEAR(static_cast<double>(seen_z) / 500, 0.2, 0.06);
  EXPECT_NEAR(static_cast<double>(seen_column) / 500, 0.4, 0.07);
}

TEST(JointModel, MissingBandsAreAnsweredByTheFormula) {
  const Model model = slow::networks_alone(Model::shipped());
  WorkerPool pool(1);
  Galaxies g = test::example_galaxies(5);
  g.conventions.mwcorr = model.parts().metadata.at("mwcorr");  // no Galactic dust to convert
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t b = 0; b < k_n_bands; ++b)
      if (b <= i || b == 9) g.band_flux(i, b) = k_nan;
  g.z[1] = k_nan;
  const auto p = model.predict(g, pool, {.float64 = true});
  const auto jac = model.jacobian(g, pool);
  for (std::size_t i = 0; i < g.n; ++i) {
    const std::vector<double> flux(g.band_flux.row(i).begin(), g.band_flux.row(i).end());
    const auto slow = slow::predict<double>(*model.parts().partial, flux, g.z[i]);
    EXPECT_NE(p.flags[i] & k_band_missing, 0);
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      EXPECT_NEAR(p.ew(i, line), slow[line], 1e-10 * (1 + slow[line]));
      EXPECT_LT(p.p16(i, line), p.p84(i, line));
      EXPECT_EQ(jac(i, line * k_n_bands), 0.0);
      for (const std::size_t b : {10U, 11U}) {
        std::vector<test::Dual> dual(flux.begin(), flux.end());
        dual[b].d = 1;
        const double slope = slow::predict<test::Dual>(*model.parts().partial, dual, g.z[i])[line].d;
        EXPECT_NEAR(jac(i, line * k_n_bands + b), slope, 1e-9 * (1 + std::fabs(slope)));
      }
    }
  }
}

TEST(JointModel, DrawsFollowTheDistributionAndKeepTheDoublets) {
  const Model model = Model::shipped();
  WorkerPool pool(2);
  const Galaxies g = test::example_galaxies(4);
  constexpr std::size_t draws = 20000;
  const auto d = model.distributions(g, pool);
  const auto sample = model.sample(g, draws, 3, pool);
  const auto p = model.predict(g, pool);
  for (std::size_t i = 0; i < g.n; ++i) {
    for (std::size_t k = 0; k < draws; k += 7) {
      const double ratio =
          static_cast<double>(sample(i, 8 * draws + k)) / static_cast<double>(sample(i, 9 * draws + k));
      if (std::isnan(ratio)) continue;  // neither line
      EXPECT_GE(ratio, 0.44 * (1 - 1e-6));
      EXPECT_LE(ratio, 1.45 * (1 + 1e-6));
    }
    for (std::size_t j = 0; j < k_n - 2; ++j) {  // all but [SII], whose ratio is kept within limits
      const std::size_t line = k_independent_lines[j];
      for (const auto& [ew, share] :
           {std::pair{p.p16(i, line), k_p16}, std::pair{p.ew(i, line), 0.5}, std::pair{p.p84(i, line), k_p84}}) {
        if (ew <= 0) continue;
        std::size_t below = 0;
        for (std::size_t k = 0; k < draws; ++k)
          below += static_cast<double>(sample(i, line * draws + k)) < ew ? 1U : 0U;
        EXPECT_NEAR(static_cast<double>(below) / draws, share, 0.015);
      }
    }
    for (const auto& doublet : k_doublets)
      for (std::size_t k = 0; k < draws; k += 97) {
        const double weak = static_cast<double>(sample(i, static_cast<std::size_t>(doublet.weak) * draws + k)),
                     strong = static_cast<double>(sample(i, static_cast<std::size_t>(doublet.strong) * draws + k));
        EXPECT_NEAR(strong, doublet.ew_ratio * weak, 1e-6 * strong);
      }
    EXPECT_EQ(d[i].components, model.parts().full->joint->components);
  }
  // The same numbers for another order, and for fewer draws: the first ones.
  const std::size_t reversed[]{3, 2, 1, 0};
  const auto few = model.sample(select_rows(g, reversed), 10, 3, pool);
  for (std::size_t k = 0; k < 10; ++k) EXPECT_EQ(few(0, 6 * 10 + k), sample(3, 6 * draws + k));
  EXPECT_NE(model.sample(g, 1, 4, pool)(0, 6), sample(0, 6 * draws));
}

TEST(JointModel, TrainsDeterministicallyAndDeconvolvesNoise) {
  // Lines that scatter by 0.2 about a law, measured with noise several times larger.
  Galaxies g = test::example_galaxies(1200);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const double sigma = 0.5 * std::sqrt(1 + std::pow(static_cast<double>(g.ew(i, line)), 2));  // 0.5 in asinh
      const double noise =
          RandomObject(8, Stream::label_noise, g.targetid[i]).normal(0, static_cast<std::uint32_t>(line));
      g.ew(i, line) = static_cast<float>(static_cast<double>(g.ew(i, line)) + sigma * noise);
      g.ew_ivar(i, line) = static_cast<float>(1 / (sigma * sigma));
    }
  TrainConfig c;
  c.hidden = {16, 16};
  c.members = c.sibling_members = c.point_members = c.sibling_point_members = 2;
  c.epochs = c.sibling_epochs = 30;
  c.joint_epochs = c.sibling_joint_epochs = 20;
  c.joint_rate = 1e-3;
  c.calibration_folds = 0;
  WorkerPool one(1), three(3);
  const Model a = train(g, c, one), b = train(g, c, three);
  EXPECT_EQ(a.hash(), b.hash());
  const auto width = [&](const Model& model) {
    double sum = 0;
    for (const auto& d : model.distributions(g, one)) sum += (d.quantile(4, k_p84) - d.quantile(4, k_p16)) / 2;
    return sum / static_cast<double>(g.n);
  };
  EXPECT_LT(width(a), 0.40);
  c.deconvolve = false;
  EXPECT_GT(width(train(g, c, three)), 0.45);
}

TEST(JointModel, WidthsAreThoseOfGalaxiesNotSeen) {
  // A law with a scatter of 0.3, and networks that learn the labels of few galaxies by heart.
  Galaxies g = test::example_galaxies(300);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const double scatter =
          0.3 * RandomObject(9, Stream::label_noise, g.targetid[i]).normal(0, static_cast<std::uint32_t>(line));
      g.ew(i, line) = static_cast<float>(std::sinh(std::asinh(static_cast<double>(g.ew(i, line))) + scatter));
      g.ew_ivar(i, line) = 1e4F;
    }
  TrainConfig c;
  c.hidden = {32, 32};
  c.members = c.point_members = 2;
  c.sibling = false;
  c.epochs = 200;
  c.calibration_folds = 3;
  c.width_epochs = 0;
  WorkerPool pool(2);
  const NetworkBank without = *train(g, c, pool).parts().full;
  c.width_epochs = 60;
  const NetworkBank with = *train(g, c, pool).parts().full;
  // The last layer: 2 x 8 rows of means, 2 x 8 of widths, 1 of weights; then as many biases.
  const std::size_t n = with.shape.n_params(), last = n - 33 * 33;
  double narrow = 0, wide = 0;
  for (std::size_t k = 0; k < with.n_nets; ++k) {
    for (std::size_t i = 0; i < n; ++i) {
      const bool row = i >= last && i < last + 33 * 32;
      const std::size_t output = i < last ? 0 : row ? (i - last) / 32 : i - last - 33 * 32;
      if (i < last || output < 16) {
        EXPECT_EQ(with.params[k * n + i], without.params[k * n + i]) << i;
      }
    }
  }
  Model::Parts a, b;
  a.full = without;
  b.full = with;
  for (auto* parts : {&a, &b}) {  // widths before the calibration
    parts->kind = "joint";
    parts->full->joint->slope.assign(k_n, 1.0);
    parts->full->joint->shift.assign(k_n, 0.0);
  }
  for (const auto& d : Model(a).distributions(g, pool)) narrow += d.p84[4] - d.p16[4];
  for (const auto& d : Model(b).distributions(g, pool)) wide += d.p84[4] - d.p16[4];
  EXPECT_GT(wide / static_cast<double>(g.n) / 2, 0.27);
  EXPECT_LT(narrow, 0.9 * wide);
}

TEST(JointModel, NoLineIsKnownFromTheOthersExactly) {
  // (1 - s) R + s I: the rest of a line's variance, the others given, is at least s = 0.01 of it.
  const Model model = Model::shipped();
  for (const auto* bank : {&model.parts().full, &model.parts().partial}) {
    const JointHead& head = *(*bank)->joint;
    for (std::size_t c = 0; c < head.components; ++c)
      for (std::size_t i = 0; i < k_n; ++i) EXPECT_GT(head.factor(c, i * k_n + i), 0.0999) << c << ' ' << i;
  }
}

TEST(PointModel, HasNoDistribution) {
  Model::Parts parts = Model::shipped().parts();
  const Galaxies g = test::example_galaxies(1);
  WorkerPool pool(1);
  parts.full->joint.reset();
  EXPECT_THROW(Model{parts}, Error);  // a joint model without its head
  TrainConfig c = train_preset("point");
  c.hidden = {4};
  c.members = c.epochs = c.sibling_members = c.sibling_epochs = 1;
  const Model point = train(test::example_galaxies(300), c, pool);
  EXPECT_THROW(point.sample(g, 3, 1, pool), Error);
  EXPECT_THROW(point.distributions(g, pool), Error);
  EXPECT_TRUE(point.predict(g, pool).p16.empty());
}

}  // namespace
}  // namespace starglow
