#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace starglow {

/// SHA-256 (FIPS 180-4), fed in pieces; by the processor's instructions for it where there are such.
class Sha256 {
 public:
  void add(std::span<const unsigned char> bytes) noexcept;
  void add(std::string_view text) noexcept;
  std::string hex();  ///< 64 hexadecimal digits; ends the sum

 private:
  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> buffer_{};
  std::size_t filled_ = 0;
  std::uint64_t bytes_ = 0;
};

std::string sha256(std::string_view text);

}  // namespace starglow
