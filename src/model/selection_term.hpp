#pragma once
#include <span>
#include <vector>

#include "model/line_matrices.hpp"
#include "starglow/model/selection.hpp"

namespace starglow {

/// log of the probability that a galaxy of a mixture passes the cut of its table,
///   ln sum_c w_c P_c,  P_c = mean_k prod_l Phi((sinh(max(t_kl, 0)) - limit_l) / sigma_l),  t_k = mu_c + D_c U_c eps_k,
/// over k_nodes fixed points eps_k: a likelihood of galaxies that were chosen by their lines is divided by it. EW = 0
/// is the least of a line, so P_c does not vanish and a component cannot run away.
template <std::size_t k_n>
class SelectionTermOf {
 public:
  static constexpr std::size_t k_nodes = 16, k_most_components = 4;

  /// y_mean, y_scale (lines): t = y_mean + y_scale * standardised t. cuts: of each row; empty ones: no term. turns:
  /// what a row takes its nodes by; empty: its place.
  SelectionTermOf(std::vector<std::vector<LineCut>> cuts, std::span<const double> y_mean,
                  std::span<const double> y_scale, std::vector<std::size_t> turns = {});

  bool active(std::size_t row) const noexcept { return !cuts_[row].empty(); }

  /// A mixture in standardised t: outputs hold the means (components, lines).
  struct Mixture {
    std::size_t components;
    std::span<const double> mean;         ///< (components x lines)
    std::span<const double> weight;       ///< (components)
    std::span<const VectorOf<k_n>> sd;    ///< (components)
    std::span<const SquareOf<k_n>> unit;  ///< (components) lower triangular, rows of length 1
    std::size_t lines = k_n;
  };
  /// Adds the gradients of the logarithm; returns it. d_mean (components x lines), d_sd, d_unit (components), d_logit
  /// (components).
  double add(std::size_t row, const Mixture& m, std::span<double> d_mean, std::span<VectorOf<k_n>> d_sd,
             std::span<SquareOf<k_n>> d_unit, std::span<double> d_logit) const;

 private:
  std::vector<std::vector<LineCut>> cuts_;
  std::vector<std::size_t> turns_;
  std::vector<double> y_mean_, y_scale_;
  std::vector<VectorOf<k_n>> nodes_;  ///< k_sets sets of k_nodes
};
using SelectionTerm = SelectionTermOf<k_n_independent_lines>;

}  // namespace starglow
