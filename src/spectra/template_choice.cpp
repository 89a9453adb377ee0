#include <algorithm>
#include <cmath>
#include <vector>

#include "spectra/nnls.hpp"
#include "starglow/spectra/templates.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_every = 8;  // pixels of 30 km/s: a fit of colours and breaks needs no more

// Mean square of what the chosen rows, added up with weights that are not negative, leave of `row`, relative to it.
double left_over(MatrixView<const double> rows, const std::vector<std::size_t>& chosen, std::span<const double> row) {
  const std::size_t m = chosen.size();
  std::vector<double> a(m * m, 0.0), b(m, 0.0), w(m), part(m);
  double total = 0;
  for (std::size_t i = 0; i < row.size(); i += k_every) {
    if (!(row[i] > 0)) continue;
    for (std::size_t j = 0; j < m; ++j) part[j] = rows.row(chosen[j])[i] / row[i];
    for (std::size_t j = 0; j < m; ++j) {
      b[j] += part[j];
      for (std::size_t k = 0; k <= j; ++k) a[j * m + k] += part[j] * part[k];
    }
    total += 1;
  }
  for (std::size_t j = 0; j < m; ++j)
    for (std::size_t k = 0; k < j; ++k) a[k * m + j] = a[j * m + k];
  solve_nnls(a, b, w);
  double left = total;  // sum of (1 - w . part)^2
  for (std::size_t j = 0; j < m; ++j) {
    left -= 2 * w[j] * b[j];
    for (std::size_t k = 0; k < m; ++k) left += w[j] * w[k] * a[j * m + k];
  }
  return total > 0 ? std::max(left, 0.0) / total : 0;
}

}  // namespace

std::vector<std::size_t> choose_templates(MatrixView<const double> rows, std::size_t wanted) {
  std::vector<std::size_t> chosen;
  if (rows.rows() == 0 || rows.cols() == 0) return chosen;
  const auto bluer = [&](std::size_t a, std::size_t b) { return rows.row(a)[0] < rows.row(b)[0]; };
  std::vector<std::size_t> all(rows.rows());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  chosen.push_back(*std::max_element(all.begin(), all.end(), bluer));
  while (chosen.size() < std::min(wanted, all.size())) {
    std::size_t worst = all.size();
    double most = -1;
    for (const std::size_t i : all) {
      if (std::find(chosen.begin(), chosen.end(), i) != chosen.end()) continue;
      const double left = left_over(rows, chosen, rows.row(i));
      if (left > most) {
        most = left;
        worst = i;
      }
    }
    if (worst == all.size()) break;
    chosen.push_back(worst);
  }
  return chosen;
}

}  // namespace starglow
