#include "cli/http.hpp"

#include <algorithm>
#include <charconv>

namespace starglow::cli::http {
namespace {

bool is_token(std::string_view text) {
  constexpr std::string_view more = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || more.find(c) != more.npos;
  });
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view lower_case) {
  return a.size() == lower_case.size() &&
         std::equal(a.begin(), a.end(), lower_case.begin(), [](char x, char y) { return lower(x) == y; });
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// 0, or the status that refuses the line.
int take_request_line(std::string_view line, Request& request) {
  const auto a = line.find(' '), b = line.rfind(' ');
  if (a == line.npos || a == b) return 400;
  request.method = line.substr(0, a);
  request.target = line.substr(a + 1, b - a - 1);
  const std::string_view version = line.substr(b + 1);
  if (!is_token(request.method) || request.target.empty()) return 400;
  if (std::any_of(request.target.begin(), request.target.end(), [](char c) { return c == ' ' || is_control(c); }))
    return 400;
  if (!version.starts_with("HTTP/")) return 400;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return 505;
  request.old = version == "HTTP/1.0";
  if (request.target.size() > k_max_target) return 414;
  return request.target.front() == '/' ? 0 : 400;
}

int take_header(std::string_view line, Request& request) {
  const auto colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) return 400;  // a line that goes on the last one, too
  if (request.headers.size() == k_max_headers) return 431;
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (std::any_of(value.begin(), value.end(), [](char c) { return is_control(c) && c != '\t'; })) return 400;
  request.headers.emplace_back(line.substr(0, colon), value);
  return 0;
}

// A whole number of digits alone; too large a one is the largest.
std::optional<std::size_t> number(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) return {};
  std::size_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{}) return ~std::size_t{0};
  return value;
}

}  // namespace

std::vector<std::string_view> Request::all(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& [key, value] : headers)
    if (same(key, name)) out.push_back(value);
  return out;
}

bool Request::has_body() const {
  const auto lengths = all("content-length");
  return !all("transfer-encoding").empty() ||
         std::any_of(lengths.begin(), lengths.end(), [](std::string_view v) { return v != "0"; });
}

bool Request::keeps_connection() const {
  const auto said = all("connection");
  return !old && std::none_of(said.begin(), said.end(), [](std::string_view v) { return same(v, "close"); });
}

Parsed parse(std::string_view bytes) {
  Parsed out;
  std::size_t at = 0;
  while (at < 4 && bytes.substr(at).starts_with("\r\n")) at += 2;  // some send an empty line after a body
  for (bool first = true;; first = false) {
    const std::string_view rest = bytes.substr(at);
    const auto end = rest.substr(0, k_max_line).find('\n');
    if (end == rest.npos) {
      if (rest.size() >= k_max_line) out.refused = first ? 414 : 431;
      if (bytes.size() >= k_max_head) out.refused = first ? 414 : 431;
      return out;
    }
    if (end == 0 || rest[end - 1] != '\r') {
      out.refused = 400;
      return out;
    }
    const std::string_view line = rest.substr(0, end - 1);
    at += end + 1;
    if (!first && line.empty()) break;
    out.refused = at > k_max_head ? 431 : first ? take_request_line(line, out.request) : take_header(line, out.request);
    if (out.refused != 0) return out;
  }
  out.used = at;
  return out;
}

std::optional<Range> range_of(std::string_view value, std::size_t size) {
  constexpr std::string_view unit = "bytes=";
  if (!same(value.substr(0, unit.size()), unit) || value.find(',') != value.npos) return {};
  const std::string_view spec = trimmed(value.substr(unit.size()));
  const auto dash = spec.find('-');
  if (dash == spec.npos) return {};
  const std::string_view left = spec.substr(0, dash), right = spec.substr(dash + 1);
  const auto from = number(left), to = number(right);
  if ((!left.empty() && !from) || (!right.empty() && !to) || (!from && !to)) return {};
  if (!from) return Range{size - std::min(*to, size), size};  // the last bytes
  if (to && *to < *from) return {};
  if (*from >= size) return Range{size, size};
  return Range{*from, to && *to < size ? *to + 1 : size};
}

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 206:
      return "Partial Content";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 416:
      return "Range Not Satisfiable";
    case 421:
      return "Misdirected Request";
    case 431:
      return "Request Header Fields Too Large";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

}  // namespace starglow::cli::http
