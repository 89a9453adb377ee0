#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/dispatch.hpp"
#include "starglow/base/random.hpp"
#include "starglow/model/joint.hpp"
#include "support/every_isa.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = k_n_independent_lines;

LineDistribution random_distribution(std::size_t components, std::uint32_t draw) {
  const RandomObject random(3, Stream::training, 11);
  std::uint32_t lane = 0;
  LineDistribution d;
  d.components = components;
  double sum = 0;
  for (std::size_t c = 0; c < components; ++c) sum += d.weight[c] = std::exp(2 * random.normal(draw, lane++));
  for (std::size_t c = 0; c < components; ++c) {
    d.weight[c] /= sum;
    for (std::size_t j = 0; j < k_n; ++j) {
      d.mean[c][j] = 1 + random.normal(draw, lane++);
      d.sd[c][j] = 0.5 * std::exp(random.normal(draw, lane++));
    }
  }
  return d;
}

TEST(MixtureKernel, QuantilesEqualTheScalarOnes) {
  test::for_each_isa([] {
    const auto& kernel = kernels::active().mixture;
    for (std::size_t components = 1; components <= 4; ++components)
      for (std::uint32_t draw = 0; draw < 60; ++draw) {
        const LineDistribution d = random_distribution(components, draw);
        for (const std::size_t n : {k_n, std::size_t{5}, std::size_t{1}})
          for (const double z : {-4.0, -1.0, 0.0, 0.3, 1.0, 3.0}) {
            std::vector<double> weight, mean, sd, t(n), level(n, z);
            for (std::size_t c = 0; c < components; ++c)
              for (std::size_t j = 0; j < n; ++j) {
                weight.push_back(d.weight[c]);
                mean.push_back(d.mean[c][j]);
                sd.push_back(d.sd[c][j]);
              }
            kernel.quantiles(static_cast<int>(components), weight.data(), mean.data(), sd.data(), n, level.data(), n,
                             t.data());
            for (std::size_t j = 0; j < n; ++j) {
              double narrowest = sd[j];
              for (std::size_t c = 1; c < components; ++c) narrowest = std::min(narrowest, sd[c * n + j]);
              // the probability is that of the quantile; in the tails 1e-15 of probability is more in t
              ASSERT_NEAR(d.cdf(j, t[j]), normal_cdf(z), 1e-11) << j << " z " << z;
              if (std::fabs(z) <= 1) {
                ASSERT_NEAR(t[j], d.quantile(j, normal_cdf(z)), 1e-9 * narrowest);
              }
            }
          }
      }
  });
}

TEST(MixtureKernel, QuantilesOfEqualComponentsFarOnesAndNaN) {
  test::for_each_isa([] {
    const auto& kernel = kernels::active().mixture;
    const double nan = std::numeric_limits<double>::quiet_NaN();
    // equal; 1000 sd apart; a weight of 0; NaN: each lane by itself
    const std::array<double, 8> weight{0.5, 0.3, 1, 0.5, 0.5, 0.7, 0, 0.5}, mean{2, 0, 1, nan, 2, 1000, 99, nan},
        sd{0.1, 1, 1, 1, 0.1, 1, 1, 1};
    const std::array<double, 4> z{1, 0, -1, 0};
    std::array<double, 4> t{};
    kernel.quantiles(2, weight.data(), mean.data(), sd.data(), 4, z.data(), 4, t.data());
    EXPECT_DOUBLE_EQ(t[0], 2.1);
    EXPECT_NEAR(t[1], 1000 + normal_quantile(0.2 / 0.7), 1e-9);
    EXPECT_NEAR(t[2], 0, 1e-9);
    EXPECT_TRUE(std::isnan(t[3]));
  });
}

TEST(MixtureKernel, EwIsTheHyperbolicSineAndNeverNegative) {
  test::for_each_isa([] {
    std::vector<double> t{-3, -0.0, 0, 1e-300, 1e-9, 0.5, 1, 7, 30, std::numeric_limits<double>::quiet_NaN()},
        ew(t.size());
    kernels::active().mixture.intrinsic_ew(t.data(), ew.data(), t.size());
    for (std::size_t i = 0; i < t.size(); ++i) EXPECT_NEAR(ew[i], intrinsic_ew(t[i]), 4e-16 * ew[i]) << t[i];
  });
}

