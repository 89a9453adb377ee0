#include "starglow/base/parallel.hpp"

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace starglow {
namespace {

TEST(WorkerPool, EachShardRunsOnceForAnyThreads) {
  for (const unsigned threads : {1U, 2U, 3U, 7U, 16U}) {
    WorkerPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const std::size_t n : {0U, 1U, 2U, 5U, 1000U}) {
      std::vector<std::atomic<int>> seen(n);
      pool.for_shards(n, [&](std::size_t k) { ++seen[k]; });
      for (auto& s : seen) EXPECT_EQ(s, 1);
    }
  }
}

TEST(WorkerPool, ManyShortCallsInARow) {
  WorkerPool pool(4);
  std::atomic<std::size_t> sum{0};
  for (int i = 0; i < 2000; ++i) pool.for_shards(3, [&](std::size_t k) { sum += k; });
  EXPECT_EQ(sum, 6000U);
}

TEST(WorkerPool, TheErrorOfTheLowestShardIsRethrownAndTheRestIsDone) {
  for (const unsigned threads : {1U, 4U}) {
    WorkerPool pool(threads);
    std::atomic<int> done{0};
    try {
      pool.for_shards(100, [&](std::size_t k) {
        ++done;
        if (k >= 30 && k % 7 == 3) throw std::runtime_error("shard " + std::to_string(k));
      });
      FAIL();
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "shard 31");
    }
    EXPECT_EQ(done, 100);
    pool.for_shards(5, [&](std::size_t) { ++done; });  // usable afterwards
    EXPECT_EQ(done, 105);
  }
}

TEST(WorkerPool, APollThatThrowsEndsTheWork) {
  for (const unsigned threads : {1U, 3U}) {
    WorkerPool pool(threads);
    std::atomic<int> polls{0}, done{0};
    pool.set_poll([&] {
      if (++polls == 2) throw std::runtime_error("enough");
    });
    EXPECT_THROW(pool.for_shards(100000,
                                 [&](std::size_t) {
                                   ++done;
                                   std::this_thread::sleep_for(std::chrono::milliseconds(1));
                                 }),
                 std::runtime_error);
    EXPECT_LT(done, 10000);
    pool.set_poll({});
    done = 0;
    pool.for_shards(7, [&](std::size_t) { ++done; });  // usable afterwards
    EXPECT_EQ(done, 7);
  }
}

void work_within_a_gigabyte() {
  const rlimit limit{rlim_t{1} << 30, rlim_t{1} << 30};
  setrlimit(RLIMIT_AS, &limit);
  WorkerPool pool(2000);
  std::atomic<int> done{0};
  pool.for_shards(5000, [&](std::size_t) { ++done; });
  std::_Exit(pool.threads() < 2000 && done == 5000 ? 0 : 1);
}

// In a process of its own: a limit on addresses cannot be taken back.
TEST(WorkerPoolDeathTest, WorksWithFewerThreadsWhereTheSystemGivesFewer) {
#ifdef STARGLOW_SANITIZED
  GTEST_SKIP() << "the sanitizers reserve more addresses than any limit";
#endif
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(work_within_a_gigabyte(), testing::ExitedWithCode(0), "");
}

TEST(Shards, CoverTheRangeWithoutGaps) {
  for (const std::size_t n : {0U, 1U, 63U, 64U, 65U, 1000U}) {
    std::size_t at = 0;
    for (std::size_t k = 0; k < shard_count(n, 64); ++k) {
      EXPECT_EQ(shard(k, n, 64).first, at);
      at = shard(k, n, 64).last;
    }
    EXPECT_EQ(at, n);
  }
}

}  // namespace
}  // namespace starglow
