// The kernel as WebAssembly (128-bit SIMD): same loops, with a bump allocator in place of a library.
#define STARGLOW_VECTOR_BYTES 16
#define STARGLOW_TILE_ROWS 4
#define STARGLOW_TILE_VECTORS 2
#define STARGLOW_TABLE k_table_wasm
#define STARGLOW_ISA_NAME "wasm-simd128"
#include "kernels/body.hpp"

extern "C" {

extern unsigned char __heap_base;

// Bytes that stay until the page is left; 64-byte aligned. Returns 0 when memory cannot grow.
void* starglow_allocate(unsigned bytes) {
  static unsigned next = 0;
  if (next == 0) next = (reinterpret_cast<unsigned>(&__heap_base) + 63U) & ~63U;
  const unsigned at = next;
  const unsigned end = at + ((bytes + 63U) & ~63U);
  const unsigned have = static_cast<unsigned>(__builtin_wasm_memory_size(0)) * 65536U;
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + 65535U) / 65536U) == static_cast<__SIZE_TYPE__>(-1))
    return nullptr;
  next = end;
  return reinterpret_cast<void*>(at);
}

// sizes: n_layers + 1 widths. x (n, n_in), y (n, n_out), float32.
static starglow::kernels::NetView<float> view(int n_layers, const int* sizes, int activation, const float* params) {
  starglow::kernels::NetView<float> net{};
  net.n_layers = n_layers;
  for (int l = 0; l <= n_layers; ++l) net.sizes[l] = sizes[l];
  net.activation = activation;
  net.params = params;
  return net;
}

static float* scratch_for(const starglow::kernels::NetView<float>& net) {
  static float* scratch = nullptr;
  static __SIZE_TYPE__ size = 0;
  const __SIZE_TYPE__ need = starglow::kernels::k_table_wasm.f32.scratch_size(net, 0);
  if (need > size) {
    scratch = static_cast<float*>(starglow_allocate(static_cast<unsigned>(need * sizeof(float))));
    size = need;
  }
  return scratch;
}

void starglow_forward(int n_layers, const int* sizes, int activation, const float* params, const float* x, unsigned n,
                      float* y) {
  const auto net = view(n_layers, sizes, activation, params);
  starglow::kernels::k_table_wasm.f32.forward(net, x, static_cast<unsigned>(sizes[0]), n, y,
                                              static_cast<unsigned>(sizes[n_layers]), scratch_for(net));
}

void starglow_jacobian(int n_layers, const int* sizes, int activation, const float* params, const float* x, unsigned n,
                       float* y, float* jac) {
  const auto net = view(n_layers, sizes, activation, params);
  const auto n_in = static_cast<unsigned>(sizes[0]), n_out = static_cast<unsigned>(sizes[n_layers]);
  starglow::kernels::k_table_wasm.f32.jacobian(net, x, n_in, n, y, n_out, jac, n_in * n_out, scratch_for(net));
}

}  // extern "C"
