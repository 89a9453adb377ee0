#include "starglow/model/condition.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/dispatch.hpp"
#include "model/condition_rows.hpp"
#include "model/site_moments.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "support/every_isa.hpp"
#include "support/slow_condition.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = k_n_independent_lines;
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
using Kind = LineEvidence::Kind;

// Components from strong lines to hardly any; correlations of every sign.
JointDistribution some_distribution(std::size_t components, std::int64_t id) {
  const RandomObject random(3, Stream::training, id);
  JointDistribution d;
  d.lines.components = components;
  std::uint32_t lane = 0;
  const auto normal = [&] { return random.normal(0, lane++); };
  double sum = 0;
  for (std::size_t c = 0; c < components; ++c) {
    d.lines.weight[c] = std::exp(normal());
    sum += d.lines.weight[c];
    for (std::size_t i = 0; i < k_n; ++i) {
      d.lines.mean[c][i] = c == 2 ? 0.2 * normal() : 1.5 + 0.8 * normal();
      d.lines.sd[c][i] = 0.4 * std::exp(0.4 * normal());
      double norm = 0;
      for (std::size_t j = 0; j <= i; ++j) {
        d.factor[c][i * k_n + j] = (i == j ? 1.0 : 0.5) * (1 + 0.5 * normal());
        norm += d.factor[c][i * k_n + j] * d.factor[c][i * k_n + j];
      }
      for (std::size_t j = 0; j <= i; ++j) d.factor[c][i * k_n + j] /= std::sqrt(norm);
    }
  }
  for (double& w : d.lines.weight) w /= sum;
  d.lines.find_quantiles();
  return d;
}

Evidence some_evidence(unsigned subset, std::int64_t id) {
  const RandomObject random(4, Stream::training, id);
  Evidence e{};
  for (std::size_t j = 0; j < k_n; ++j) {
    const auto lane = static_cast<std::uint32_t>(j);
    if ((subset >> j & 1U) == 0) continue;
    const double ew = std::sinh(1.2 + 0.8 * random.normal(0, lane)), sigma = 0.6 * std::exp(random.normal(1, lane));
    e[j] = {Kind::measured, ew + sigma * random.normal(2, lane), sigma};
  }
  return e;
}

TEST(SiteMoments, AgreeWithFineSums) {
  for (const double m : {-6.0, -1.0, 0.0, 0.4, 2.0, 5.0})
    for (const double sd : {0.05, 0.5, 2.0})
      for (const double value : {-4.0, 0.0, 0.3, 8.0, 300.0})
        for (const double sigma : {0.01, 0.7, 20.0})
          for (const Kind kind : {Kind::measured, Kind::passed}) {
            const LineEvidence e{kind, value, sigma};
            const SiteMoments got = site_moments(m, sd * sd, e), want = slow::site_moments(m, sd * sd, e);
            const double scale = std::sqrt(want.variance);
            const auto place = ::testing::Message() << m << " " << sd << " " << value << " " << sigma;
            EXPECT_NEAR(got.log_z, want.log_z, 1e-9 * std::max(1.0, std::fabs(want.log_z))) << place;
            EXPECT_NEAR(got.mean, want.mean, 1e-9 * scale + 1e-11) << place;
            EXPECT_NEAR(got.variance, want.variance, 2e-8 * want.variance) << place;
          }
}

TEST(SiteMoments, SlopesAreThoseOfTheValues) {
  for (const double m : {-0.5, 0.4, 2.0})
    for (const double value : {-1.0, 0.3, 4.0})
      for (const Kind kind : {Kind::measured, Kind::passed}) {
        const double v = 0.3, h = 1e-5;
        SiteSlopes s;
        site_moments(m, v, {kind, value, 0.8}, &s);
        const auto check = [&](std::size_t by, const SiteMoments& up, const SiteMoments& down) {
          EXPECT_NEAR(s.log_z[by], (up.log_z - down.log_z) / (2 * h), 1e-7);
          EXPECT_NEAR(s.mean[by], (up.mean - down.mean) / (2 * h), 1e-7);
          EXPECT_NEAR(s.variance[by], (up.variance - down.variance) / (2 * h), 1e-7);
        };
        const LineEvidence e{kind, value, 0.8};
        check(0, site_moments(m + h, v, e), site_moments(m - h, v, e));
        check(1, site_moments(m, v + h, e), site_moments(m, v - h, e));
        if (kind == Kind::measured)
          check(2, site_moments(m, v, {kind, value + h, 0.8}), site_moments(m, v, {kind, value - h, 0.8}));
      }
}