// The draws from their description alone, in double.
std::array<double, k_n> slow_draw(const LineDistribution& d, const std::vector<double>& factor,
                                  const RandomObject& random, std::uint32_t draw) {
  double left = random.uniform(draw, 0);
  std::size_t c = 0;
  while (c + 1 < d.components && left > d.weight[c]) left -= d.weight[c++];
  std::array<double, k_n> t{};
  for (std::size_t j = 0; j < k_n; ++j) {
    double e = 0;
    for (std::size_t i = 0; i <= j; ++i)
      e += factor[(c * k_n + j) * k_n + i] * random.normal(draw, static_cast<std::uint32_t>(i + 1));
    t[j] = d.mean[c][j] + d.sd[c][j] * e;
  }
  return t;
}

// EWs of a draw: sinh, then the [SII] ratio within 0.44 to 1.45 at an unchanged sum.
std::array<double, k_n> slow_ew(const std::array<double, k_n>& t) {
  std::array<double, k_n> ew{};
  std::transform(t.begin(), t.end(), ew.begin(), [](double x) { return intrinsic_ew(x); });
  const double sum = ew[6] + ew[7];
  for (const double ratio : {0.44, 1.45}) {
    if (ratio > 1 ? ew[6] <= ratio * ew[7] : ew[6] >= ratio * ew[7]) continue;
    ew[6] = sum * ratio / (1 + ratio);
    ew[7] = sum / (1 + ratio);
  }
  return ew;
}

TEST(MixtureKernel, DrawsAreThoseOfTheLayout) {
  test::for_each_isa([] {
    for (std::size_t components = 1; components <= 4; ++components)
      for (const std::size_t n : {std::size_t{1}, std::size_t{37}, std::size_t{3000}}) {
        const LineDistribution d = random_distribution(components, 5);
        const RandomObject random(99, Stream::intrinsic, 1234567890123 + static_cast<std::int64_t>(n));
        std::vector<double> factor(components * k_n * k_n, 0.0);
        std::vector<float> single;
        for (std::size_t c = 0; c < components; ++c)
          for (std::size_t j = 0; j < k_n; ++j) {
            double length = 0;
            for (std::size_t i = 0; i <= j; ++i) {
              const double u = 0.3 + static_cast<double>((i * 7 + j * 3 + c) % 5);
              factor[(c * k_n + j) * k_n + i] = u;
              length += u * u;
            }
            for (std::size_t i = 0; i <= j; ++i) factor[(c * k_n + j) * k_n + i] /= std::sqrt(length);
          }
        for (const double f : factor) single.push_back(static_cast<float>(f));
        kernels::MixtureView view{};
        view.components = static_cast<int>(components);
        double below = 0;
        for (std::size_t c = 0; c < components; ++c) {
          below += d.weight[c];
          view.limit[c] = static_cast<std::uint32_t>(std::min(std::floor(below * 0x1p32 - 0.5), 0x1p32 - 1));
          for (std::size_t j = 0; j < k_n; ++j) {
            view.mean[c][j] = static_cast<float>(d.mean[c][j]);
            view.sd[c][j] = static_cast<float>(d.sd[c][j]);
          }
          view.factor[c] = single.data() + c * k_n * k_n;
        }
        std::array<std::vector<float>, k_n> out;
        std::array<float*, k_n> to{};
        for (std::size_t j = 0; j < k_n; ++j) {
          out[j].assign(n + 1, -1.0F);
          to[j] = out[j].data();
        }
        kernels::active().mixture.sample(view, random.key()[0], random.key()[1], n, to.data());
        for (std::size_t k = 0; k < n; ++k) {
          const auto t = slow_draw(d, factor, random, static_cast<std::uint32_t>(k));
          // float32: t has an error of 1e-6 of its scale, EW that times cosh t
          const auto ew = slow_ew(t);
          for (std::size_t j = 0; j < k_n; ++j) {
            // the [SII] lines may share the error of the stronger
            const double scale = j < 6 ? t[j] : std::max(t[6], t[7]);
            ASSERT_NEAR(out[j][k], ew[j], 4e-6 * std::cosh(scale) * (1 + std::fabs(scale)))
                << "draw " << k << " line " << j << " of " << components;
          }
          if (out[7][k] > 0 || out[6][k] > 0) {
            ASSERT_LE(out[6][k], 1.45F * out[7][k] * (1 + 1e-6F));
            ASSERT_GE(out[6][k], 0.44F * out[7][k] * (1 - 1e-6F));
          }
        }
        for (std::size_t j = 0; j < k_n; ++j) EXPECT_EQ(out[j][n], -1.0F);  // nothing beyond
      }
  });
}

}  // namespace
}  // namespace starglow
