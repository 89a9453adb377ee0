// What the light of galaxies is told apart from, and the quadratic forms that do it.

#include "model/contrast.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "model/ssp_bands.hpp"
#include "starglow/base/random.hpp"
#include "starglow/model/features.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n_ratios = FeatureRecipe::k_n_ratios;
constexpr std::size_t k_n_each = 600, k_n_seen = 1500;  // synthetic objects a kind; galaxies a half and table
constexpr std::size_t k_min_rows = 200;
constexpr double k_smooth_weight = 0.3, k_ridge = 1e-4, k_scatter = 0.003;
constexpr int k_steps = 12;
// How the flagged fraction is divided among the kinds: most to the one that is nearest to galaxies.
constexpr std::array<double, k_n_foreign_kinds> k_share{0.4, 0.2, 1.0, 0.4, 0.15};
constexpr double k_never = 1e9;

using Bands = std::array<double, k_n_bands>;

double age_of(std::size_t i) { return std::pow(10.0, -3 + 0.1 * static_cast<double>(i)); }  // Gyr

// One synthetic object: its random numbers, each lane once, and populations of its metallicity.
class Light {
 public:
  Light(std::uint64_t seed, std::size_t stream, std::size_t i)
      : random_(seed, Stream::training, static_cast<std::int64_t>((stream << 32U) + i)) {
    const double at = uniform(0, k_n_ssp_metals - 1);
    const auto lower = std::min(static_cast<std::size_t>(at), k_n_ssp_metals - 2);
    const double share = at - static_cast<double>(lower);
    for (std::size_t a = 0; a < k_n_ssp_ages; ++a)
      for (std::size_t b = 0; b < k_n_bands; ++b)
        log_light_[a][b] = (1 - share) * k_ssp_bands[lower * k_n_ssp_ages + a][b] +
                           share * k_ssp_bands[(lower + 1) * k_n_ssp_ages + a][b];
  }
  double uniform(double low, double high) { return low + (high - low) * random_.uniform(k_draw, lane_++); }
  double log_uniform(double low, double high) { return std::exp(uniform(std::log(low), std::log(high))); }

  Bands ssp(double age) const {
    const double at = std::clamp(10 * (std::log10(age) + 3), 0.0, static_cast<double>(k_n_ssp_ages - 1));
    const auto lower = std::min(static_cast<std::size_t>(at), k_n_ssp_ages - 2);
    const double share = at - static_cast<double>(lower);
    Bands out{};
    for (std::size_t b = 0; b < k_n_bands; ++b)
      out[b] = std::exp((1 - share) * log_light_[lower][b] + share * log_light_[lower + 1][b]);
    return out;
  }
  /// rate(age, Gyr): star formation that long ago.
  template <class Rate>
  Bands history(const Rate& rate) const {
    Bands out{};
    for (std::size_t a = 0; a < k_n_ssp_ages; ++a) {
      const double age = age_of(a), mass = rate(age) * age;
      for (std::size_t b = 0; b < k_n_bands; ++b) out[b] += mass * std::exp(log_light_[a][b]);
    }
    return out;
  }
  /// Reddened by a power law, with the scatter of a good measurement.
  void ratios(Bands light, double av, std::span<double> out) {
    for (std::size_t b = 0; b < k_n_bands; ++b)
      light[b] = std::log10(light[b]) - 0.4 * av * std::pow(middle(b) / 5500, -0.7) +
                 k_scatter / std::log(10.0) * random_.normal(k_draw + 1, static_cast<std::uint32_t>(b));
    for (std::size_t i = 0; i < k_n_ratios; ++i) out[i] = light[i + 1] - light[i];
  }
  static double middle(std::size_t band) { return 3550 + 300 * static_cast<double>(band); }

 private:
  static constexpr std::uint32_t k_draw = (1U << 29) + 8;  // apart from the other draws of a training
  RandomObject random_;
  std::uint32_t lane_ = 0;
  std::array<Bands, k_n_ssp_ages> log_light_{};
};

Bands sum(double a, const Bands& x, double b, const Bands& y) {
  Bands out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = a * x[i] + b * y[i];
  return out;
}

