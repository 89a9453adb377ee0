// Memory of buffers and matrices.
#include <new>

#include "starglow/base/view.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace starglow {
namespace {

constexpr std::align_val_t k_alignment{64}, k_large_alignment{std::size_t{2} << 20U};

std::align_val_t alignment(std::size_t bytes) { return bytes < k_large_bytes ? k_alignment : k_large_alignment; }

}  // namespace

void* allocate_aligned(std::size_t bytes) {
  void* p = ::operator new(bytes, alignment(bytes));
#if defined(__linux__)
  if (bytes >= k_large_bytes) madvise(p, bytes, MADV_HUGEPAGE);  // a wish: it may be refused
#endif
  return p;
}

void deallocate_aligned(void* p, std::size_t bytes) noexcept { ::operator delete(p, alignment(bytes)); }

}  // namespace starglow
