#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace starglow {

/// Activation of the hidden layers; the last layer is linear.
///   selu       scale x for x > 0, else scale alpha (e^x - 1); alpha = 1.6732632423543772, scale = 1.0507009873554805
///   polyswish  x S(t), t = clamp((x + 4)/8, 0, 1), S(t) = t^3 (10 - 15 t + 6 t^2): twice differentiable, no exp
///   silu       x / (1 + e^-x)
enum class Activation : std::int32_t { selu = 0, polyswish = 1, silu = 2 };
std::string_view to_string(Activation activation) noexcept;

/// Fully connected network: sizes {n_in, hidden..., n_out}, h' = act(W h + b).
/// Parameters of a network are one block, layer by layer: W (n_out, n_in) row-major, then b (n_out).
struct NetworkShape {
  std::vector<std::int32_t> sizes;
  Activation activation = Activation::selu;

  std::size_t n_layers() const noexcept { return sizes.size() - 1; }
  std::size_t n_in() const noexcept { return static_cast<std::size_t>(sizes.front()); }
  std::size_t n_out() const noexcept { return static_cast<std::size_t>(sizes.back()); }
  std::size_t n_params() const noexcept;
  /// Error(model) unless 1 to 7 layers, each of 1 to 4096 units.
  void check() const;
  bool operator==(const NetworkShape&) const = default;
};

}  // namespace starglow
