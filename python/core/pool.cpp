#include "pool.hpp"

#include <nanobind/nanobind.h>
#include <unistd.h>

#include <memory>
#include <mutex>

namespace nb = nanobind;

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

void with_interruptible_pool(unsigned threads, const std::function<void(WorkerPool&)>& work) {
  with_pool(threads, [&](WorkerPool& pool) {
    struct Poll {
      WorkerPool& pool;
      explicit Poll(WorkerPool& p) : pool(p) {
        pool.set_poll([] {
          const nb::gil_scoped_acquire acquire;
          if (PyErr_CheckSignals() != 0) throw nb::python_error();
        });
      }
      ~Poll() { pool.set_poll({}); }
    };
    const Poll poll(pool);
    work(pool);
  });
}

}  // namespace starglow::python
