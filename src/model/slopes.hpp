#pragma once
#include <array>
#include <optional>
#include <span>
#include <vector>

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

/// Slopes of a joint bank that are written when all rows are known, from one reverse pass a line and level.
class LateSlopes {
 public:
  /// Where reverse passes are fewer than passes from the inputs on; nothing without `into`.
  static std::optional<LateSlopes> where_it_pays(const NetworkBank& bank, std::size_t rows, const Derivatives* into);
  LateSlopes(const NetworkBank& bank, std::size_t rows, bool quantiles);
  /// r of the rows, `row` of the galaxies. `outputs` without dt.
  void keep(std::size_t r, std::size_t row, const RowOutputs& outputs);
  const Matrix<double>& by_output() const noexcept { return by_output_; }
  /// pulled: (rows, passes x n_in), of by_output().
  void write(const Matrix<double>& pulled, std::span<const double> ew_ratio, Derivatives& into);

 private:
  struct Kept {
    std::size_t r, row;
    RowOutputs outputs;
    LineDistribution distribution;
    std::array<double, k_n_bands> flux;
    Matrix<double> slopes;
  };
  const NetworkBank& bank_;
  bool quantiles_;
  Matrix<double> by_output_;
  std::vector<Kept> kept_;
};

}  // namespace starglow
