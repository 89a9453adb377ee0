#pragma once
#include "starglow/model/condition.hpp"

namespace starglow {

/// A normal prior of t times the likelihood of what is known of a line: logarithm of the integral, mean and variance.
struct SiteMoments {
  double log_z = 0, mean = 0, variance = 1;
};
/// Their derivatives by the mean and the variance of the prior and by the measured EW.
struct SiteSlopes {
  std::array<double, 3> log_z{}, mean{}, variance{};
};

/// By Gauss-Legendre sums where the likelihood varies, in closed form elsewhere; relative error about 1e-12. `slopes`
/// may be null.
SiteMoments site_moments(double mean, double variance, const LineEvidence& evidence, SiteSlopes* slopes = nullptr);

}  // namespace starglow
