#include "model/fit_joint.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

// Widths of standardised t end here while they are learnt: a galaxy far from all others must not make them infinite.
constexpr double k_most_log_sd = 3.0;
template <std::size_t k_n>
constexpr auto k_i = static_cast<Eigen::Index>(k_n);

}  // namespace

template <std::size_t k_n>
JointLossOf<k_n>::JointLossOf(const Sites& sites, std::size_t components, const Matrix<double>& factor, bool correlate,
                              double factor_rate)
    : sites_(sites),
      components_(components),
      lines_(sites.lines),
      correlate_(correlate),
      factor_rate_(factor_rate),
      raw_(factor.flat().begin(), factor.flat().end()),
      gradient_(raw_.size()),
      length_(components * k_n),
      unit_(components),
      correlation_(components),
      optimiser_(raw_.size()) {
  refresh();
}

template <std::size_t k_n>
void JointLossOf<k_n>::hold_means(const Matrix<double>& points, double weight) noexcept {
  points_ = &points;
  hold_weight_ = weight;
}

template <std::size_t k_n>
double JointLossOf<k_n>::hold(std::size_t row, std::span<const double> o, std::span<const double> w, bool fixed_weight,
                              std::span<double> d_o) const {
  double sum = 0;
  for (std::size_t j = 0; j < lines_; ++j) {
    double mean = 0;
    for (std::size_t c = 0; c < components_; ++c) mean += w[c] * o[c * lines_ + j];
    const double apart = mean - (*points_)(row, j), d_mean = hold_weight_ * apart;
    sum += 0.5 * hold_weight_ * apart * apart;
    for (std::size_t c = 0; c < components_; ++c) {
      d_o[c * lines_ + j] += d_mean * w[c];
      if (c > 0 && !fixed_weight) d_o[components_ * 2 * lines_ + c - 1] += d_mean * w[c] * (o[c * lines_ + j] - mean);
    }
  }
  return sum;
}

template <std::size_t k_n>
void JointLossOf<k_n>::refresh() {
  normalise(std::span<const float>(raw_));
}

template <std::size_t k_n>
void JointLossOf<k_n>::set_factor(const Matrix<double>& factor) {
  normalise(factor.flat());
}

