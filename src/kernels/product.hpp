#pragma once
// Activations and the matrix product, for the files that are compiled once per instruction set. The including file
// defines STARGLOW_TILE_ROWS and STARGLOW_TILE_VECTORS, the accumulators of the product: rows x registers.
#include "kernels/vector.hpp"

namespace starglow::kernels {
namespace {

// ---- activations
// -----------------------------------------------------------------------------------------------------

template <class T>
struct Activated {
  Vec<T> h, dh;  // value and derivative
};

template <class T, int kind>
inline Activated<T> activate(Vec<T> x) {
  const Vec<T> zero{}, one = splat<T>(T(1));
  if constexpr (kind == 0) {  // SELU
    constexpr T scale = T(1.0507009873554805L), alpha = T(1.6732632423543772L);
    const Vec<T> negative = splat<T>(T(scale * alpha)) * expm1_negative<T>(lesser<T>(x, zero));
    const Vec<T> h = splat<T>(scale) * greater<T>(zero, x) + negative;  // NaN passes
    return {h, x > zero ? splat<T>(scale) : negative + splat<T>(T(scale * alpha))};
  } else if constexpr (kind == 1) {  // polyswish
    const Vec<T> raw = x * splat<T>(T(0.125)) + splat<T>(T(0.5));
    const Vec<T> t = greater<T>(zero, lesser<T>(one, raw));
    const Vec<T> tail = one - t;
    const Vec<T> s = t * t * t * ((splat<T>(T(6)) * t - splat<T>(T(15))) * t + splat<T>(T(10)));
    return {x * s, s + x * (splat<T>(T(3.75)) * (t * tail) * (t * tail))};  // S' = 30 t^2 (1-t)^2, dt/dx = 1/8
  } else {                                                                  // SiLU
    const Vec<T> e = expm1_core<T>(-x) + one;                               // e^-x, bounded
    const Vec<T> s = one / (one + e);
    return {x * s, s + x * s * (one - s)};
  }
}

// h = act(h) in place over n numbers (a multiple of the lanes); with `derivative`, also d = act'(h).
template <class T, int kind, bool derivative>
void activate_all(T* h, T* d, Size n) {
  for (Size i = 0; i < n; i += static_cast<Size>(k_lanes<T>)) {
    const Activated<T> a = activate<T, kind>(load<T>(h + i));
    store<T>(h + i, a.h);
    if constexpr (derivative) store<T>(d + i, a.dh);
  }
}
template <class T, bool derivative>
void activate_all(int kind, T* h, T* d, Size n) {
  if (kind == 0) return activate_all<T, 0, derivative>(h, d, n);
  if (kind == 1) return activate_all<T, 1, derivative>(h, d, n);
  return activate_all<T, 2, derivative>(h, d, n);
}

// ---- matrix product
// --------------------------------------------------------------------------------------------------

// C (rows x vectors of lanes) = start + A B. A(m, k) = a[m am + k ak]; B(k, n) = b[k ldb + n]; C(m, n) = c[m ldc + n].
// start: row_start[m] in every lane, or what C holds when row_start is null.
template <class T, int rows, int vectors>
inline void tile(Size depth, const T* a, Size am, Size ak, const T* b, Size ldb, T* c, Size ldc, const T* row_start) {
  constexpr Size lanes = static_cast<Size>(k_lanes<T>);
  Vec<T> sum[rows][vectors];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v)
      sum[r][v] = row_start != nullptr ? splat<T>(row_start[r])
                                       : load<T>(c + static_cast<Size>(r) * ldc + static_cast<Size>(v) * lanes);
  for (Size k = 0; k < depth; ++k) {
    Vec<T> bv[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) bv[v] = load<T>(b + k * ldb + static_cast<Size>(v) * lanes);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const Vec<T> w = splat<T>(a[static_cast<Size>(r) * am + k * ak]);
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sum[r][v] += w * bv[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v)
      store<T>(c + static_cast<Size>(r) * ldc + static_cast<Size>(v) * lanes, sum[r][v]);
}

// The rows left over: one template instance each.
template <class T, int rows, int vectors>
inline void tile_rows(Size left, Size depth, const T* a, Size am, Size ak, const T* b, Size ldb, T* c, Size ldc,
                      const T* row_start) {
  if constexpr (rows > 0) {
    if (left == static_cast<Size>(rows)) return tile<T, rows, vectors>(depth, a, am, ak, b, ldb, c, ldc, row_start);
    tile_rows<T, rows - 1, vectors>(left, depth, a, am, ak, b, ldb, c, ldc, row_start);
  }
}

template <class T, int vectors>
void product_columns(Size m, Size depth, const T* a, Size am, Size ak, const T* b, Size ldb, T* c, Size ldc,
                     const T* row_start) {
  constexpr Size rows = STARGLOW_TILE_ROWS;
  Size i = 0;
  for (; i + rows <= m; i += rows)
    tile<T, STARGLOW_TILE_ROWS, vectors>(depth, a + i * am, am, ak, b, ldb, c + i * ldc, ldc,
                                         row_start != nullptr ? row_start + i : nullptr);
  if (i < m)
    tile_rows<T, STARGLOW_TILE_ROWS - 1, vectors>(m - i, depth, a + i * am, am, ak, b, ldb, c + i * ldc, ldc,
                                                  row_start != nullptr ? row_start + i : nullptr);
}

// n is a multiple of the lanes.
template <class T>
void product(Size m, Size n, Size depth, const T* a, Size am, Size ak, const T* b, Size ldb, T* c, Size ldc,
             const T* row_start) {
  constexpr Size lanes = static_cast<Size>(k_lanes<T>);
  Size j = 0;
  for (; j + k_block<T> <= n; j += k_block<T>)
    product_columns<T, STARGLOW_TILE_VECTORS>(m, depth, a, am, ak, b + j, ldb, c + j, ldc, row_start);
  for (; j < n; j += lanes) product_columns<T, 1>(m, depth, a, am, ak, b + j, ldb, c + j, ldc, row_start);
}

}  // namespace
}  // namespace starglow::kernels
