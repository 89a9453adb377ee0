#pragma once
// Registers of numbers and the exponential, for the files that are compiled once per instruction set. The including
// file defines STARGLOW_VECTOR_BYTES, the width of a register.
#if defined(__AVX512F__)
#include <immintrin.h>  // of the compiler, not of the standard library: its functions are inlined always
#endif

#include "kernels/table.hpp"

namespace starglow::kernels {
namespace {

template <class T>
struct Traits;
template <>
struct Traits<float> {
  using Int = int;
  static constexpr float log2e = 1.44269504088896341F, ln2_hi = 0.693359375F, ln2_lo = -2.12194440e-4F;
  static constexpr float magic = 12582912.0F;  // 1.5 2^23: adding it rounds to a whole number
  static constexpr int mantissa = 23, bias = 127;
  static constexpr float exp_min = -104.0F, exp_max = 89.0F;   // beyond: 0 and infinity
  static constexpr float core_min = -87.0F, core_max = 88.0F;  // 2^n is a normal number
  // e^r = 1 + r + r^2 p(r) on |r| <= ln(2)/2; Taylor coefficients refined for the interval (largest error 0.3 ulp)
  static constexpr int n_poly = 6;
  static constexpr float poly[n_poly] = {5.0000001201e-1F, 1.6666665459e-1F, 4.1665795894e-2F,
                                         8.3334519073e-3F, 1.3981999507e-3F, 1.9875691500e-4F};
};
template <>
struct Traits<double> {
  using Int = long long;
  static constexpr double log2e = 1.4426950408889634074, ln2_hi = 6.93147180369123816490e-01,
                          ln2_lo = 1.90821492927058770002e-10;
  static constexpr double magic = 6755399441055744.0;  // 1.5 2^52
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double exp_min = -746.0, exp_max = 710.0;
  static constexpr double core_min = -708.0, core_max = 709.0;
  static constexpr int n_poly = 12;  // 1/k!, k = 2..13: the rest is below 5e-18
  static constexpr double poly[n_poly] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                                          1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                                          1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
};

template <class T>
struct Register {
  typedef T type __attribute__((vector_size(STARGLOW_VECTOR_BYTES)));
  typedef T unaligned __attribute__((vector_size(STARGLOW_VECTOR_BYTES), aligned(sizeof(T)), may_alias));
  typedef typename Traits<T>::Int ints __attribute__((vector_size(STARGLOW_VECTOR_BYTES)));
};
template <class T>
using Vec = typename Register<T>::type;
template <class T>
using IntVec = typename Register<T>::ints;

template <class T>
constexpr int k_lanes = STARGLOW_VECTOR_BYTES / static_cast<int>(sizeof(T));
template <class T>
constexpr Size k_block = static_cast<Size>(k_lanes<T>) * STARGLOW_TILE_VECTORS;  // galaxies worked on together

template <class T>
inline Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename Register<T>::unaligned*>(p);
}
template <class T>
inline void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename Register<T>::unaligned*>(p) = v;
}
template <class T>
inline Vec<T> splat(T x) {
  return x - Vec<T>{};  // x - 0 keeps every bit of x, unlike 0 + x for -0
}

// a < b ? a : b and a > b ? a : b, that is, b where a comparison with NaN is. GCC makes two instructions of these for
// 512 bits, where the machine has one; the unmasked intrinsics draw a false warning from it.
template <class T>
inline Vec<T> lesser(Vec<T> a, Vec<T> b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return _mm512_maskz_min_ps(0xFFFF, a, b);
  else
    return _mm512_maskz_min_pd(0xFF, a, b);
#else
  return a < b ? a : b;
#endif
}
template <class T>
inline Vec<T> greater(Vec<T> a, Vec<T> b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return _mm512_maskz_max_ps(0xFFFF, a, b);
  else
    return _mm512_maskz_max_pd(0xFF, a, b);
#else
  return a > b ? a : b;
#endif
}

