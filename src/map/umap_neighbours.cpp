#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/dispatch.hpp"
#include "map/principal_axes.hpp"
#include "map/umap_graph.hpp"

namespace starglow::umap {
namespace {

constexpr std::size_t k_leaf = 128;  // points, padded to whole groups of the kernel
constexpr std::size_t k_shard_rows = 256;
constexpr float k_nowhere = std::numeric_limits<float>::infinity();

Matrix<float> turned(MatrixView<const float> points, const Eigen::MatrixXf& axes) {
  Matrix<float> out(points.rows(), points.cols());
  for (std::size_t i = 0; i < points.rows(); ++i)
    Eigen::Map<Eigen::VectorXf>(out.row(i).data(), axes.cols()).noalias() =
        axes.transpose() * Eigen::Map<const Eigen::VectorXf>(points.row(i).data(), axes.rows());
  return out;
}

// The k nearest so far, nearest first; of equals the lower row, so that no order of visits matters.
class Nearest {
 public:
  explicit Nearest(std::size_t k) : distance_(k), row_(k) {}
  void clear() {
    std::fill(distance_.begin(), distance_.end(), k_nowhere);
    std::fill(row_.begin(), row_.end(), std::numeric_limits<std::uint32_t>::max());
  }
  float limit() const { return distance_.back(); }
  void offer(float distance, std::uint32_t row) {
    std::size_t at = distance_.size() - 1;
    if (distance > distance_[at] || (distance == distance_[at] && row > row_[at])) return;
    for (; at > 0 && (distance < distance_[at - 1] || (distance == distance_[at - 1] && row < row_[at - 1])); --at) {
      distance_[at] = distance_[at - 1];
      row_[at] = row_[at - 1];
    }
    distance_[at] = distance;
    row_[at] = row;
  }
  std::span<const float> distances() const { return distance_; }
  std::span<const std::uint32_t> rows() const { return row_; }

 private:
  std::vector<float> distance_;
  std::vector<std::uint32_t> row_;
};

}  // namespace

// A k-d tree whose leaves are blocks of points, coordinate after coordinate: a kernel takes a whole leaf at once, which
// in twelve dimensions, where many leaves must be looked at, is worth more than smaller leaves.
struct NeighbourSearch::Tree {
  struct Node {
    std::size_t first = 0, count = 0;  // of `row`
    std::size_t child = 0;             // children at child, child + 1; 0: a leaf
    std::size_t columns = 0;           // of a leaf: where its coordinates begin
    std::size_t padded = 0;            // points of a leaf with padding
  };

  MapMetric metric = MapMetric::euclidean;
  std::size_t coordinates = 0;
  Eigen::MatrixXf axes;  // empty: not turned
  std::vector<std::uint32_t> row;
  std::vector<Node> nodes;
  std::vector<float> box;  // of each node: lowest coordinates, then highest
  AlignedVector<float> columns;

  void build(MatrixView<const float> points) {
    coordinates = points.cols();
    row.resize(points.rows());
    std::iota(row.begin(), row.end(), 0U);
    nodes.push_back({0, row.size()});
    for (std::size_t n = 0; n < nodes.size(); ++n) split(points, n);
  }

  void split(MatrixView<const float> points, std::size_t n) {
    const std::span<std::uint32_t> rows(row.data() + nodes[n].first, nodes[n].count);
    const std::size_t at = box.size();
    box.resize(at + coordinates, std::numeric_limits<float>::max());
    box.resize(at + 2 * coordinates, std::numeric_limits<float>::lowest());
    float* low = box.data() + at;
    float* high = low + coordinates;
    for (const auto r : rows)
      for (std::size_t c = 0; c < coordinates; ++c) {
        low[c] = std::min(low[c], points(r, c));
        high[c] = std::max(high[c], points(r, c));
      }
    if (rows.size() <= k_leaf) {
      constexpr std::size_t group = kernels::k_distance_group;
      nodes[n].padded = (rows.size() + group - 1) / group * group;
      nodes[n].columns = columns.size();
      columns.resize(columns.size() + coordinates * nodes[n].padded, k_nowhere);
      for (std::size_t c = 0; c < coordinates; ++c)
        for (std::size_t i = 0; i < rows.size(); ++i)
          columns[nodes[n].columns + c * nodes[n].padded + i] = points(rows[i], c);
      return;
    }
    std::size_t widest = 0;
    for (std::size_t c = 1; c < coordinates; ++c)
      if (high[c] - low[c] > high[widest] - low[widest]) widest = c;
    const std::size_t half = rows.size() / 2;
    std::nth_element(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(half), rows.end(),
                     [&](std::uint32_t a, std::uint32_t b) {
                       const float x = points(a, widest), y = points(b, widest);
                       return x < y || (x == y && a < b);
                     });
    const std::size_t first = nodes[n].first, count = nodes[n].count;
    nodes[n].child = nodes.size();
    nodes.push_back({first, half});
    nodes.push_back({first + half, count - half});
  }

