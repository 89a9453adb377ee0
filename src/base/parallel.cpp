#include "starglow/base/parallel.hpp"

#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace starglow {

struct WorkerPool::State {
  std::mutex mutex;
  std::condition_variable start, done;
  const std::function<void(std::size_t)>* work = nullptr;
  std::size_t n_shards = 0;
  std::atomic<std::size_t> next{0};
  std::size_t busy = 0;        // workers still inside the present call
  std::size_t generation = 0;  // counts the calls, so that a worker joins each call once
  bool stop = false;
  std::exception_ptr error;
  std::size_t error_shard = std::numeric_limits<std::size_t>::max();
  std::vector<std::thread> workers;
  std::function<void()> poll;
  std::exception_ptr polled;  // what the poll threw

  void take_shards(bool calling) {
    using Clock = std::chrono::steady_clock;
    auto last = calling && poll ? Clock::now() : Clock::time_point{};
    for (std::size_t k = next.fetch_add(1); k < n_shards; k = next.fetch_add(1)) {
      if (calling && poll && Clock::now() - last > std::chrono::milliseconds(50)) {
        try {
          poll();
        } catch (...) {
          polled = std::current_exception();
          next = n_shards;
          return;
        }
        last = Clock::now();
      }
      try {
        (*work)(k);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (k < error_shard) {
          error_shard = k;
          error = std::current_exception();
        }
      }
    }
  }

  std::size_t had = 0;  // threads that the last begin() got

  // Starts so many threads; false, and none, where the system gives fewer.
  bool begin(std::size_t wanted) {
    stop = false;
    try {
      workers.reserve(wanted);
      while (workers.size() < wanted) workers.emplace_back([this] { worker(); });
      return true;
    } catch (const std::system_error&) {
    } catch (const std::bad_alloc&) {
    }
    had = workers.size();
    end();
    return false;
  }
  void end() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    start.notify_all();
    for (auto& thread : workers) thread.join();
    workers.clear();
  }

  void worker() {
    std::size_t seen = 0;
    std::unique_lock lock(mutex);
    for (;;) {
      start.wait(lock, [&] { return stop || generation != seen; });
      if (stop) return;
      seen = generation;
      lock.unlock();
      take_shards(false);
      lock.lock();
      if (--busy == 0) done.notify_one();
    }
  }
};

WorkerPool::WorkerPool(unsigned threads) : state_(std::make_unique<State>()) {
  if (threads == 0) threads = available_processors();
  // A limit on processes, threads or memory: half of those that could be had, so that the work has room beside them.
  for (std::size_t wanted = threads - 1; wanted > 0 && !state_->begin(wanted); wanted = state_->had / 2) {
  }
}

WorkerPool::~WorkerPool() { state_->end(); }

void WorkerPool::set_poll(std::function<void()> poll) { state_->poll = std::move(poll); }

unsigned WorkerPool::threads() const noexcept { return static_cast<unsigned>(state_->workers.size()) + 1; }

void WorkerPool::for_shards(std::size_t n_shards, const std::function<void(std::size_t)>& work) {
  State& s = *state_;
  const bool wake = n_shards > 1 && !s.workers.empty();
  {
    const std::lock_guard lock(s.mutex);
    s.work = &work;
    s.n_shards = n_shards;
    s.next = 0;
    s.error = nullptr;
    s.error_shard = std::numeric_limits<std::size_t>::max();
    s.busy = wake ? s.workers.size() : 0;
    if (wake) ++s.generation;
  }
  if (wake) s.start.notify_all();
  s.take_shards(true);
  std::unique_lock lock(s.mutex);
  s.done.wait(lock, [&] { return s.busy == 0; });
  if (s.polled) {
    s.error = nullptr;
    std::rethrow_exception(std::exchange(s.polled, nullptr));
  }
  if (s.error) std::rethrow_exception(std::exchange(s.error, nullptr));
}

unsigned available_processors() noexcept {
#if defined(__linux__)  // those that this process may run on
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    const int n = CPU_COUNT(&set);
    if (n > 0) return static_cast<unsigned>(n);
  }
  return 1;
#else
  return std::max(1U, std::thread::hardware_concurrency());
#endif
}

}  // namespace starglow
