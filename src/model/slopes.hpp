#pragma once
#include <array>
#include <span>

#include "starglow/model/model.hpp"

namespace starglow {

/// What the networks say of one galaxy, and how that changes along its features.
struct RowOutputs {
  std::span<const double> t;   ///< outputs, averaged over the members
  std::span<const double> dt;  ///< (outputs, n_in) with respect to the features; 0 for missing ones
  std::span<const double> flux;
  double z = 0;
  const LineDistribution* distribution = nullptr;  ///< the answer; null for points
  const Evidence* evidence = nullptr;              ///< that the answer takes into account; null: none
  Adjustment adjustment{};                         ///< of the distribution
  double r_by_z = 0;                               ///< slope of Adjustment::r
  std::array<double, k_n_slopes> widen_by{};       ///< slopes of Adjustment::widen by the fluxes and the redshift
};

/// Row `row` of the derivatives of a galaxy's EWs: the slopes of the outputs, taken on through the quantiles, the EWs
/// and the features. Empty matrices are left out. ew_ratio: of this model's doublets.
void write_slopes(const NetworkBank& bank, const RowOutputs& outputs, std::span<const double> ew_ratio, std::size_t row,
                  Derivatives& into);

}  // namespace starglow
