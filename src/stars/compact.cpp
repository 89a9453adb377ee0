#include <algorithm>
#include <cmath>
#include <functional>

#include "starglow/base/error.hpp"
#include "starglow/spectra/side_bands.hpp"
#include "starglow/stars/star_bands.hpp"

namespace starglow {
namespace {

constexpr double k_c = 2.99792458e18;  // A/s
constexpr double k_seam = 6300;        // A: Calzetti's law steps here
constexpr std::size_t k_band_nodes = 5, k_window_nodes = 3;
constexpr double k_pi = 3.14159265358979323846;

// A linear functional of L_nu: weights of the grid's wavelengths from `first` on.
struct Functional {
  std::size_t first = 0;
  std::vector<double> weight;
  bool covered = true;
};

std::size_t interval(const std::vector<double>& wave, double x) {
  const auto at = std::upper_bound(wave.begin(), wave.end(), x) - wave.begin();
  return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(at, 1, std::ssize(wave) - 1)) - 1;
}

class Builder {
 public:
  explicit Builder(const std::vector<double>& wave) : wave_(wave), dense_(wave.size(), 0.0) {}
  // Adds w F_lambda(x), F_lambda linear between the points.
  void add(double x, double w) {
    if (x < wave_.front() || x > wave_.back()) {
      covered_ = false;
      return;
    }
    const std::size_t i = interval(wave_, x);
    const double u = (x - wave_[i]) / (wave_[i + 1] - wave_[i]);
    add_at(i, w * (1 - u));
    add_at(i + 1, w * u);
  }
  // Adds w times the integral of F_lambda over [lo, hi].
  void add_integral(double lo, double hi, double w) {
    if (lo < wave_.front() || hi > wave_.back()) {
      covered_ = false;
      return;
    }
    for (std::size_t i = interval(wave_, lo); i + 1 < wave_.size() && wave_[i] < hi; ++i) {
      const double a = std::max(lo, wave_[i]), b = std::min(hi, wave_[i + 1]), width = wave_[i + 1] - wave_[i];
      if (!(b > a)) continue;
      const double middle = (0.5 * (a + b) - wave_[i]) / width;  // a trapezoid of a straight line
      add_at(i, w * (b - a) * (1 - middle));
      add_at(i + 1, w * (b - a) * middle);
    }
  }
  Functional take() {
    Functional out;
    out.covered = covered_;
    if (covered_ && last_ >= first_) {
      out.first = first_;
      out.weight.assign(dense_.begin() + static_cast<std::ptrdiff_t>(first_),
                        dense_.begin() + static_cast<std::ptrdiff_t>(last_) + 1);
    }
    std::fill(dense_.begin(), dense_.end(), 0.0);
    covered_ = true;
    first_ = wave_.size();
    last_ = 0;
    return out;
  }

 private:
  void add_at(std::size_t i, double w) {
    if (w == 0) return;
    dense_[i] += w * k_c / (wave_[i] * wave_[i]);
    first_ = std::min(first_, i);
    last_ = std::max(last_, i);
  }
  const std::vector<double>& wave_;
  std::vector<double> dense_;
  std::size_t first_ = static_cast<std::size_t>(-1), last_ = 0;
  bool covered_ = true;
};

// The functionals: twelve bands, then the blue and the red window of each different pair of side bands.
struct Plan {
  std::vector<Functional> functionals;
  std::vector<std::size_t> nodes;                   // Chebyshev nodes of each
  std::vector<std::vector<std::size_t>> of_output;  // functionals that an output adds up
};

Plan make_plan(const std::vector<double>& wave) {
  Plan plan;
  Builder builder(wave);
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    const auto samples = static_cast<int>(k_band_width);
    for (int k = 0; k < samples; ++k) builder.add(band_lo(b) + k, 1.0 / samples);
    plan.functionals.push_back(builder.take());
    plan.nodes.push_back(k_band_nodes);
    plan.of_output.push_back({b});
  }
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    const SideBands& w = k_lines[line].side_bands;
    std::size_t same = 0;
    while (same < line && k_lines[same].side_bands.blue_lo != w.blue_lo) ++same;
    if (same < line) {
      plan.of_output.push_back(plan.of_output[k_n_bands + same]);
      continue;
    }
    std::vector<std::size_t> pair;
    for (const auto& [lo, hi] : {std::pair{w.blue_lo, w.blue_hi}, {w.red_lo, w.red_hi}}) {
      builder.add_integral(lo, hi, 0.5 / (hi - lo));
      pair.push_back(plan.functionals.size());
      plan.functionals.push_back(builder.take());
      plan.nodes.push_back(k_window_nodes);
    }
    plan.of_output.push_back(pair);
  }
  return plan;
}

