#pragma once
#include <functional>

#include "starglow/base/parallel.hpp"

namespace starglow::python {

/// Calls work(pool) with a pool of `threads` (0: all processors of this process). One pool is kept between calls; a
/// call beside another one, or in a child after fork(), gets its own. Not destroyed at exit: in a forked child its
/// threads do not exist and could not be waited for.
void with_pool(unsigned threads, const std::function<void(WorkerPool&)>& work);
/// The same for a call from Python, without the GIL: Ctrl-C ends the work within a tenth of a second, by Python's own
/// exception.
void with_interruptible_pool(unsigned threads, const std::function<void(WorkerPool&)>& work);

}  // namespace starglow::python
