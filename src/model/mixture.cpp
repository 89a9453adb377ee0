#include "model/mixture.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

constexpr double k_floor = 1e-4;      // added to variances of standardised features
constexpr double k_converged = 1e-6;  // rise of the mean log density

// Log of weight times density, (rows, components).
Eigen::MatrixXd log_joint(const Mixture& m, const Eigen::MatrixXd& x) {
  Eigen::MatrixXd out(x.rows(), m.weight.size());
  const double constant = 0.5 * static_cast<double>(x.cols()) * std::log(2 * std::numbers::pi);
  for (Eigen::Index k = 0; k < m.weight.size(); ++k) {
    const auto& l = m.factor[static_cast<std::size_t>(k)];
    const Eigen::MatrixXd centred = (x.rowwise() - m.mean.row(k)).transpose();
    const Eigen::MatrixXd u = l.triangularView<Eigen::Lower>().solve(centred);
    const double log_det = l.diagonal().array().log().sum();
    out.col(k) = (-0.5 * u.colwise().squaredNorm().array() - log_det - constant + std::log(m.weight[k])).transpose();
  }
  return out;
}

Eigen::VectorXd log_sum(const Eigen::MatrixXd& joint) {
  const Eigen::VectorXd top = joint.rowwise().maxCoeff();
  return top.array() + (joint.colwise() - top).array().exp().rowwise().sum().log();
}

void maximise(const Eigen::MatrixXd& x, const Eigen::MatrixXd& share, Mixture& m) {
  for (Eigen::Index k = 0; k < share.cols(); ++k) {
    const double total = share.col(k).sum() + 1e-10;
    m.weight[k] = total;
    m.mean.row(k) = (share.col(k).transpose() * x) / total;
    const Eigen::MatrixXd centred = x.rowwise() - m.mean.row(k);
    Eigen::MatrixXd covariance = centred.transpose() * share.col(k).asDiagonal() * centred / total;
    covariance.diagonal().array() += k_floor;
    const Eigen::LLT<Eigen::MatrixXd> llt(covariance);
    if (llt.info() != Eigen::Success)
      throw Error(ErrorKind::numeric, "a covariance of the mixture is not positive definite");
    m.factor[static_cast<std::size_t>(k)] = llt.matrixL();
  }
  m.weight /= m.weight.sum();
}

}  // namespace

double Mixture::score(const Eigen::MatrixXd& x) const { return log_sum(log_joint(*this, x)).mean(); }

Mixture fit_mixture(const Eigen::MatrixXd& x, int components, int iterations, std::uint64_t seed) {
  const RandomObject random(seed, Stream::training, -1);
  Mixture m;
  m.weight = Eigen::VectorXd::Constant(components, 1.0 / components);
  m.mean.resize(components, x.cols());
  m.factor.assign(static_cast<std::size_t>(components), Eigen::MatrixXd::Identity(x.cols(), x.cols()));
  // k-means++ (Arthur & Vassilvitskii 2007): each centre drawn with the squared distance to those before it.
  Eigen::VectorXd distance = Eigen::VectorXd::Constant(x.rows(), 1.0);
  Eigen::MatrixXd share = Eigen::MatrixXd::Zero(x.rows(), components);
  for (int k = 0; k < components; ++k) {
    double left = random.uniform(0, static_cast<std::uint32_t>(k)) * distance.sum();
    Eigen::Index pick = 0;
    while (pick + 1 < x.rows() && (left -= distance[pick]) > 0) ++pick;
    m.mean.row(k) = x.row(pick);
    const Eigen::VectorXd d = (x.rowwise() - m.mean.row(k)).rowwise().squaredNorm();
    distance = k == 0 ? d : distance.cwiseMin(d).eval();
  }
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    Eigen::Index best = 0;
    (m.mean.rowwise() - x.row(i)).rowwise().squaredNorm().minCoeff(&best);
    share(i, best) = 1.0;
  }
  maximise(x, share, m);
  for (int step = 0; step < iterations; ++step) {
    const Eigen::MatrixXd joint = log_joint(m, x);
    const Eigen::VectorXd total = log_sum(joint);
    m.likelihood.push_back(total.mean());
    if (step > 0 && m.likelihood.back() - m.likelihood[m.likelihood.size() - 2] < k_converged) break;
    share = (joint.colwise() - total).array().exp();
    maximise(x, share, m);
  }
  return m;
}

}  // namespace starglow
