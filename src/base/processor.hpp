// What this processor, and its operating system, let a program use.
#pragma once

namespace starglow {

#if defined(__x86_64__)
// From cpuid and xgetbv themselves: __builtin_cpu_supports says no to everything in programs that zig links.
struct X86Features {
  bool v2 = false, v3 = false, v4 = false;  // the levels x86-64-v2, -v3, -v4 of the System V psABI
  bool avx2 = false;                        // with the registers kept by the system
  bool bmi = false;                         // BMI1 and BMI2
};
const X86Features& x86_features() noexcept;
#endif

}  // namespace starglow