template <std::size_t k_n>
template <class T>
void JointLossOf<k_n>::normalise(std::span<const T> factor) {
  for (std::size_t c = 0; c < components_; ++c) {
    unit_[c].setZero();
    for (std::size_t i = 0; i < k_n; ++i) {
      double norm = 0;
      for (std::size_t j = 0; j <= i; ++j) {
        const double u = static_cast<double>(factor[(c * k_n + i) * k_n + j]);
        unit_[c](static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = u;
        norm += u * u;
      }
      length_[c * k_n + i] = std::sqrt(norm);
      unit_[c].row(static_cast<Eigen::Index>(i)) /= length_[c * k_n + i];
    }
    correlation_[c] = unit_[c] * unit_[c].transpose();
    if (own_share_ > 0) correlation_[c] = (1 - own_share_) * correlation_[c] + own_share_ * SquareOf<k_n>::Identity();
  }
}

template <std::size_t k_n>
Matrix<double> JointLossOf<k_n>::factor() const {
  Matrix<double> out(components_, k_n * k_n);
  for (std::size_t c = 0; c < components_; ++c)
    for (Eigen::Index i = 0; i < k_i<k_n>; ++i)
      for (Eigen::Index j = 0; j <= i; ++j) out(c, static_cast<std::size_t>(i * k_i<k_n> + j)) = unit_[c](i, j);
  return out;
}

template <std::size_t k_n>
double JointLossOf<k_n>::row(std::size_t row, std::span<const double> o, std::span<double> d_o,
                             std::span<SquareOf<k_n>> d_correlation, std::span<SquareOf<k_n>> d_unit) const {
  constexpr std::size_t max = LineDistribution::k_max_components;
  const std::size_t n_c = components_, n = lines_, at_logit = n_c * 2 * n;
  const auto n_i = static_cast<Eigen::Index>(n);
  std::array<double, max> log_p{}, log_w{};
  std::array<VectorOf<k_n>, max> q, sd;
  std::array<SquareOf<k_n>, max> inverse;
  double top = 0, sum = 0;
  for (std::size_t c = 1; c < n_c; ++c) top = std::max(top, o[at_logit + c - 1]);
  for (std::size_t c = 0; c < n_c; ++c) sum += std::exp((c == 0 ? 0.0 : o[at_logit + c - 1]) - top);
  for (std::size_t c = 0; c < n_c; ++c) log_w[c] = (c == 0 ? 0.0 : o[at_logit + c - 1]) - top - std::log(sum);
  for (std::size_t c = 0; c < n_c; ++c) {
    VectorOf<k_n> residual = VectorOf<k_n>::Zero();
    sd[c].setOnes();
    for (Eigen::Index j = 0; j < n_i; ++j) {
      const auto k = static_cast<std::size_t>(j);
      residual[j] = sites_.centre(row, k) - o[c * n + k];
      sd[c][j] = JointHead::k_min_sd + std::exp(std::min(o[(n_c + c) * n + k], k_most_log_sd));
    }
    SquareOf<k_n> s = sd[c].asDiagonal() * correlation_[c] * sd[c].asDiagonal();
    for (Eigen::Index j = 0; j < k_i<k_n>; ++j) s(j, j) += sites_.variance(row, static_cast<std::size_t>(j));
    const Eigen::LLT<SquareOf<k_n>> llt(s);
    inverse[c] = llt.solve(SquareOf<k_n>::Identity());
    q[c] = inverse[c] * residual;
    log_p[c] = log_w[c] - 0.5 * residual.dot(q[c]) - llt.matrixLLT().diagonal().array().log().sum() -
               0.5 * static_cast<double>(k_n) * std::log(2 * std::numbers::pi);
  }
  const double best = *std::max_element(log_p.begin(), log_p.begin() + static_cast<std::ptrdiff_t>(n_c));
  double total = 0;
  for (std::size_t c = 0; c < n_c; ++c) total += std::exp(log_p[c] - best);
  for (std::size_t c = 0; c < n_c; ++c) {
    const double share = std::exp(log_p[c] - best) / total;  // responsibility
    // d(-log p): dmean = -q, dS = -(q q^T - S^-1)/2, dlogit = w - share
    const SquareOf<k_n> d_s = -0.5 * share * (q[c] * q[c].transpose() - inverse[c]);
    const SquareOf<k_n> d_r = sd[c].asDiagonal() * d_s * sd[c].asDiagonal();
    d_correlation[c] += d_r;
    const SquareOf<k_n> product = d_s.cwiseProduct(correlation_[c]);
    const VectorOf<k_n> d_sd = 2.0 * product * sd[c];
    for (Eigen::Index j = 0; j < n_i; ++j) {
      const auto k = static_cast<std::size_t>(j);
      d_o[c * n + k] -= share * q[c][j];
      if (o[(n_c + c) * n + k] < k_most_log_sd) d_o[(n_c + c) * n + k] += d_sd[j] * (sd[c][j] - JointHead::k_min_sd);
    }
    if (c > 0) d_o[at_logit + c - 1] += std::exp(log_w[c]) - share;
  }
  double loss = -(best + std::log(total));
  std::array<double, max> w{};
  for (std::size_t c = 0; c < n_c; ++c) w[c] = std::exp(log_w[c]);
  std::array<double, max> passing = w;  // of galaxies that pass the selection
  if (selection_ != nullptr && selection_->active(row)) {
    std::array<VectorOf<k_n>, max> d_sd;
    std::array<double, max> d_logit{};
    for (std::size_t c = 0; c < n_c; ++c) d_sd[c].setZero();
    loss += selection_->add(row, {n_c, o.first(n_c * n), std::span(w).first(n_c), std::span(sd).first(n_c), unit_, n},
                            d_o.first(n_c * n), d_sd, d_unit, d_logit);
    for (std::size_t c = 0; c < n_c; ++c) {
      for (Eigen::Index j = 0; j < n_i; ++j)
        if (const std::size_t at = (n_c + c) * n + static_cast<std::size_t>(j); o[at] < k_most_log_sd)
          d_o[at] += d_sd[c][j] * (sd[c][j] - JointHead::k_min_sd);
      if (c > 0) d_o[at_logit + c - 1] += d_logit[c];
      passing[c] = w[c] + d_logit[c];
    }
  }
  if (points_ == nullptr) return loss;
  if (selection_ == nullptr) return loss + hold(row, o, w, false, d_o);
  return loss + hold(row, o, passing, true, d_o);
}

template <std::size_t k_n>
std::vector<double> JointLossOf<k_n>::factor_gradient(std::span<const SquareOf<k_n>> d_correlation,
                                                      std::span<const SquareOf<k_n>> d_unit) const {
  std::vector<double> out(raw_.size(), 0.0);
  for (std::size_t c = 0; c < components_; ++c) {
    // R = U U^T: dU = (dR + dR^T) U; then through the division of each row by its length.
    SquareOf<k_n> d_u = (d_correlation[c] + d_correlation[c].transpose()) * unit_[c];
    if (own_share_ > 0) d_u *= 1 - own_share_;
    if (!d_unit.empty()) d_u += d_unit[c];
    for (Eigen::Index i = 0; i < k_i<k_n>; ++i) {
      const double norm = length_[c * k_n + static_cast<std::size_t>(i)];
      double along = 0;
      for (Eigen::Index j = 0; j <= i; ++j) along += d_u(i, j) * unit_[c](i, j);
      for (Eigen::Index j = 0; j <= i; ++j)
        out[(c * k_n + static_cast<std::size_t>(i)) * k_n + static_cast<std::size_t>(j)] =
            (d_u(i, j) - unit_[c](i, j) * along) / norm;
    }
  }
  return out;
}

template <std::size_t k_n>
double JointLossOf<k_n>::operator()(const FitData&, std::span<const std::size_t> rows, MatrixView<const float> y,
                                    MatrixView<float> dy) {
  std::vector<SquareOf<k_n>> d_correlation(components_, SquareOf<k_n>::Zero());
  std::vector<SquareOf<k_n>> d_unit(selection_ == nullptr ? 0 : components_, SquareOf<k_n>::Zero());
  std::vector<double> o(y.cols()), d_o(y.cols());
  const double scale = 1.0 / static_cast<double>(rows.size());
  double sum = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t k = 0; k < o.size(); ++k) {
      o[k] = static_cast<double>(y(r, k));
      d_o[k] = 0;
    }
    if (fixed_ != nullptr)
      for (std::size_t k = 0; k < components_ * lines_; ++k) o[k] = static_cast<double>((*fixed_)(rows[r], k));
    sum += row(rows[r], o, d_o, d_correlation, d_unit);
    if (fixed_ != nullptr) std::fill_n(d_o.begin(), components_ * lines_, 0.0);
    for (std::size_t k = 0; k < o.size(); ++k) dy(r, k) = static_cast<float>(scale * d_o[k]);
  }
  for (auto& d : d_correlation) d *= scale;
  for (auto& d : d_unit) d *= scale;
  const auto gradient = factor_gradient(d_correlation, d_unit);
  std::copy(gradient.begin(), gradient.end(), gradient_.begin());
  return sum;
}

