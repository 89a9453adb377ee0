#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/lines.hpp"

namespace starglow {

/// Where lines that are singled out stand among the independent lines of a set.
struct LineSlots {
  static constexpr std::uint8_t k_none = 255;
  std::uint8_t n = k_n_independent_lines;  ///< independent lines
  std::uint8_t halpha = 4;                 ///< k_none: no Halpha
  std::uint8_t sii = 6;                    ///< [SII] 6716, followed by 6731; k_none: not both
  /// Places of a distribution of these lines in memory: eight as the shipped model has, or more.
  constexpr std::size_t places() const noexcept {
    return n <= k_n_independent_lines ? k_n_independent_lines : k_most_independent_lines;
  }
  bool operator==(const LineSlots&) const = default;
};

/// The lines of a model: rows of k_all_lines, in their order. A line is named by its row of k_all_lines everywhere; the
/// distribution of a model is that of its independent lines, in the same order: all but the weak members of doublets.
class LineSet {
 public:
  /// The ten of k_lines.
  static const LineSet& standard();
  LineSet() : LineSet(standard()) {}
  /// In any order. Error(usage): none, a line twice, or a weak member of a doublet without its strong partner.
  explicit LineSet(std::vector<std::size_t> lines);
  /// "HALPHA,HBETA". Error(usage): an unknown line, or as above.
  static LineSet parse(std::string_view names);
  std::string names() const;  ///< comma-separated

  std::span<const std::size_t> lines() const noexcept { return lines_; }
  std::span<const std::size_t> independent() const noexcept { return independent_; }
  std::size_t size() const noexcept { return lines_.size(); }
  bool has(std::size_t line) const noexcept;
  /// Columns of a matrix whose column is a row of k_all_lines: as many as k_lines where no further line is in the set.
  std::size_t width() const noexcept { return lines_.back() < k_n_lines ? k_n_lines : k_n_all_lines; }
  bool is_standard() const noexcept { return *this == standard(); }
  LineSlots slots() const noexcept { return slots_; }
  std::vector<LineInfo> infos() const;
  bool operator==(const LineSet& other) const noexcept { return lines_ == other.lines_; }

 private:
  std::vector<std::size_t> lines_, independent_;
  LineSlots slots_;
};

}  // namespace starglow
