#pragma once
#include <Eigen/Dense>
#include <cstdint>
#include <vector>

namespace starglow {

/// Mixture of normal distributions with full covariances, by expectation and maximisation (Dempster et al. 1977).
struct Mixture {
  Eigen::VectorXd weight;
  Eigen::MatrixXd mean;                 ///< (components, dimensions)
  std::vector<Eigen::MatrixXd> factor;  ///< lower Cholesky factors
  std::vector<double> likelihood;       ///< mean log density of the data at each iteration: it never falls

  /// Mean log density of rows of x.
  double score(const Eigen::MatrixXd& x) const;
};

/// x (rows, dimensions), of order one. Starts from points far apart (k-means++), deterministic for the seed.
Mixture fit_mixture(const Eigen::MatrixXd& x, int components, int iterations, std::uint64_t seed);

}  // namespace starglow