TEST(Condition, EverySubsetAsTheSlowTwin) {
  for (const std::size_t components : {1U, 2U, 3U, 4U}) {
    const auto prior = some_distribution(components, static_cast<std::int64_t>(components));
    // All 255 subsets at three components, some at others.
    for (unsigned subset = 1; subset < 256; subset += components == 3 ? 1U : 23U) {
      const Evidence e = some_evidence(subset, static_cast<std::int64_t>(subset));
      const JointDistribution got = condition(prior, e);
      const slow::Conditioned want = slow::condition(prior, e);
      EXPECT_NEAR(got.log_evidence, want.log_evidence, 1e-10 * (1 + std::fabs(want.log_evidence))) << subset;
      for (std::size_t c = 0; c < components; ++c) {
        EXPECT_NEAR(got.lines.weight[c], want.weight[c], 1e-10) << subset;
        for (std::size_t i = 0; i < k_n; ++i) {
          EXPECT_NEAR(got.lines.mean[c][i], want.mean[c][i], 1e-10) << subset;
          for (std::size_t j = 0; j <= i; ++j) {
            double sum = 0;
            for (std::size_t k = 0; k <= j; ++k) sum += got.factor[c][i * k_n + k] * got.factor[c][j * k_n + k];
            EXPECT_NEAR(
                sum * got.lines.sd[c][i] * got.lines.sd[c][j],
                static_cast<double>(want.covariance[c](static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j))),
                1e-10)
                << subset;
          }
        }
      }
    }
  }
}

// One known line: weights, means and covariances are exact. Two: compared with sums over the plane of both.
TEST(Condition, OfOneLineIsTheIntegral) {
  const auto prior = some_distribution(3, 11);
  const LineEvidence e{Kind::measured, 1.4, 0.9};
  Evidence all{};
  all[4] = e;
  const auto got = condition(prior, all);
  const auto& p = prior.lines;
  std::array<double, 3> z{};
  double total = 0;
  constexpr std::size_t other = 6;
  for (std::size_t c = 0; c < 3; ++c) {
    double first = 0, second = 0;
    double rho = 0;
    for (std::size_t k = 0; k < k_n; ++k) rho += prior.factor[c][4 * k_n + k] * prior.factor[c][other * k_n + k];
    const double h = 1e-4, slope = rho * p.sd[c][other] / p.sd[c][4];
    const double rest = p.sd[c][other] * p.sd[c][other] * (1 - rho * rho);
    for (double t = p.mean[c][4] - 10 * p.sd[c][4] + h / 2; t < p.mean[c][4] + 10 * p.sd[c][4]; t += h) {
      const double u = (e.value - intrinsic_ew(t)) / e.sigma;
      const double q = h * normal_density((t - p.mean[c][4]) / p.sd[c][4]) / p.sd[c][4] * normal_density(u) / e.sigma;
      const double line = p.mean[c][other] + slope * (t - p.mean[c][4]);
      z[c] += q;
      first += q * line;
      second += q * (line * line + rest);
    }
    const double mean = first / z[c];
    EXPECT_NEAR(got.lines.mean[c][other], mean, 1e-8);
    EXPECT_NEAR(got.lines.sd[c][other], std::sqrt(second / z[c] - mean * mean), 1e-8);
    total += p.weight[c] * z[c];
  }
  for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(got.lines.weight[c], p.weight[c] * z[c] / total, 1e-8);
  EXPECT_NEAR(got.log_evidence, std::log(total), 1e-8);
}

