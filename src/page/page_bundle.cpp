// The built page (web/dist) as it stands inside the library, and the encodings that it is sent in.
#include "page/page_bundle.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "base/embed.hpp"
#include "starglow/base/error.hpp"

STARGLOW_EMBED(starglow_page_html, STARGLOW_PAGE "/index.html")
STARGLOW_EMBED(starglow_page_script, STARGLOW_PAGE "/page.js")
STARGLOW_EMBED(starglow_page_style, STARGLOW_PAGE "/page.css")
STARGLOW_EMBED(starglow_page_kernel, STARGLOW_PAGE "/kernel.wasm")

namespace starglow::files {

std::string_view page_bundle(std::string_view name) {
  const auto view = [](const unsigned char* begin, std::size_t size) {
    return std::string_view(reinterpret_cast<const char*>(begin), size);
  };
  if (name == "index.html") return view(STARGLOW_EMBEDDED(starglow_page_html));
  if (name == "page.js") return view(STARGLOW_EMBEDDED(starglow_page_script));
  if (name == "page.css") return view(STARGLOW_EMBEDDED(starglow_page_style));
  if (name == "kernel.wasm") return view(STARGLOW_EMBEDDED(starglow_page_kernel));
  throw Error(ErrorKind::usage, "no such file of the page inside the library", {std::string(name), "index.html", ""});
}

std::uint16_t to_half(float value) noexcept {
  if (std::isnan(value)) return 0x7E00;
  const auto sign = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16 & 0x8000U);
  const float size = std::fabs(value);
  if (size >= 65504.0F) return static_cast<std::uint16_t>(sign | 0x7BFFU);
  // Steps of the result: 2^-24 below 2^-14, above 2^(e - 10). nearbyint rounds to nearest even.
  int exponent = -14;
  if (size >= 0x1p-14F) exponent = std::ilogb(size);
  const auto steps = static_cast<std::uint32_t>(std::nearbyint(std::ldexp(size, 10 - exponent)));
  // `steps` holds the hidden bit of normal numbers; a carry moves into the exponent by itself.
  return static_cast<std::uint16_t>(sign | ((static_cast<std::uint32_t>(exponent + 14) << 10U) + steps));
}

std::string base64(std::string_view bytes) {
  static constexpr char k_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = bytes.size() - i;
    const auto at = [&](std::size_t k) {
      return k < n ? static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i + k])) : 0U;
    };
    const std::uint32_t word = at(0) << 16U | at(1) << 8U | at(2);
    out += k_digits[word >> 18U];
    out += k_digits[word >> 12U & 63U];
    out += n > 1 ? k_digits[word >> 6U & 63U] : '=';
    out += n > 2 ? k_digits[word & 63U] : '=';
  }
  return out;
}

std::string base85(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 3) / 4 * 5);
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    const std::size_t n = std::min<std::size_t>(4, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 4; ++k)
      word = word << 8U | (k < n ? static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i + k])) : 0U);
    char digits[5];
    for (std::size_t k = 5; k-- > 0; word /= 85U) {
      const auto digit = static_cast<char>('(' + word % 85U);
      digits[k] = digit == '<' ? '}' : digit;
    }
    out.append(digits, n + 1);
  }
  return out;
}

}  // namespace starglow::files
