// What the processor can, against what the kernel of Linux and the compiler's own runtime say of it.
#include "base/processor.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace starglow {
namespace {

#if defined(__x86_64__)
TEST(Processor, FeaturesAreThoseThatLinuxLists) {
  std::ifstream file("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; flags.empty() && std::getline(file, line);)
    if (line.starts_with("flags")) {
      std::istringstream words(line.substr(line.find(':') + 1));
      for (std::string word; words >> word;) flags.insert(word);
    }
  if (flags.empty()) GTEST_SKIP() << "no flags in /proc/cpuinfo";
  const auto has = [&](std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (!flags.contains(name)) return false;
    return true;
  };
  const X86Features& f = x86_features();
  EXPECT_EQ(f.avx2, has({"avx2"}));
  EXPECT_EQ(f.bmi, has({"bmi1", "bmi2"}));
  EXPECT_EQ(f.v2, has({"pni", "ssse3", "cx16", "sse4_1", "sse4_2", "popcnt"}));
  EXPECT_EQ(f.v3, f.v2 && has({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}));
  EXPECT_EQ(f.v4, f.v3 && has({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}));
}

TEST(Processor, FeaturesAreThoseOfTheCompilersRuntime) {
  __builtin_cpu_init();
  const X86Features& f = x86_features();
  EXPECT_EQ(f.avx2, __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(f.bmi, __builtin_cpu_supports("bmi") != 0 && __builtin_cpu_supports("bmi2") != 0);
  EXPECT_EQ(f.v4, f.v3 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
                      __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
                      __builtin_cpu_supports("avx512cd") != 0);
}
#endif

}  // namespace
}  // namespace starglow