// Several known lines: means and evidence as those of many draws weighted by the likelihood.
TEST(Condition, OfSeveralLinesAsWeightedDraws) {
  for (const bool cut : {false, true}) {
    const auto prior = some_distribution(3, 12);
    Evidence e{};
    if (cut) {
      for (const std::size_t j : {2U, 3U, 4U, 5U}) e[j] = {Kind::passed, 0.5, 1.0};
    } else {
      e[2] = {Kind::measured, 2.0, 0.8};
      e[5] = {Kind::measured, 1.0, 0.5};
    }
    const auto got = condition(prior, e);
    constexpr std::size_t n = 400000;
    const RandomObject random(9, Stream::training, 1);
    double sum = 0, squares = 0;
    std::array<double, k_n> mean{};
    for (std::uint32_t k = 0; k < n; ++k) {
      std::size_t c = 0;
      for (double left = random.uniform(k, 0) - prior.lines.weight[0]; left > 0 && c < 2; left -= prior.lines.weight[c])
        ++c;
      std::array<double, k_n> z{}, t{};
      for (std::size_t j = 0; j < k_n; ++j) z[j] = random.normal(k, static_cast<std::uint32_t>(1 + j));
      double w = 1;
      for (std::size_t j = 0; j < k_n; ++j) {
        for (std::size_t i = 0; i <= j; ++i) t[j] += prior.factor[c][j * k_n + i] * z[i];
        t[j] = prior.lines.mean[c][j] + prior.lines.sd[c][j] * t[j];
        const double u = (intrinsic_ew(t[j]) - e[j].value) / e[j].sigma;
        if (e[j].kind == Kind::measured) w *= normal_density(u) / e[j].sigma;
        if (e[j].kind == Kind::passed) w *= normal_cdf(u);
      }
      sum += w;
      squares += w * w;
      for (std::size_t j = 0; j < k_n; ++j) mean[j] += w * t[j];
    }
    const double effective = sum * sum / squares;
    ASSERT_GT(effective, 5000);
    EXPECT_NEAR(got.log_evidence, std::log(sum / n), 0.02);
    for (std::size_t j = 0; j < k_n; ++j) {
      double ours = 0, spread = 0;
      for (std::size_t c = 0; c < 3; ++c) {
        ours += got.lines.weight[c] * got.lines.mean[c][j];
        spread = std::max(spread, prior.lines.sd[c][j]);
      }
      EXPECT_NEAR(ours, mean[j] / sum, 5 * spread / std::sqrt(effective) + 0.01) << j;
    }
  }
}

