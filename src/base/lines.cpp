#include "starglow/base/lines.hpp"

namespace starglow {

std::optional<std::size_t> find_any_line(std::string_view name) noexcept {
  for (std::size_t i = 0; i < k_all_lines.size(); ++i)
    if (k_all_lines[i].name == name) return i;
  return std::nullopt;
}

std::optional<std::size_t> find_line(std::string_view name) noexcept {
  const auto line = find_any_line(name);
  return line && *line < k_n_lines ? line : std::nullopt;
}

}  // namespace starglow
