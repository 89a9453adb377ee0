#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/judge/evaluate.hpp"

namespace starglow {

/// How a predictive distribution of one line stands to its measurements. Predictive = intrinsic draws plus N(0, sigma)
/// with each galaxy's own sigma_EW, given EW > 0 (the selection of the measurements), in asinh(EW / A). A prediction
/// without draws has measurement noise as its only scatter (K24).
struct LineCalibration {
  std::size_t n = 0;
  double crps = 0;       ///< mean continuous ranked probability score (Gneiting & Raftery 2007), of draws, unbiased
  double crps_free = 0;  ///< the same without the condition EW > 0
  double log_score = 0;  ///< mean -log density of asinh EW, given EW > 0, nats
  double pit_ks = 0;     ///< Kolmogorov-Smirnov distance of the probability integral transform from a flat one
  std::array<double, 3> coverage{};                   ///< of the central 50, 68 and 95 %
  std::array<double, 20> pit{};                       ///< histogram, mean 1
  std::array<std::array<double, 5>, 4> coverage68{};  ///< by quintile of each of k_splits
};

/// Quantities that coverage is split by: log10 F_11/F_0; log_lum; predicted median EW / sigma; z.
inline constexpr std::array<const char*, 4> k_splits{"colour", "luminosity", "expected S/N", "z"};

/// Ratios of lines: observed, or of noisy draws of the same galaxies, 8 of each in which all four lines are positive.
struct Ratios {
  double width_oiii_hb = 0, width_nii_ha = 0;  ///< half widths of the central 68 %, dex
  double star_forming = 0;                     ///< fraction below the curve of Kauffmann et al. 2003
  double composite = 0;                        ///< between it and that of Kewley et al. 2001
  /// Balmer decrement: flux ratio Halpha / Hbeta = EW ratio times F_10 / F_4 (6400-6700 A over 4600-4900 A): its
  /// median, and the fraction below 2.86, case B without dust (Osterbrock & Ferland 2006). NaN without band fluxes.
  double balmer = 0, balmer_below = 0;
  double energy = 0;  ///< energy distance to the observed points, dex (0 for the observed)
};

struct DistributionScores {
  std::string name;
  std::array<LineCalibration, k_n_lines> lines;
  double mean_crps = 0;  ///< over the eight independent lines
  Ratios ratios;
  /// Spearman of the residuals asinh EW - asinh(median) of pairs of independent lines (28, row by row above the
  /// diagonal): observed and of noisy draws, about the own median; rms of their differences; and the same about the
  /// reference's points.
  std::vector<double> correlation_observed, correlation_drawn;
  double correlation_rms = 0, correlation_rms_reference = 0;
  std::vector<double> row_crps;  ///< (n * 10), NaN where not judged
};

/// a - b of the same galaxies: mean CRPS of a line, its error from the pairs.
struct CrpsDifference {
  std::string a, b;
  std::array<Estimate, k_n_lines> lines;
  Estimate mean8;  ///< over the eight independent lines
};

struct Calibration {
  std::vector<DistributionScores> scores;
  std::vector<CrpsDifference> differences;  ///< the first against each other
  Ratios observed;
  std::size_t n_bpt = 0;  ///< galaxies with all four lines measured positive
};

/// Judges distributions against measurements. `draws`: noisy draws of a prediction that has none of its own. The last
/// prediction is the reference of the correlations. Bit-equal for any threads.
Calibration calibrate(const Galaxies& table, const std::vector<NamedPrediction>& predictions, std::size_t draws,
                      std::uint64_t seed, WorkerPool& pool);

/// The fair control of a joint model: point predictions with a fitted scatter per line, lines independent. In each line
/// t ~ N(shift + slope asinh(point), exp(c + d asinh(point))), the four numbers by the exact likelihood of the measured
/// EWs given EW > 0, on the same galaxies (in the control's favour). EW of the result: the median.
NamedPrediction points_with_scatter(const Galaxies& table, const NamedPrediction& points, std::size_t draws,
                                    std::uint64_t seed, WorkerPool& pool);

std::string calibration_table(const Calibration& calibration);  ///< for people
std::string calibration_json(const Calibration& calibration);

}  // namespace starglow
