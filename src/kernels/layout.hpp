#pragma once
// Distances between galaxies; pulls and pushes between their places in a map. Compiled once per instruction set.
#include "kernels/mixture.hpp"

namespace starglow::kernels {
namespace {

// x^y of positive normal numbers.
inline Vec<float> power(Vec<float> x, Vec<float> y) { return exp_full<float>(log_core(x) * y); }

// The gradient along (dx, dy) of the log of 1 / (1 + a d^2b) (pull), or of 1 less that (push; McInnes et al. 2018,
// section 3.2, with their 0.001 in the denominator), each coordinate within +-4 as in the reference implementation.
inline void force_vector(Vec<float>& dx, Vec<float>& dy, Vec<float> a, Vec<float> b, bool push) {
  const Vec<float> zero{}, one = splat(1.0F), limit = splat(4.0F), tiny = splat(1e-20F);
  const Vec<float> d2 = dx * dx + dy * dy;
  const Vec<float> safe = d2 > tiny ? d2 : tiny;
  const Vec<float> spread = a * power(safe, b);
  Vec<float> factor =
      push ? (b + b) / ((splat(0.001F) + safe) * (one + spread)) : -(b + b) * spread / (safe * (one + spread));
  factor = d2 > tiny ? factor : zero;
  dx *= factor;
  dy *= factor;
  dx = dx > limit ? limit : (dx < -limit ? -limit : dx);
  dy = dy > limit ? limit : (dy < -limit ? -limit : dy);
}

void map_forces(float* dx, float* dy, Size n, float a, float b, int push) {
  constexpr Size lanes = static_cast<Size>(k_lanes<float>);
  Size i = 0;
  for (; i + lanes <= n; i += lanes) {
    Vec<float> x = load<float>(dx + i), y = load<float>(dy + i);
    force_vector(x, y, splat(a), splat(b), push != 0);
    store<float>(dx + i, x);
    store<float>(dy + i, y);
  }
  if (i == n) return;
  float rest_x[k_lanes<float>] = {}, rest_y[k_lanes<float>] = {};
  for (Size k = i; k < n; ++k) rest_x[k - i] = dx[k], rest_y[k - i] = dy[k];
  Vec<float> x = load<float>(rest_x), y = load<float>(rest_y);
  force_vector(x, y, splat(a), splat(b), push != 0);
  store<float>(rest_x, x);
  store<float>(rest_y, y);
  for (Size k = i; k < n; ++k) dx[k] = rest_x[k - i], dy[k] = rest_y[k - i];
}

template <bool manhattan>
inline Vec<float> map_distances_of(const float* columns, Size n, const float* here, Size coordinates, float* out) {
  constexpr Size lanes = static_cast<Size>(k_lanes<float>);
  constexpr int together = 4;  // sums that run side by side
  Vec<float> least = splat(3.0e38F);
  for (Size i = 0; i < n; i += together * lanes) {
    Vec<float> sum[together] = {};
    for (Size c = 0; c < coordinates; ++c) {
      const Vec<float> at = splat(here[c]);
#pragma GCC unroll 4
      for (int v = 0; v < together; ++v) {
        const Vec<float> d = load<float>(columns + c * n + i + static_cast<Size>(v) * lanes) - at;
        sum[v] += manhattan ? greater<float>(d, -d) : d * d;
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < together; ++v) {
      least = lesser<float>(sum[v], least);
      store<float>(out + i + static_cast<Size>(v) * lanes, sum[v]);
    }
  }
  return least;
}

float map_distances(const float* columns, Size n, const float* here, Size coordinates, int manhattan, float* out) {
  static_assert(k_distance_group % (4 * static_cast<Size>(k_lanes<float>)) == 0);
  const Vec<float> least = manhattan != 0 ? map_distances_of<true>(columns, n, here, coordinates, out)
                                          : map_distances_of<false>(columns, n, here, coordinates, out);
  float one = least[0];
  for (int lane = 1; lane < k_lanes<float>; ++lane) one = least[lane] < one ? least[lane] : one;
  return one;
}

}  // namespace
}  // namespace starglow::kernels
