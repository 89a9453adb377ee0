#include "model/neighbours.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <nanoflann.hpp>

#include "model/training_set.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = k_n_independent_lines;
constexpr std::size_t k_leaf = 16;         // points of a leaf of the tree
constexpr double k_ridge = 1e-6;           // of the weighted regressions, relative to the trace
constexpr double k_least_distance = 1e-6;  // a training galaxy asked for itself
constexpr std::size_t k_shard_rows = 64;
constexpr std::array<std::size_t, 4> k_components_tried{3, 5, 8, 13};
constexpr std::array<std::size_t, 9> k_neighbours_tried{10, 20, 30, 50, 80, 120, 200, 400, 800};

// The matrix as nanoflann asks for it; the names are its own.
struct Points {
  const Matrix<float>& matrix;
  std::size_t kdtree_get_point_count() const { return matrix.rows(); }
  float kdtree_get_pt(std::size_t row, std::size_t column) const { return matrix(row, column); }
  template <class Box>
  bool kdtree_get_bbox(Box&) const {
    return false;
  }
};
using Index = nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<float, Points>, Points, -1, std::size_t>;

struct Neighbour {
  std::size_t row;
  double weight;
};

// Weighted means of the labels; false where no neighbour has one.
bool mean_of(const NeighbourBank& bank, std::span<const Neighbour> near, std::size_t line, double& out) {
  double sum = 0, total = 0;
  for (const auto& [row, weight] : near) {
    const auto t = static_cast<double>(bank.t(row, line));
    if (std::isnan(t)) continue;
    sum += weight * t;
    total += weight;
  }
  if (total > 0) out = sum / total;
  return total > 0;
}

// Weighted linear regression around the point, one solution for all lines that the same neighbours have.
void regress(const NeighbourBank& bank, std::span<const Neighbour> near, std::span<const float> point,
             std::span<double> t) {
  const auto n = static_cast<Eigen::Index>(bank.n_components()) + 1;
  Eigen::MatrixXd design(static_cast<Eigen::Index>(near.size()), n);
  Eigen::VectorXd weight(static_cast<Eigen::Index>(near.size()));
  for (std::size_t i = 0; i < near.size(); ++i) {
    const auto at = static_cast<Eigen::Index>(i);
    design(at, 0) = 1;
    for (Eigen::Index c = 1; c < n; ++c)  // relative to the point: the constant is the answer
      design(at, c) = static_cast<double>(bank.points(near[i].row, static_cast<std::size_t>(c - 1)) -
                                          point[static_cast<std::size_t>(c - 1)]);
    weight[at] = near[i].weight;
  }
  Eigen::VectorXd used(weight.size()), y(weight.size()), before;
  Eigen::LDLT<Eigen::MatrixXd> solver;
  for (std::size_t line = 0; line < k_n; ++line) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    Eigen::Index labelled = 0;
    for (std::size_t i = 0; i < near.size(); ++i) {
      const auto at = static_cast<Eigen::Index>(i);
      const auto value = static_cast<double>(bank.t(near[i].row, line));
      const bool has = !std::isnan(value);
      used[at] = has ? weight[at] : 0;
      y[at] = has ? value : 0;
      if (!has) continue;
      ++labelled;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    if (labelled <= n) {  // too few to regress on
      if (!mean_of(bank, near, line, t[line])) t[line] = bank.t_mean[line];
      continue;
    }
    if (before.size() == 0 || before != used) {
      Eigen::MatrixXd normal = design.transpose() * used.asDiagonal() * design;
      normal.diagonal().array() += k_ridge * normal.trace() / static_cast<double>(n);
      solver.compute(normal);
      before = used;
    }
    const Eigen::VectorXd solved = solver.solve(design.transpose() * (used.array() * y.array()).matrix());
    t[line] = std::clamp(solved[0], low, high);
  }
}

// Rows, standardised and with labels, before the projection.
struct Gathered {
  Eigen::MatrixXd x;
  Matrix<float> t;
  std::vector<std::uint64_t> hash;  ///< of the id: the part of the cross-validation
};

NeighbourBank project(const Gathered& all, const NeighbourBank& base, std::span<const std::size_t> rows,
                      std::size_t n_components, const Eigen::MatrixXd& vectors) {
  NeighbourBank bank = base;
  const auto columns = static_cast<Eigen::Index>(n_components);
  bank.components = Matrix<double>(n_components, base.x_mean.size());
  for (Eigen::Index c = 0; c < columns; ++c)
    for (Eigen::Index i = 0; i < vectors.rows(); ++i)
      bank.components(static_cast<std::size_t>(c), static_cast<std::size_t>(i)) = vectors(i, c);
  bank.points = Matrix<float>(rows.size(), n_components);
  bank.t = Matrix<float>(rows.size(), k_n);
  bank.t_mean.assign(k_n, 0.0);
  std::array<double, k_n> count{};
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const Eigen::VectorXd p =
        vectors.leftCols(columns).transpose() * all.x.row(static_cast<Eigen::Index>(rows[r])).transpose();
    for (Eigen::Index c = 0; c < columns; ++c) bank.points(r, static_cast<std::size_t>(c)) = static_cast<float>(p[c]);
    for (std::size_t line = 0; line < k_n; ++line) {
      bank.t(r, line) = all.t(rows[r], line);
      if (std::isnan(bank.t(r, line))) continue;
      bank.t_mean[line] += static_cast<double>(bank.t(r, line));
      count[line] += 1;
    }
  }
  for (std::size_t line = 0; line < k_n; ++line)
    if (count[line] > 0) bank.t_mean[line] /= count[line];
  return bank;
}

}  // namespace

