#pragma once
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/network.hpp"
#include "model/neighbours.hpp"
#include "starglow/model/evolution.hpp"
#include "starglow/model/model.hpp"

namespace starglow {

/// A model made ready to run: networks in both number types, numbers of the metadata parsed once.
struct Model::Compiled {
  Compiled(Parts given, std::string known_hash);

  /// What the networks say of some rows: outputs (rows, outputs) averaged over members (one network a line: its line),
  /// and where asked for their derivatives (rows, outputs * n_in) with respect to the features.
  struct Outputs {
    Matrix<double> t, dt;
    Matrix<double> x;                   ///< (rows, n_in) features; NaN = missing
    std::vector<std::uint8_t> outside;  ///< rows that are out of the domain
    std::vector<double> grade;          ///< how far from the training galaxies, 0 to 1; NaN: not known
  };
  /// Runs the networks with (`use_full`) or without luminosity. T: number type of the networks.
  template <class T>
  Outputs run(bool use_full, const Galaxies& g, std::span<const std::size_t> rows, bool luminosity, bool z,
              bool jacobian, bool clip) const;
  /// Slopes by the features (rows, k * n_in) from those by the averaged outputs (rows, k * outputs): k reverse passes
  /// of each network. `from`: what run() said of these rows.
  Matrix<double> pull_back(bool use_full, const Outputs& from, const Matrix<double>& by_output) const;
  /// Features of some rows (out.x) and which of them lie outside the domain, clipped to it where asked.
  void gather(const FeatureRecipe& recipe, const Galaxies& g, std::span<const std::size_t> rows, bool luminosity,
              bool z, bool clip, Outputs& out) const;
  /// t (rows, 8) of the baselines.
  Outputs run_neighbours(const Galaxies& g, std::span<const std::size_t> rows, bool clip) const;
  /// Galaxies with everything have an answer of their own, not the sibling's.
  bool has_full() const { return parts.full || parts.neighbours; }
  const NetworkBank& bank(bool use_full) const { return use_full ? *parts.full : *parts.partial; }
  bool full_masks() const { return parts.full && parts.full->features.masks; }
  /// The columns of the table that the networks for galaxies with everything use.
  InputSet columns_used() const {
    return parts.full         ? parts.full->features.inputs.columns()
           : parts.neighbours ? parts.neighbours->features.inputs.columns()
           : parts.partial    ? parts.partial->features.inputs.columns()
                              : InputSet();
  }
  bool masked() const { return parts.partial && parts.partial->features.masks; }

  struct Bank {
    std::vector<kernels::Network<float>> f32;
    std::vector<kernels::Network<double>> f64;
  };
  template <class T>
  static const std::vector<kernels::Network<T>>& networks(const Bank& bank) {
    if constexpr (sizeof(T) == sizeof(float))
      return bank.f32;
    else
      return bank.f64;
  }

  Parts parts;
  Bank full, partial;
  std::optional<NeighbourIndex> neighbours;
  std::string hash;
  double z_min = 0, z_max = 1e9, z_domain = 1e9;  ///< beyond z_domain a galaxy is out of the domain
  std::optional<Evolution> evolution;             ///< of the first `evolving` components
  std::size_t evolving = 0;
  double widen = 0;  ///< widths grow by up to this, relatively, with DOMAIN
  /// What a galaxy of a redshift (NaN: not known) and of a DOMAIN changes about its distribution.
  Adjustment adjustment(double z, double grade, bool evolve) const;
  /// DOMAIN by redshift alone: half at the highest of the training, all as far beyond as z_domain is.
  double grade_of_redshift(double z) const;
  /// Slopes of Adjustment::widen of a row by its fluxes and its redshift.
  std::array<double, k_n_slopes> widen_slopes(const Galaxies& g, std::size_t row, bool luminosity, bool z,
                                              double grade) const;
  std::array<double, k_doublets.size()> ew_ratio{};  ///< EW(strong)/EW(weak) of this model
};

/// All training galaxies: mean and sd of each asinh EW, with the correlations of the first component.
LineDistribution prior_distribution(const NetworkBank& bank);

/// Band fluxes of a row; NaN = missing: not finite, not positive, or without information (ivar).
std::array<double, k_n_bands> usable_bands(const Galaxies& g, std::size_t row);

}  // namespace starglow
