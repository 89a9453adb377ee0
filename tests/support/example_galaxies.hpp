#pragma once
#include <cmath>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/random.hpp"

namespace starglow::test {

/// Synthetic galaxies with a simple law behind them: redder continua have weaker lines. For tests of the machinery
/// only.
inline Galaxies example_galaxies(std::size_t n, std::int64_t first_id = 39627000000000000) {
  Galaxies g;
  g.n = n;
  g.band_flux = Matrix<double>(n, k_n_bands);
  g.ew = Matrix<float>(n, k_n_lines);
  g.ew_ivar = Matrix<float>(n, k_n_lines);
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t id = first_id + static_cast<std::int64_t>(i);
    const RandomObject random(3, Stream::population, id);
    g.targetid.push_back(id);
    g.z.push_back(0.06 + 0.24 * random.uniform(0, 0));
    const double colour = random.normal(0, 1), level = 2 * std::exp(0.5 * random.normal(0, 2));
    for (std::size_t b = 0; b < k_n_bands; ++b)
      g.band_flux(i, b) = level * std::pow(10.0, 0.03 * colour * static_cast<double>(b) +
                                                     0.01 * random.normal(0, static_cast<std::uint32_t>(10 + b)));
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const double t = 2.0 - 0.8 * colour - 0.1 * static_cast<double>(line) +
                       0.2 * random.normal(0, static_cast<std::uint32_t>(30 + line));
      const double sigma = 0.4 + 0.5 / level;
      g.ew(i, line) = static_cast<float>(std::sinh(std::fmax(t, 0.01)));
      g.ew_ivar(i, line) = static_cast<float>(1 / (sigma * sigma));
    }
  }
  g.conventions.aperture = "fibre";
  g.conventions.mwcorr = "F";
  g.conventions.maskrule = "k24";
  g.conventions.contsrc = "masked data";
  g.conventions.vacuum = "T";
  return g;
}

}  // namespace starglow::test
