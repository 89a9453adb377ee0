#pragma once
#include <cstddef>
#include <span>

#include "starglow/spectra/spectrum.hpp"

namespace starglow::line_fit {

/// A Gaussian on the observed wavelengths, A, with its slopes by the fit's unknowns.
struct Shape {
  double mu, sigma;
  double d_mu, d_sigma;  ///< by km/s of shift, by ln(width)
};

/// First pixel whose centre is at or beyond an observed wavelength.
std::size_t pixel_at(const SpectrumView& s, double wave);

/// Adds `flux` times the mean over each pixel of a Gaussian to a spectrum.
void add_line(const SpectrumView& s, const Shape& shape, double flux, std::span<double> out);

/// Where a profile is not zero.
struct Reach {
  std::size_t from, to;
};
/// For the pixels [first, last) within 6 standard deviations: mean of the Gaussian over the pixel and, where the spans
/// are not empty, its slope by centre and by width. Element 0 is pixel `first`; pixels outside of the answer are left
/// as they are.
Reach fill_profile(const SpectrumView& s, const Shape& shape, std::size_t first, std::size_t last,
                   std::span<double> value, std::span<double> by_mu = {}, std::span<double> by_sigma = {});

}  // namespace starglow::line_fit
