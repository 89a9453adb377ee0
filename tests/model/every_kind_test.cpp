// Training on galaxies of every kind: the cut of a table undone, weak and negative labels, several tables.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/fit_joint.hpp"
#include "model/jitter.hpp"
#include "model/selection_term.hpp"
#include "model/sites.hpp"
#include "model/training_set.hpp"
#include "model/training_tables.hpp"
#include "starglow/base/error.hpp"
#include "starglow/model/train.hpp"
#include "starglow/spectra/extinction.hpp"
#include "support/example_galaxies.hpp"
#include "support/expect_derivative.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = k_n_independent_lines;
constexpr std::size_t k_components = 3;

std::size_t index(Line line) { return static_cast<std::size_t>(line); }

Matrix<double> some_factor() {
  Matrix<double> f(k_components, k_n * k_n);
  const RandomObject random(5, Stream::training, 1);
  for (std::uint32_t c = 0; c < k_components; ++c)
    for (std::uint32_t i = 0; i < k_n; ++i) {
      double norm = 0;
      for (std::uint32_t j = 0; j <= i; ++j) {
        const double u = (i == j ? 1.0 : 0.3) * (1 + 0.5 * random.normal(c, i * 8 + j));
        f(c, i * k_n + j) = u;
        norm += u * u;
      }
      for (std::uint32_t j = 0; j <= i; ++j) f(c, i * k_n + j) /= std::sqrt(norm);
    }
  return f;
}

struct Chosen {
  Sites sites{Matrix<double>(1, k_n, 0.3), Matrix<double>(1, k_n, 0.05)};
  std::vector<double> mean = std::vector<double>(k_n, 0.9), scale = std::vector<double>(k_n, 0.7);
  SelectionTerm term{{{{2, 0.0, 0.9}, {3, 0.0, 0.8}, {4, 0.0, 1.0}, {5, 0.5, 0.6}}}, mean, scale};
  JointLoss loss{sites, k_components, some_factor(), true, 1};
  Chosen() {
    loss.keep_apart(0.01);
    loss.undo_selection(term);
  }
};

TEST(SelectionTerm, GradientOfTheOutputsByTheHarness) {
  Chosen at;
  std::vector<Matrix8> d_r(k_components, Matrix8::Zero()), d_u = d_r;
  test::Operation op;
  op.value = [&](const test::Vector& o) {
    test::Vector d(o.size(), 0.0);
    return test::Vector{at.loss.row(0, o, d, d_r, d_u)};
  };
  op.jacobian = [&](const test::Vector& o) {
    test::Vector d(o.size(), 0.0);
    (void)at.loss.row(0, o, d, d_r, d_u);
    return d;
  };
  for (const std::int64_t id : {1, 2, 3, 4}) {
    const RandomObject random(6, Stream::training, id);
    test::Vector o(JointHead::n_outputs(k_components));
    for (std::size_t k = 0; k < o.size(); ++k) o[k] = 0.6 * random.normal(0, static_cast<std::uint32_t>(k));
    test::expect_derivative(op, o, {.difference_tolerance = 3e-6, .check_nan = false});
  }
}

TEST(SelectionTerm, GradientOfTheFactorsByTheHarness) {
  Chosen at;
  const RandomObject random(7, Stream::training, 1);
  test::Vector o(JointHead::n_outputs(k_components));
  for (std::size_t k = 0; k < o.size(); ++k) o[k] = 0.4 * random.normal(0, static_cast<std::uint32_t>(k));
  std::vector<std::size_t> places;
  for (std::size_t k = 0; k < k_components * k_n * k_n; ++k)
    if (k % k_n <= k / k_n % k_n) places.push_back(k);
  const auto look = [&](const test::Vector& x, bool slopes) {
    for (std::size_t k = 0; k < places.size(); ++k) at.loss.raw_factor()[places[k]] = static_cast<float>(x[k]);
    at.loss.refresh();
    std::vector<Matrix8> d_r(k_components, Matrix8::Zero()), d_u = d_r;
    test::Vector d(o.size(), 0.0), out;
    const double value = at.loss.row(0, o, d, d_r, d_u);
    if (!slopes) return test::Vector{value};
    const auto all = at.loss.factor_gradient(d_r, d_u);
    for (const auto k : places) out.push_back(all[k]);
    return out;
  };
  test::Operation op;
  op.value = [&](const test::Vector& x) { return look(x, false); };
  op.jacobian = [&](const test::Vector& x) { return look(x, true); };
  test::Vector x;
  for (const auto k : places) x.push_back(static_cast<double>(at.loss.raw_factor()[k]) + 0.05);
  // The factors are kept in float32: a coarse step, and its tolerance.
  test::expect_derivative(op, x, {.difference_tolerance = 3e-3, .step = 1e-3, .check_nan = false});
}

