#include "starglow/base/sha256.hpp"

#include <algorithm>
#include <cstring>

#include "base/sha256_blocks.hpp"

namespace starglow {
namespace {

// Chosen once: what the processor has does not change.
void take_blocks(sha::State& state, const unsigned char* p, std::size_t n) noexcept {
  static const auto chosen = sha::has_instructions() ? sha::blocks_by_instructions : sha::blocks_in_words();
  chosen(state, p, n);
}

}  // namespace

void Sha256::add(std::span<const unsigned char> bytes) noexcept {
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    if (const std::size_t whole = bytes.size() / 64; filled_ == 0 && whole > 0) {
      take_blocks(state_, bytes.data(), whole);
      bytes = bytes.subspan(64 * whole);
      continue;
    }
    const std::size_t take = std::min(bytes.size(), 64 - filled_);
    std::memcpy(buffer_.data() + filled_, bytes.data(), take);
    filled_ += take;
    bytes = bytes.subspan(take);
    if (filled_ == 64) {
      take_blocks(state_, buffer_.data(), 1);
      filled_ = 0;
    }
  }
}

void Sha256::add(std::string_view text) noexcept {
  add(std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size()));
}

std::string Sha256::hex() {
  const std::uint64_t bits = bytes_ * 8;
  const unsigned char one = 0x80, zero = 0;
  add(std::span(&one, 1));
  while (filled_ != 56) add(std::span(&zero, 1));
  std::array<unsigned char, 8> length;
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(bits >> (56 - 8 * i));
  add(length);
  std::string text;
  for (const std::uint32_t word : state_)
    for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[(word >> shift) & 15U];
  return text;
}

std::string sha256(std::string_view text) {
  Sha256 sum;
  sum.add(text);
  return sum.hex();
}

}  // namespace starglow
