#include "starglow/base/error.hpp"

namespace starglow {
namespace {

// A message may quote bytes of a damaged file: what is no UTF-8, or steers a terminal, becomes '?'.
std::string readable(std::string text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned c = at(i);
    const std::size_t more = c < 0x80                ? 0
                             : c >= 0xC2 && c < 0xE0 ? 1
                             : c >= 0xE0 && c < 0xF0 ? 2
                             : c >= 0xF0 && c < 0xF5 ? 3
                                                     : 9;
    bool good = more != 9 && (c >= 0x20 || c == '\n' || c == '\t') && c != 0x7F;
    for (std::size_t k = 1; good && k <= more; ++k) good = (at(i + k) & 0xC0U) == 0x80U;
    if (good && more == 2) good = !(c == 0xE0 && at(i + 1) < 0xA0) && !(c == 0xED && at(i + 1) > 0x9F);
    if (good && more == 3) good = !(c == 0xF0 && at(i + 1) < 0x90) && !(c == 0xF4 && at(i + 1) > 0x8F);
    if (!good) text[i] = '?';
    i += good ? more + 1 : 1;
  }
  return text;
}

std::string compose(const std::string& what, const Error::Detail& detail) {
  std::string message = what;
  if (!detail.seen.empty()) message += "; found " + detail.seen;
  if (!detail.wanted.empty()) message += "; expected " + detail.wanted;
  if (!detail.remedy.empty()) message += ". " + detail.remedy;
  return readable(message);
}

}  // namespace

int exit_code(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::usage:
      return 2;
    case ErrorKind::input:
      return 3;
    case ErrorKind::numeric:
      return 4;
    case ErrorKind::output:
      return 5;
    case ErrorKind::model:
      return 6;
  }
  return 1;
}

std::string_view to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::input:
      return "input";
    case ErrorKind::output:
      return "output";
    case ErrorKind::model:
      return "model";
    case ErrorKind::numeric:
      return "numeric";
  }
  return "unknown";
}

Error::Error(ErrorKind kind, const std::string& what, Detail detail, std::source_location where)
    : std::runtime_error(compose(what, detail)), kind_(kind), detail_(std::move(detail)), where_(where) {}

}  // namespace starglow
