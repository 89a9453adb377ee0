#include "model/fit_joint.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = k_n_independent_lines;
// Widths of standardised t end here while they are learnt: a galaxy far from all others must not make them infinite.
constexpr double k_most_log_sd = 3.0;
constexpr auto k_i = static_cast<Eigen::Index>(k_n);

// How far a calibration goes. Further would flatten the PIT of the noisiest lines ([OII], Hgamma), at a cost in their
// CRPS and in the correlations of the residuals (cross-validated; docs/decisions/0007).
constexpr double k_min_slope = 0.75, k_max_slope = 1.2, k_max_shift = 0.04;

}  // namespace

JointLoss::JointLoss(const Sites& sites, std::size_t components, const Matrix<double>& factor, bool correlate,
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

void JointLoss::hold_means(const Matrix<double>& points, double weight) noexcept {
  points_ = &points;
  hold_weight_ = weight;
}

double JointLoss::hold(std::size_t row, std::span<const double> o, std::span<const double> w, bool fixed_weight,
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

void JointLoss::refresh() { normalise(std::span<const float>(raw_)); }

void JointLoss::set_factor(const Matrix<double>& factor) { normalise(factor.flat()); }

template <class T>
void JointLoss::normalise(std::span<const T> factor) {
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
    if (own_share_ > 0) correlation_[c] = (1 - own_share_) * correlation_[c] + own_share_ * Matrix8::Identity();
  }
}

Matrix<double> JointLoss::factor() const {
  Matrix<double> out(components_, k_n * k_n);
  for (std::size_t c = 0; c < components_; ++c)
    for (Eigen::Index i = 0; i < k_i; ++i)
      for (Eigen::Index j = 0; j <= i; ++j) out(c, static_cast<std::size_t>(i * k_i + j)) = unit_[c](i, j);
  return out;
}

double JointLoss::row(std::size_t row, std::span<const double> o, std::span<double> d_o,
                      std::span<Matrix8> d_correlation, std::span<Matrix8> d_unit) const {
  constexpr std::size_t max = LineDistribution::k_max_components;
  const std::size_t n_c = components_, n = lines_, at_logit = n_c * 2 * n;
  const auto n_i = static_cast<Eigen::Index>(n);
  std::array<double, max> log_p{}, log_w{};
  std::array<Vector8, max> q, sd;
  std::array<Matrix8, max> inverse;
  double top = 0, sum = 0;
  for (std::size_t c = 1; c < n_c; ++c) top = std::max(top, o[at_logit + c - 1]);
  for (std::size_t c = 0; c < n_c; ++c) sum += std::exp((c == 0 ? 0.0 : o[at_logit + c - 1]) - top);
  for (std::size_t c = 0; c < n_c; ++c) log_w[c] = (c == 0 ? 0.0 : o[at_logit + c - 1]) - top - std::log(sum);
  for (std::size_t c = 0; c < n_c; ++c) {
    Vector8 residual = Vector8::Zero();
    sd[c].setOnes();
    for (Eigen::Index j = 0; j < n_i; ++j) {
      const auto k = static_cast<std::size_t>(j);
      residual[j] = sites_.centre(row, k) - o[c * n + k];
      sd[c][j] = JointHead::k_min_sd + std::exp(std::min(o[(n_c + c) * n + k], k_most_log_sd));
    }
    Matrix8 s = sd[c].asDiagonal() * correlation_[c] * sd[c].asDiagonal();
    for (Eigen::Index j = 0; j < k_i; ++j) s(j, j) += sites_.variance(row, static_cast<std::size_t>(j));
    const Eigen::LLT<Matrix8> llt(s);
    inverse[c] = llt.solve(Matrix8::Identity());
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
    const Matrix8 d_s = -0.5 * share * (q[c] * q[c].transpose() - inverse[c]);
    const Matrix8 d_r = sd[c].asDiagonal() * d_s * sd[c].asDiagonal();
    d_correlation[c] += d_r;
    const Matrix8 product = d_s.cwiseProduct(correlation_[c]);
    const Vector8 d_sd = 2.0 * product * sd[c];
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
    std::array<Vector8, max> d_sd;
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

std::vector<double> JointLoss::factor_gradient(std::span<const Matrix8> d_correlation,
                                               std::span<const Matrix8> d_unit) const {
  std::vector<double> out(raw_.size(), 0.0);
  for (std::size_t c = 0; c < components_; ++c) {
    // R = U U^T: dU = (dR + dR^T) U; then through the division of each row by its length.
    Matrix8 d_u = (d_correlation[c] + d_correlation[c].transpose()) * unit_[c];
    if (own_share_ > 0) d_u *= 1 - own_share_;
    if (!d_unit.empty()) d_u += d_unit[c];
    for (Eigen::Index i = 0; i < k_i; ++i) {
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

double JointLoss::operator()(const FitData&, std::span<const std::size_t> rows, MatrixView<const float> y,
                             MatrixView<float> dy) {
  std::vector<Matrix8> d_correlation(components_, Matrix8::Zero());
  std::vector<Matrix8> d_unit(selection_ == nullptr ? 0 : components_, Matrix8::Zero());
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

void JointLoss::update(double rate) {
  if (!correlate_) return;
  if (std::any_of(gradient_.begin(), gradient_.end(), [](float g) { return !std::isfinite(g); })) return;
  const std::vector<std::uint8_t> decayed(raw_.size(), 0);
  optimiser_.step(raw_, gradient_, decayed, rate * factor_rate_, 0.0);
  refresh();
}

void JointLoss::keep(NetworkState& into) {
  into.own = raw_;
  into.own.insert(into.own.end(), optimiser_.m().begin(), optimiser_.m().end());
  into.own.insert(into.own.end(), optimiser_.v().begin(), optimiser_.v().end());
  into.own_steps = optimiser_.steps();
}

void JointLoss::restore(const NetworkState& from) {
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
Vector8 posterior_residual(const Sites& sites, const Matrix<double>& mean, std::size_t row, const Matrix8& precision,
                           Matrix8& sum) {
  Matrix8 own = precision;
  Vector8 pull;
  for (Eigen::Index j = 0; j < k_i; ++j) {
    const auto k = static_cast<std::size_t>(j);
    own(j, j) += 1.0 / sites.variance(row, k);
    pull[j] = (sites.centre(row, k) - mean(row, k)) / sites.variance(row, k);
  }
  const Matrix8 posterior = own.llt().solve(Matrix8::Identity());
  Vector8 residual = posterior * pull;
  sum += posterior + residual * residual.transpose();
  return residual;
}

}  // namespace

Matrix8 residual_covariance(const Sites& sites, const Matrix<double>& mean, int steps) {
  Matrix8 covariance = 0.5 * Matrix8::Identity();
  for (int step = 0; step < steps; ++step) {
    const Matrix8 precision = covariance.llt().solve(Matrix8::Identity());
    Matrix8 sum = Matrix8::Zero();
    for (std::size_t r = 0; r < mean.rows(); ++r) posterior_residual(sites, mean, r, precision, sum);
    covariance = sum / static_cast<double>(mean.rows());
  }
  return covariance;
}

MeanLine fit_mean_lines(const Sites& sites, Matrix<double>& mean, Matrix8& covariance, int steps) {
  const Matrix<double> points = mean;
  const auto n = static_cast<double>(mean.rows());
  MeanLine line;
  for (int step = 0; step < steps; ++step) {
    const Matrix8 precision = covariance.llt().solve(Matrix8::Identity());
    Matrix8 sum = Matrix8::Zero();
    Vector8 x = Vector8::Zero(), y = x, xx = x, xy = x;
    for (std::size_t r = 0; r < mean.rows(); ++r) {
      const Vector8 residual = posterior_residual(sites, mean, r, precision, sum);
      for (Eigen::Index j = 0; j < k_i; ++j) {
        const auto k = static_cast<std::size_t>(j);
        const double point = points(r, k), expected = mean(r, k) + residual[j];
        x[j] += point;
        y[j] += expected;
        xx[j] += point * point;
        xy[j] += point * expected;
      }
    }
    covariance = sum / n;
    for (Eigen::Index j = 0; j < k_i; ++j) {
      const double variance = xx[j] - x[j] * x[j] / n;
      line.slope[j] = variance > 1e-9 * n ? (xy[j] - x[j] * y[j] / n) / variance : 1.0;  // equal points: no slope
      line.offset[j] = (y[j] - line.slope[j] * x[j]) / n;
      const auto k = static_cast<std::size_t>(j);
      for (std::size_t r = 0; r < mean.rows(); ++r) mean(r, k) = line.offset[j] + line.slope[j] * points(r, k);
    }
  }
  return line;
}

double positive_pit(const LineDistribution& d, std::size_t line, double y, double sigma) {
  constexpr int nodes = 24;
  static const auto normals = [] {
    std::array<double, nodes> z{};
    for (int k = 0; k < nodes; ++k) z[static_cast<std::size_t>(k)] = normal_quantile((k + 0.5) / nodes);
    return z;
  }();
  double below_y = 0, below_0 = 0;
  for (std::size_t c = 0; c < d.components; ++c)
    for (const double z : normals) {
      const double ew = intrinsic_ew(d.mean[c][line] + d.sd[c][line] * z);
      below_y += d.weight[c] / nodes * normal_cdf((y - ew) / sigma);
      below_0 += d.weight[c] / nodes * normal_cdf(-ew / sigma);
    }
  return (below_y - below_0) / (1.0 - below_0);
}

LineCalibration calibrate_line(const Galaxies& g, std::span<const std::size_t> rows,
                               std::span<const LineDistribution> distributions, std::size_t j, std::size_t line,
                               const std::function<void()>& poll) {
  std::vector<double> medians(rows.size()), pit;
  for (std::size_t r = 0; r < rows.size(); ++r) medians[r] = distributions[r].median[j];
  // Distance of the PIT from a flat one: Cramer-von Mises.
  const auto distance = [&](double shift, double slope) {
    if (poll) poll();
    pit.clear();
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const double y = static_cast<double>(g.ew(rows[r], line)), ivar = static_cast<double>(g.ew_ivar(rows[r], line));
      if (!(ivar > 0) || !(y > 0) || !std::isfinite(y) || !std::isfinite(ivar)) continue;
      LineDistribution d = distributions[r];
      for (std::size_t c = 0; c < d.components; ++c) {
        d.mean[c][j] = medians[r] + shift + slope * (d.mean[c][j] - medians[r]);
        d.sd[c][j] *= slope;
      }
      const double u = positive_pit(d, j, y, 1.0 / std::sqrt(ivar));
      if (std::isfinite(u)) pit.push_back(u);
    }
    std::sort(pit.begin(), pit.end());
    double sum = 0;
    for (std::size_t i = 0; i < pit.size(); ++i) {
      const double flat = (static_cast<double>(i) + 0.5) / static_cast<double>(pit.size());
      sum += (pit[i] - flat) * (pit[i] - flat);
    }
    return pit.empty() ? 0.0 : sum / static_cast<double>(pit.size());
  };
  // Pattern search; the surface is smooth with one minimum.
  double shift = 0, slope = 1, step_shift = 0.04, step_slope = 0.08, best = distance(shift, slope);
  while (step_shift > 0.004) {
    bool moved = false;
    for (const auto& [a, b] : {std::pair{step_shift, 0.0}, std::pair{-step_shift, 0.0}, std::pair{0.0, step_slope},
                               std::pair{0.0, -step_slope}}) {
      const double tried_shift = std::clamp(shift + a, -k_max_shift, k_max_shift),
                   tried_slope = std::clamp(slope + b, k_min_slope, k_max_slope);
      const double value = distance(tried_shift, tried_slope);
      if (value < best) {
        best = value;
        shift = tried_shift;
        slope = tried_slope;
        moved = true;
      }
    }
    if (!moved) {
      step_shift /= 2;
      step_slope /= 2;
    }
  }
  return {shift, slope};
}

void calibrate(const Galaxies& g, std::span<const std::size_t> rows, std::span<const LineDistribution> distributions,
               JointHead& head) {
  for (std::size_t j = 0; j < k_n; ++j) {
    const auto [shift, slope] = calibrate_line(g, rows, distributions, j, k_independent_lines[j]);
    head.shift[j] = shift;
    head.slope[j] = slope;
  }
}

}  // namespace starglow
