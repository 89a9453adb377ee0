#include "starglow/spectra/pixel_grid.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

void check_ascending(std::span<const double> wave, const char* what) {
  if (wave.size() < 2)
    throw Error(ErrorKind::input, "a wavelength grid is too short", {std::to_string(wave.size()), "at least 2", ""});
  for (std::size_t i = 0; i < wave.size(); ++i) {
    if (!(std::isfinite(wave[i]) && wave[i] > 0))
      throw Error(ErrorKind::input, std::string(what) + " of pixel " + std::to_string(i) + " is no wavelength",
                  {std::to_string(wave[i]), "a positive number of Angstrom", ""});
    if (i > 0 && !(wave[i] > wave[i - 1]))
      throw Error(ErrorKind::input,
                  std::string(what) + " of pixel " + std::to_string(i) + " is not above that of the pixel before",
                  {std::to_string(wave[i]) + " after " + std::to_string(wave[i - 1]), "ascending wavelengths",
                   "Sort the pixels, flux and all, by wavelength."});
  }
}

}  // namespace

PixelGrid::PixelGrid(std::vector<double> edges) : edges_(std::move(edges)), inverse_width_(edges_.size() - 1) {
  const auto n = static_cast<double>(size());
  const double step = (edges_.back() - edges_.front()) / n;
  bool linear = true;
  for (std::size_t i = 0; i < size(); ++i) {
    inverse_width_[i] = 1 / width(i);
    linear = linear && std::fabs(edges_[i] - (edges_.front() + step * static_cast<double>(i))) < 0.25 * step;
  }
  if (linear) inverse_step_ = 1 / step;
}

PixelGrid PixelGrid::from_centres(std::span<const double> wave) {
  check_ascending(wave, "the wavelength");
  std::vector<double> edges(wave.size() + 1);
  for (std::size_t i = 1; i < wave.size(); ++i) edges[i] = 0.5 * (wave[i - 1] + wave[i]);
  edges.front() = wave[0] - (edges[1] - wave[0]);
  edges.back() = wave.back() + (wave.back() - edges[wave.size() - 1]);
  return PixelGrid(std::move(edges));
}

PixelGrid PixelGrid::from_edges(std::span<const double> edges) {
  check_ascending(edges, "the lower edge");
  return PixelGrid({edges.begin(), edges.end()});
}

std::size_t PixelGrid::find(double wave) const noexcept {
  if (!(wave >= edges_.front())) return 0;
  if (wave >= edges_.back()) return size();
  if (inverse_step_ == 0)
    return static_cast<std::size_t>(std::upper_bound(edges_.begin(), edges_.end(), wave) - edges_.begin()) - 1;
  // The edges of a linear grid lie within a quarter of a step of their places: the guess is off by one at most.
  auto i = std::min(static_cast<std::size_t>((wave - edges_.front()) * inverse_step_), size() - 1);
  if (wave < edges_[i])
    --i;
  else if (wave >= edges_[i + 1])
    ++i;
  return i;
}

}  // namespace starglow
