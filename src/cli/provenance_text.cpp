#include "cli/provenance_text.hpp"

#include <algorithm>

namespace starglow::cli {

std::string without_folders(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    const auto equals = word.find("=/");
    const std::size_t start = equals == std::string::npos ? 0 : equals + 1;
    const bool path = start < word.size() && word[start] == '/';
    const auto slash = word.find_last_of('/', word.ends_with('/') ? word.size() - 2 : std::string::npos);
    out += (at > 0 ? " " : "") +
           (path && slash != std::string::npos ? word.substr(0, start) + word.substr(slash + 1) : word);
    at = end + 1;
  }
  return out;
}

}  // namespace starglow::cli
