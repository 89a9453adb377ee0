#include "starglow/model/domain.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numbers>

#include "model/contrast.hpp"
#include "model/grade.hpp"
#include "model/mixture.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = Domain::k_n_features;
constexpr int k_components = 4, k_iterations = 200;
constexpr std::size_t k_min_rows = 100;
constexpr std::uint32_t k_gap_draw = 1U << 29;  // apart from the other draws of a training

Eigen::MatrixXd covariance_of(const Domain::Parts& parts, std::size_t c, std::span<const std::size_t> known) {
  Eigen::MatrixXd out(static_cast<Eigen::Index>(known.size()), static_cast<Eigen::Index>(known.size()));
  for (std::size_t i = 0; i < known.size(); ++i)
    for (std::size_t j = 0; j < known.size(); ++j)
      out(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = parts.covariance(c, known[i] * k_n + known[j]);
  return out;
}

// log Gamma(n/2) by its recurrence: std::lgamma writes a global variable.
double log_gamma_half(std::size_t n) {
  double out = n % 2 == 0 ? 0.0 : std::log(0.5 * std::sqrt(std::numbers::pi));  // of 1 and of 3/2
  if (n == 1) return std::log(std::sqrt(std::numbers::pi));
  for (std::size_t k = n % 2 == 0 ? 2 : 3; k < n; k += 2) out += std::log(0.5 * static_cast<double>(k));
  return out;
}

}  // namespace

/// Of two components side by side; an odd last one stands in both places.
struct Domain::Factors {
  typedef double Two __attribute__((vector_size(16)));
  struct Pair {
    std::array<Two, k_n> mean;
    std::array<Two, k_n * k_n> lower;  ///< row-major Cholesky factors
  };
  std::vector<Pair> pairs;
};

double log10_chi_square_tail(double x, std::size_t n) {
  // Q(n, x) = Q(n - 2, x) + (x/2)^(n/2 - 1) e^(-x/2) / Gamma(n/2) (Abramowitz & Stegun 26.4.6), summed in logarithms;
  // it begins with Q(1) = erfc(sqrt(x/2)) or Q(2) = e^(-x/2).
  if (!(x > 0)) return x <= 0 ? 0.0 : std::numeric_limits<double>::quiet_NaN();
  const double half = 0.5 * x, root = std::sqrt(half);
  // log erfc: beyond 25 by its asymptotic series
  double log_q = n % 2 == 0  ? -half
                 : root < 25 ? std::log(std::erfc(root))
                             : -half - std::log(root * std::sqrt(std::numbers::pi)) + std::log1p(-0.5 / half);
  // log Gamma(k/2) by its recurrence: std::lgamma writes a global variable
  double log_gamma = n % 2 == 0 ? 0.0 : std::log(0.5 * std::sqrt(std::numbers::pi));
  static const auto log_half = [] {  // of k/2
    std::array<double, k_n + 1> out{};
    for (std::size_t k = 1; k <= k_n; ++k) out[k] = std::log(0.5 * static_cast<double>(k));
    return out;
  }();
  const double log_x = std::log(half);
  for (std::size_t k = n % 2 == 0 ? 4 : 3; k <= n; k += 2) {
    const double a = 0.5 * static_cast<double>(k);
    const double term = (a - 1) * log_x - half - log_gamma;
    log_gamma += k <= k_n ? log_half[k] : std::log(a);
    const double top = std::max(log_q, term), other = std::min(log_q, term);
    log_q = top + std::log(1 + std::exp(other - top));
  }
  return std::min(log_q, 0.0) / std::numbers::ln10;
}