std::vector<double> chebyshev(double lo, double hi, std::size_t n) {
  std::vector<double> x;
  for (std::size_t k = 0; k < n; ++k)
    x.push_back(0.5 * (lo + hi) -
                0.5 * (hi - lo) * std::cos(k_pi * (static_cast<double>(k) + 0.5) / static_cast<double>(n)));
  return x;
}

double lagrange(const std::vector<double>& nodes, std::size_t k, double x) {
  double value = 1;
  for (std::size_t l = 0; l < nodes.size(); ++l)
    if (l != k) value *= (x - nodes[l]) / (nodes[k] - nodes[l]);
  return value;
}

// Adds columns to `light`: column j of population row is sum_i weight_i flux(row, first + i) for each of `weights`.
struct Column {
  double wave;
  std::size_t first;
  std::vector<double> weight;
};

}  // namespace

CompactSsp compact(const SspGrid& grid, const CompactOptions& options) {
  check_ssp(grid);
  CompactSsp out;
  out.lgmet = grid.lgmet;
  out.lg_age_gyr = grid.lg_age_gyr;
  const Plan plan = make_plan(grid.wave);
  std::vector<Column> columns;
  // Of each functional, the entries (node, coefficient).
  std::vector<std::vector<std::pair<std::uint32_t, double>>> entries(plan.functionals.size());
  if (options.dust == DustQuadrature::exact) {
    std::vector<std::int64_t> node_of(grid.n_wave(), -1);
    for (const auto& f : plan.functionals)
      for (std::size_t i = 0; i < f.weight.size(); ++i) node_of[f.first + i] = 0;
    for (std::size_t i = 0; i < node_of.size(); ++i)
      if (node_of[i] == 0) {
        node_of[i] = std::ssize(columns);
        columns.push_back({grid.wave[i], i, {1.0}});
      }
    for (std::size_t f = 0; f < plan.functionals.size(); ++f)
      for (std::size_t i = 0; i < plan.functionals[f].weight.size(); ++i)
        entries[f].emplace_back(static_cast<std::uint32_t>(node_of[plan.functionals[f].first + i]),
                                plan.functionals[f].weight[i]);
  } else {
    for (std::size_t f = 0; f < plan.functionals.size(); ++f) {
      const Functional& whole = plan.functionals[f];
      for (std::size_t from = 0; from < whole.weight.size();) {
        const bool blue = grid.wave[whole.first + from] < k_seam;
        std::size_t to = from;
        while (to < whole.weight.size() && (grid.wave[whole.first + to] < k_seam) == blue) ++to;
        const double lo = grid.wave[whole.first + from], hi = grid.wave[whole.first + to - 1];
        const auto nodes = chebyshev(lo, hi, to - from == 1 ? 1 : plan.nodes[f]);
        for (std::size_t k = 0; k < nodes.size(); ++k) {
          Column column{nodes[k], whole.first + from, {}};
          for (std::size_t i = from; i < to; ++i)
            column.weight.push_back(whole.weight[i] * lagrange(nodes, k, grid.wave[whole.first + i]));
          entries[f].emplace_back(static_cast<std::uint32_t>(columns.size()), 1.0);
          columns.push_back(std::move(column));
        }
        from = to;
      }
    }
  }
  for (std::size_t o = 0; o < k_n_star_outputs; ++o) {
    out.begin[o] = out.node.size();
    out.covered[o] = true;
    for (const auto f : plan.of_output[o]) {
      out.covered[o] = out.covered[o] && plan.functionals[f].covered;
      for (const auto& [node, coefficient] : entries[f]) {
        out.node.push_back(node);
        out.coefficient.push_back(coefficient);
      }
    }
  }
  out.begin[k_n_star_outputs] = out.node.size();
  out.photometry_begin = columns.size();
  if (options.photometry) {
    // Hat functions on a logarithmic grid; L_nu linear between the grid's wavelengths, each piece by four-point Gauss.
    const double lo = std::log(std::max(options.photometry_lo, grid.wave.front()));
    const double hi = std::log(std::min(options.photometry_hi, grid.wave.back()));
    if (!(options.photometry_step > 0) || !(hi > lo))
      throw Error(
          ErrorKind::input, "no wavelengths for photometry",
          {std::to_string(options.photometry_lo) + " to " + std::to_string(options.photometry_hi) + " A", "", ""});
    const auto n = static_cast<std::size_t>((hi - lo) / options.photometry_step) + 2;
    const double step = (hi - lo) / static_cast<double>(n - 1);
    constexpr std::array<double, 2> k_x{0.3399810435848563, 0.8611363115940526},
        k_w{0.6521451548625461, 0.3478548451374538};
    for (std::size_t k = 0; k < n; ++k) {
      const double centre = lo + step * static_cast<double>(k);
      const double from = std::exp(std::max(centre - step, lo)), to = std::exp(std::min(centre + step, hi));
      std::size_t i = interval(grid.wave, from);
      Column column{std::exp(centre), i, {}};
      std::vector<double> cuts{from, std::exp(centre), to};
      for (std::size_t j = i + 1; j < grid.n_wave() && grid.wave[j] < to; ++j)
        if (grid.wave[j] > from) cuts.push_back(grid.wave[j]);
      std::sort(cuts.begin(), cuts.end());
      column.weight.assign(interval(grid.wave, to) + 2 - i, 0.0);
      for (std::size_t c = 0; c + 1 < cuts.size(); ++c) {
        const double a = cuts[c], b = cuts[c + 1];
        if (!(b > a)) continue;
        const std::size_t j = interval(grid.wave, 0.5 * (a + b));
        for (std::size_t q = 0; q < 4; ++q) {
          const double x = 0.5 * (a + b) + 0.5 * (b - a) * (q < 2 ? -k_x[q] : k_x[q - 2]);
          const double hat = std::max(0.0, 1 - std::fabs(std::log(x) - centre) / step);
          const double w = 0.5 * (b - a) * k_w[q % 2] * hat / x;
          const double u = (x - grid.wave[j]) / (grid.wave[j + 1] - grid.wave[j]);
          column.weight[j - i] += w * (1 - u);
          column.weight[j - i + 1] += w * u;
        }
      }
      columns.push_back(std::move(column));
    }
    out.photometry_count = n;
  }
  out.light = Matrix<double>(grid.flux.rows(), columns.size());
  for (std::size_t j = 0; j < columns.size(); ++j) out.node_wave.push_back(columns[j].wave);
  for (std::size_t row = 0; row < grid.flux.rows(); ++row) {
    const auto flux = grid.flux.row(row);
    for (std::size_t j = 0; j < columns.size(); ++j) {
      double sum = 0;
      for (std::size_t i = 0; i < columns[j].weight.size(); ++i)
        sum += columns[j].weight[i] * flux[columns[j].first + i];
      out.light(row, j) = sum;
    }
  }
  out.metadata["source"] = grid.source;
  out.metadata["dust_quadrature"] = options.dust == DustQuadrature::exact ? "exact" : "nodes";
  return out;
}

}  // namespace starglow