// Against counting: normals drawn from one component, noise added, the cut applied.
TEST(SelectionTerm, IsTheLogarithmOfTheFractionThatPasses) {
  const Chosen at;
  const Matrix<double> factor = some_factor();
  std::vector<Matrix8> unit(k_components);
  std::vector<Vector8> sd(k_components);
  for (std::size_t c = 0; c < k_components; ++c) {
    sd[c].setConstant(0.5);
    for (std::size_t k = 0; k < k_n * k_n; ++k)
      unit[c](static_cast<Eigen::Index>(k / k_n), static_cast<Eigen::Index>(k % k_n)) = factor(c, k);
  }
  std::vector<double> mean(k_components * k_n, -0.6);
  const std::vector<double> weight{0.0, 1.0, 0.0};
  double passed = 0;
  constexpr std::uint32_t n = 100000;
  const RandomObject random(9, Stream::population, 1);
  const std::vector<LineCut> cuts{{2, 0.0, 0.9}, {3, 0.0, 0.8}, {4, 0.0, 1.0}, {5, 0.5, 0.6}};
  for (std::uint32_t k = 0; k < n; ++k) {
    Vector8 z;
    for (Eigen::Index j = 0; j < 8; ++j) z[j] = random.normal(k, static_cast<std::uint32_t>(j));
    const Vector8 t = unit[1] * z;
    bool all = true;
    for (const auto& cut : cuts) {
      const auto j = static_cast<Eigen::Index>(cut.line);
      const double ew = intrinsic_ew(0.9 + 0.7 * (-0.6 + 0.5 * t[j]));
      all = all && ew + cut.sigma * random.normal(k, 20 + static_cast<std::uint32_t>(j)) > cut.limit;
    }
    passed += all ? 1.0 / n : 0.0;
  }
  // 16 nodes a row: the mean over rows with nodes of their own.
  const SelectionTerm many(std::vector<std::vector<LineCut>>(32, cuts), at.mean, at.scale);
  double p = 0;
  for (std::size_t row = 0; row < 32; ++row) {
    std::vector<Matrix8> d_u(k_components, Matrix8::Zero());
    std::vector<Vector8> d_sd(k_components, Vector8::Zero());
    std::vector<double> d_mean(mean.size()), d_logit(k_components);
    p += std::exp(many.add(row, {k_components, mean, weight, sd, unit}, d_mean, d_sd, d_u, d_logit)) / 32;
  }
  EXPECT_NEAR(p, passed, 0.01 * passed + 0.002);
}

TEST(Sites, TakeNegativeLabelsAndTheHighestOfSeveralPeaks) {
  Galaxies g = test::example_galaxies(1);
  for (std::size_t line = 0; line < k_n_lines; ++line) g.ew(0, line) = -1.5F, g.ew_ivar(0, line) = 4.0F;  // +- 0.5 A
  g.ew(0, 0) = 4.0F;
  g.ew_ivar(0, 0) = 1.0F / 9;  // 4 +- 3 A
  const std::vector<std::size_t> rows{0};
  const Matrix<double> prior(1, k_n, 0.5);
  const std::vector<double> sd(k_n, 1.5), mean(k_n, 0.0), scale(k_n, 1.0);
  std::vector<TableRules> rules(1);
  rules[0].peaks.fill(1.0);
  const Sites floored = make_sites(g, rows, prior, sd, mean, scale, {}, {});
  const Sites plain = make_sites(g, rows, prior, sd, mean, scale, {}, {.negative = true, .rules = rules});
  rules[0].peaks[0] = 4;
  const Sites peaks = make_sites(g, rows, prior, sd, mean, scale, {}, {.negative = true, .rules = rules});
  const auto posterior = [&](const Sites& s, std::size_t j) {
    const double precision = 1 / (1.5 * 1.5) + 1 / s.variance(0, j);
    return (0.5 / (1.5 * 1.5) + s.centre(0, j) / s.variance(0, j)) / precision;
  };
  // By direct summation.
  const auto summed = [&](const auto& likelihood) {
    double sum = 0, first = 0;
    for (double t = -12; t < 12; t += 1e-3) {
      const double p = likelihood(t) * normal_density((t - 0.5) / 1.5);
      sum += p;
      first += p * t;
    }
    return first / sum;
  };
  EXPECT_NEAR(posterior(plain, 4), summed([](double t) { return normal_density((-1.5 - std::sinh(t)) / 0.5); }), 2e-3);
  EXPECT_NEAR(posterior(floored, 4), summed([](double t) { return normal_density((-1.5 - intrinsic_ew(t)) / 0.5); }),
              0.05);
  EXPECT_NEAR(posterior(peaks, 0), summed([](double t) {
                const double a = (4 - std::sinh(t)) / 3, b = 4.0 / 3;
                return normal_density(a) * normal_cdf(b) + 3 * normal_cdf(a) * normal_density(b);
              }),
              2e-3);
  EXPECT_LT(posterior(peaks, 0), posterior(plain, 0) - 0.1);
}

