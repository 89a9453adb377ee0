#include "starglow/random.hpp"

#include <gtest/gtest.h>

namespace starglow {
namespace {

// Known-answer vectors of Random123's own test file (kat_vectors, threefry2x32 20 rounds).
TEST(Threefry, KnownAnswers) {
  EXPECT_EQ(threefry2x32({0, 0}, {0, 0}), (Words{0x6b200159, 0x99ba4efe}));
  EXPECT_EQ(threefry2x32({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}), (Words{0x1cb996fc, 0xbb002be7}));
  EXPECT_EQ(threefry2x32({0x13198a2e, 0x03707344}, {0x243f6a88, 0x85a308d3}), (Words{0xc4923a9c, 0x483df7a0}));
}

}  // namespace
}  // namespace starglow
