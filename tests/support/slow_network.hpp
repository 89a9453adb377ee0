#pragma once
// The network as the formula says it, in double (or any number type), one galaxy at a time: the oracle of the kernels.
#include <cmath>
#include <span>
#include <vector>

#include "starglow/kernels/network.hpp"

namespace starglow::slow {

template <class T>
T activate(Activation kind, T x) {
  using std::exp;
  using std::expm1;
  switch (kind) {
    case Activation::selu:
      return x > 0 ? 1.0507009873554805 * x : 1.0507009873554805 * 1.6732632423543772 * expm1(x);
    case Activation::polyswish: {
      const T raw = (x + 4.0) / 8.0;
      if (!(raw > 0)) return raw != raw ? x : 0.0 * x;
      if (raw > 1) return x;
      return x * (raw * raw * raw * (10.0 - 15.0 * raw + 6.0 * raw * raw));
    }
    case Activation::silu:
      return x / (1.0 + exp(-x));
  }
  return x;
}

template <class T, class P>
std::vector<T> network(const NetworkShape& shape, std::span<const P> params, const std::vector<T>& x) {
  std::vector<T> h = x;
  std::size_t at = 0;
  for (std::size_t l = 0; l + 1 < shape.sizes.size(); ++l) {
    const auto n_in = static_cast<std::size_t>(shape.sizes[l]), n_out = static_cast<std::size_t>(shape.sizes[l + 1]);
    std::vector<T> next;
    for (std::size_t o = 0; o < n_out; ++o) {
      T sum = T(static_cast<double>(params[at + n_in * n_out + o]));
      for (std::size_t i = 0; i < n_in; ++i) sum = sum + static_cast<double>(params[at + o * n_in + i]) * h[i];
      next.push_back(l + 2 < shape.sizes.size() ? activate(shape.activation, sum) : sum);
    }
    at += (n_in + 1) * n_out;
    h = next;
  }
  return h;
}

}  // namespace starglow::slow