TEST(Sites, UnderOneComponentAreThoseOfItsNormal) {
  Galaxies g = test::example_galaxies(1);
  for (std::size_t line = 0; line < k_n_lines; ++line) g.ew(0, line) = 2.0F, g.ew_ivar(0, line) = 0.5F;
  const std::vector<std::size_t> rows{0};
  const std::vector<double> y_mean(k_n, 1.0), y_scale(k_n, 2.0), wide(k_n, 2.0);
  const Matrix<double> centre(1, k_n, 0.3);
  Matrix8 correlation = Matrix8::Constant(0.6);
  correlation.diagonal().setOnes();
  WorkerPool pool(1);
  const Sites start = make_sites(g, rows, Matrix<double>(1, k_n, 1.6), wide, y_mean, y_scale, {}, {});
  Sites one = start, mixture = start;
  RowMixtures m{1, Matrix<double>(1, 1, 1.0), centre, Matrix<double>(1, k_n, 0.4), {correlation}};
  refine_sites(one, g, rows, centre, Matrix8(0.16 * correlation), y_mean, y_scale, {}, {}, pool);
  refine_sites(mixture, g, rows, m, y_mean, y_scale, {}, {}, pool);
  // The one takes the lines in turn, the other together: the first line is the same, the others nearly.
  EXPECT_NEAR(mixture.centre(0, 0), one.centre(0, 0), 1e-6);
  EXPECT_NEAR(mixture.variance(0, 0), one.variance(0, 0), 1e-6);
  // A component without weight changes nothing.
  m.components = 2;
  m.weight = Matrix<double>(1, 2);
  m.weight(0, 0) = 1;
  m.mean = Matrix<double>(1, 2 * k_n, 0.3);
  m.sd = Matrix<double>(1, 2 * k_n, 0.4);
  m.correlation.push_back(Matrix8::Identity());
  Sites two = start;
  refine_sites(two, g, rows, m, y_mean, y_scale, {}, {}, pool);
  for (std::size_t j = 0; j < k_n; ++j) EXPECT_NEAR(two.centre(0, j), mixture.centre(0, j), 1e-9);
}

TEST(TrainingTables, RulesBelongToTablesByTheBeginningOfTheirNames) {
  Galaxies g = test::example_galaxies(2);
  g.tables = {"FastSpecFit fuji v3.1", "MPA-JHU"};
  g.table = {0, 1};
  TrainConfig c;
  c.selection = "FastSpecFit: HBETA,HALPHA > 0; 3D-HST: HALPHA > 1";
  c.error_scale = "MPA-JHU: HALPHA 2.5, HBETA 1.9";
  c.peaks = "FastSpecFit: OII_DOUBLET 4";
  c.dust = "0.05";
  c.unmeasured = "MPA; NSA";
  const auto rules = table_rules(g, c);
  EXPECT_EQ(rules[0].selection.text(), "HBETA,HALPHA > 0");
  EXPECT_TRUE(rules[1].selection.empty());
  EXPECT_EQ(rules[1].error_scale[index(Line::HALPHA)], 2.5);
  EXPECT_EQ(rules[1].error_scale[index(Line::SII_6716)], 1.0);
  EXPECT_EQ(rules[0].error_scale[index(Line::HALPHA)], 1.0);
  EXPECT_EQ(rules[0].peaks[0], 4);
  EXPECT_EQ(rules[0].dust, 0.05);
  EXPECT_FALSE(rules[0].unmeasured);
  EXPECT_TRUE(rules[1].unmeasured);
  EXPECT_EQ(unused_rules(g, c), "3D-HST");
  for (const char* bad : {"HALFA 2", "HALPHA x", "MPA-JHU:", ": 2", "0", "HALPHA -1"}) {
    TrainConfig wrong;
    wrong.error_scale = bad;
    EXPECT_THROW((void)table_rules(g, wrong), Error) << bad;
  }
}

