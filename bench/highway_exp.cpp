// The exponential of Highway (hwy/contrib/math) over an array: the reference that bench_kernels names. Compiled once
// for each instruction set, with the name of its one function.
#define HWY_COMPILE_ONLY_STATIC
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

extern "C" void STARGLOW_HIGHWAY_EXP(const float* x, float* y, std::size_t n) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> d;
  for (std::size_t i = 0; i + hn::Lanes(d) <= n; i += hn::Lanes(d))
    hn::StoreU(hn::Exp(d, hn::LoadU(d, x + i)), d, y + i);
}
