#pragma once
#include <span>
#include <string>
#include <vector>

namespace starglow {

/// Share of photons that a broad-band filter lets through: linear between its points, 0 outside.
class Filter {
 public:
  /// wave: A, vacuum, ascending; transmission: in [0, 1], one a wavelength. Error(input): sizes, order, a value outside
  /// [0, 1] or not finite, no light at all.
  Filter(std::string name, std::vector<double> wave, std::vector<double> transmission);

  const std::string& name() const noexcept { return name_; }
  std::span<const double> wave() const noexcept { return wave_; }
  std::span<const double> transmission() const noexcept { return transmission_; }
  double lo() const noexcept { return wave_.front(); }  ///< zeros at the ends are cut off
  double hi() const noexcept { return wave_.back(); }
  double at(double wave) const noexcept;     ///< transmission
  double slope(double wave) const noexcept;  ///< its derivative, 1/A; at a point: of the interval above it

  /// Integral of T dlambda/lambda over [lo, hi], exact for the straight lines between the points.
  double integral(double lo, double hi) const noexcept;
  /// The same over all wavelengths by trapezoids on the filter's points, as DSPS does.
  double trapezoid() const noexcept { return trapezoid_; }
  /// Photon-weighted pivot: sqrt(int T lambda dlambda / int T dlambda/lambda), A.
  double pivot() const noexcept;

 private:
  std::size_t interval(double wave) const noexcept;
  std::string name_;
  std::vector<double> wave_, transmission_;
  double trapezoid_ = 0;
};

}  // namespace starglow
