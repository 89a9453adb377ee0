#include "starglow/base/lines.hpp"

namespace starglow {

std::optional<std::size_t> find_line(std::string_view name) noexcept {
  for (std::size_t i = 0; i < k_lines.size(); ++i)
    if (k_lines[i].name == name) return i;
  return std::nullopt;
}

}  // namespace starglow
