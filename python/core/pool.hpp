#pragma once
#include <functional>

#include "starglow/base/parallel.hpp"

namespace starglow::python {

/// Calls work(pool) with a pool of `threads` (0: all processors of this process). One pool is kept between calls; a
/// call beside another one, or in a child after fork(), gets its own. Not destroyed at exit: in a forked child its
/// threads do not exist and could not be waited for.
void with_pool(unsigned threads, const std::function<void(WorkerPool&)>& work);

}  // namespace starglow::python