template <std::size_t k_n>
void JointLossOf<k_n>::update(double rate) {
  if (!correlate_) return;
  if (std::any_of(gradient_.begin(), gradient_.end(), [](float g) { return !std::isfinite(g); })) return;
  const std::vector<std::uint8_t> decayed(raw_.size(), 0);
  optimiser_.step(raw_, gradient_, decayed, rate * factor_rate_, 0.0);
  refresh();
}

template <std::size_t k_n>
void JointLossOf<k_n>::keep(NetworkState& into) {
  into.own = raw_;
  into.own.insert(into.own.end(), optimiser_.m().begin(), optimiser_.m().end());
  into.own.insert(into.own.end(), optimiser_.v().begin(), optimiser_.v().end());
  into.own_steps = optimiser_.steps();
}

template <std::size_t k_n>
void JointLossOf<k_n>::restore(const NetworkState& from) {
  const std::size_t n = raw_.size();
  if (from.own.size() != 3 * n)
    throw Error(ErrorKind::model, "the checkpoint does not fit the distribution of this training",
                {std::to_string(from.own.size()) + " numbers", std::to_string(3 * n), ""});
  const auto at = [&](std::size_t k) { return from.own.begin() + static_cast<std::ptrdiff_t>(k * n); };
  std::copy(at(0), at(1), raw_.begin());
  std::copy(at(1), at(2), optimiser_.m().begin());
  std::copy(at(2), at(3), optimiser_.v().begin());
  optimiser_.steps() = from.own_steps;
  refresh();
}