  float to_box(std::size_t n, const float* here) const {
    const float* low = box.data() + 2 * coordinates * n;
    const float* high = low + coordinates;
    float sum = 0;
    for (std::size_t c = 0; c < coordinates; ++c) {
      const float outside = std::max(std::max(low[c] - here[c], here[c] - high[c]), 0.0F);
      sum += metric == MapMetric::manhattan ? outside : outside * outside;
    }
    return sum;
  }

  void visit(std::size_t n, float lower, const float* here, Nearest& nearest, std::vector<float>& space) const {
    // Rounding: the kernel may add up a little less than the box says.
    if (lower * 0.9999F > nearest.limit()) return;
    const Node& node = nodes[n];
    if (node.child != 0) {
      const float left = to_box(node.child, here), right = to_box(node.child + 1, here);
      const bool swap = right < left;
      visit(node.child + (swap ? 1 : 0), swap ? right : left, here, nearest, space);
      visit(node.child + (swap ? 0 : 1), swap ? left : right, here, nearest, space);
      return;
    }
    const float least = kernels::active().map_distances(columns.data() + node.columns, node.padded, here, coordinates,
                                                        metric == MapMetric::manhattan ? 1 : 0, space.data());
    if (least > nearest.limit()) return;
    for (std::size_t i = 0; i < node.count; ++i)
      if (space[i] <= nearest.limit()) nearest.offer(space[i], row[node.first + i]);
  }
};

NeighbourSearch::NeighbourSearch(MatrixView<const float> points, MapMetric metric) : tree_(std::make_unique<Tree>()) {
  tree_->metric = metric;
  Matrix<float> own;
  if (metric != MapMetric::manhattan && points.rows() > 0 && points.cols() > 2) {
    // Along the principal axes, the widest first, the boxes of the tree tell far from near sooner: twelve bands are as
    // good as a few numbers and noise. Euclidean distances stay what they are.
    tree_->axes = PrincipalAxes(points).axes.rowwise().reverse().cast<float>();
    own = turned(points, tree_->axes);
    points = own.view();
  }
  tree_->build(points);
}
NeighbourSearch::~NeighbourSearch() = default;

Neighbours NeighbourSearch::find(MatrixView<const float> queries, std::size_t k, bool self, WorkerPool& pool) const {
  Neighbours out;
  out.k = k;
  out.row.resize(queries.rows() * k);
  out.distance.resize(queries.rows() * k);
  const Matrix<float> own = tree_->axes.size() > 0 ? turned(queries, tree_->axes) : Matrix<float>();
  if (!own.empty()) queries = own.view();
  pool.for_shards(shard_count(queries.rows(), k_shard_rows), [&](std::size_t s) {
    const std::size_t asked = k + (self ? 1U : 0U);
    Nearest nearest(asked);
    std::vector<float> space(k_leaf + kernels::k_distance_group);
    const Shard range = shard(s, queries.rows(), k_shard_rows);
    for (std::size_t i = range.first; i < range.last; ++i) {
      nearest.clear();
      const float* here = queries.row(i).data();
      tree_->visit(0, 0, here, nearest, space);
      const auto rows = nearest.rows();
      // Among more than k copies of a galaxy it may not find itself: then the last goes.
      const auto at = self ? std::find(rows.begin(), rows.end(), static_cast<std::uint32_t>(i)) : rows.end();
      const std::size_t left_out = self ? (at == rows.end() ? k : static_cast<std::size_t>(at - rows.begin())) : asked;
      for (std::size_t j = 0, to = i * k; j < asked; ++j) {
        if (j == left_out) continue;
        out.row[to] = rows[j];
        const float distance = nearest.distances()[j];
        out.distance[to++] = tree_->metric == MapMetric::manhattan ? distance : std::sqrt(distance);
      }
    }
  });
  return out;
}

}  // namespace starglow::umap
