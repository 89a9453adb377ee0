#include "starglow/base/error.hpp"

namespace starglow {
namespace {

std::string compose(const std::string& what, const Error::Detail& detail) {
  std::string message = what;
  if (!detail.seen.empty()) message += "; found " + detail.seen;
  if (!detail.wanted.empty()) message += "; expected " + detail.wanted;
  if (!detail.remedy.empty()) message += ". " + detail.remedy;
  return message;
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
