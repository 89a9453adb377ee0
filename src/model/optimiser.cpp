#include "model/optimiser.hpp"

#include <cmath>
#include <numbers>

namespace starglow {

AdamW::AdamW(std::size_t n_params, Options options) : options_(options), m_(n_params, 0.0F), v_(n_params, 0.0F) {}

void AdamW::step(std::span<float> params, std::span<const float> gradient, std::span<const std::uint8_t> decayed,
                 double rate, double weight_decay, std::span<const float> scales) {
  if (!scales.empty()) before_.assign(params.begin(), params.end());
  ++steps_;
  const auto t = static_cast<double>(steps_);
  const auto scale = static_cast<float>(rate / (1.0 - std::pow(static_cast<double>(options_.beta1), t)));
  const auto v_scale = static_cast<float>(1.0 / (1.0 - std::pow(static_cast<double>(options_.beta2), t)));
  const auto shrink = static_cast<float>(rate * weight_decay);
  const float b1 = options_.beta1, b2 = options_.beta2, eps = options_.epsilon;
  // Plain pointers that do not overlap: the compiler then works on whole registers.
  float* __restrict p = params.data();
  float* __restrict m = m_.data();
  float* __restrict v = v_.data();
  const float* __restrict from = gradient.data();
  const std::uint8_t* __restrict shrinks = decayed.data();
  for (std::size_t k = 0; k < params.size(); ++k) {
    const float g = from[k];
    m[k] = b1 * m[k] + (1.0F - b1) * g;
    v[k] = b2 * v[k] + (1.0F - b2) * g * g;
    const float decay = shrinks[k] != 0 ? shrink * p[k] : 0.0F;
    p[k] -= scale * m[k] / (std::sqrt(v[k] * v_scale) + eps) + decay;
  }
  for (std::size_t k = 0; k < scales.size(); ++k) p[k] = before_[k] + scales[k] * (p[k] - before_[k]);
}

double schedule(std::int64_t step, std::int64_t steps, double warmup, double last) {
  const double t = (static_cast<double>(step) + 0.5) / static_cast<double>(steps);
  if (t < warmup) return t / warmup;
  const double phase = warmup < 1.0 ? (t - warmup) / (1.0 - warmup) : 1.0;
  return last + (1.0 - last) * 0.5 * (1.0 + std::cos(std::numbers::pi * phase));
}

}  // namespace starglow