Domain::Domain(Parts parts) : parts_(std::move(parts)) {
  const std::size_t components = parts_.mean.rows();
  if (components == 0 || components > 64 || parts_.mean.cols() != k_n || parts_.covariance.rows() != components ||
      parts_.covariance.cols() != k_n * k_n || !std::isfinite(parts_.threshold))
    throw Error(ErrorKind::model, "the domain of the model has a wrong shape");
  if (parts_.forms.rows() != parts_.levels.rows() || parts_.forms.rows() % k_domain_patterns.size() != 0 ||
      (!parts_.forms.empty() && (parts_.forms.cols() != k_n_form * k_n_form || parts_.levels.cols() != 2)))
    throw Error(ErrorKind::model, "the forms of the model's domain have a wrong shape");
  for (std::size_t f = 0; f < parts_.levels.rows(); ++f)
    if (!(parts_.levels(f, 0) < parts_.levels(f, 1)))
      throw Error(ErrorKind::model, "the levels of a form of the model's domain do not rise");
  for (const auto* m : {&parts_.mean, &parts_.covariance, &parts_.forms, &parts_.levels})
    for (const double v : m->flat())
      if (!std::isfinite(v)) throw Error(ErrorKind::model, "the domain of the model holds a number that is not finite");
  std::vector<std::size_t> all(k_n);
  for (std::size_t i = 0; i < k_n; ++i) all[i] = i;
  auto factors = std::make_shared<Factors>();
  for (std::size_t c = 0; c < components; ++c) {
    const Eigen::LLT<Eigen::MatrixXd> llt(covariance_of(parts_, c, all));
    if (llt.info() != Eigen::Success)
      throw Error(ErrorKind::model, "a covariance of the model's domain is not positive definite");
    const Eigen::MatrixXd lower = llt.matrixL();
    if (c % 2 == 0) factors->pairs.emplace_back();
    Factors::Pair& into = factors->pairs.back();
    for (const int side : {0, 1}) {
      if (side < static_cast<int>(c % 2)) continue;
      for (std::size_t i = 0; i < k_n; ++i) {
        into.mean[i][side] = parts_.mean(c, i);
        for (std::size_t j = 0; j < k_n; ++j)
          into.lower[i * k_n + j][side] = lower(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
      }
    }
  }
  factors_ = std::move(factors);
}

Domain::Nearest Domain::nearest(std::span<const double> x) const {
  Nearest out{0, k_n, std::numeric_limits<double>::infinity()};
  if (std::none_of(x.begin(), x.end(), [](double v) { return std::isnan(v); })) {
    // Forward substitution with the factors at hand.
    std::size_t c = 0;
    for (const auto& pair : factors_->pairs) {
      std::array<Factors::Two, k_n> u;
      Factors::Two distance2{};
      for (std::size_t i = 0; i < k_n; ++i) {
        u[i] = x[i] - pair.mean[i];
        for (std::size_t j = 0; j < i; ++j) u[i] -= pair.lower[i * k_n + j] * u[j];
        u[i] /= pair.lower[i * k_n + i];
        distance2 += u[i] * u[i];
      }
      for (const int side : {0, 1}) {
        if (distance2[side] < out.distance2) out = {c + static_cast<std::size_t>(side), k_n, distance2[side]};
      }
      c += 2;
    }
    return out;
  }
  std::vector<std::size_t> known;
  for (std::size_t i = 0; i < k_n; ++i)
    if (!std::isnan(x[i])) known.push_back(i);
  out.known = known.size();
  Eigen::VectorXd d(static_cast<Eigen::Index>(known.size()));
  for (std::size_t c = 0; c < parts_.mean.rows() && !known.empty(); ++c) {
    for (std::size_t i = 0; i < known.size(); ++i)
      d[static_cast<Eigen::Index>(i)] = x[known[i]] - parts_.mean(c, known[i]);
    d = Eigen::MatrixXd(covariance_of(parts_, c, known).llt().matrixL()).triangularView<Eigen::Lower>().solve(d).eval();
    const double distance2 = d.squaredNorm();
    if (distance2 < out.distance2) out = {c, known.size(), distance2};
  }
  return out;
}

double Domain::grade(std::span<const double> x) const {
  return std::max(grade_of(*this, score(x)), worst_form(x).second);
}

std::pair<std::size_t, double> Domain::worst_form(std::span<const double> x) const {
  const std::size_t kinds = parts_.forms.rows() / k_domain_patterns.size();
  std::pair<std::size_t, double> out{parts_.forms.rows(), 0.0};
  if (kinds == 0) return out;
  std::array<double, k_n_form> y{1};
  for (std::size_t i = 1; i < k_n_form; ++i) y[i] = std::isnan(x[i - 1]) ? 0.0 : x[i - 1];
  for (std::size_t p = 0; p < k_domain_patterns.size(); ++p) {
    const auto own = x.subspan(k_domain_patterns[p].first, k_domain_patterns[p].n);
    if (std::any_of(own.begin(), own.end(), [](double v) { return std::isnan(v); })) continue;
    for (std::size_t f = p * kinds; f < (p + 1) * kinds; ++f) {
      const double* form = parts_.forms.row(f).data();
      double value = 0;
      for (std::size_t i = 0; i < k_n_form; ++i) {
        double line = 0;
        for (std::size_t j = 0; j < k_n_form; ++j) line += form[i * k_n_form + j] * y[j];
        value += line * y[i];
      }
      const double low = parts_.levels(f, 0), high = parts_.levels(f, 1);
      const double grade = std::min(1.0, k_limit_grade * (value - low) / (high - low));
      if (grade > out.second) out = {f, grade};
    }
    return out;
  }
  return out;
}

void Domain::grade_slopes(std::span<const double> x, std::span<double> out) const {
  std::fill(out.begin(), out.end(), 0.0);
  const Nearest n = nearest(x);
  if (n.known == 0) return;
  const double tail = log10_chi_square_tail(n.distance2, n.known);
  const double grade = k_limit_grade * tail / parts_.threshold;
  if (const auto [f, of_form] = worst_form(x); of_form > std::min(grade, 1.0)) {
    if (!(of_form < 1)) return;
    const double scale = k_limit_grade / (parts_.levels(f, 1) - parts_.levels(f, 0));
    const double* form = parts_.forms.row(f).data();
    for (std::size_t i = 1; i < k_n_form; ++i) {
      out[i - 1] = 2 * scale * form[i * k_n_form];
      for (std::size_t j = 1; j < k_n_form; ++j)
        if (!std::isnan(x[j - 1])) out[i - 1] += 2 * scale * form[i * k_n_form + j] * x[j - 1];
    }
    return;
  }
  if (!(n.distance2 > 0) || !(grade > 0 && grade < 1)) return;
  // d log10 Q/d distance2 = -density/(Q ln 10); d distance2/dx = 2 covariance^-1 (x - mean)
  const double half_n = 0.5 * static_cast<double>(n.known), half = 0.5 * n.distance2;
  const double log_density = (half_n - 1) * std::log(half) - half - log_gamma_half(n.known) - std::log(2.0);
  const double by_distance2 = -std::exp(log_density - tail * std::numbers::ln10) / std::numbers::ln10;
  std::vector<std::size_t> known;
  for (std::size_t i = 0; i < k_n; ++i)
    if (!std::isnan(x[i])) known.push_back(i);
  Eigen::VectorXd d(static_cast<Eigen::Index>(known.size()));
  for (std::size_t i = 0; i < known.size(); ++i)
    d[static_cast<Eigen::Index>(i)] = x[known[i]] - parts_.mean(n.component, known[i]);
  const Eigen::VectorXd slope = covariance_of(parts_, n.component, known).llt().solve(d);
  for (std::size_t i = 0; i < known.size(); ++i)
    out[known[i]] = k_limit_grade / parts_.threshold * by_distance2 * 2 * slope[static_cast<Eigen::Index>(i)];
}

double Domain::score(std::span<const double> x) const {
  const Nearest n = nearest(x);
  if (n.known == 0) return std::numeric_limits<double>::quiet_NaN();
  return log10_chi_square_tail(n.distance2, n.known);
}

void Domain::clip(std::span<double> x) const {
  const Nearest n = nearest(x);
  if (n.known == 0) return;
  double factor = 1;
  if (log10_chi_square_tail(n.distance2, n.known) < parts_.threshold) {
    double low = 0, high = n.distance2;  // the distance at which the tail is the threshold, by bisection
    for (int step = 0; step < 80; ++step) {
      const double middle = 0.5 * (low + high);
      (log10_chi_square_tail(middle, n.known) < parts_.threshold ? high : low) = middle;
    }
    factor = std::sqrt(low / n.distance2);
  }
  std::array<double, k_n_features> there{};
  const auto move = [&](double by) {
    for (std::size_t i = 0; i < k_n; ++i)
      there[i] = std::isnan(x[i]) ? x[i] : parts_.mean(n.component, i) + by * (x[i] - parts_.mean(n.component, i));
  };
  move(factor);
  if (worst_form(there).second > k_limit_grade) {
    double low = 0, high = factor;  // inside and outside of the forms
    for (int step = 0; step < 60; ++step) {
      move(0.5 * (low + high));
      (worst_form(there).second > k_limit_grade ? high : low) = 0.5 * (low + high);
    }
    factor = low;
  }
  if (factor == 1) return;
  move(factor);
  std::copy(there.begin(), there.end(), x.begin());
}

namespace {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Features of the rows; what one lacks is drawn from what the others say of it, given what it has, as if all were one
// normal distribution: a table without the bluest band then has components of its own.
RowMatrix completed_features(const Galaxies& g, std::span<const std::size_t> rows, std::uint64_t seed) {
  const auto n = static_cast<Eigen::Index>(rows.size()), d = static_cast<Eigen::Index>(k_n);
  RowMatrix x(n, d);
  std::vector<std::size_t> complete;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    compute_features(FeatureRecipe{}, g.band_flux.row(rows[r]), g.z[rows[r]], std::span(x.data() + r * k_n, k_n));
    if (x.row(static_cast<Eigen::Index>(r)).allFinite()) complete.push_back(r);
  }
  if (complete.size() < k_min_rows)
    throw Error(ErrorKind::input, "too few galaxies for the domain of a model",
                {std::to_string(complete.size()) + " without gaps", "at least " + std::to_string(k_min_rows), ""});
  if (complete.size() == rows.size()) return x;
  Eigen::MatrixXd whole(static_cast<Eigen::Index>(complete.size()), d);
  for (std::size_t k = 0; k < complete.size(); ++k)
    whole.row(static_cast<Eigen::Index>(k)) = x.row(static_cast<Eigen::Index>(complete[k]));
  const Eigen::RowVectorXd mean = whole.colwise().mean();
  whole.rowwise() -= mean;
  const Eigen::MatrixXd covariance = whole.transpose() * whole / static_cast<double>(complete.size());
  for (Eigen::Index r = 0; r < n; ++r) {
    std::vector<Eigen::Index> known, missing;
    for (Eigen::Index i = 0; i < d; ++i) (std::isfinite(x(r, i)) ? known : missing).push_back(i);
    if (missing.empty()) continue;
    const Eigen::MatrixXd inverse =
        Eigen::MatrixXd(covariance(known, known)).llt().solve(Eigen::MatrixXd(covariance(known, missing)));
    const Eigen::VectorXd there = (x.row(r) - mean)(known).transpose();
    const Eigen::MatrixXd left = covariance(missing, missing) - covariance(missing, known) * inverse;
    const Eigen::MatrixXd root = left.llt().matrixL();
    const RandomObject random(seed, Stream::training, static_cast<std::int64_t>(rows[static_cast<std::size_t>(r)]));
    Eigen::VectorXd noise(left.rows());
    for (Eigen::Index i = 0; i < noise.size(); ++i) noise[i] = random.normal(k_gap_draw, static_cast<std::uint32_t>(i));
    const Eigen::VectorXd drawn = inverse.transpose() * there + root * noise;
    for (std::size_t i = 0; i < missing.size(); ++i)
      x(r, missing[i]) = mean[missing[i]] + drawn[static_cast<Eigen::Index>(i)];
  }
  return x;
}

// The components of one table's galaxies, appended.
void append_components(const RowMatrix& raw, int components, std::uint64_t seed, std::vector<Eigen::VectorXd>& means,
                       std::vector<Eigen::MatrixXd>& covariances) {
  const Eigen::RowVectorXd centre = raw.colwise().mean();
  const Eigen::RowVectorXd scale =
      ((raw.rowwise() - centre).array().square().colwise().mean()).sqrt().max(1e-9).matrix();
  const Eigen::MatrixXd standard = (raw.rowwise() - centre).array().rowwise() / scale.array();
  const Mixture mixture = fit_mixture(standard, components, k_iterations, seed);
  for (std::size_t c = 0; c < mixture.factor.size(); ++c) {
    means.emplace_back(
        (centre.array() + scale.array() * mixture.mean.row(static_cast<Eigen::Index>(c)).array()).matrix());
    covariances.emplace_back(scale.asDiagonal() * mixture.factor[c] * mixture.factor[c].transpose() *
                             scale.asDiagonal());
  }
}

}  // namespace

