// Gaussians integrated over pixels.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "spectra/normal_table.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "starglow/spectra/paint.hpp"

namespace starglow {
namespace {

constexpr double k_reach = 8;  // sigmas: the normal distribution function leaves 6e-16 outside

bool finite(const Profile& p) noexcept {
  return std::isfinite(p.wave) && std::isfinite(p.sigma) && std::isfinite(p.flux);
}

void check(const PixelGrid& grid, std::span<const Profile> lines, std::size_t n_pixels, const Profile* d_lines,
           std::size_t n_d_lines) {
  if (n_pixels != grid.size())
    throw Error(ErrorKind::usage, "pixels do not fit their grid",
                {std::to_string(n_pixels), std::to_string(grid.size()), ""});
  if (d_lines != nullptr && n_d_lines != lines.size())
    throw Error(ErrorKind::usage, "changes do not fit their lines",
                {std::to_string(n_d_lines), std::to_string(lines.size()), ""});
  for (const auto& line : lines)
    if (line.sigma < 0)
      throw Error(ErrorKind::usage, "a line has a negative width", {std::to_string(line.sigma), "sigma >= 0", ""});
}

/// Shares of the flux at sigma = 0: all in one pixel, half in each of two when the line stands on their edge.
double share_of_spike(const PixelGrid& grid, std::size_t i, double wave) {
  const auto below = [&](double edge) { return edge > wave ? 1.0 : edge == wave ? 0.5 : 0.0; };
  return below(grid.hi(i)) - below(grid.lo(i));
}

/// Calls edge(x, e) -> value at the lower edge of the first pixel, then for each pixel take(i, value at its lower edge,
/// value at its upper edge).
template <class Edge, class Take>
void walk(const PixelGrid& grid, const Profile& line, Edge edge, Take take) {
  const Footprint f = footprint(grid, line);
  if (f.count == 0) return;
  const double inverse = 1 / line.sigma;
  auto lower = edge((grid.lo(f.first) - line.wave) * inverse);
  for (std::size_t i = f.first; i < f.first + f.count; ++i) {
    const auto upper = edge((grid.hi(i) - line.wave) * inverse);
    take(i, lower, upper);
    lower = upper;
  }
}

struct Slopes {
  double cdf, density, x_density;
};
Slopes slopes_at(double x) {
  const double density = std::fabs(x) < k_reach ? normal_density(x) : 0;
  return {normal_table()(std::clamp(x, -k_reach, k_reach)), density, density == 0 ? 0 : x * density};
}

/// visit(i, d/dflux, d/dwave, d/dsigma) of each pixel's value; flux is that of the line.
template <class Visit>
void each_slope(const PixelGrid& grid, const Profile& line, Visit visit) {
  if (line.sigma == 0) {
    const Footprint f = footprint(grid, line);
    for (std::size_t i = f.first; i < f.first + f.count; ++i)
      visit(i, share_of_spike(grid, i, line.wave) * grid.inverse_width(i), 0.0, 0.0);
    return;
  }
  const double scale = -line.flux / line.sigma;
  walk(grid, line, slopes_at, [&](std::size_t i, const Slopes& a, const Slopes& b) {
    const double w = grid.inverse_width(i);
    visit(i, (b.cdf - a.cdf) * w, scale * (b.density - a.density) * w, scale * (b.x_density - a.x_density) * w);
  });
}

}  // namespace

Footprint footprint(const PixelGrid& grid, const Profile& line) noexcept {
  const double reach = k_reach * line.sigma;
  if (!(line.wave + reach > grid.front() && line.wave - reach < grid.back())) return {};
  std::size_t first = grid.find(line.wave - reach);
  const std::size_t last = std::min(grid.find(line.wave + reach) + 1, grid.size());
  // A spike on an edge belongs to the pixel below it too.
  if (line.sigma == 0 && first > 0 && grid.lo(first) == line.wave) --first;
  return {first, last - first};
}

void add_lines(const PixelGrid& grid, std::span<const Profile> lines, std::span<double> pixels) {
  check(grid, lines, pixels.size(), nullptr, 0);
  const NormalTable& table = normal_table();
  for (const auto& line : lines) {
    if (line.flux == 0) continue;
    if (!finite(line)) {
      std::fill(pixels.begin(), pixels.end(), std::numeric_limits<double>::quiet_NaN());
      return;
    }
    if (line.sigma == 0) {
      const Footprint f = footprint(grid, line);
      for (std::size_t i = f.first; i < f.first + f.count; ++i)
        pixels[i] += line.flux * share_of_spike(grid, i, line.wave) * grid.inverse_width(i);
      continue;
    }
    walk(
        grid, line, [&](double x) { return table(std::clamp(x, -k_reach, k_reach)); },
        [&](std::size_t i, double a, double b) { pixels[i] += line.flux * (b - a) * grid.inverse_width(i); });
  }
}

void add_lines_jvp(const PixelGrid& grid, std::span<const Profile> lines, std::span<const Profile> d_lines,
                   std::span<double> d_pixels) {
  check(grid, lines, d_pixels.size(), d_lines.data(), d_lines.size());
  for (std::size_t k = 0; k < lines.size(); ++k) {
    const Profile &line = lines[k], &d = d_lines[k];
    if (!finite(line)) {
      std::fill(d_pixels.begin(), d_pixels.end(), std::numeric_limits<double>::quiet_NaN());
      return;
    }
    each_slope(grid, line, [&](std::size_t i, double flux, double wave, double sigma) {
      d_pixels[i] += flux * d.flux + wave * d.wave + sigma * d.sigma;
    });
  }
}

void add_lines_vjp(const PixelGrid& grid, std::span<const Profile> lines, std::span<const double> d_pixels,
                   std::span<Profile> d_lines) {
  check(grid, lines, d_pixels.size(), d_lines.data(), d_lines.size());
  for (std::size_t k = 0; k < lines.size(); ++k) {
    Profile sum;
    if (!finite(lines[k]))
      sum.wave = sum.sigma = sum.flux = std::numeric_limits<double>::quiet_NaN();
    else
      each_slope(grid, lines[k], [&](std::size_t i, double flux, double wave, double sigma) {
        sum.flux += flux * d_pixels[i];
        sum.wave += wave * d_pixels[i];
        sum.sigma += sigma * d_pixels[i];
      });
    d_lines[k].wave += sum.wave;
    d_lines[k].sigma += sum.sigma;
    d_lines[k].flux += sum.flux;
  }
}

}  // namespace starglow
