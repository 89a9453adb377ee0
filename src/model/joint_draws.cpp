#include "model/joint_draws.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/dispatch.hpp"

namespace starglow {

void draw_lines(const LineDistribution& d, const Factors& factors, Words key, std::size_t draws, std::span<float> out) {
  constexpr std::size_t n = k_n_independent_lines;
  static_assert(n == kernels::k_mixture_lines && LineDistribution::k_max_components == kernels::k_mixture_components);
  kernels::MixtureView view{};
  std::array<float, LineDistribution::k_max_components * n * n> factor;
  view.components = static_cast<int>(d.components);
  double below = 0;
  for (std::size_t c = 0; c < d.components; ++c) {
    // uniform(word) = (word + 1/2) / 2^32 > below
    below += d.weight[c];
    view.limit[c] = static_cast<std::uint32_t>(std::clamp(std::floor(below * 0x1p32 - 0.5), 0.0, 0x1p32 - 1));
    for (std::size_t j = 0; j < n; ++j) {
      view.mean[c][j] = static_cast<float>(d.mean[c][j]);
      view.sd[c][j] = static_cast<float>(d.sd[c][j]);
    }
    std::transform(factors[c].begin(), factors[c].end(), factor.begin() + static_cast<std::ptrdiff_t>(c * n * n),
                   [](double f) { return static_cast<float>(f); });
    view.factor[c] = factor.data() + c * n * n;
  }
  std::array<float*, n> to;
  for (std::size_t j = 0; j < n; ++j) to[j] = out.data() + k_independent_lines[j] * draws;
  kernels::active().mixture.sample(view, key[0], key[1], draws, to.data());
}

}  // namespace starglow