struct NeighbourIndex::Tree {
  explicit Tree(const NeighbourBank& bank)
      : points{bank.points},
        index(static_cast<int>(bank.n_components()), points, nanoflann::KDTreeSingleIndexAdaptorParams(k_leaf)) {}
  Points points;
  Index index;
};

NeighbourIndex::NeighbourIndex(const NeighbourBank& bank) : bank_(bank), tree_(std::make_unique<Tree>(bank)) {}
NeighbourIndex::~NeighbourIndex() = default;
NeighbourIndex::NeighbourIndex(NeighbourIndex&&) noexcept = default;

void NeighbourIndex::answer_point(std::span<const float> point, std::size_t k, std::span<double> t) const {
  k = std::min(k, bank_.points.rows());
  std::vector<std::size_t> rows(k);
  std::vector<float> squares(k);
  const std::size_t found = tree_->index.knnSearch(point.data(), k, rows.data(), squares.data());
  std::vector<Neighbour> near(found);
  for (std::size_t i = 0; i < found; ++i)
    near[i] = {rows[i], 1.0 / std::max(std::sqrt(static_cast<double>(squares[i])), k_least_distance)};
  if (bank_.local_linear) return regress(bank_, near, point, t);
  for (std::size_t line = 0; line < k_n; ++line)
    if (!mean_of(bank_, near, line, t[line])) t[line] = bank_.t_mean[line];
}

void NeighbourIndex::answer(std::span<const double> features, std::span<double> t) const {
  std::vector<float> point(bank_.n_components());
  for (std::size_t c = 0; c < point.size(); ++c) {
    double sum = 0;
    for (std::size_t i = 0; i < features.size(); ++i)
      sum += bank_.components(c, i) * standardise(features[i], bank_.x_mean[i], bank_.x_scale[i]);
    point[c] = static_cast<float>(sum);
  }
  answer_point(point, bank_.k, t);
}

void NeighbourBank::check() const {
  const auto refuse = [](const std::string& what, std::size_t seen, std::size_t wanted) {
    throw Error(ErrorKind::model, "neighbours: " + what, {std::to_string(seen), std::to_string(wanted), ""});
  };
  const std::size_t n_in = features.size();
  if (features.masks) throw Error(ErrorKind::model, "neighbours: their features have no masks");
  if (x_mean.size() != n_in || x_scale.size() != n_in) refuse("scalers of wrong size", x_mean.size(), n_in);
  if (components.cols() != n_in) refuse("components of wrong length", components.cols(), n_in);
  if (n_components() < 1 || n_components() > n_in) refuse("wrong number of components", n_components(), n_in);
  if (points.cols() != n_components()) refuse("points of wrong length", points.cols(), n_components());
  if (t.rows() != points.rows() || t.cols() != k_n_independent_lines)
    refuse("labels of wrong shape", t.rows(), points.rows());
  if (t_mean.size() != k_n_independent_lines) refuse("mean labels of wrong size", t_mean.size(), k_n_independent_lines);
  if (k < 1 || k > points.rows()) refuse("more neighbours than galaxies", k, points.rows());
  const auto finite = [](const auto& values) {
    return std::all_of(values.begin(), values.end(), [](auto v) { return std::isfinite(v); });
  };
  if (!finite(x_mean) || !finite(x_scale) || !finite(t_mean) || !finite(components.flat()) || !finite(points.flat()))
    throw Error(ErrorKind::model, "neighbours: a number is not finite");
  if (std::any_of(x_scale.begin(), x_scale.end(), [](double s) { return !(s > 0); }))
    throw Error(ErrorKind::model, "neighbours: a scale is not positive");
}

