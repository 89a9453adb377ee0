#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace starglow::files {

/// The built page inside the library (web/dist): "index.html", "page.js", "page.css", "kernel.wasm".
std::string_view page_bundle(std::string_view name);

/// Half precision (IEEE 754 binary16) of a number, rounded to nearest even; beyond its range the largest finite one.
std::uint16_t to_half(float value) noexcept;

std::string base64(std::string_view bytes);

/// Four bytes as five characters, a quarter more than the bytes (base64: a third). Digits 0-84 are the characters from
/// '(' on, with '}' in place of '<', so that no text of it ends or comments out an HTML element. Of a last group of
/// k < 4 bytes k + 1 characters stand.
std::string base85(std::string_view bytes);

}  // namespace starglow::files