// Many galaxies at once: every subset of lines, measured or cut, as one by one, whatever their neighbours are.
TEST(ConditionRows, AsOneByOneWhateverTheNeighboursAre) {
  test::for_each_isa([] {
    for (const std::size_t components : {1U, 2U, 4U}) {
      const auto prior = some_distribution(components, static_cast<std::int64_t>(components));
      const auto other = some_distribution(components, 20 + static_cast<std::int64_t>(components));
      std::vector<Evidence> evidence;
      for (unsigned subset = 1; subset < 256; subset += 3) {
        evidence.push_back(some_evidence(subset, static_cast<std::int64_t>(subset)));
        if (subset % 5 == 0)
          for (std::size_t j = 4; j < k_n; ++j)
            if (evidence.back()[j].kind == Kind::measured) evidence.back()[j] = {Kind::passed, 0.5, 1.0};
      }
      evidence.push_back({});  // nothing known
      for (const double ew : {-30.0, 0.0, 1e-3, 900.0})
        for (const double sigma : {1e-9, 0.1, 40.0}) {
          evidence.emplace_back();
          evidence.back()[4] = {Kind::measured, ew, sigma};
          evidence.back()[1] = {Kind::measured, 3.0, 1.0};
        }
      std::vector<JointDistribution> joint(evidence.size(), prior);
      for (std::size_t r = 0; r < joint.size(); ++r)  // with its own correlations, every eleventh
        if (r % 11 == 10) joint[r] = other;
      const auto before = joint;
      std::vector<KnownRow> rows;
      for (std::size_t r = 0; r < joint.size(); ++r) rows.push_back({&joint[r], &evidence[r]});
      condition_rows(rows, true);
      for (std::size_t r = 0; r < joint.size(); ++r) {
        SCOPED_TRACE(r);
        const auto want = condition(before[r], evidence[r]);
        EXPECT_NEAR(joint[r].log_evidence, want.log_evidence, 2e-5 * (1 + std::fabs(want.log_evidence)));
        for (std::size_t c = 0; c < components; ++c) {
          EXPECT_NEAR(joint[r].lines.weight[c], want.lines.weight[c], 2e-5);
          for (std::size_t i = 0; i < k_n; ++i) {
            const double sd = want.lines.sd[c][i];
            EXPECT_NEAR(joint[r].lines.mean[c][i], want.lines.mean[c][i], 2e-5 * sd + 1e-14);
            EXPECT_NEAR(joint[r].lines.sd[c][i], sd, 2e-5 * sd);
            for (std::size_t k = 0; k <= i; ++k)
              EXPECT_NEAR(joint[r].factor[c][i * k_n + k], want.factor[c][i * k_n + k], 1e-4);
          }
        }
        for (std::size_t i = 0; i < k_n; ++i)
          EXPECT_NEAR(joint[r].lines.median[i], want.lines.median[i], 2e-5 * before[r].lines.sd[0][i] + 1e-6);
        JointDistribution alone = before[r];
        const KnownRow one{&alone, &evidence[r]};
        condition_rows({&one, 1}, false);
        EXPECT_EQ(alone.log_evidence, joint[r].log_evidence);
        EXPECT_EQ(alone.lines.mean, joint[r].lines.mean);
        EXPECT_EQ(alone.lines.sd, joint[r].lines.sd);
        EXPECT_EQ(alone.lines.weight, joint[r].lines.weight);
      }
    }
  });
}

// The kernel's sums where they say that they hold: against fine sums; and how seldom they do not.
TEST(SiteKernel, AsFineSums) {
  test::for_each_isa([] {
    constexpr std::size_t n = 400;
    for (const int finer : {0, 1}) {
      std::array<std::vector<double>, 9> x;
      for (auto& column : x) column.resize(n);
      for (std::size_t i = 0; i < n; ++i) {
        const RandomObject random(5, Stream::training, static_cast<std::int64_t>(i));
        const double sd = 0.4 * std::exp(0.5 * random.normal(0, 1)), m = 1 + 1.5 * random.normal(0, 0);
        const double ew = std::sinh(std::max(m + 1.5 * sd * random.normal(0, 2), 0.0));
        x[0][i] = m;
        x[1][i] = sd * sd;
        x[3][i] = (0.3 + 0.1 * ew) * std::exp(random.normal(0, 3));
        x[2][i] = ew + x[3][i] * random.normal(0, 4);
        x[4][i] = std::asinh(std::max(x[2][i], 0.0));
      }
      kernels::active().mixture.sites({x[0].data(), x[1].data(), x[2].data(), x[3].data(), x[4].data(), x[5].data(),
                                       x[6].data(), x[7].data(), x[8].data()},
                                      n, finer);
      std::size_t failed = 0;
      for (std::size_t i = 0; i < n; ++i) {
        if (std::isnan(x[7][i])) {
          ++failed;
          continue;
        }
        const SiteMoments want = slow::site_moments(x[0][i], x[1][i], {Kind::measured, x[2][i], x[3][i]});
        const auto place = ::testing::Message() << x[0][i] << " " << x[1][i] << " " << x[2][i] << " " << x[3][i];
        const double within = finer != 0 ? 1e-6 : 1e-5, sd = std::sqrt(want.variance);
        EXPECT_NEAR(x[7][i], want.mean, within * sd) << place;
        EXPECT_NEAR(x[8][i], want.variance, 2 * within * want.variance) << place;
        const double log_z = std::log(x[5][i]) - x[6][i] - std::log(2 * M_PI * std::sqrt(x[1][i]) * x[3][i]);
        EXPECT_NEAR(log_z, want.log_z, within) << place;
      }
      EXPECT_LT(failed, finer != 0 ? n / 100 : n / 15);
    }
  });
}

