#include "map/umap_layout.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/dispatch.hpp"
#include "map/principal_axes.hpp"
#include "starglow/base/random.hpp"

namespace starglow::umap {
namespace {

constexpr std::size_t k_pushes = 5;       // random points that a pulled point is pushed from
constexpr std::size_t k_shard_rows = 64;  // galaxies whose pairs are worked on together
constexpr float k_start_size = 10.0F;
// Adam's rule with the short memory that suits a rate that falls to 0.
constexpr float k_rate = 1.0F, k_beta1 = 0.5F, k_beta2 = 0.9F, k_epsilon = 1e-7F;
constexpr std::size_t k_place_epochs = 30;
constexpr float k_place_rate = 0.25F;

// 32 random bits of (seed, epoch, galaxy, number).
class Hash {
 public:
  Hash(std::uint64_t seed, std::uint64_t epoch, std::uint64_t galaxy)
      : state_(splitmix64(splitmix64(seed ^ (epoch << 40)) ^ galaxy)) {}
  std::size_t below(std::size_t n) {
    state_ += 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(((splitmix64(state_) >> 32) * static_cast<std::uint64_t>(n)) >> 32);
  }

 private:
  std::uint64_t state_;
};

// An edge of relative weight w is due w times an epoch.
bool is_due(float weight, std::size_t epoch) {
  const auto w = static_cast<double>(weight), e = static_cast<double>(epoch);
  return static_cast<std::int64_t>((e + 1) * w) > static_cast<std::int64_t>(e * w);
}

// Displacements of pairs, of one kind, in the order of their galaxies.
struct Pairs {
  std::vector<float> dx, dy;     // room; the first `n` count
  std::vector<std::size_t> end;  // of each galaxy
  std::size_t n = 0;
  void begin(std::size_t most) {
    if (dx.size() < most) dx.resize(most), dy.resize(most);
    n = 0;
    end.clear();
  }
  void add(const float* here, const float* there) {
    dx[n] = here[0] - there[0];
    dy[n] = here[1] - there[1];
    ++n;
  }
  void add_to(std::size_t galaxy, float factor, float& gx, float& gy) const {
    float sx = 0, sy = 0;
    for (std::size_t p = galaxy == 0 ? 0 : end[galaxy - 1]; p < end[galaxy]; ++p) sx += dx[p], sy += dy[p];
    gx += factor * sx;
    gy += factor * sy;
  }
};

}  // namespace

Matrix<float> principal_start(MatrixView<const float> points) {
  const PrincipalAxes principal(points);
  Eigen::MatrixXd axes = principal.axes.rightCols(2);  // ascending variance
  for (Eigen::Index j = 0; j < 2; ++j) {               // the sign that an eigenvector leaves open
    Eigen::Index largest = 0;
    axes.col(j).cwiseAbs().maxCoeff(&largest);
    if (axes(largest, j) < 0) axes.col(j) *= -1;
  }
  Matrix<float> out(points.rows(), 2);
  float size = 0;
  for (std::size_t i = 0; i < points.rows(); ++i) {
    const Eigen::Vector2d at = axes.transpose() * (PrincipalAxes::row(points, i) - principal.mean);
    out(i, 0) = static_cast<float>(at(1));
    out(i, 1) = static_cast<float>(at(0));
    size = std::max({size, std::fabs(out(i, 0)), std::fabs(out(i, 1))});
  }
  if (size > 0)
    for (float& x : out.flat()) x *= k_start_size / size;
  return out;
}

void lay_out(const Graph& graph, MapCurve curve, std::size_t epochs, std::uint64_t seed, WorkerPool& pool,
             const GalaxyMap::Progress& progress, Matrix<float>& position) {
  const std::size_t n = position.rows();
  const kernels::KernelTable& table = kernels::active();
  const auto a = static_cast<float>(curve.a), b = static_cast<float>(curve.b);
  const float heaviest = graph.weight.empty() ? 1.0F : *std::max_element(graph.weight.begin(), graph.weight.end());
  std::vector<float> weight(graph.weight);
  for (float& w : weight) w /= heaviest;
  Matrix<float> next(n, 2), first(n, 2), second(n, 2);
  float decay1 = 1, decay2 = 1;
  for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
    const float rate = k_rate * (1.0F - static_cast<float>(epoch) / static_cast<float>(epochs));
    decay1 *= k_beta1;
    decay2 *= k_beta2;
    pool.for_shards(shard_count(n, k_shard_rows), [&](std::size_t s) {
      thread_local Pairs pulls, pushes;
      const Shard range = shard(s, n, k_shard_rows);
      const std::size_t edges = graph.start[range.last] - graph.start[range.first];
      pulls.begin(edges);
      pushes.begin(k_pushes * edges);
      const float* all = position.data();
      for (std::size_t i = range.first; i < range.last; ++i) {
        Hash random(seed, epoch, i);
        for (std::size_t e = graph.start[i]; e < graph.start[i + 1]; ++e) {
          if (!is_due(weight[e], epoch)) continue;
          pulls.add(all + 2 * i, all + 2 * std::size_t{graph.row[e]});
          for (std::size_t p = 0; p < k_pushes; ++p) pushes.add(all + 2 * i, all + 2 * random.below(n));
        }
        pulls.end.push_back(pulls.n);
        pushes.end.push_back(pushes.n);
      }
      table.map_forces(pulls.dx.data(), pulls.dy.data(), pulls.n, a, b, 0);
      table.map_forces(pushes.dx.data(), pushes.dy.data(), pushes.n, a, b, 1);
      for (std::size_t i = range.first; i < range.last; ++i) {
        std::array<float, 2> gradient{};
        // Each pair of the graph stands in it twice and pulls both ends each time.
        pulls.add_to(i - range.first, 2.0F, gradient[0], gradient[1]);
        pushes.add_to(i - range.first, 1.0F, gradient[0], gradient[1]);
        for (std::size_t c = 0; c < 2; ++c) {
          first(i, c) = k_beta1 * first(i, c) + (1 - k_beta1) * gradient[c];
          second(i, c) = k_beta2 * second(i, c) + (1 - k_beta2) * gradient[c] * gradient[c];
          next(i, c) = position(i, c) +
                       rate * (first(i, c) / (1 - decay1)) / (std::sqrt(second(i, c) / (1 - decay2)) + k_epsilon);
        }
      }
    });
    std::swap(position, next);
    if (progress) progress(epoch + 1, epochs);
  }
}

