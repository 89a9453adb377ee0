#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "model/masking.hpp"
#include "starglow/base/galaxies.hpp"
#include "starglow/base/random.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/features.hpp"

namespace starglow {

/// What each step of a training changes in a galaxy's bands, so that networks do not read off them what is no property
/// of the galaxy: errors of the object, of the flux calibration of its table, and Galactic dust that nobody removed.
struct Jitter {
  double object_sd = 0, table_sd = 0;  ///< of log10 of each band
  std::vector<std::uint16_t> table;    ///< of each row; empty: all of one
  std::vector<float> dust;             ///< highest E(B-V) of each row; empty: none
  Matrix<float> dust_slope;            ///< (rows, values): change of the standardised features a unit of E(B-V) removed
  std::vector<double> scale;           ///< (values): of the standardisation

  bool active() const noexcept { return object_sd > 0 || table_sd > 0 || !dust.empty(); }
  /// Changes standardised features x of a row; features that the row lacks stay as they are. `own`: random numbers of
  /// the row; `step`: those of the batch.
  void apply(const FeatureRecipe& recipe, const MaskPattern& lacks, std::size_t row, const RandomObject& own,
             std::uint32_t own_draw, const RandomObject& step, std::uint32_t step_draw, std::span<float> x) const;
};

/// Change of the features (recipe.n_values()) when Galactic dust of E(B-V) = 1 mag (SFD98) is removed from a galaxy at
/// redshift z.
std::vector<double> dust_slopes(const FeatureRecipe& recipe, double z);

}  // namespace starglow
