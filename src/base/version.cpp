#include "starglow/base/version.hpp"

namespace starglow {

std::string_view version() noexcept { return STARGLOW_VERSION; }

std::string_view revision() noexcept {
  return
#include "revision.inc"
      ;
}

std::string_view compiler() noexcept {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

}  // namespace starglow
