#include "model/joint_draws.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/dispatch.hpp"

namespace starglow {

namespace {

// A ratio of the [SII] lines beyond its limits is brought to them, their sum kept, as the kernel does at its own place.
void hold_ratio(std::span<float> blue, std::span<float> red) {
  constexpr float highest = kernels::k_sii_highest / (1 + kernels::k_sii_highest),
                  lowest = kernels::k_sii_lowest / (1 + kernels::k_sii_lowest);
  for (std::size_t k = 0; k < blue.size(); ++k) {
    const float sum = blue[k] + red[k], kept = std::clamp(blue[k], sum * lowest, sum * highest);
    if (kept != blue[k]) red[k] = sum - kept;
    blue[k] = kept;
  }
}

}  // namespace

void draw_lines(const LineDistribution& d, const Factors& factors, std::span<const std::size_t> lines, Words key,
                std::size_t draws, std::span<float> out) {
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
  std::vector<float> unused(lines.size() < n ? draws : 0);  // what is drawn for empty places
  for (std::size_t j = 0; j < n; ++j) to[j] = j < lines.size() ? out.data() + lines[j] * draws : unused.data();
  const bool usual = d.slots.sii == kernels::k_sii_blue;
  view.hold_sii = usual ? 1 : 0;
  kernels::active().mixture.sample(view, key[0], key[1], draws, to.data());
  if (!usual && d.slots.sii != LineSlots::k_none) hold_ratio({to[d.slots.sii], draws}, {to[d.slots.sii + 1U], draws});
}

}  // namespace starglow
