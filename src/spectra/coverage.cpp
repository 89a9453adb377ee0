#include "spectra/coverage.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace starglow {
namespace {

constexpr double k_factor = 2.01;  // a pixel that was left out alone is no hole: steps vary as much on joined grids
constexpr std::size_t k_neighbours = 6;  // steps looked at on each side

// Half the distance over two steps, which does not notice pixels of two cameras that alternate.
double pair_step(std::span<const double> wave, std::size_t j) noexcept { return 0.5 * (wave[j + 2] - wave[j]); }

// Median of the steps that begin at first, ..., last - 1; 0 where there are none.
double median(std::span<const double> wave, std::size_t first, std::size_t last) noexcept {
  std::array<double, k_neighbours> steps{};
  std::size_t n = 0;
  for (std::size_t j = first; j < last && n < k_neighbours; ++j) steps[n++] = pair_step(wave, j);
  if (n == 0) return 0;
  std::sort(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(n));
  return steps[(n - 1) / 2];
}

// The larger of the typical steps before and after the step from i to i + 1; the step itself where there is neither.
double typical(std::span<const double> wave, std::size_t i) noexcept {
  const std::size_t low = i > k_neighbours + 1 ? i - k_neighbours - 1 : 0;
  const double before = i >= 2 ? median(wave, low, i - 1) : 0;
  const double after = i + 3 < wave.size() ? median(wave, i + 1, wave.size() - 2) : 0;
  const double step = std::max(before, after);
  return step > 0 ? step : wave[i + 1] - wave[i];
}

double step(std::span<const double> wave, std::size_t i) noexcept { return wave[i + 1] - wave[i]; }

}  // namespace

bool is_hole(std::span<const double> wave, std::size_t i) noexcept {
  const double d = step(wave, i);
  const bool left = i > 0 && d > k_factor * step(wave, i - 1),
             right = i + 2 < wave.size() && d > k_factor * step(wave, i + 1);
  return (left || right) && d > k_factor * typical(wave, i);
}

double pixel_width(std::span<const double> wave, std::size_t i) noexcept {
  if (wave.size() < 2) return 0;
  const auto side = [&](std::size_t k) { return is_hole(wave, k) ? typical(wave, k) : step(wave, k); };
  if (i == 0) return side(0);
  if (i + 1 == wave.size()) return side(i - 1);
  return 0.5 * (side(i - 1) + side(i));
}

double width_of_holes(std::span<const double> wave, double lo, double hi) noexcept {
  double sum = 0;
  auto i = static_cast<std::size_t>(std::upper_bound(wave.begin(), wave.end(), lo) - wave.begin());
  i = i > 0 ? i - 1 : 0;
  for (; i + 1 < wave.size() && wave[i] < hi; ++i) {
    if (!is_hole(wave, i)) continue;
    const double half = 0.5 * typical(wave, i);
    sum += std::max(0.0, std::min(hi, wave[i + 1] - half) - std::max(lo, wave[i] + half));
  }
  return sum;
}

std::vector<double> without_holes(std::span<const double> wave, std::vector<std::size_t>& place) {
  std::vector<double> out;
  place.clear();
  bool any = false;
  for (std::size_t i = 0; i + 1 < wave.size() && !any; ++i) any = is_hole(wave, i);
  if (!any) return out;
  for (std::size_t i = 0; i < wave.size(); ++i) {
    place.push_back(out.size());
    out.push_back(wave[i]);
    if (i + 1 == wave.size() || !is_hole(wave, i)) continue;
    const double d = step(wave, i);
    const auto more = static_cast<std::size_t>(std::min(std::round(d / typical(wave, i)), 1e6));
    for (std::size_t k = 1; k < more; ++k)
      out.push_back(wave[i] + d * static_cast<double>(k) / static_cast<double>(more));
  }
  return out;
}

}  // namespace starglow
