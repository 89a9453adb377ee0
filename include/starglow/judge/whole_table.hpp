#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "starglow/judge/evaluate.hpp"

namespace starglow {

/// Scores of a table whose labels may be negative, because its galaxies were not chosen by their lines: of every label,
/// against draws with measurement noise, nothing conditioned on a positive one.
struct WholeTableScores {
  struct OfLine {
    std::size_t n = 0;
    double crps = 0;        ///< mean, of asinh EW
    double coverage68 = 0;  ///< fraction of labels within the central 68.3 %
    double spearman = 0;    ///< of the intrinsic median
    /// Of red galaxies, log10(F(3700-4000 A) / F(5200-5500 A)) < -0.3: medians of the measured and predicted EWs.
    std::size_t n_red = 0;
    double red_observed = 0, red_predicted = 0;
  };
  std::array<OfLine, k_n_all_lines> lines{};
  double mean_crps = 0;  ///< over the independent lines that have labels

  /// Galaxies by colour c = log10(F(3700-4000 A) / F(5200-5500 A)): the fraction whose measured EW(Ha) is below
  /// k_lineless_ew, and the probability of that by draws with noise.
  struct Bin {
    double low, high;
    std::size_t n = 0;
    double observed = 0, predicted = 0;
  };
  std::vector<Bin> lineless;
  std::size_t n_lineless = 0;
  double observed = 0, predicted = 0;  ///< of all
  std::size_t n_graded = 0;            ///< rows whose prediction says how far they are from the training galaxies
  double outside = 0;                  ///< the fraction of them with DOMAIN > 0.5
};

/// `prediction` must hold draws. Error(input): no labels.
WholeTableScores score_whole_table(const Galaxies& galaxies, const NamedPrediction& prediction, std::uint64_t seed,
                                   WorkerPool& pool);
std::string whole_table_text(const WholeTableScores& scores);
std::string whole_table_json(const WholeTableScores& scores);

}  // namespace starglow