TEST(Condition, NothingKnownChangesNothing) {
  const auto prior = some_distribution(2, 5);
  const auto same = condition(prior, Evidence{});
  EXPECT_EQ(same.lines.median, prior.lines.median);
  EXPECT_EQ(same.lines.weight, prior.lines.weight);
  EXPECT_EQ(same.factor, prior.factor);
  JointDistribution none;
  none.lines.components = 0;
  EXPECT_EQ(condition(none, some_evidence(255, 1)).lines.components, 0U);
}

TEST(Condition, SharpAndFarMeasurementsStayFinite) {
  const auto prior = some_distribution(3, 6);
  for (const double ew : {-1e4, -1.0, 0.0, 1e-3, 5.0, 8e3})
    for (const double sigma : {0.0, 1e-6, 1.0, 1e6}) {
      Evidence e{};
      e[1] = {Kind::measured, ew, sigma};
      e[4] = {Kind::measured, 0.9 * ew, sigma};
      const auto got = condition(prior, e);
      double sum = 0;
      for (std::size_t c = 0; c < 3; ++c) {
        sum += got.lines.weight[c];
        for (std::size_t j = 0; j < k_n; ++j) {
          EXPECT_TRUE(std::isfinite(got.lines.mean[c][j])) << ew << " " << sigma;
          EXPECT_GT(got.lines.sd[c][j], 0) << ew << " " << sigma;
        }
      }
      EXPECT_NEAR(sum, 1, 1e-12);
      EXPECT_TRUE(std::isfinite(got.lines.p84[6]));
      if (ew >= 0 && sigma <= 1e-6) {
        EXPECT_NEAR(intrinsic_ew(got.lines.median[1]), ew, 1e-5 * (1 + ew));
      }
    }
}

TEST(Given, WeakPartnersCountThroughStrongOnes) {
  const std::array<double, 2> ratio{3.0, 2.5};
  std::vector<double> ew(k_n_lines, 1.0), ivar(k_n_lines, 0.0);
  const auto weak = static_cast<std::size_t>(Line::NII_6548), strong = static_cast<std::size_t>(Line::NII_6584);
  ivar[weak] = 4;
  Evidence e = evidence_of(ew, ivar, ratio);
  EXPECT_EQ(e[5].kind, Kind::measured);
  EXPECT_DOUBLE_EQ(e[5].value, 2.5);
  EXPECT_DOUBLE_EQ(e[5].sigma, 1.25);
  ew[strong] = 7;
  ivar[strong] = 1;
  e = evidence_of(ew, ivar, ratio);
  EXPECT_DOUBLE_EQ(e[5].value, 7);
  EXPECT_DOUBLE_EQ(e[5].sigma, 1);
  for (std::size_t j = 0; j < k_n; ++j)
    if (j != 5) {
      EXPECT_EQ(e[j].kind, Kind::none);
    }
  for (const double bad : {0.0, -1.0, k_nan, std::numeric_limits<double>::infinity()}) {
    ivar.assign(k_n_lines, bad);
    for (const auto& line : evidence_of(ew, ivar, ratio)) EXPECT_EQ(line.kind, Kind::none);
  }
  ivar.assign(k_n_lines, 1.0);
  ew.assign(k_n_lines, k_nan);
  for (const auto& line : evidence_of(ew, ivar, ratio)) EXPECT_EQ(line.kind, Kind::none);
  EXPECT_EQ(parse_lines({"HALPHA", "OII_DOUBLET"}), (std::vector<std::size_t>{6, 0}));
  EXPECT_THROW((void)parse_lines({"HALPHA", "HALFA"}), Error);
  EXPECT_THROW((void)parse_lines({"HALPHA", "HALPHA"}), Error);
  EXPECT_THROW((void)parse_lines({}), Error);
  EXPECT_THROW((void)given_lines(Galaxies{}, parse_lines({"HALPHA"})), Error);
}

}  // namespace
}  // namespace starglow
