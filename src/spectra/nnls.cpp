#include "spectra/nnls.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace starglow {

bool solve_cholesky(std::span<double> a, std::span<double> x) {
  const std::size_t n = x.size();
  std::vector<double> column(n);
  for (std::size_t j = 0; j < n; ++j) {
    if (!(a[j * n + j] > 0)) return false;
    const double root = std::sqrt(a[j * n + j]);
    a[j * n + j] = root;
    for (std::size_t i = j + 1; i < n; ++i) column[i] = a[i * n + j] /= root;
    for (std::size_t i = j + 1; i < n; ++i) {
      const double own = column[i];
      double* row = &a[i * n];
      for (std::size_t k = j + 1; k <= i; ++k) row[k] -= own * column[k];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) x[i] -= a[i * n + k] * x[k];
    x[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    x[i] /= a[i * n + i];
    const double* row = &a[i * n];
    for (std::size_t k = 0; k < i; ++k) x[k] -= row[k] * x[i];
  }
  return true;
}

void invert_from_factor(std::span<const double> l, std::span<double> inverse) {
  const auto n = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(l.size()))));
  std::vector<double> x(n);
  for (std::size_t c = 0; c < n; ++c) {
    x[c] = 1 / l[c * n + c];
    for (std::size_t i = c + 1; i < n; ++i) {
      double sum = 0;
      for (std::size_t k = c; k < i; ++k) sum -= l[i * n + k] * x[k];
      x[i] = sum / l[i * n + i];
    }
    for (std::size_t i = n; i-- > c;) {  // the rest is symmetric
      x[i] /= l[i * n + i];
      for (std::size_t k = c; k < i; ++k) x[k] -= l[i * n + k] * x[i];
      inverse[i * n + c] = inverse[c * n + i] = x[i];
    }
  }
}

void solve_nnls(std::span<const double> a, std::span<const double> b, std::span<double> w, bool warm) {
  const std::size_t n = b.size();
  double scale = 0, trace = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!warm) w[i] = 0;
    scale = std::max(scale, std::fabs(b[i]));
    trace = std::max(trace, a[i * n + i]);
  }
  if (!(trace > 0)) {
    std::ranges::fill(w, 0.0);
    return;
  }
  std::vector<bool> active(n, false);  // free to be positive
  std::vector<std::size_t> set;
  std::vector<double> sub, x;
  const auto solve = [&] {
    set.clear();
    for (std::size_t i = 0; i < n; ++i)
      if (active[i]) set.push_back(i);
    const std::size_t m = set.size();
    sub.assign(m * m, 0);
    x.resize(m);
    for (std::size_t i = 0; i < m; ++i) {
      for (std::size_t j = 0; j < m; ++j) sub[i * m + j] = a[set[i] * n + set[j]];
      sub[i * m + i] += 1e-10 * trace;  // templates may be alike
      x[i] = b[set[i]];
    }
    return solve_cholesky(sub, x);
  };
  const auto descend = [&] {  // to the least value of the active weights, of which some may come to rest at zero
    for (std::size_t inner = 0; inner < n + 1 && solve(); ++inner) {
      double step = 1;
      for (std::size_t k = 0; k < set.size(); ++k)
        if (x[k] <= 0) step = std::min(step, w[set[k]] / (w[set[k]] - x[k]));
      for (std::size_t k = 0; k < set.size(); ++k) w[set[k]] += step * (x[k] - w[set[k]]);
      if (step >= 1) break;
      for (std::size_t k = 0; k < set.size(); ++k)
        if (x[k] <= 0 && w[set[k]] <= 1e-14) {
          w[set[k]] = 0;
          active[set[k]] = false;
        }
    }
  };
  if (warm) {
    for (std::size_t i = 0; i < n; ++i) active[i] = w[i] > 0;
    descend();
  }
  for (std::size_t round = 0; round < 3 * n; ++round) {
    std::size_t best = n;
    double steepest = 1e-9 * scale;
    for (std::size_t i = 0; i < n; ++i) {
      if (active[i]) continue;
      double gradient = b[i];
      for (std::size_t j = 0; j < n; ++j) gradient -= a[i * n + j] * w[j];
      if (gradient > steepest) {
        steepest = gradient;
        best = i;
      }
    }
    if (best == n) return;
    active[best] = true;
    descend();
  }
}

}  // namespace starglow
