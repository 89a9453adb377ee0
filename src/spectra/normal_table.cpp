#include "spectra/normal_table.hpp"

#include "starglow/base/random.hpp"

namespace starglow {

NormalTable::NormalTable() {
  for (std::size_t k = 0; k < k_nodes; ++k) {
    const double x = static_cast<double>(k) / k_per_unit - k_reach, density = normal_density(x);
    auto& c = nodes_[k].c;
    c[0] = normal_cdf(x);
    // Derivative m + 1 is (-1)^m He_m(x) density, He_{m+1} = x He_m - m He_{m-1}.
    double he = 1, before = 0, factorial = 1, sign = 1;
    for (std::size_t m = 0; m < k_order; ++m) {
      factorial *= static_cast<double>(m + 1);
      c[m + 1] = sign * he * density / factorial;
      const double next = x * he - static_cast<double>(m) * before;
      before = he;
      he = next;
      sign = -sign;
    }
  }
  nodes_.front().c = {};
  nodes_.back().c = {1.0};
}

const NormalTable& normal_table() {
  static const NormalTable table;
  return table;
}

}  // namespace starglow
