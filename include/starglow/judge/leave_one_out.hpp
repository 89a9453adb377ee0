#pragma once
#include <optional>
#include <string>

#include "starglow/model/model.hpp"

namespace starglow {

/// How far each measured line lies from what the continuum and the *other* measured lines of its galaxy say: the
/// standard normal quantile of P(Y < y), Y the intrinsic EW given the others plus noise of its own error. Standard
/// normal numbers where the model is right; large ones find odd galaxies and bad measurements. (n, 10), within +-8; NaN
/// where a line is not measured or there is no answer. The other lines of a weak member of a doublet, and of its strong
/// partner, are those beside the two. `selected`: the table's own cut, under which P(Y < y) is taken given that Y
/// passes. Error(input): no EW and EW_IVAR; Error(model): a point model.
Matrix<double> given_pulls(const Model& model, const Galaxies& galaxies, WorkerPool& pool,
                           const Selection* selected = nullptr);

/// The same, and what the continuum and the other lines say of each line, measured or not: median and quantiles of its
/// intrinsic EW, A. (n, 10); NaN where there is no answer.
struct GivenOthers {
  Matrix<double> pull, ew, p16, p84;
};
GivenOthers given_others(const Model& model, const Galaxies& galaxies, WorkerPool& pool,
                         const Selection* selected = nullptr);

/// What a table of pulls says of each line.
struct PullSummary {
  std::size_t n = 0;
  double median = 0, width = 0;     ///< half of the central 68 %
  double beyond3 = 0, beyond5 = 0;  ///< fractions of |pull|
};
std::array<PullSummary, k_n_lines> summarise_pulls(const Matrix<double>& pulls);
std::string pull_table(const std::array<PullSummary, k_n_lines>& lines);  ///< aligned, for people
std::string pull_json(const std::array<PullSummary, k_n_lines>& lines);   ///< {"HALPHA": {"n": ..., ...}, ...}

}  // namespace starglow