// ---- exponential
// -----------------------------------------------------------------------------------------------------

template <class T>
struct Reduced {
  Vec<T> q;     // e^r - 1
  IntVec<T> n;  // e^x = 2^n e^r
};

template <class T>
inline Reduced<T> reduce(Vec<T> x) {
  using C = Traits<T>;
  const Vec<T> magic = splat<T>(C::magic);
  const Vec<T> shifted = x * splat<T>(C::log2e) + magic;
  const Vec<T> n = shifted - magic;
  const Vec<T> r = (x - n * splat<T>(C::ln2_hi)) - n * splat<T>(C::ln2_lo);
  Vec<T> p = splat<T>(C::poly[C::n_poly - 1]);
  for (int k = C::n_poly - 2; k >= 0; --k) p = p * r + splat<T>(C::poly[k]);
  return {p * (r * r) + r, reinterpret_cast<IntVec<T>>(shifted) - reinterpret_cast<IntVec<T>>(magic)};
}

template <class T>
inline Vec<T> power_of_two(IntVec<T> n) {
  return reinterpret_cast<Vec<T>>((n + Traits<T>::bias) << Traits<T>::mantissa);
}

// e^x over the whole range; 2^n in two factors, so that one rounding reaches denormals.
template <class T>
inline Vec<T> exp_full(Vec<T> x) {
  using C = Traits<T>;
  const Vec<T> lo = splat<T>(C::exp_min), hi = splat<T>(C::exp_max);
  const Vec<T> clamped = x > hi ? hi : (x < lo ? lo : x);  // NaN passes both
  const Reduced<T> e = reduce<T>(clamped);
  const IntVec<T> half = e.n >> 1;
  const Vec<T> one = splat<T>(T(1));
  const Vec<T> value = ((e.q + one) * power_of_two<T>(half)) * power_of_two<T>(e.n - half);
  return x != x ? x : value;
}

// e^x - 1 for x <= core_max without cancellation near 0; below core_min it is -1 to the last bit.
template <class T>
inline Vec<T> expm1_core(Vec<T> x) {
  const Vec<T> lo = splat<T>(Traits<T>::core_min), hi = splat<T>(Traits<T>::core_max);
  x = x < lo ? lo : x;
  x = x > hi ? hi : x;
  const Reduced<T> e = reduce<T>(x);
  const Vec<T> two_n = power_of_two<T>(e.n);
  return two_n * e.q + (two_n - splat<T>(T(1)));
}

// e^x - 1 for x <= 0, in as few operations as SELU can do with; x below core_min, and NaN, count as core_min. n ln 2 is
// taken off in one step: its rounding error, at most n 2^-25 (2^-54), is multiplied by 2^n with n <= 0.
template <class T>
inline Vec<T> expm1_negative(Vec<T> x) {
  using C = Traits<T>;
  const Vec<T> magic = splat<T>(C::magic), one = splat<T>(T(1));
  x = greater<T>(x, splat<T>(C::core_min));
  const Vec<T> shifted = x * splat<T>(C::log2e) + magic;
  const Vec<T> r = x - (shifted - magic) * splat<T>(T(0.693147180559945309417L));
  Vec<T> p = splat<T>(C::poly[C::n_poly - 1]);
  for (int k = C::n_poly - 2; k >= 0; --k) p = p * r + splat<T>(C::poly[k]);
  const Vec<T> q = p * (r * r) + r;
  // The low bits of `shifted` are n, and its own exponent is shifted out: 2^n is n added to the exponent of 1.
  const Vec<T> two_n = reinterpret_cast<Vec<T>>(reinterpret_cast<IntVec<T>>(one) +
                                                (reinterpret_cast<IntVec<T>>(shifted) << C::mantissa));
  return two_n * q + (two_n - one);
}

}  // namespace
}  // namespace starglow::kernels
