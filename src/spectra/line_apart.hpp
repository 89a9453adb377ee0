#pragma once
#include <cstdint>
#include <span>

#include "starglow/base/lines.hpp"
#include "starglow/spectra/spectrum.hpp"

namespace starglow::line_fit {

/// A line measured alone: its flux, and no flux (NaN, 0) where less than half of its core is there.
struct LineApart {
  double flux, variance;
  bool covered;
};

/// Flux of a line of known shift (km/s against z) and intrinsic width (km/s), with a level of the continuum beside it
/// and, for a Balmer line, what the fit of starlight left of its absorption; both have the priors of the joint fit.
/// Pixels near other lines (line_windows.hpp) are left out. The variance holds the noise and the level, not the shape.
LineApart measure_apart(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
                        std::span<const std::uint8_t> good, const LineInfo& line, double shift, double sigma_v);

/// Adds that line to a spectrum.
void add_apart(const SpectrumView& s, const LineInfo& line, double shift, double sigma_v, double flux,
               std::span<double> out);

}  // namespace starglow::line_fit
