#pragma once
#include <cstddef>
#include <functional>
#include <memory>

namespace starglow {

/// A fixed set of worker threads. Work is cut into shards whose number and size depend on the work alone, never on the
/// number of threads; whoever adds up results of shards does so in shard order. Results are then equal for any threads.
///
/// One call of `for_shards` at a time; the calling thread works too. Not copyable, not to be shared between callers.
class WorkerPool {
 public:
  /// threads >= 1; 0 takes the number of processors that this process may use. Where the system gives fewer, the pool
  /// has fewer, down to the calling thread alone: slower, and the same results.
  explicit WorkerPool(unsigned threads = 0);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  unsigned threads() const noexcept;

  /// Calls work(shard) once for each shard in [0, n_shards) and returns when all are done. When some throw, the rest is
  /// still done and the exception of the lowest shard is rethrown, so that the error does not depend on timing either.
  void for_shards(std::size_t n_shards, const std::function<void(std::size_t)>& work);

  /// `poll` is called by the calling thread between its shards, at most every 50 ms. Where it throws, no further shard
  /// is begun and for_shards throws the same. An empty one is never called.
  void set_poll(std::function<void()> poll);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The range [first, last) of shard `k` when `n` items are cut into shards of `size`.
struct Shard {
  std::size_t first, last;
  std::size_t count() const noexcept { return last - first; }
};
inline std::size_t shard_count(std::size_t n, std::size_t size) noexcept { return (n + size - 1) / size; }
inline Shard shard(std::size_t k, std::size_t n, std::size_t size) noexcept {
  const std::size_t first = k * size;
  return {first, first + size < n ? first + size : n};
}

/// Processors that this process may run on (the affinity mask, not the machine's size).
unsigned available_processors() noexcept;

}  // namespace starglow
