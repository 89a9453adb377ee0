#include "spectra/nnls.hpp"

#include <cmath>
#include <vector>

namespace starglow {

bool solve_cholesky(std::span<double> a, std::span<double> x) {
  const std::size_t n = x.size();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      if (i == j) {
        if (!(sum > 0)) return false;
        a[i * n + i] = std::sqrt(sum);
      } else {
        a[i * n + j] = sum / a[j * n + j];
      }
    }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) x[i] -= a[i * n + k] * x[k];
    x[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) x[i] -= a[k * n + i] * x[k];
    x[i] /= a[i * n + i];
  }
  return true;
}

void invert_from_factor(std::span<const double> l, std::span<double> inverse) {
  const auto n = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(l.size()))));
  std::vector<double> x(n);
  for (std::size_t c = 0; c < n; ++c) {
    for (std::size_t i = 0; i < n; ++i) {
      double sum = i == c ? 1 : 0;
      for (std::size_t k = 0; k < i; ++k) sum -= l[i * n + k] * x[k];
      x[i] = sum / l[i * n + i];
    }
    for (std::size_t i = n; i-- > 0;) {
      double sum = x[i];
      for (std::size_t k = i + 1; k < n; ++k) sum -= l[k * n + i] * x[k];
      x[i] = sum / l[i * n + i];
    }
    for (std::size_t i = 0; i < n; ++i) inverse[i * n + c] = x[i];
  }
}

void solve_nnls(std::span<const double> a, std::span<const double> b, std::span<double> w) {
  const std::size_t n = b.size();
  double scale = 0, trace = 0;
  for (std::size_t i = 0; i < n; ++i) {
    w[i] = 0;
    scale = std::max(scale, std::fabs(b[i]));
    trace = std::max(trace, a[i * n + i]);
  }
  if (!(trace > 0)) return;
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
  }
}

}  // namespace starglow
