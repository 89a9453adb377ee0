#pragma once
#include <cmath>

namespace starglow::test {

/// value + derivative along one direction: forward differentiation, exact to rounding.
struct Dual {
  double v = 0, d = 0;
  Dual() = default;
  Dual(double value) : v(value) {}  // NOLINT: numbers become constants
  Dual(double value, double slope) : v(value), d(slope) {}
};
inline Dual operator+(Dual a, Dual b) { return {a.v + b.v, a.d + b.d}; }
inline Dual operator-(Dual a, Dual b) { return {a.v - b.v, a.d - b.d}; }
inline Dual operator-(Dual a) { return {-a.v, -a.d}; }
inline Dual operator*(Dual a, Dual b) { return {a.v * b.v, a.d * b.v + a.v * b.d}; }
inline Dual operator/(Dual a, Dual b) { return {a.v / b.v, (a.d * b.v - a.v * b.d) / (b.v * b.v)}; }
inline bool operator>(Dual a, double b) { return a.v > b; }
inline bool operator>(Dual a, int b) { return a.v > b; }
inline bool operator!=(Dual a, Dual b) { return a.v != b.v; }
inline Dual exp(Dual a) { return {std::exp(a.v), std::exp(a.v) * a.d}; }
inline Dual expm1(Dual a) { return {std::expm1(a.v), std::exp(a.v) * a.d}; }
inline Dual log10(Dual a) { return {std::log10(a.v), a.d / (a.v * std::log(10.0))}; }
inline Dual erfc(Dual a) { return {std::erfc(a.v), -1.1283791670955126 * std::exp(-a.v * a.v) * a.d}; }
inline Dual sinh(Dual a) { return {std::sinh(a.v), std::cosh(a.v) * a.d}; }

}  // namespace starglow::test