Domain fit_domain(const Galaxies& g, std::span<const std::size_t> rows, double fraction, std::uint64_t seed,
                  bool contrast) {
  if (rows.size() < k_min_rows)
    throw Error(ErrorKind::input, "too few galaxies for the domain of a model",
                {std::to_string(rows.size()), "at least " + std::to_string(k_min_rows), ""});
  const RowMatrix x = completed_features(g, rows, seed);
  std::vector<std::vector<std::size_t>> parts_of(std::max<std::size_t>(1, g.tables.size()));
  for (std::size_t r = 0; r < rows.size(); ++r) parts_of[g.table.empty() ? 0 : g.table[rows[r]]].push_back(r);
  std::vector<Eigen::VectorXd> means;
  std::vector<Eigen::MatrixXd> covariances;
  for (const auto& own : parts_of) {
    if (own.size() < k_min_rows) continue;
    RowMatrix part(static_cast<Eigen::Index>(own.size()), static_cast<Eigen::Index>(k_n));
    for (std::size_t k = 0; k < own.size(); ++k)
      part.row(static_cast<Eigen::Index>(k)) = x.row(static_cast<Eigen::Index>(own[k]));
    append_components(part, own.size() < 1000 ? 1 : k_components, seed, means, covariances);
  }
  Domain::Parts parts;
  parts.mean = Matrix<double>(means.size(), k_n);
  parts.covariance = Matrix<double>(means.size(), k_n * k_n);
  for (std::size_t c = 0; c < means.size(); ++c)
    for (std::size_t i = 0; i < k_n; ++i) {
      const auto at = static_cast<Eigen::Index>(i);
      parts.mean(c, i) = means[c][at];
      for (std::size_t j = 0; j < k_n; ++j)
        parts.covariance(c, i * k_n + j) = covariances[c](at, static_cast<Eigen::Index>(j));
    }
  parts.threshold = -std::numeric_limits<double>::max();  // grades are those of the forms alone
  if (contrast) fit_contrast(g, rows, fraction, seed, parts);
  const Domain domain(parts);
  parts.threshold = 0;
  for (const auto& own : parts_of) {
    if (own.size() < k_min_rows) continue;
    // The density flags what the forms leave of the fraction, and at least a third of it. Forms know bands that are
    // missing as such.
    std::vector<double> scores;
    for (const auto r : own) {
      std::array<double, k_n> row;
      std::copy_n(x.data() + r * k_n, k_n, row.begin());
      if (contrast) compute_features(FeatureRecipe{}, g.band_flux.row(rows[r]), g.z[rows[r]], row);
      if (domain.grade(row) <= k_limit_grade) scores.push_back(domain.score(row));
    }
    if (scores.empty()) continue;
    const double all = fraction * static_cast<double>(own.size()),
                 by_forms = static_cast<double>(own.size() - scores.size());
    const auto at = std::min(static_cast<std::size_t>(std::max(all - by_forms, all / 3)), scores.size() - 1);
    std::nth_element(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(at), scores.end());
    parts.threshold = std::min(parts.threshold, scores[at]);
  }
  return Domain(std::move(parts));
}

}  // namespace starglow