NeighbourBank fit_neighbours(const Galaxies& g, std::span<const std::size_t> rows, const TrainConfig& config,
                             WorkerPool& pool, std::string& note) {
  NeighbourBank base;
  base.local_linear = config.method == "llr";
  base.features = {config.inputs, false};
  const std::size_t n_in = base.features.size(), n = rows.size();
  if (config.neighbours > 0 && static_cast<std::size_t>(config.neighbours) > n)
    throw Error(ErrorKind::input, "more neighbours than galaxies",
                {std::to_string(config.neighbours), "at most " + std::to_string(n), ""});
  Gathered all{
      Eigen::MatrixXd(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(n_in)), Matrix<float>(n, k_n), {}};
  std::vector<double> x(n_in);
  for (std::size_t r = 0; r < n; ++r) {
    const auto columns = column_inputs(g, rows[r]);
    compute_features(base.features, {g.band_flux.row(rows[r]), g.z[rows[r]], true, columns}, x);
    for (std::size_t i = 0; i < n_in; ++i) all.x(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(i)) = x[i];
    for (std::size_t j = 0; j < k_n; ++j) {
      const float ew = g.ew(rows[r], k_independent_lines[j]), ivar = g.ew_ivar(rows[r], k_independent_lines[j]);
      all.t(r, j) = ivar > 0 && std::isfinite(ew) && std::isfinite(ivar) ? std::asinh(ew)
                                                                         : std::numeric_limits<float>::quiet_NaN();
    }
    all.hash.push_back(
        splitmix64(splitmix64(g.targetid.empty() ? rows[r] : static_cast<std::uint64_t>(g.targetid[rows[r]])) + 1));
  }
  for (Eigen::Index i = 0; i < all.x.cols(); ++i) {
    const double mean = all.x.col(i).mean();
    const double sd = std::sqrt((all.x.col(i).array() - mean).square().mean());
    base.x_mean.push_back(mean);
    base.x_scale.push_back(sd > 0 ? sd : 1.0);
    all.x.col(i) = (all.x.col(i).array() - mean) / base.x_scale.back();
  }
  // Eigenvectors come in rising order of the variance; their signs are free and do not matter.
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
      (all.x.transpose() * all.x / static_cast<double>(n)).eval());
  const Eigen::MatrixXd vectors = solver.eigenvectors().rowwise().reverse();

  std::vector<std::size_t> try_components, try_k;
  for (const auto c : k_components_tried)
    if (c <= n_in) try_components.push_back(c);
  if (config.principal > 0) try_components = {std::min(static_cast<std::size_t>(config.principal), n_in)};
  for (const auto k : k_neighbours_tried)
    if (k <= n / 2) try_k.push_back(k);
  if (config.neighbours > 0 || try_k.empty())
    try_k = {config.neighbours > 0 ? static_cast<std::size_t>(config.neighbours) : std::max<std::size_t>(1, n / 2)};
  double best = std::numeric_limits<double>::infinity();
  std::size_t best_components = try_components[0];
  base.k = try_k[0];
  if (try_components.size() * try_k.size() > 1) {
    for (const auto n_components : try_components) {
      // error[k]: sum of absolute errors, one per row, summed in order
      std::vector<double> error(n * try_k.size(), 0.0), count(n, 0.0);
      for (unsigned part = 0; part < 5; ++part) {
        std::vector<std::size_t> inside, outside;
        for (std::size_t r = 0; r < n; ++r) (all.hash[r] % 5 == part ? outside : inside).push_back(r);
        if (outside.empty() || inside.empty()) continue;
        const NeighbourBank bank = project(all, base, inside, n_components, vectors);
        const NeighbourIndex index(bank);
        pool.for_shards(shard_count(outside.size(), k_shard_rows), [&](std::size_t s) {
          const Shard here = shard(s, outside.size(), k_shard_rows);
          std::array<double, k_n> t{};
          std::vector<float> point(n_components);
          for (std::size_t i = here.first; i < here.last; ++i) {
            const std::size_t r = outside[i];
            const Eigen::VectorXd p = vectors.leftCols(static_cast<Eigen::Index>(n_components)).transpose() *
                                      all.x.row(static_cast<Eigen::Index>(r)).transpose();
            for (std::size_t c = 0; c < n_components; ++c)
              point[c] = static_cast<float>(p[static_cast<Eigen::Index>(c)]);
            for (std::size_t k = 0; k < try_k.size(); ++k) {
              index.answer_point(point, try_k[k], t);
              for (std::size_t j = 0; j < k_n; ++j) {
                if (std::isnan(all.t(r, j))) continue;
                error[k * n + r] += std::fabs(t[j] - static_cast<double>(all.t(r, j)));
                if (k == 0) count[r] += 1;
              }
            }
          }
        });
      }
      double total = 0;
      for (const double c : count) total += c;
      for (std::size_t k = 0; k < try_k.size(); ++k) {
        double sum = 0;
        for (std::size_t r = 0; r < n; ++r) sum += error[k * n + r];
        const double mean = sum / total;
        note += (note.empty() ? "" : ",") + std::to_string(n_components) + ":" + std::to_string(try_k[k]) + ":" +
                std::to_string(mean);
        if (mean < best) {
          best = mean;
          best_components = n_components;
          base.k = try_k[k];
        }
      }
    }
  }
  std::vector<std::size_t> every(n);
  for (std::size_t r = 0; r < n; ++r) every[r] = r;
  return project(all, base, every, best_components, vectors);
}

}  // namespace starglow
