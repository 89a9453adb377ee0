#include "starglow/base/sha256.hpp"

#include <gtest/gtest.h>

#include "base/sha256_blocks.hpp"

namespace starglow {
namespace {

// FIPS 180-4 examples (NIST's published vectors).
TEST(Sha256, PublishedVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, AllWaysGiveTheSameBits) {
  std::string bytes(64 * 37, '\0');
  std::uint32_t x = 1;
  for (char& c : bytes) c = static_cast<char>((x = x * 1664525U + 1013904223U) >> 24);
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  for (const std::size_t n : {0U, 1U, 2U, 37U}) {
    sha::State a{1, 2, 3, 4, 5, 6, 7, 0xffffffff}, b = a, c = a;
    sha::blocks_portable(a, p, n);
    sha::blocks_in_words()(b, p, n);
    EXPECT_EQ(a, b) << n;
    if (!sha::has_instructions()) continue;
    sha::blocks_by_instructions(c, p, n);
    EXPECT_EQ(a, c) << n;
  }
}

TEST(Sha256, PiecesOfAnySizeGiveTheSameSum) {
  const std::string text(1000, 'q');
  for (const std::size_t piece : {1U, 7U, 63U, 64U, 65U, 999U}) {
    Sha256 sum;
    for (std::size_t i = 0; i < text.size(); i += piece) sum.add(std::string_view(text).substr(i, piece));
    EXPECT_EQ(sum.hex(), sha256(text)) << piece;
  }
}

}  // namespace
}  // namespace starglow
