#include "starglow/judge/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
using V = std::vector<double>;

// scipy 1.17 scipy.stats.spearmanr; tests/python/test_oracles.py compares random samples too.
TEST(Spearman, EqualsScipy) {
  EXPECT_NEAR(spearman(V{1, 2, 3, 4, 5}, V{5, 6, 7, 8, 7}), 0.8207826816681233, 1e-15);
  EXPECT_NEAR(spearman(V{1, 1, 2, 2}, V{1, 2, 1, 2}), 0.0, 1e-15);
  EXPECT_EQ(spearman(V{1, 2}, V{7, 3}), -1.0);
  EXPECT_EQ(spearman(V{1, 2, 3}, V{10, 20, 1e300}), 1.0);
}

TEST(Spearman, NotDefinedIsNaN) {
  EXPECT_TRUE(std::isnan(spearman(V{}, V{})));
  EXPECT_TRUE(std::isnan(spearman(V{1}, V{2})));
  EXPECT_TRUE(std::isnan(spearman(V{1, 1, 1}, V{1, 2, 3})));
  EXPECT_TRUE(std::isnan(spearman(V{1, k_nan}, V{k_nan, 2})));
}

TEST(Spearman, PairsWithNaNAreLeftOut) { EXPECT_EQ(spearman(V{1, k_nan, 2, 3, 9}, V{1, 5, 2, 3, k_nan}), 1.0); }

TEST(Ranks, TiesShareTheirMean) { EXPECT_EQ(ranks(V{3, 1, 3, 2}), (V{3.5, 1, 3.5, 2})); }

TEST(Median, OddEvenEmpty) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_TRUE(std::isnan(median({})));
}

TEST(Nmad, TheTwoDefinitionsDifferByTheCentre) {
  const V obs{10, 11, 12, 13, 14}, shifted{8, 9, 10, 11, 12};
  EXPECT_DOUBLE_EQ(nmad_k24(obs, shifted), 1.48 * 2);
  EXPECT_DOUBLE_EQ(nmad_centred(obs, shifted), 0);
  EXPECT_DOUBLE_EQ(nmad_k24(V{1, 5, k_nan}, V{2, 2, 0}), 1.48 * 2);
  EXPECT_DOUBLE_EQ(nmad_centred(V{0, 1, 10}, V{0, 0, 0}), 1.4826 * 1);
}

TEST(Ratios, AndAsinhResiduals) {
  EXPECT_DOUBLE_EQ(median_ratio(V{1, 2, 4}, V{2, 2, 2}), 1.0);
  EXPECT_DOUBLE_EQ(asinh_rms(V{std::sinh(1.0), std::sinh(2.0)}, V{0, 0}), std::sqrt(2.5));
  EXPECT_TRUE(std::isnan(asinh_rms(V{}, V{})));
}

}  // namespace
}  // namespace starglow
