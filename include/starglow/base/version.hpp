#pragma once
#include <string_view>

namespace starglow {

std::string_view version() noexcept;   ///< "0.2.0"
std::string_view revision() noexcept;  ///< short git revision, "-dirty" when the tree differed; "unknown" without git
std::string_view compiler() noexcept;  ///< compiler that built the library

}  // namespace starglow
