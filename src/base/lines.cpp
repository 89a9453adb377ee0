#include "starglow/base/lines.hpp"

#include <algorithm>

#include "starglow/base/error.hpp"
#include "starglow/base/line_set.hpp"

namespace starglow {
namespace {

std::string all_names() {
  std::string out;
  for (const auto& line : k_all_lines) out += (out.empty() ? "" : ", ") + std::string(line.name);
  return out;
}

std::uint8_t place(std::span<const std::size_t> lines, Line line) {
  const auto found = std::ranges::find(lines, static_cast<std::size_t>(line));
  return found == lines.end() ? LineSlots::k_none : static_cast<std::uint8_t>(found - lines.begin());
}

}  // namespace

std::optional<std::size_t> find_any_line(std::string_view name) noexcept {
  for (std::size_t i = 0; i < k_all_lines.size(); ++i)
    if (k_all_lines[i].name == name) return i;
  return std::nullopt;
}

std::optional<std::size_t> find_line(std::string_view name) noexcept {
  const auto line = find_any_line(name);
  return line && *line < k_n_lines ? line : std::nullopt;
}

const LineSet& LineSet::standard() {
  static const LineSet ten = [] {
    std::vector<std::size_t> lines;
    for (std::size_t line = 0; line < k_n_lines; ++line) lines.push_back(line);
    return LineSet(std::move(lines));
  }();
  return ten;
}

LineSet::LineSet(std::vector<std::size_t> lines) : lines_(std::move(lines)) {
  std::ranges::sort(lines_);
  if (lines_.empty()) throw Error(ErrorKind::usage, "no line is chosen", {"", "one or more of " + all_names(), ""});
  for (std::size_t k = 0; k < lines_.size(); ++k) {
    const std::string name(k_all_lines[lines_[k]].name);
    if (k > 0 && lines_[k] == lines_[k - 1])
      throw Error(ErrorKind::usage, "a line is chosen twice", {"'" + name + "'", "each line once", ""});
    if (!lines::is_weak(k_all_lines[lines_[k]])) {
      independent_.push_back(lines_[k]);
      continue;
    }
    const std::string strong(k_all_lines[lines_[k]].strong);
    if (!has(*find_any_line(strong)))
      throw Error(
          ErrorKind::usage, "a line is chosen without its partner",
          {"'" + name + "'", name + " and " + strong, name + " is predicted as a fixed fraction of " + strong + "."});
  }
  slots_.n = static_cast<std::uint8_t>(independent_.size());
  slots_.halpha = place(independent_, Line::HALPHA);
  slots_.sii = place(independent_, Line::SII_6716);
  if (place(independent_, Line::SII_6731) == LineSlots::k_none) slots_.sii = LineSlots::k_none;
}

LineSet LineSet::parse(std::string_view names) {
  std::vector<std::size_t> lines;
  while (true) {
    const std::size_t end = names.find(',');
    const std::string_view name = names.substr(0, end);
    const auto line = find_any_line(name);
    if (!line) throw Error(ErrorKind::usage, "unknown line", {"'" + std::string(name) + "'", all_names(), ""});
    lines.push_back(*line);
    if (end == std::string_view::npos) return LineSet(std::move(lines));
    names = names.substr(end + 1);
  }
}

std::string LineSet::names() const {
  std::string out;
  for (const std::size_t line : lines_) out += (out.empty() ? "" : ",") + std::string(k_all_lines[line].name);
  return out;
}

bool LineSet::has(std::size_t line) const noexcept { return std::ranges::binary_search(lines_, line); }

std::vector<LineInfo> LineSet::infos() const {
  std::vector<LineInfo> out;
  for (const std::size_t line : lines_) out.push_back(k_all_lines[line]);
  return out;
}

}  // namespace starglow
