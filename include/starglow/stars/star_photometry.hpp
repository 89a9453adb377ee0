#pragma once
#include <span>
#include <vector>

#include "starglow/spectra/filter.hpp"
#include "starglow/stars/star_bands.hpp"

namespace starglow {

/// Magnitudes of galaxies from the photometry's nodes of StarBands, at any redshift, without their spectra: the light
/// of a filter is sum over nodes k of T(lambda_k (1 + z)) node_k, T linear in ln lambda between the nodes. Differs from
/// DSPS's trapezoids on the filter's own points by the interpolation, 0.002 mag or less for broad bands
/// (docs/stars.md); sed_light() of photometry.hpp has its numbers.
class StarFilters {
 public:
  /// Error(usage): `compact` was made without photometry.
  StarFilters(const CompactSsp& compact, std::span<const Filter> filters);
  std::size_t size() const noexcept { return tables_.size(); }

  /// maggies (n_filter) of one galaxy (a row of StarLight::photometry) as seen at 10 pc at redshift z, and, where
  /// given, its slope by z. NaN where more than 0.1 % of the filter lies off the nodes. Apparent magnitude = -2.5
  /// log10(maggies) + distance modulus - 2.5 log10(1 + z).
  void light(std::span<const double> photometry, double z, std::span<double> maggies, std::span<double> d_z = {}) const;
  /// Derivative of the maggies of one filter by the nodes: the cotangent for StarBands::vjp.
  void weights(std::size_t filter, double z, std::span<double> by_node) const;

 private:
  struct Table {
    double start, norm;          // ln lambda of the first entry; 1 / (AB0 int T dlambda/lambda)
    std::vector<double> t;       // T every step / k_fine
    std::vector<double> off_lo;  // share of int T dlambda/lambda below each entry
  };
  template <class F>
  bool for_nodes(const Table& table, double z, F f) const;
  double first_ = 0, step_ = 0;  // ln lambda of the nodes
  std::size_t n_ = 0;
  std::vector<Table> tables_;
};

}  // namespace starglow
