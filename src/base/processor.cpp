#include "base/processor.hpp"

#if defined(__x86_64__)
#include <cpuid.h>

namespace starglow {
namespace {

constexpr bool all_of(unsigned word, unsigned bits) { return (word & bits) == bits; }
constexpr unsigned bit(unsigned n) { return 1U << n; }

// Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E; levels: psABI, table 3.1.
constexpr unsigned k_sse3 = bit(0), k_ssse3 = bit(9), k_fma = bit(12), k_cmpxchg16b = bit(13), k_sse41 = bit(19),
                   k_sse42 = bit(20), k_movbe = bit(22), k_popcnt = bit(23), k_osxsave = bit(27), k_avx = bit(28),
                   k_f16c = bit(29);                                                   // leaf 1, ECX
constexpr unsigned k_bmi1 = bit(3), k_avx2 = bit(5), k_bmi2 = bit(8);                  // leaf 7, EBX
constexpr unsigned k_avx512 = bit(16) | bit(17) | bit(28) | bit(30) | bit(31);         // F, DQ, CD, BW, VL
constexpr unsigned k_lzcnt = bit(5);                                                   // leaf 0x80000001, ECX
constexpr unsigned k_ymm = bit(1) | bit(2), k_zmm = k_ymm | bit(5) | bit(6) | bit(7);  // XCR0

unsigned saved_registers() {
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

X86Features look() {
  unsigned a = 0, b = 0, c = 0, d = 0, leaf1 = 0, leaf7 = 0, extended = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) != 0) leaf1 = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0) leaf7 = b;
  if (__get_cpuid(0x80000001U, &a, &b, &c, &d) != 0) extended = c;
  const unsigned saved = all_of(leaf1, k_osxsave) ? saved_registers() : 0;
  X86Features f;
  f.bmi = all_of(leaf7, k_bmi1 | k_bmi2);
  f.avx2 = all_of(saved, k_ymm) && all_of(leaf1, k_avx) && all_of(leaf7, k_avx2);
  f.v2 = all_of(leaf1, k_sse3 | k_ssse3 | k_cmpxchg16b | k_sse41 | k_sse42 | k_popcnt);
  f.v3 = f.v2 && f.avx2 && f.bmi && all_of(leaf1, k_fma | k_movbe | k_f16c) && all_of(extended, k_lzcnt);
  f.v4 = f.v3 && all_of(saved, k_zmm) && all_of(leaf7, k_avx512);
  return f;
}

}  // namespace

const X86Features& x86_features() noexcept {
  static const X86Features features = look();
  return features;
}

}  // namespace starglow
#endif