TEST(TrainingTables, AreJoinedWithNamesAndPrepared) {
  Galaxies a = test::example_galaxies(400), b = test::example_galaxies(3, 77);
  a.conventions.labelver = "A";
  b.conventions.labelver = "B";
  b.conventions.mwcorr = "T";
  for (std::size_t i = 0; i < a.n; ++i) {  // the stronger [SII] line is 0.6 of the sum
    a.ew(i, 8) = 6.0F;
    a.ew(i, 9) = 4.0F;
    a.ew_ivar(i, 8) = a.ew_ivar(i, 9) = 100.0F;
  }
  b.sum_ew = Matrix<float>(3, k_n_line_sums, std::nanf(""));
  b.sum_ew_ivar = Matrix<float>(3, k_n_line_sums, 0.0F);
  b.sum_ew(0, 1) = 10.0F;
  b.sum_ew_ivar(0, 1) = 4.0F;
  for (std::size_t i = 0; i < 3; ++i) b.ew(i, 8) = 0, b.ew_ivar(i, 8) = 0;
  const Galaxies g = join_tables({{"", a}, {"second", b}});
  EXPECT_EQ(g.n, 403U);
  EXPECT_EQ(g.tables, (std::vector<std::string>{"A", "second"}));
  EXPECT_EQ(g.table[399], 0);
  EXPECT_EQ(g.table[400], 1);
  EXPECT_EQ(g.targetid[400], 77);
  EXPECT_EQ(g.conventions.mwcorr, "mixed");
  EXPECT_EQ(g.conventions.aperture, "fibre");
  TrainConfig c;
  c.unmeasured = "second";
  c.error_scale = "second: 2";
  const auto rules = table_rules(g, c);
  EXPECT_TRUE(needs_preparation(g, rules));
  const Galaxies p = prepare_labels(g, rules);
  EXPECT_NEAR(p.ew(400, 8), 6.0F, 1e-4F);
  EXPECT_NEAR(1 / std::sqrt(static_cast<double>(p.ew_ivar(400, 8))), 2 * 0.6 * 0.5, 0.01);
  EXPECT_TRUE(std::isnan(p.ew(401, 8)));  // no measurement, rather than no line
  EXPECT_NEAR(p.ew_ivar(401, 4), b.ew_ivar(1, 4) / 4, 1e-6F);
  EXPECT_EQ(p.ew_ivar(5, 4), a.ew_ivar(5, 4));
  Galaxies no_ids = test::example_galaxies(3);
  no_ids.targetid.clear();
  EXPECT_THROW((void)join_tables({{"", a}, {"x", no_ids}}), Error);
  EXPECT_EQ(join_tables({{"", a}}).tables.size(), 0U);  // one table stays what it is
}

TEST(TrainingTables, GalaxiesThatLackBandsAreTrainedOn) {
  Galaxies g = test::example_galaxies(30);
  for (std::size_t i = 0; i < 10; ++i) g.band_flux(i, 0) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(usable_rows(g).size(), 20U);
  const auto rows = usable_rows(g, true);
  EXPECT_EQ(rows.size(), 30U);
  const auto set = make_training_set(g, rows, {InputSet::of(k_input_log_lum, k_input_z), true, 0.1, 0.2},
                                     {k_independent_lines.begin(), k_independent_lines.end()}, TrainConfig{}, true);
  const FeatureRecipe& recipe = set.recipe;
  EXPECT_EQ(set.data.x(3, 0), 0.0F);
  EXPECT_EQ(set.data.x(3, recipe.at_band_mask(0)), -1.0F);
  EXPECT_EQ(set.data.x(13, recipe.at_band_mask(0)), 0.0F);
  EXPECT_NE(set.data.x(3, 1), 0.0F);
  EXPECT_EQ(set.data.lacks[3].bands, 1U);
  EXPECT_EQ(set.data.lacks[13].bands, 0U);
  for (std::size_t r = 0; r < 30; ++r) {  // the redshift is clipped
    const double z = set.x_mean[recipe.at(k_input_z)] +
                     set.x_scale[recipe.at(k_input_z)] * static_cast<double>(set.data.x(r, recipe.at(k_input_z)));
    EXPECT_NEAR(z, std::clamp(g.z[r], 0.1, 0.2), 1e-6);
  }
}