Matrix<float> place(const Neighbours& near, std::span<const float> weights, MatrixView<const float> fixed,
                    MapCurve curve, std::uint64_t seed, std::span<const std::int64_t> ids, WorkerPool& pool) {
  const std::size_t k = near.k, n = ids.size();
  const kernels::KernelTable& table = kernels::active();
  const auto a = static_cast<float>(curve.a), b = static_cast<float>(curve.b);
  Matrix<float> out(n, 2);
  pool.for_shards(shard_count(n, k_shard_rows), [&](std::size_t s) {
    thread_local Pairs pulls, pushes;
    const Shard range = shard(s, n, k_shard_rows);
    std::vector<float> relative(k * range.count());
    for (std::size_t i = range.first; i < range.last; ++i) {
      float sum = 0, heaviest = 0, x = 0, y = 0;
      for (std::size_t j = i * k; j < (i + 1) * k; ++j) {
        sum += weights[j];
        heaviest = std::max(heaviest, weights[j]);
        x += weights[j] * fixed(near.row[j], 0);
        y += weights[j] * fixed(near.row[j], 1);
      }
      out(i, 0) = x / sum;
      out(i, 1) = y / sum;
      for (std::size_t j = 0; j < k; ++j) relative[(i - range.first) * k + j] = weights[i * k + j] / heaviest;
    }
    for (std::size_t epoch = 0; epoch < k_place_epochs; ++epoch) {
      const float rate = k_place_rate * (1.0F - static_cast<float>(epoch) / static_cast<float>(k_place_epochs));
      pulls.begin(k * range.count());
      pushes.begin(k_pushes * k * range.count());
      for (std::size_t i = range.first; i < range.last; ++i) {
        Hash random(seed, epoch, static_cast<std::uint64_t>(ids[i]));
        for (std::size_t j = 0; j < k; ++j) {
          if (!is_due(relative[(i - range.first) * k + j], epoch)) continue;
          pulls.add(out.row(i).data(), fixed.row(near.row[i * k + j]).data());
          for (std::size_t p = 0; p < k_pushes; ++p)
            pushes.add(out.row(i).data(), fixed.row(random.below(fixed.rows())).data());
        }
        pulls.end.push_back(pulls.n);
        pushes.end.push_back(pushes.n);
      }
      table.map_forces(pulls.dx.data(), pulls.dy.data(), pulls.n, a, b, 0);
      table.map_forces(pushes.dx.data(), pushes.dy.data(), pushes.n, a, b, 1);
      for (std::size_t i = range.first; i < range.last; ++i) {
        float gx = 0, gy = 0;
        pulls.add_to(i - range.first, 1.0F, gx, gy);
        pushes.add_to(i - range.first, 1.0F, gx, gy);
        out(i, 0) += rate * gx;
        out(i, 1) += rate * gy;
      }
    }
  });
  return out;
}

}  // namespace starglow::umap
