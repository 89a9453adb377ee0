#pragma once
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/lines.hpp"

namespace starglow {

/// The cut on measured lines by which galaxies came into a table, or by which they are wanted:
///   "HBETA,OIII_5007,HALPHA,NII_6584 > 0"        measured EWs, A
///   "SNR(HALPHA,HBETA) > 3"                      measured EW over its error
///   "HALPHA > 2 and SNR(OIII_5007) > 5"          both
/// A measured EW is the intrinsic one plus normal noise, independent between lines, so that
///   P(passes | EW, sigma) = prod over cuts of Phi((EW - x) / sigma), or Phi(EW / sigma - x) for a cut on S/N.
/// The weak member of a doublet shares the noise of its partner: a cut on it is one on the partner.
struct Selection {
  struct Cut {
    std::size_t line;  ///< index into k_all_lines
    double limit;      ///< A, or S/N
    bool snr = false;  ///< of the S/N
    bool operator==(const Cut&) const = default;
  };
  std::vector<Cut> cuts;

  /// Error(usage): not of this form, an unknown line, a limit that is not finite, a line twice.
  static Selection parse(std::string_view text);
  std::string text() const;  ///< parses back to the same
  bool empty() const noexcept { return cuts.empty(); }

  static constexpr std::size_t k_none = std::numeric_limits<std::size_t>::max();
  /// log P(passes) of a galaxy with these intrinsic EWs and errors of measurement (one a row of k_all_lines, A).
  /// `without`: a line whose cuts are left out (those of its doublet partner too). NaN when an error that is needed is
  /// not positive.
  double log_probability(std::span<const double> ew, std::span<const double> sigma,
                         std::size_t without = k_none) const noexcept;
  /// The same of draws: draw k of line l is draws[l * n + k], as in Prediction::draws; out (n): P, not its logarithm.
  void probabilities(std::span<const float> draws, std::span<const double> sigma, std::span<double> out,
                     std::size_t without = k_none) const;
};

/// A cut in the form that a likelihood uses: P(passes) = Phi((EW - limit) / sigma) of an independent line.
struct LineCut {
  std::size_t line;  ///< place among the independent lines
  double limit, sigma;
};
/// Of one galaxy with these errors (A, one a line); empty when one that is needed is not positive and finite.
/// `independent`: the lines of the distribution. Error(model): a cut on another.
std::vector<LineCut> line_cuts(const Selection& selection, std::span<const double> sigma,
                               std::span<const std::size_t> independent = k_independent_lines);

/// log of the normal distribution function, without cancellation in the far tail.
double log_normal_cdf(double x) noexcept;

}  // namespace starglow