Bands foreign_light(std::size_t kind, std::size_t i, Light& light) {
  Bands out{};
  if (kind == 0) return light.ssp(light.log_uniform(0.001, 0.05));
  if (kind == 1) return light.ssp(light.log_uniform(0.05, 1));
  if (kind == 2) {
    const double stop = std::log10(light.log_uniform(0.03, 0.6));
    return light.history([&](double age) {  // a step of the table partly
      return age < 10 ? std::clamp((std::log10(age) + 0.05 - stop) / 0.1, 0.0, 1.0) : 0.0;
    });
  }
  if (kind == 3) {
    const Bands young = light.ssp(light.log_uniform(0.03, 0.6)), old = light.ssp(light.log_uniform(3, 12));
    const double burst = light.log_uniform(0.02, 1);
    return sum(burst, young, 1 - burst, old);
  }
  if (i % 2 == 0) {
    const double slope = light.uniform(-2.6, -0.3);
    for (std::size_t b = 0; b < k_n_bands; ++b) out[b] = std::pow(Light::middle(b) / 5000, slope);
    return out;
  }
  const double temperature = light.log_uniform(2800, 40000);
  for (std::size_t b = 0; b < k_n_bands; ++b)
    out[b] = std::pow(Light::middle(b) / 5000, -5) / std::expm1(1.438777e8 / (Light::middle(b) * temperature));
  return out;
}

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// 1, u and the products of u, standardised features: what a quadratic form is linear in.
struct Terms {
  Eigen::RowVectorXd centre;
  Eigen::MatrixXd whiten;  // u = (x - centre) whiten

  RowMatrix of(const RowMatrix& x) const {
    const RowMatrix u = (x.rowwise() - centre) * whiten;
    const Eigen::Index d = u.cols();
    RowMatrix out(u.rows(), (d + 1) * (d + 2) / 2);
    out.col(0).setOnes();
    out.middleCols(1, d) = u;
    for (Eigen::Index i = 0, k = d + 1; i < d; ++i)
      for (Eigen::Index j = i; j < d; ++j) out.col(k++) = u.col(i).cwiseProduct(u.col(j));
    return out;
  }
  // The same form of (1, x): a symmetric matrix.
  Eigen::MatrixXd of_features(const Eigen::VectorXd& coefficients) const {
    const Eigen::Index d = centre.size();
    Eigen::MatrixXd form = Eigen::MatrixXd::Zero(d + 1, d + 1), step = form;
    form(0, 0) = coefficients[0];
    for (Eigen::Index i = 0, k = d + 1; i < d; ++i) {
      form(0, i + 1) = form(i + 1, 0) = 0.5 * coefficients[i + 1];
      for (Eigen::Index j = i; j < d; ++j, ++k) {
        form(i + 1, j + 1) += 0.5 * coefficients[k];
        form(j + 1, i + 1) += 0.5 * coefficients[k];
      }
    }
    step(0, 0) = 1;  // (1, u) = step^T (1, x)
    step.block(0, 1, 1, d) = -centre * whiten;
    step.block(1, 1, d, d) = whiten;
    return step * form * step.transpose();
  }
};

// Logistic regression with a ridge, by Newton's method: is a row foreign?
Eigen::VectorXd regression(const RowMatrix& terms, const Eigen::VectorXd& foreign, const Eigen::VectorXd& weight) {
  Eigen::VectorXd beta = Eigen::VectorXd::Zero(terms.cols());
  const auto loss = [&](const Eigen::VectorXd& b) {
    const Eigen::ArrayXd e = (terms * b).array();
    const Eigen::ArrayXd log_sum = e.max(0.0) + (-e.abs()).exp().log1p();
    return (weight.array() * (log_sum - foreign.array() * e)).sum() + 0.5 * k_ridge * b.squaredNorm();
  };
  double best = loss(beta);
  for (int step = 0; step < k_steps; ++step) {
    const Eigen::ArrayXd p = 1 / (1 + (-(terms * beta).array().max(-500.0).min(500.0)).exp());
    const Eigen::VectorXd gradient =
        terms.transpose() * (weight.array() * (foreign.array() - p)).matrix() - k_ridge * beta;
    Eigen::MatrixXd curvature = k_ridge * Eigen::MatrixXd::Identity(terms.cols(), terms.cols());
    const RowMatrix weighted = terms.array().colwise() * (weight.array() * p * (1 - p)).sqrt();
    curvature.selfadjointView<Eigen::Lower>().rankUpdate(weighted.transpose());
    const Eigen::VectorXd direction = curvature.selfadjointView<Eigen::Lower>().llt().solve(gradient);
    double length = 1, now = loss(beta + direction);
    while (length > 1e-4 && !(now <= best)) now = loss(beta + (length /= 2) * direction);
    if (!(now <= best)) break;
    beta += length * direction;
    const double gain = best - now;
    best = now;
    if (gain < 1e-6) break;
  }
  return beta;
}

RowMatrix columns(const Matrix<double>& ratios, std::size_t first, std::size_t n) {
  const Eigen::Map<const RowMatrix> all(ratios.data(), static_cast<Eigen::Index>(ratios.rows()),
                                        static_cast<Eigen::Index>(ratios.cols()));
  return all.middleCols(static_cast<Eigen::Index>(first), static_cast<Eigen::Index>(n));
}

