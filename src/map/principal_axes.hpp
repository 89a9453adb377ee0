#pragma once
#include <Eigen/Dense>

#include "starglow/base/view.hpp"

namespace starglow::umap {

/// Mean and principal axes of points (n, f).
struct PrincipalAxes {
  Eigen::VectorXd mean;
  Eigen::MatrixXd axes;  ///< (f, f), one a column, in order of ascending variance; their signs are open

  explicit PrincipalAxes(MatrixView<const float> points) {
    const auto f = static_cast<Eigen::Index>(points.cols());
    mean = Eigen::VectorXd::Zero(f);
    Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(f, f);
    const auto n = static_cast<double>(points.rows());
    for (std::size_t i = 0; i < points.rows(); ++i) mean += row(points, i) / n;
    for (std::size_t i = 0; i < points.rows(); ++i) {
      const Eigen::VectorXd off = row(points, i) - mean;
      covariance.noalias() += off * off.transpose() / n;
    }
    axes = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(covariance).eigenvectors();
  }

  static Eigen::VectorXd row(MatrixView<const float> points, std::size_t i) {
    return Eigen::Map<const Eigen::VectorXf>(points.row(i).data(), static_cast<Eigen::Index>(points.cols()))
        .cast<double>();
  }
};

}  // namespace starglow::umap
