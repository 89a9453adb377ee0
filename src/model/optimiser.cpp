#include "model/optimiser.hpp"

#include <cmath>
#include <numbers>

namespace starglow {

AdamW::AdamW(std::size_t n_params, Options options) : options_(options), m_(n_params, 0.0F), v_(n_params, 0.0F) {}

void AdamW::step(std::span<float> params, std::span<const float> gradient, std::span<const std::uint8_t> decayed,
                 double rate, double weight_decay) {
  ++steps_;
  const auto t = static_cast<double>(steps_);
  const auto scale = static_cast<float>(rate / (1.0 - std::pow(static_cast<double>(options_.beta1), t)));
  const auto v_scale = static_cast<float>(1.0 / (1.0 - std::pow(static_cast<double>(options_.beta2), t)));
  const auto shrink = static_cast<float>(rate * weight_decay);
  const float b1 = options_.beta1, b2 = options_.beta2, eps = options_.epsilon;
  for (std::size_t k = 0; k < params.size(); ++k) {
    const float g = gradient[k];
    m_[k] = b1 * m_[k] + (1.0F - b1) * g;
    v_[k] = b2 * v_[k] + (1.0F - b2) * g * g;
    const float decay = decayed[k] != 0 ? shrink * params[k] : 0.0F;
    params[k] -= scale * m_[k] / (std::sqrt(v_[k] * v_scale) + eps) + decay;
  }
}

double schedule(std::int64_t step, std::int64_t steps, double warmup, double last) {
  const double t = (static_cast<double>(step) + 0.5) / static_cast<double>(steps);
  if (t < warmup) return t / warmup;
  const double phase = warmup < 1.0 ? (t - warmup) / (1.0 - warmup) : 1.0;
  return last + (1.0 - last) * 0.5 * (1.0 + std::cos(std::numbers::pi * phase));
}

}  // namespace starglow