double quantile(std::vector<double> x, double p) {
  const auto at = std::min(static_cast<std::size_t>(p * static_cast<double>(x.size())), x.size() - 1);
  std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(at), x.end());
  return x[at];
}

// The galaxies of a table that have the bands of a pattern, in two halves.
struct Halves {
  std::array<RowMatrix, 2> x;
  std::array<std::vector<std::array<double, k_n_foreign_kinds>>, 2> score;  // by the form of the other half
};

std::vector<Halves> halves_of(const Galaxies& g, std::span<const std::size_t> rows, const Matrix<double>& ratios,
                              std::size_t first, std::size_t n, std::uint64_t seed) {
  std::vector<Halves> out;
  for (std::size_t t = 0; t < std::max<std::size_t>(1, g.tables.size()); ++t) {
    std::array<std::vector<std::size_t>, 2> own;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const auto x = ratios.row(r).subspan(first, n);
      if ((!g.table.empty() && g.table[rows[r]] != t) ||
          !std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); }))
        continue;
      own[splitmix64(seed ^ splitmix64(rows[r])) & 1U].push_back(r);
    }
    if (own[0].size() + own[1].size() < k_min_rows || own[0].empty() || own[1].empty()) continue;
    Halves& h = out.emplace_back();
    for (std::size_t k = 0; k < 2; ++k) {
      h.x[k].resize(static_cast<Eigen::Index>(own[k].size()), static_cast<Eigen::Index>(n));
      for (std::size_t r = 0; r < own[k].size(); ++r)
        std::copy_n(ratios.row(own[k][r]).begin() + static_cast<std::ptrdiff_t>(first), n,
                    h.x[k].row(static_cast<Eigen::Index>(r)).begin());
      h.score[k].resize(own[k].size());
    }
  }
  return out;
}

// The levels (at grade 0 and 1/2) of each kind, so that no table has more than `fraction` beyond 1/2 for any of them.
std::array<std::array<double, 2>, k_n_foreign_kinds> levels_of(const std::vector<Halves>& tables, double fraction) {
  std::array<std::array<double, 2>, k_n_foreign_kinds> out{};
  for (double part = 1; part > 0.15; part -= 0.1) {
    for (std::size_t kind = 0; kind < k_n_foreign_kinds; ++kind) {
      out[kind] = {-k_never, -k_never};
      for (const auto& t : tables) {
        std::vector<double> all;
        for (const auto& half : t.score)
          for (const auto& s : half) all.push_back(s[kind]);
        const double limit = quantile(all, 1 - part * fraction * k_share[kind]);
        if (limit > out[kind][1]) out[kind] = {std::min(quantile(all, 0.9), limit - 1e-3), limit};
      }
    }
    double worst = 0;
    for (const auto& t : tables) {
      double beyond = 0, n = 0;
      for (const auto& half : t.score)
        for (const auto& s : half) {
          bool any = false;
          for (std::size_t kind = 0; kind < k_n_foreign_kinds; ++kind) any = any || s[kind] > out[kind][1];
          beyond += any ? 1 : 0;
          n += 1;
        }
      worst = std::max(worst, beyond / n);
    }
    if (worst <= fraction) break;
  }
  return out;
}

}  // namespace

Matrix<double> foreign_ratios(std::size_t kind, std::size_t n, std::uint64_t seed) {
  Matrix<double> out(n, k_n_ratios);
  for (std::size_t i = 0; i < n; ++i) {
    Light light(seed, kind + 1, i);
    const Bands bands = foreign_light(kind, i, light);
    light.ratios(bands, light.uniform(0, 0.5), out.row(i));
  }
  return out;
}

Matrix<double> smooth_ratios(std::size_t n, std::uint64_t seed) {
  Matrix<double> out(n, k_n_ratios);
  for (std::size_t i = 0; i < n; ++i) {
    Light light(seed, k_n_foreign_kinds + 1, i);
    const double begun = light.uniform(5, 13), scale = light.log_uniform(0.5, 20);
    const Bands bands =
        light.history([&](double age) { return age < begun ? (begun - age) * std::exp(-(begun - age) / scale) : 0; });
    light.ratios(bands, light.uniform(0, 1), out.row(i));
  }
  return out;
}

