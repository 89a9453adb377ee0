#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace starglow {

/// AdamW (Loshchilov & Hutter 2019) with bias correction, float32 state, for one flat block of parameters.
class AdamW {
 public:
  struct Options {
    float beta1 = 0.9F, beta2 = 0.999F, epsilon = 1e-8F;
  };
  AdamW(std::size_t n_params, Options options);
  explicit AdamW(std::size_t n_params) : AdamW(n_params, Options{}) {}

  /// params -= rate_k (m / (sqrt(v) + eps) + decay_k params), decay_k = weight_decay where decayed[k], else 0;
  /// rate_k = rate, times scales[k] where scales are given: 0 leaves a parameter as it is.
  void step(std::span<float> params, std::span<const float> gradient, std::span<const std::uint8_t> decayed,
            double rate, double weight_decay, std::span<const float> scales = {});

  /// For checkpoints: the moments and the number of steps.
  std::span<float> m() noexcept { return m_; }
  std::span<float> v() noexcept { return v_; }
  std::int64_t& steps() noexcept { return steps_; }

 private:
  Options options_;
  std::vector<float> m_, v_, before_;
  std::int64_t steps_ = 0;
};

/// Learning rate of step `step` of `steps`: linear rise over `warmup` (a fraction), then half a cosine from 1 to
/// `last`.
double schedule(std::int64_t step, std::int64_t steps, double warmup, double last);

}  // namespace starglow
