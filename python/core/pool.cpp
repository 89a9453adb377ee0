#include "pool.hpp"

#include <unistd.h>

#include <memory>
#include <mutex>

namespace starglow::python {
namespace {

struct Kept {
  std::mutex mutex;
  WorkerPool* pool = nullptr;
  pid_t process = 0;
};

Kept& kept() {
  static Kept* const one = new Kept;
  return *one;
}

}  // namespace

void with_pool(unsigned threads, const std::function<void(WorkerPool&)>& work) {
  if (threads == 0) threads = available_processors();
  Kept& k = kept();
  const std::unique_lock lock(k.mutex, std::try_to_lock);
  if (!lock || threads == 1) {
    WorkerPool own(threads);
    work(own);
    return;
  }
  if (k.process != getpid()) k.pool = nullptr;  // a forked child: the threads stayed with the parent
  if (k.pool == nullptr || k.pool->threads() != threads) {
    delete k.pool;
    k.pool = nullptr;
    k.pool = new WorkerPool(threads);
    k.process = getpid();
  }
  work(*k.pool);
}

}  // namespace starglow::python