TEST(Jitter, RemovesDustAsTheLawSays) {
  const Galaxies g = test::example_galaxies(1);
  const FeatureRecipe recipe{InputSet::of(k_input_log_lum, k_input_z), true};
  std::vector<double> before(recipe.size()), after(recipe.size());
  compute_features(recipe, g.band_flux.row(0), g.z[0], before);
  constexpr double ebv = 0.06;
  std::vector<double> flux(g.band_flux.row(0).begin(), g.band_flux.row(0).end());
  for (std::size_t b = 0; b < k_n_bands; ++b)
    flux[b] /= milky_way_transmission(0.5 * (band_lo(b) + band_hi(b)) * (1 + g.z[0]), ebv);
  compute_features(recipe, flux, g.z[0], after);
  const auto slopes = dust_slopes(recipe, g.z[0]);
  for (std::size_t i = 0; i < recipe.n_values(); ++i) EXPECT_NEAR(after[i] - before[i], ebv * slopes[i], 1e-12) << i;
}

TEST(Jitter, LeavesWhatAGalaxyLacks) {
  const FeatureRecipe recipe{InputSet::of(k_input_log_lum, k_input_z), true};
  Jitter jitter;
  EXPECT_FALSE(jitter.active());
  jitter.object_sd = 0.01;
  jitter.table_sd = 0.02;
  jitter.scale.assign(recipe.n_values(), 0.1);
  EXPECT_TRUE(jitter.active());
  MaskPattern lacks;
  lacks.bands = 1U << 3;
  lacks.log_lum = true;
  const RandomObject own(1, Stream::training, 5), step(1, Stream::training, 6);
  std::vector<float> x(recipe.size(), 0.0F), again = x;
  jitter.apply(recipe, lacks, 0, own, 2, step, 7, x);
  for (const std::size_t i : {2U, 3U, 11U, 12U}) EXPECT_EQ(x[i], 0.0F) << i;
  EXPECT_NE(x[4], 0.0F);
  jitter.apply(recipe, lacks, 0, own, 2, step, 7, again);
  EXPECT_EQ(x, again);
  jitter.apply(recipe, lacks, 0, own, 3, step, 7, again);
  EXPECT_NE(x, again);
}

// A population in which 40 % have weak lines, seen through a cut on four measured lines: the fraction comes back with
// the term, and does not without it.
TEST(EveryKind, AFractionOfWeakGalaxiesComesBackThroughTheCut) {
  Galaxies g = test::example_galaxies(5000);
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < g.n; ++i) {
    const RandomObject random(11, Stream::population, g.targetid[i]);
    const bool weak = random.uniform(0, 0) < 0.4;
    bool passes = true;
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const auto lane = static_cast<std::uint32_t>(line);
      const double t = (weak ? 0.35 : 2.0) + 0.3 * random.normal(1, 0) + 0.2 * random.normal(2, lane);
      const double sigma = 0.8, y = intrinsic_ew(t) + sigma * random.normal(3, lane);
      g.ew(i, line) = static_cast<float>(y);
      g.ew_ivar(i, line) = static_cast<float>(1 / (sigma * sigma));
      if (line == 2 || line == 4 || line == 6 || line == 7) passes = passes && y > 0;
    }
    if (passes) kept.push_back(i);
  }
  const Galaxies cut = select_rows(g, kept);
  TrainConfig c = train_preset("every-kind");
  c.dust = c.error_scale = c.peaks = "";
  c.selection = "HBETA,OIII_5007,HALPHA,NII_6584 > 0";
  c.hidden = {16, 16};
  c.members = c.point_members = 1;
  c.sibling = false;
  c.epochs = 30;
  c.joint_epochs = 60;
  WorkerPool pool(2);
  const auto weak_fraction = [&](const TrainConfig& config) {
    double sum = 0;
    for (const auto& d : train(cut, config, pool).distributions(g, pool))
      sum += d.cdf(4, std::asinh(1.4)) / static_cast<double>(g.n);
    return sum;
  };
  EXPECT_NEAR(weak_fraction(c), 0.4, 0.06);
  c.selection = "";
  EXPECT_LT(weak_fraction(c), 0.3);
}

}  // namespace
}  // namespace starglow
