#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace starglow::cli::http {

/// Bounds of what a client may send before it is refused, in bytes and lines.
inline constexpr std::size_t k_max_line = 8192, k_max_head = 16384, k_max_headers = 64, k_max_target = 512;

/// The head of a request (RFC 9112). Views into the bytes that were parsed.
struct Request {
  std::string_view method, target;
  bool old = false;  ///< HTTP/1.0: no connection is kept
  std::vector<std::pair<std::string_view, std::string_view>> headers;

  /// Values of a header; its name in lower case.
  std::vector<std::string_view> all(std::string_view name) const;
  /// A body follows, or something that says so.
  bool has_body() const;
  bool keeps_connection() const;
};

/// What the bytes so far are: `used` bytes of a whole head; or a status to refuse them with; or neither: more must
/// come.
struct Parsed {
  Request request;
  std::size_t used = 0;
  int refused = 0;
};
Parsed parse(std::string_view bytes);

/// Bytes [first, last) of a file of `size` for the value of a Range header. Empty: the header does not count (several
/// ranges, another unit, broken), and the whole file is the answer. first == last: wholly beyond the end (416).
struct Range {
  std::size_t first = 0, last = 0;
};
std::optional<Range> range_of(std::string_view value, std::size_t size);

std::string_view reason(int status);

}  // namespace starglow::cli::http