void fit_contrast(const Galaxies& g, std::span<const std::size_t> rows, double fraction, std::uint64_t seed,
                  Domain::Parts& into) {
  constexpr std::size_t n_form = Domain::k_n_form;
  Matrix<double> ratios(rows.size(), k_n_ratios);
  for (std::size_t r = 0; r < rows.size(); ++r)
    compute_features(FeatureRecipe{InputSet{}}, g.band_flux.row(rows[r]), g.z[rows[r]], ratios.row(r));
  std::array<Matrix<double>, k_n_foreign_kinds> foreign;
  for (std::size_t kind = 0; kind < k_n_foreign_kinds; ++kind) foreign[kind] = foreign_ratios(kind, k_n_each, seed);
  const Matrix<double> smooth = smooth_ratios(k_n_each, seed);
  into.forms = Matrix<double>(k_domain_patterns.size() * k_n_foreign_kinds, n_form * n_form);
  into.levels = Matrix<double>(into.forms.rows(), 2);
  for (std::size_t p = 0; p < k_domain_patterns.size(); ++p) {
    const auto [first, n] = k_domain_patterns[p];
    std::vector<Halves> tables = halves_of(g, rows, ratios, first, n, seed);
    for (std::size_t kind = 0; kind < k_n_foreign_kinds; ++kind) into.levels(p * k_n_foreign_kinds + kind, 1) = k_never;
    if (tables.empty()) continue;
    // Standardised by the galaxies and all foreign light together.
    const auto spread = [](const RowMatrix& x) {
      const RowMatrix d = x.rowwise() - x.colwise().mean();
      return Eigen::MatrixXd(d.transpose() * d / static_cast<double>(x.rows()));
    };
    const auto stack = [&](const std::vector<RowMatrix>& parts) {
      Eigen::Index total = 0;
      for (const auto& x : parts) total += x.rows();
      RowMatrix out(total, static_cast<Eigen::Index>(n));
      total = 0;
      for (const auto& x : parts) {
        out.middleRows(total, x.rows()) = x;
        total += x.rows();
      }
      return out;
    };
    std::vector<RowMatrix> galaxies, others;
    for (const auto& t : tables) galaxies.insert(galaxies.end(), t.x.begin(), t.x.end());
    for (const auto& f : foreign) others.push_back(columns(f, first, n));
    const RowMatrix all = stack(galaxies);
    Eigen::MatrixXd covariance = 0.5 * (spread(all) + spread(stack(others)));
    covariance.diagonal() *= 1 + 1e-6;
    Terms terms{all.colwise().mean(), {}};
    terms.whiten = Eigen::MatrixXd(covariance.llt().matrixL()).inverse().transpose();
    for (std::size_t kind = 0; kind < k_n_foreign_kinds; ++kind) {
      Eigen::MatrixXd form = Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(n + 1), static_cast<Eigen::Index>(n + 1));
      for (std::size_t half = 0; half < 2; ++half) {
        std::vector<RowMatrix> parts;
        for (const auto& t : tables)
          parts.push_back(t.x[half].topRows(std::min(t.x[half].rows(), static_cast<Eigen::Index>(k_n_seen))));
        std::vector<std::pair<double, double>> of_part(parts.size(), {0.0, 1.0 / static_cast<double>(parts.size())});
        parts.push_back(others[kind]);
        of_part.emplace_back(1.0, 1.0);
        parts.push_back(columns(smooth, first, n));
        of_part.emplace_back(0.0, k_smooth_weight);
        const RowMatrix x = terms.of(stack(parts));
        Eigen::VectorXd label(x.rows()), weight(x.rows());
        Eigen::Index at = 0;
        for (std::size_t k = 0; k < parts.size(); ++k) {
          label.segment(at, parts[k].rows()).setConstant(of_part[k].first);
          weight.segment(at, parts[k].rows())
              .setConstant(of_part[k].second / ((2 + k_smooth_weight) * static_cast<double>(parts[k].rows())));
          at += parts[k].rows();
        }
        const Eigen::VectorXd beta = regression(x, label, weight);
        form += 0.5 * terms.of_features(beta);
        for (auto& t : tables) {
          const Eigen::VectorXd score = terms.of(t.x[1 - half]) * beta;
          for (Eigen::Index r = 0; r < score.size(); ++r)
            t.score[1 - half][static_cast<std::size_t>(r)][kind] = score[r];
        }
      }
      // (1, ratio first, ...) among all of (1, eleven ratios)
      auto to = into.forms.row(p * k_n_foreign_kinds + kind);
      const auto place = [&](std::size_t i) { return i == 0 ? 0 : first + i; };
      for (std::size_t i = 0; i <= n; ++i)
        for (std::size_t j = 0; j <= n; ++j)
          to[place(i) * n_form + place(j)] = form(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
    }
    const auto levels = levels_of(tables, fraction);
    for (std::size_t kind = 0; kind < k_n_foreign_kinds; ++kind)
      std::copy(levels[kind].begin(), levels[kind].end(), into.levels.row(p * k_n_foreign_kinds + kind).begin());
  }
}

}  // namespace starglow
