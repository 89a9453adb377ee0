#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace starglow {

/// The pixels of a spectrum: n cells that touch, in Angstrom. Any grid: linear, logarithmic, irregular, coarse.
/// A value on it is the mean over the cell (a flux density), so that sum(value x width) is the flux.
class PixelGrid {
 public:
  /// Cells around the centres `wave` (n >= 2): they meet half way between neighbours; the outer two are symmetric.
  /// Error(input), naming the pixel: a centre that is not positive, not finite, or not above the one before it.
  static PixelGrid from_centres(std::span<const double> wave);
  /// Cells between the n + 1 `edges`. Error(input) as above.
  static PixelGrid from_edges(std::span<const double> edges);

  std::size_t size() const noexcept { return inverse_width_.size(); }
  std::span<const double> edges() const noexcept { return edges_; }
  double lo(std::size_t i) const noexcept { return edges_[i]; }
  double hi(std::size_t i) const noexcept { return edges_[i + 1]; }
  double width(std::size_t i) const noexcept { return edges_[i + 1] - edges_[i]; }
  double inverse_width(std::size_t i) const noexcept { return inverse_width_[i]; }
  double front() const noexcept { return edges_.front(); }
  double back() const noexcept { return edges_.back(); }

  /// Number of cells that end at or below `wave`: the cell that holds it, 0 below the grid, size() above it.
  std::size_t find(double wave) const noexcept;

 private:
  explicit PixelGrid(std::vector<double> edges);
  std::vector<double> edges_, inverse_width_;
  double inverse_step_ = 0;  ///< of a linear grid, to find a cell without a search; 0 = not linear
};

}  // namespace starglow
