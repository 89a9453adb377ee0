#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "model/fit_network.hpp"
#include "model/line_matrices.hpp"
#include "model/optimiser.hpp"
#include "model/selection_term.hpp"
#include "model/sites.hpp"
#include "starglow/model/joint.hpp"

namespace starglow {

/// -log of the mixture of normals of a JointHead, widened by the sites' variances, at the sites' centres:
///   p = sum_c w_c N(centre; mean_c, D_c R_c D_c + diag(variance)),  R_c = U_c U_c^T.
/// The outputs of the network are its parameters; the factors U_c are the loss's own and are stepped by update().
/// `hold_means`, `fix_means` and `undo_selection` do not copy what they are given.
template <std::size_t k_n>
class JointLossOf : public BatchLoss {
 public:
  /// factor: (components, k_n x k_n) start. correlate = false keeps it.
  JointLossOf(const Sites& sites, std::size_t components, const Matrix<double>& factor, bool correlate,
              double factor_rate);

  /// Adds weight / 2 x (sum_c w_c mean_c - points)^2 of each line to the loss of a row: labels that are mostly noise
  /// then do not pull the means of one network away from the points (rows, k_n) of an ensemble. Where a selection is
  /// undone, the w_c are those of galaxies that pass it, as the points are, and get no gradient.
  void hold_means(const Matrix<double>& points, double weight) noexcept;
  /// These means (rows, components x lines) take the place of the network's own, whose gradients vanish.
  void fix_means(const Matrix<float>& means) noexcept { fixed_ = &means; }

  /// A share of each line's variance that no other line knows (JointHead's correlations become (1 - share) R + share):
  /// without it two lines that noise cannot tell apart become one, and the density infinite.
  void keep_apart(double share) {
    own_share_ = share;
    refresh();
  }
  /// Divides the likelihood of rows that were chosen by their lines by the probability that they were.
  void undo_selection(const SelectionTermOf<k_n>& term) noexcept { selection_ = &term; }

  double operator()(const FitData& data, std::span<const std::size_t> rows, MatrixView<const float> y,
                    MatrixView<float> dy) override;
  void update(double rate) override;
  void keep(NetworkState& into) override;
  void restore(const NetworkState& from) override;

  /// Rows of length 1.
  Matrix<double> factor() const;
  /// Of one row: the loss; adds its gradients to d_outputs (n_outputs), d_correlation (components, as dloss/dR) and,
  /// where a selection is undone, d_unit (components, as dloss/dU).
  double row(std::size_t row, std::span<const double> outputs, std::span<double> d_outputs,
             std::span<SquareOf<k_n>> d_correlation, std::span<SquareOf<k_n>> d_unit = {}) const;
  /// Gradient of the (not normalised) factors from that of the correlations and of the unit factors.
  std::vector<double> factor_gradient(std::span<const SquareOf<k_n>> d_correlation,
                                      std::span<const SquareOf<k_n>> d_unit = {}) const;
  std::span<float> raw_factor() noexcept { return raw_; }
  void refresh();  ///< after a change of raw_factor()
  /// These factors (components, k_n x k_n), in double, until the next refresh().
  void set_factor(const Matrix<double>& factor);

 private:
  template <class T>
  void normalise(std::span<const T> factor);
  double hold(std::size_t row, std::span<const double> outputs, std::span<const double> weight, bool fixed_weight,
              std::span<double> d_outputs) const;

  const Sites& sites_;
  const Matrix<double>* points_ = nullptr;
  const Matrix<float>* fixed_ = nullptr;
  const SelectionTermOf<k_n>* selection_ = nullptr;
  double hold_weight_ = 0, own_share_ = 0;
  std::size_t components_, lines_;
  bool correlate_;
  double factor_rate_;
  std::vector<float> raw_, gradient_;
  std::vector<double> length_;  ///< of the rows of the factors before they are of length 1
  std::vector<SquareOf<k_n>> unit_, correlation_;
  AdamW optimiser_;
};
using JointLoss = JointLossOf<k_n_independent_lines>;

/// Covariance of the intrinsic residuals (site centre - mean), given the sites' variances, by expectation and
/// maximisation. mean (rows, k_n), all in standardised t.
template <std::size_t k_n = k_n_independent_lines>
SquareOf<k_n> residual_covariance(const Sites& sites, const Matrix<double>& mean, int steps);

/// The intrinsic mean of each line as offset + slope x point. Points are fitted to measured EWs, which are > 0 by
/// selection, and weigh them unequally: those of noisy lines lie beside the intrinsic means.
template <std::size_t k_n>
struct MeanLineOf {
  VectorOf<k_n> offset = VectorOf<k_n>::Zero(), slope = VectorOf<k_n>::Ones();
};
using MeanLine = MeanLineOf<k_n_independent_lines>;
/// residual_covariance with these lines fitted too: `mean`, points at first, becomes the means on the lines, and
/// `covariance`, a start at first, that about them.
template <std::size_t k_n = k_n_independent_lines>
MeanLineOf<k_n> fit_mean_lines(const Sites& sites, Matrix<double>& mean, SquareOf<k_n>& covariance, int steps);

/// Calibration of line `line` of k_all_lines, the j-th of the distributions: shift and slope that make the probability
/// integral transform of measured EWs flat, given that they are positive (the table's selection). The distributions
/// must be of models that have not seen the rows. `poll` is called often; what it throws ends the search.
struct LineCalibration {
  double shift, slope;
};
LineCalibration calibrate_line(const Galaxies& galaxies, std::span<const std::size_t> rows,
                               std::span<const LineDistribution> distributions, std::size_t j, std::size_t line,
                               const std::function<void()>& poll = {});
/// The same of all lines, into the head.
void calibrate(const Galaxies& galaxies, std::span<const std::size_t> rows,
               std::span<const LineDistribution> distributions, JointHead& head);

/// Probability integral transform of a measured EW y +- sigma, given y > 0: the noise-convolved predictive
/// distribution, by nodes at the quantiles of each component. NaN when P(y > 0) vanishes.
double positive_pit(const LineDistribution& d, std::size_t line, double y, double sigma);

}  // namespace starglow
