#include "starglow/base/random.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

namespace starglow {
namespace {

// Known-answer vectors of Random123's own test file (kat_vectors, threefry2x32 20 rounds); JAX's threefry_2x32 gives
// the same words (tests of jax.random).
TEST(Threefry, KnownAnswers) {
  EXPECT_EQ(threefry2x32({0, 0}, {0, 0}), (Words{0x6b200159, 0x99ba4efe}));
  EXPECT_EQ(threefry2x32({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}), (Words{0x1cb996fc, 0xbb002be7}));
  EXPECT_EQ(threefry2x32({0x13198a2e, 0x03707344}, {0x243f6a88, 0x85a308d3}), (Words{0xc4923a9c, 0x483df7a0}));
}

// The layout is a contract with other languages: these numbers must never change. Computed once by this code; the
// Python test computes them from the description alone.
TEST(RandomObject, LayoutIsFixed) {
  const RandomObject object(1, Stream::label_noise, 39628368152363023);
  const Words stream_key = threefry2x32({1, 0}, {1, 0});
  const Words object_key = threefry2x32(
      stream_key, {static_cast<std::uint32_t>(39628368152363023 >> 32), static_cast<std::uint32_t>(39628368152363023)});
  EXPECT_EQ(object.key(), object_key);
  EXPECT_EQ(object.words(3, 6), threefry2x32(object_key, {3, 6}));
}

// mpmath 1.3, 50 digits: sqrt(2) erfinv(2p - 1).
TEST(Normal, QuantilesEqualStoredValues) {
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 2e-15);
  EXPECT_NEAR(normal_quantile(0.5), 0.0, 1e-17);
  EXPECT_NEAR(normal_quantile(1e-9) / -5.997807015007688, 1.0, 1e-14);
  EXPECT_NEAR(normal_quantile(0.075) / -1.4395314709384570, 1.0, 1e-14);
  EXPECT_TRUE(std::isinf(normal_quantile(0)));
  EXPECT_TRUE(std::isinf(normal_quantile(1)));
  EXPECT_TRUE(std::isnan(normal_quantile(1.1)));
}

// A relative error e of the quantile x is an error x^2 e of the tail probability.
TEST(Normal, TailInvertsTheErrorFunction) {
  for (double p = 1e-300; p < 0.5; p *= 3.7) {
    const double x = normal_quantile(p);
    EXPECT_NEAR(0.5 * std::erfc(-x / std::sqrt(2.0)) / p, 1.0, 1e-15 * (3 + x * x)) << p;
  }
}

TEST(Normal, IsSymmetricInTheTopBitAndFinite) {
  for (const std::uint32_t word : {0U, 1U, 12345U, 0x3FFFFFFFU, 0x40000000U, 0x7FFFFFFFU}) {
    EXPECT_EQ(normal(word), -normal(word | 0x80000000U));
    EXPECT_LT(std::fabs(normal(word)), 6.34);
  }
  EXPECT_LT(normal(0x7FFFFFFFU), 0);
  EXPECT_GT(normal(0x7FFFFFFFU), -1e-9);
}

TEST(Normal, MomentsOfManyObjects) {
  double sum = 0, squares = 0, fourth = 0, cross = 0;
  const int n = 200000;
  for (int i = 0; i < n; ++i) {
    const RandomObject object(42, Stream::intrinsic, i);
    const double a = object.normal(0, 0), b = object.normal(0, 1);
    sum += a;
    squares += a * a;
    fourth += a * a * a * a;
    cross += a * b;
  }
  EXPECT_NEAR(sum / n, 0.0, 4 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1.0, 4 * std::sqrt(2.0 / n));
  EXPECT_NEAR(fourth / n, 3.0, 4 * std::sqrt(96.0 / n));
  EXPECT_NEAR(cross / n, 0.0, 4 / std::sqrt(n));
}

TEST(RandomObject, StreamsSeedsIdsDrawsAndLanesDiffer) {
  std::set<std::uint64_t> seen;
  std::size_t made = 0;
  for (const std::uint64_t seed : {1ULL, 2ULL, 1ULL << 32})
    for (const Stream stream : {Stream::intrinsic, Stream::label_noise, Stream::population})
      for (const std::int64_t id : {0LL, 1LL, -1LL, 1LL << 32, (1LL << 53) + 1})
        for (std::uint32_t draw = 0; draw < 3; ++draw)
          for (std::uint32_t lane = 0; lane < 3; ++lane) {
            const Words w = RandomObject(seed, stream, id).words(draw, lane);
            seen.insert(std::uint64_t{w[0]} << 32 | w[1]);
            ++made;
          }
  EXPECT_EQ(seen.size(), made);
}

TEST(ObjectId, IsTheTargetidUnlessSurveysAreNamed) {
  EXPECT_EQ(object_id(77), 77);
  EXPECT_EQ(object_id(77, "   ", ""), 77);
  EXPECT_NE(object_id(77, "sv3", "bright"), 77);
  EXPECT_EQ(object_id(77, "sv3  ", "bright"), object_id(77, "sv3", "bright "));
  EXPECT_NE(object_id(77, "sv3", "bright"), object_id(77, "sv1", "bright"));
}

TEST(NormalDistribution, InvertsItsQuantileAndIntegratesToOne) {
  for (const double p : {1e-12, 0.1, 0.5, 0.9}) EXPECT_NEAR(normal_cdf(normal_quantile(p)) / p, 1, 1e-12);
  double area = 0;
  for (double x = -10; x < 10; x += 1e-3) area += normal_density(x) * 1e-3;
  EXPECT_NEAR(area, 1, 1e-12);
}

}  // namespace
}  // namespace starglow
