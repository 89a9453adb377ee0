// The page's map of a table that has none: principal components of the band fluxes.
#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <string>

#include "starglow/base/error.hpp"
#include "starglow/page/page.hpp"

namespace starglow {
namespace {

std::string percent(double share) { return std::to_string(static_cast<int>(std::lround(100 * share))) + " %"; }

}  // namespace

PageMap principal_map(const Galaxies& g) {
  constexpr auto bands = static_cast<Eigen::Index>(k_n_bands);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  Eigen::MatrixXd x(static_cast<Eigen::Index>(g.n), bands);
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(bands), count = Eigen::VectorXd::Zero(bands);
  for (std::size_t i = 0; i < g.n; ++i) {
    const auto row = static_cast<Eigen::Index>(i);
    double mean = 0, known = 0;
    for (std::size_t b = 0; b < k_n_bands; ++b) {
      const double flux = g.band_flux(i, b);
      const bool there = flux > 0 && std::isfinite(flux) && (g.band_flux_ivar.empty() || g.band_flux_ivar(i, b) > 0);
      x(row, static_cast<Eigen::Index>(b)) = there ? std::log10(flux) : nan;
      if (there) mean += std::log10(flux), known += 1;
    }
    for (Eigen::Index b = 0; b < bands; ++b) {
      x(row, b) -= mean / known;  // NaN without any band
      if (!std::isnan(x(row, b))) sum[b] += x(row, b), count[b] += 1;
    }
  }
  if (count.sum() == 0) throw Error(ErrorKind::input, "no galaxy has a band flux: there is no map");
  Eigen::MatrixXd square = Eigen::MatrixXd::Zero(bands, bands);
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    const bool any = !x.row(i).array().isNaN().all();
    for (Eigen::Index b = 0; b < bands; ++b)
      x(i, b) = std::isnan(x(i, b)) ? (any ? 0.0 : nan) : x(i, b) - sum[b] / count[b];
    if (any) square += x.row(i).transpose() * x.row(i);
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(square);
  Eigen::MatrixXd axes = solver.eigenvectors().rightCols(2).rowwise().reverse();
  if (axes(bands - 1, 0) < 0) axes.col(0) *= -1;
  Eigen::Index largest = 0;
  axes.col(1).cwiseAbs().maxCoeff(&largest);
  if (axes(largest, 1) < 0) axes.col(1) *= -1;
  PageMap map;
  map.xy = Matrix<float>(g.n, 2);
  const Eigen::MatrixXd place = x * axes;
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t k = 0; k < 2; ++k)
      map.xy(i, k) = static_cast<float>(place(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(k)));
  const double total = std::max(solver.eigenvalues().sum(), 1e-300);
  map.x_label = "first principal component (dex), " + percent(solver.eigenvalues()[bands - 1] / total);
  map.y_label = "second principal component (dex), " + percent(solver.eigenvalues()[bands - 2] / total);
  map.note =
      "Principal components of the log band fluxes, normalised per galaxy, with their shares of the variance: the "
      "table "
      "has no column UMAP (starglow embed writes one).";
  return map;
}

}  // namespace starglow
