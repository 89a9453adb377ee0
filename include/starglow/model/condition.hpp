#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/lines.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/joint.hpp"

namespace starglow {

/// What is known of one line of a galaxy beside its continuum.
struct LineEvidence {
  enum class Kind : unsigned char {
    none,
    measured,  ///< a measurement: likelihood N(value; EW, sigma)
    passed     ///< it passes a cut: likelihood Phi((EW - value) / sigma)
  };
  Kind kind = Kind::none;
  double value = 0;  ///< A: the measured EW, or the limit of the cut
  double sigma = 1;  ///< A: error of the measurement
};
/// Of the independent lines, in the order of the distribution.
using Evidence = std::array<LineEvidence, LineDistribution::k_most_lines>;

/// A LineDistribution with the correlations of its components.
struct JointDistribution {
  LineDistribution lines;
  /// Lower triangular factors (places x places, row-major) with rows of length 1: correlation = factor factor^T.
  std::array<std::array<double, LineDistribution::k_most_lines * LineDistribution::k_most_lines>,
             LineDistribution::k_max_components>
      factor{};
  /// Log of the density of the measurements (A^-1 a line) times the probability of the cuts, before they were known.
  double log_evidence = 0;
};

/// The distribution of the intrinsic lines given the evidence.
///
/// Every component is a normal distribution of t, EW = sinh(max(t, 0)). The likelihood of each known line is replaced
/// by a normal distribution of t with which the component has the mean and the variance of t that it has with the
/// likelihood itself: one site of expectation propagation (Minka 2001, UAI 17, 362), as in training; with several known
/// lines each site is made again with what the others say until none moves. Mean, covariance and weight of each
/// component follow in closed form (Rasmussen & Williams 2006, chapter 3). With one known line the weights, and the
/// mean and covariance of t in each component, are those of the exact answer.
///
/// A known line has an answer too: its measurement together with what the continuum and the other lines say of it.
/// components = 0 gives components = 0. Quantiles are set. `tolerance`: sites are made again until none moves by more,
/// in sd of its line.
JointDistribution condition(const JointDistribution& prior, const Evidence& evidence, double tolerance = 1e-13);

/// Lines that are given, and their numbers, one row a galaxy.
struct GivenLines {
  /// (n, lines: a column a row of k_all_lines, at least k_n_lines), A and A^-2. ivar that is not positive and finite,
  /// or an EW that is not finite: the line says nothing.
  Matrix<double> ew, ivar;
};
/// Those of a table's own EW and EW_IVAR. Error(input): the table has no such columns.
GivenLines given_lines(const Galaxies& galaxies, std::span<const std::size_t> lines);
/// Indices into k_all_lines of names, "HALPHA", ... Error(usage): none, an unknown one, one twice.
std::vector<std::size_t> parse_lines(const std::vector<std::string>& names);

/// Of one galaxy. A weak member of a doublet counts through its strong partner: its EW times `ew_ratio` (one a doublet
/// of k_doublets); where the partner is given too, the partner counts alone, since catalogues tie the two.
Evidence evidence_of(std::span<const double> ew, std::span<const double> ivar, std::span<const double> ew_ratio,
                     std::span<const std::size_t> independent = k_independent_lines);

}  // namespace starglow
