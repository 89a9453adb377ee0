#include "base/pipeline.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

namespace starglow {
namespace {

TEST(Pipeline, WritesEveryItemInOrderWithAndWithoutOverlap) {
  for (const bool overlap : {false, true})
    for (const std::size_t n : {0U, 1U, 2U, 100U}) {
      std::vector<std::size_t> written;
      pipeline(
          n, overlap, [](std::size_t k) { return std::vector<std::size_t>{k}; },
          [](std::vector<std::size_t>& item) { item.push_back(item[0] * item[0]); },
          [&](const std::vector<std::size_t>& item) { written.push_back(item[1]); });
      ASSERT_EQ(written.size(), n);
      for (std::size_t k = 0; k < n; ++k) EXPECT_EQ(written[k], k * k);
    }
}

TEST(Pipeline, KeepsAtMostFiveItemsAlive) {
  std::atomic<int> made{0}, gone{0}, most{0};
  pipeline(
      200, true,
      [&](std::size_t k) {
        const int alive = ++made - gone;
        int seen = most;
        while (alive > seen && !most.compare_exchange_weak(seen, alive)) {
        }
        return k;
      },
      [](std::size_t&) {}, [&](std::size_t) { ++gone; });
  EXPECT_EQ(made, 200);
  EXPECT_LE(most, 5);
}

TEST(Pipeline, AFailingStageEndsTheOthersAndIsReported) {
  for (const bool overlap : {false, true})
    for (int stage = 0; stage < 3; ++stage) {
      std::size_t written = 0;
      const auto fail_at = [&](int here, std::size_t k, std::size_t at) {
        if (here == stage && k == at) throw std::runtime_error("stage " + std::to_string(here));
      };
      std::string message;
      try {
        pipeline(
            1000, overlap,
            [&](std::size_t k) {
              fail_at(0, k, 10);
              return k;
            },
            [&](std::size_t& k) { fail_at(1, k, 10); },
            [&](std::size_t k) {
              fail_at(2, k, 10);
              EXPECT_EQ(k, written);
              ++written;
            });
      } catch (const std::runtime_error& e) {
        message = e.what();
      }
      EXPECT_EQ(message, "stage " + std::to_string(stage));
      EXPECT_EQ(written, 10U);
    }
}

}  // namespace
}  // namespace starglow
