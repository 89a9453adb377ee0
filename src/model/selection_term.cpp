#include "model/selection_term.hpp"

#include <array>
#include <cmath>

#include "model/likelihood.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

// Rows take turns with these sets of nodes, so that what one set gets wrong is averaged over the galaxies.
constexpr std::size_t k_sets = 32;

// A lattice of rank one with the generator of Korobov (1959), shifted at random once a set.
template <std::size_t k_n>
std::vector<VectorOf<k_n>> make_nodes() {
  constexpr std::size_t n = SelectionTermOf<k_n>::k_nodes;
  constexpr std::size_t generator = 5;  // powers modulo 16 stay odd: every coordinate takes every value once
  std::vector<VectorOf<k_n>> out;
  for (std::size_t set = 0; set < k_sets; ++set) {
    const RandomObject random(1, Stream::training, -1000 - static_cast<std::int64_t>(set));
    for (std::size_t k = 0; k < n; ++k) {
      VectorOf<k_n> z;
      std::size_t power = 1;
      for (std::size_t j = 0; j < k_n; ++j) {
        const double shift = random.uniform(0, static_cast<std::uint32_t>(j));
        double u = static_cast<double>(k * power % n) / static_cast<double>(n) + shift;
        u -= std::floor(u);
        z[static_cast<Eigen::Index>(j)] = normal_quantile(std::min(std::max(u, 1e-6), 1 - 1e-6));
        power = power * generator % n;
      }
      out.push_back(z);
    }
  }
  return out;
}

}  // namespace

Matrix<double> selection_nodes() {
  constexpr std::size_t k_n = k_n_independent_lines;
  const auto nodes = make_nodes<k_n>();
  Matrix<double> out(nodes.size(), k_n);
  for (std::size_t k = 0; k < nodes.size(); ++k)
    for (std::size_t j = 0; j < k_n; ++j) out(k, j) = nodes[k][static_cast<Eigen::Index>(j)];
  return out;
}

template <std::size_t k_n>
SelectionTermOf<k_n>::SelectionTermOf(std::vector<std::vector<LineCut>> cuts, std::span<const double> y_mean,
                                      std::span<const double> y_scale, std::vector<std::size_t> turns)
    : cuts_(std::move(cuts)),
      turns_(std::move(turns)),
      y_mean_(y_mean.begin(), y_mean.end()),
      y_scale_(y_scale.begin(), y_scale.end()),
      nodes_(make_nodes<k_n>()) {}

template <std::size_t k_n>
double SelectionTermOf<k_n>::add(std::size_t row, const Mixture& m, std::span<double> d_mean,
                                 std::span<VectorOf<k_n>> d_sd, std::span<SquareOf<k_n>> d_unit,
                                 std::span<double> d_logit) const {
  const auto& cuts = cuts_[row];
  const VectorOf<k_n>* nodes = nodes_.data() + (turns_.empty() ? row : turns_[row]) % k_sets * k_nodes;
  // Per component and node: the product, and of each cut d ln Phi / d standardised t.
  std::array<std::array<double, k_nodes>, k_most_components> product{};
  std::array<std::array<std::array<double, k_n>, k_nodes>, k_most_components> hazard{};
  std::array<double, k_most_components> p{};
  double whole = 0;
  for (std::size_t c = 0; c < m.components; ++c) {
    for (std::size_t k = 0; k < k_nodes; ++k) {
      double all = 1;
      for (std::size_t l = 0; l < cuts.size(); ++l) {
        const auto j = cuts[l].line;
        const auto at = static_cast<Eigen::Index>(j);
        double e = 0;
        for (Eigen::Index i = 0; i <= at; ++i) e += m.unit[c](at, i) * nodes[k][i];
        const double t = y_mean_[j] + y_scale_[j] * (m.mean[c * m.lines + j] + m.sd[c][at] * e);
        const double up = t > 0 ? std::exp(t) : 1.0, ew = 0.5 * (up - 1 / up);
        const double u = (ew - cuts[l].limit) / cuts[l].sigma, phi = std::max(normal_cdf(u), 1e-300);
        all *= phi;
        // Beyond 38 sigma the density is 0, and the EW may be infinite.
        if (t > 0 && u < 38)
          hazard[c][k][l] = normal_density(u) / phi * 0.5 * (up + 1 / up) / cuts[l].sigma * y_scale_[j];
      }
      product[c][k] = all;
      p[c] += all / static_cast<double>(k_nodes);
    }
    p[c] = std::max(p[c], 1e-300);
    whole += m.weight[c] * p[c];
  }
  for (std::size_t c = 0; c < m.components; ++c) {
    const double share = m.weight[c] * p[c] / whole;
    d_logit[c] += share - m.weight[c];
    for (std::size_t k = 0; k < k_nodes; ++k) {
      const double a = share * product[c][k] / (static_cast<double>(k_nodes) * p[c]);
      for (std::size_t l = 0; l < cuts.size(); ++l) {
        const double slope = a * hazard[c][k][l];
        if (slope == 0) continue;
        const auto at = static_cast<Eigen::Index>(cuts[l].line);
        d_mean[c * m.lines + cuts[l].line] += slope;
        double e = 0;
        for (Eigen::Index i = 0; i <= at; ++i) {
          e += m.unit[c](at, i) * nodes[k][i];
          d_unit[c](at, i) += slope * m.sd[c][at] * nodes[k][i];
        }
        d_sd[c][at] += slope * e;
      }
    }
  }
  return std::log(whole);
}

template class SelectionTermOf<k_n_independent_lines>;
template class SelectionTermOf<k_most_independent_lines>;

}  // namespace starglow
