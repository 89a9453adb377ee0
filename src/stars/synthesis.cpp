#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/dispatch.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/stars/stars.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_shard = 96;  // galaxies whose weights are in memory together: their panel stays in the cache

}  // namespace

StarSynthesis::StarSynthesis(std::span<const double> lgmet, std::span<const double> lg_age, std::span<const double> t,
                             MatrixView<const double> columns)
    : table_(t, lg_age),
      lgmet_(lgmet.begin(), lgmet.end()),
      edges_(metallicity_edges(lgmet)),
      columns_(columns.cols()) {
  const std::size_t rows = lgmet.size() * lg_age.size();
  if (columns.rows() != rows)
    throw Error(ErrorKind::input, "columns that do not belong to the populations",
                {std::to_string(columns.rows()) + " rows", std::to_string(rows), ""});
  const std::size_t panels = (columns_ + k_panel - 1) / k_panel;
  panels_.assign(panels * rows * k_panel, 0.0);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t j = 0; j < columns_; ++j)
      panels_[(j / k_panel * rows + row) * k_panel + j % k_panel] = columns(row, j);
}

std::int32_t StarSynthesis::weights(const StarInputs& in, std::size_t g, Weights& out) const {
  std::int32_t flags = 0;
  const std::size_t n_age = table_.n_ages();
  age_weights(table_, in.sfr.row(g), in.t_obs[g], out.smooth);
  if (out.smooth.nonfinite) flags |= k_nonfinite;
  if (out.smooth.clipped) flags |= k_clipped;
  out.age = out.smooth.weights;
  out.fraction = in.burst.empty() ? 0 : in.burst[g].fraction();
  if (out.fraction != 0) {
    out.burst.resize(n_age);
    burst_weights(in.burst[g], table_.lg_ages(), out.burst);
    if (!(out.fraction <= 1) || std::isnan(out.burst[0])) flags |= k_nonfinite;
    if (std::all_of(out.burst.begin(), out.burst.end(), [](double b) { return b == 0; })) {
      out.fraction = 0;  // between or beyond the grid's ages: no burst
      flags |= k_clipped;
    }
    for (std::size_t a = 0; a < n_age; ++a)
      out.age[a] = out.fraction * out.burst[a] + (1 - out.fraction) * out.smooth.weights[a];
  }
  out.met.resize(n_met());
  metallicity_weights(edges_, in.lgmet[g], in.lgmet_scatter[g], out.met);
  if (std::isnan(out.met[0])) flags |= k_nonfinite;
  if (in.lgmet[g] < lgmet_.front() || in.lgmet[g] > lgmet_.back()) flags |= k_clipped;
  out.met_first = 0;
  out.met_last = n_met();
  if ((flags & k_nonfinite) != 0) {
    out.smooth.mass = std::numeric_limits<double>::quiet_NaN();
    return flags;
  }
  while (out.met_first + 1 < out.met_last && out.met[out.met_first] == 0) ++out.met_first;
  while (out.met_last > out.met_first + 1 && out.met[out.met_last - 1] == 0) --out.met_last;
  return flags;
}

void StarSynthesis::synthesise(const StarInputs& in, std::size_t first, std::size_t last, MatrixView<double> out,
                               std::span<std::int32_t> flags, std::span<double> mass) const {
  const auto& product = kernels::ops<double>(kernels::active()).product;
  const std::size_t n_age = table_.n_ages(), rows = n_met() * n_age, n = last - first;
  struct Row {
    std::size_t galaxy, from, to;
  };
  std::vector<Row> order;
  order.reserve(n);
  AlignedVector<double> w(n * rows, 0.0), result(n * k_panel);
  Weights parts;

  for (std::size_t g = first; g < last; ++g) {
    flags[g] |= weights(in, g, parts);
    mass[g] = parts.smooth.mass;
    order.push_back({g, parts.met_first, parts.met_last});
    double* const row = w.data() + (g - first) * rows;
    if (std::isnan(parts.smooth.mass)) continue;  // zero weights; NaN comes from the mass
    for (std::size_t m = parts.met_first; m < parts.met_last; ++m) {
      const double scale = parts.met[m] * parts.smooth.mass;
      for (std::size_t a = 0; a < n_age; ++a) row[m * n_age + a] = scale * parts.age[a];
    }
  }
  // Neighbours in metallicity share the rows that they read; zeros elsewhere change no sum.
  std::sort(order.begin(), order.end(), [](const Row& a, const Row& b) {
    return a.from != b.from ? a.from < b.from : a.to != b.to ? a.to < b.to : a.galaxy < b.galaxy;
  });
  AlignedVector<double> sorted(n * rows);
  for (std::size_t i = 0; i < n; ++i)
    std::copy_n(w.data() + (order[i].galaxy - first) * rows, rows, sorted.data() + i * rows);
  constexpr std::size_t k_group = 6;  // rows of a tile of the widest kernel
  for (std::size_t panel = 0; panel * k_panel < columns_; ++panel) {
    const double* const light = panels_.data() + panel * rows * k_panel;
    const std::size_t width = std::min(k_panel, columns_ - panel * k_panel);
    std::fill(result.begin(), result.end(), 0.0);
    for (std::size_t i = 0; i < n; i += k_group) {
      const std::size_t count = std::min(k_group, n - i);
      std::size_t from = order[i].from, to = order[i].to;
      for (std::size_t k = i; k < i + count; ++k) {
        from = std::min(from, order[k].from);
        to = std::max(to, order[k].to);
      }
      product(count, k_panel, (to - from) * n_age, sorted.data() + i * rows + from * n_age, rows, 1,
              light + from * n_age * k_panel, k_panel, result.data() + i * k_panel, k_panel, nullptr);
    }
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t g = order[i].galaxy;
      double* const to = out.row(g - first).data() + panel * k_panel;
      if (std::isnan(mass[g]))
        std::fill_n(to, width, std::numeric_limits<double>::quiet_NaN());
      else
        std::copy_n(result.data() + i * k_panel, width, to);
    }
  }
}

void StarSynthesis::synthesise(const StarInputs& in, MatrixView<double> out, std::span<std::int32_t> flags,
                               std::span<double> mass, WorkerPool& pool) const {
  if (in.sfr.rows() != in.size() || in.lgmet.size() != in.size() || in.lgmet_scatter.size() != in.size() ||
      (!in.burst.empty() && in.burst.size() != in.size()) || out.rows() != in.size() || out.cols() != columns_)
    throw Error(ErrorKind::input, "inputs of galaxies differ in number");
  pool.for_shards(shard_count(in.size(), k_shard), [&](std::size_t s) {
    const Shard rows = shard(s, in.size(), k_shard);
    synthesise(in, rows.first, rows.last, out.slice_rows(rows.first, rows.count()), flags, mass);
  });
}

}  // namespace starglow
