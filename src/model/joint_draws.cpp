#include "model/joint_draws.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/dispatch.hpp"

namespace starglow {

namespace {

template <std::size_t n, class F>
void draw(const LineDistribution& d, const Factors& factors, std::span<const std::size_t> lines, std::size_t draws,
          std::span<float> out, const F& sample) {
  kernels::MixtureOf<static_cast<int>(n)> view{};
  static_assert(LineDistribution::k_max_components == kernels::k_mixture_components);
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
    std::transform(factors[c].begin(), factors[c].begin() + n * n,
                   factor.begin() + static_cast<std::ptrdiff_t>(c * n * n),
                   [](double f) { return static_cast<float>(f); });
    view.factor[c] = factor.data() + c * n * n;
  }
  view.sii = d.slots.sii == LineSlots::k_none ? -1 : d.slots.sii;
  std::array<float*, n> to;
  std::vector<float> unused(lines.size() < n ? draws : 0);  // what is drawn for empty places
  for (std::size_t j = 0; j < n; ++j) to[j] = j < lines.size() ? out.data() + lines[j] * draws : unused.data();
  sample(view, to.data());
}

}  // namespace

void draw_lines(const LineDistribution& d, const Factors& factors, std::span<const std::size_t> lines, Words key,
                std::size_t draws, std::span<float> out) {
  const auto& mixture = kernels::active().mixture;
  if (d.slots.places() == k_n_independent_lines)
    draw<k_n_independent_lines>(d, factors, lines, draws, out, [&](const auto& view, float* const* to) {
      mixture.sample(view, key[0], key[1], draws, to);
    });
  else
    draw<k_most_independent_lines>(d, factors, lines, draws, out, [&](const auto& view, float* const* to) {
      mixture.sample_wide(view, key[0], key[1], draws, to);
    });
}

}  // namespace starglow