namespace {

// The posterior residual of one row's lines about `mean`: its mean, and its covariance added to `sum` with the square
// of the mean.
template <std::size_t k_n>
VectorOf<k_n> posterior_residual(const Sites& sites, const Matrix<double>& mean, std::size_t row,
                                 const SquareOf<k_n>& precision, SquareOf<k_n>& sum) {
  SquareOf<k_n> own = precision;
  VectorOf<k_n> pull;
  for (Eigen::Index j = 0; j < k_i<k_n>; ++j) {
    const auto k = static_cast<std::size_t>(j);
    own(j, j) += 1.0 / sites.variance(row, k);
    pull[j] = (sites.centre(row, k) - mean(row, k)) / sites.variance(row, k);
  }
  const SquareOf<k_n> posterior = own.llt().solve(SquareOf<k_n>::Identity());
  VectorOf<k_n> residual = posterior * pull;
  sum += posterior + residual * residual.transpose();
  return residual;
}

}  // namespace

template <std::size_t k_n>
SquareOf<k_n> residual_covariance(const Sites& sites, const Matrix<double>& mean, int steps) {
  SquareOf<k_n> covariance = 0.5 * SquareOf<k_n>::Identity();
  for (int step = 0; step < steps; ++step) {
    const SquareOf<k_n> precision = covariance.llt().solve(SquareOf<k_n>::Identity());
    SquareOf<k_n> sum = SquareOf<k_n>::Zero();
    for (std::size_t r = 0; r < mean.rows(); ++r) posterior_residual<k_n>(sites, mean, r, precision, sum);
    covariance = sum / static_cast<double>(mean.rows());
  }
  return covariance;
}

template <std::size_t k_n>
MeanLineOf<k_n> fit_mean_lines(const Sites& sites, Matrix<double>& mean, SquareOf<k_n>& covariance, int steps) {
  const Matrix<double> points = mean;
  const auto n = static_cast<double>(mean.rows());
  MeanLineOf<k_n> line;
  for (int step = 0; step < steps; ++step) {
    const SquareOf<k_n> precision = covariance.llt().solve(SquareOf<k_n>::Identity());
    SquareOf<k_n> sum = SquareOf<k_n>::Zero();
    VectorOf<k_n> x = VectorOf<k_n>::Zero(), y = x, xx = x, xy = x;
    for (std::size_t r = 0; r < mean.rows(); ++r) {
      const VectorOf<k_n> residual = posterior_residual<k_n>(sites, mean, r, precision, sum);
      for (Eigen::Index j = 0; j < k_i<k_n>; ++j) {
        const auto k = static_cast<std::size_t>(j);
        const double point = points(r, k), expected = mean(r, k) + residual[j];
        x[j] += point;
        y[j] += expected;
        xx[j] += point * point;
        xy[j] += point * expected;
      }
    }
    covariance = sum / n;
    for (Eigen::Index j = 0; j < k_i<k_n>; ++j) {
      const double variance = xx[j] - x[j] * x[j] / n;
      line.slope[j] = variance > 1e-9 * n ? (xy[j] - x[j] * y[j] / n) / variance : 1.0;  // equal points: no slope
      line.offset[j] = (y[j] - line.slope[j] * x[j]) / n;
      const auto k = static_cast<std::size_t>(j);
      for (std::size_t r = 0; r < mean.rows(); ++r) mean(r, k) = line.offset[j] + line.slope[j] * points(r, k);
    }
  }
  return line;
}

#define STARGLOW_JOINT(k_n)                                                                  \
  template class JointLossOf<k_n>;                                                           \
  template SquareOf<k_n> residual_covariance<k_n>(const Sites&, const Matrix<double>&, int); \
  template MeanLineOf<k_n> fit_mean_lines<k_n>(const Sites&, Matrix<double>&, SquareOf<k_n>&, int);
STARGLOW_JOINT(k_n_independent_lines)
STARGLOW_JOINT(k_most_independent_lines)
#undef STARGLOW_JOINT

}  // namespace starglow
