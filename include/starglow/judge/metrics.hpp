#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace starglow {

/// Scores of predictions against measurements; definitions in docs/metrics.md. Pairs with a NaN are left out. All
/// return NaN where the number is not defined (no pairs, constants).

/// Ranks 1..n, ties share their mean rank. No NaN.
std::vector<double> ranks(std::span<const double> x);

/// Spearman's rank correlation: Pearson's of the ranks (equal to scipy.stats.spearmanr). NaN for n < 2 or a constant.
double spearman(std::span<const double> a, std::span<const double> b);

/// Middle value; mean of the two middle ones for even n.
double median(std::vector<double> x);

/// K24's NMAD: 1.48 median|obs - pred|, in A: not centred, not divided by anything.
double nmad_k24(std::span<const double> obs, std::span<const double> pred);

/// 1.4826 median|d - median d|, d = obs - pred: the usual robust standard deviation.
double nmad_centred(std::span<const double> obs, std::span<const double> pred);

/// median(pred / obs).
double median_ratio(std::span<const double> obs, std::span<const double> pred);

/// Root mean square of asinh(obs) - asinh(pred).
double asinh_rms(std::span<const double> obs, std::span<const double> pred);

}  // namespace starglow
