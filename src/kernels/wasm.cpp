// The kernel as WebAssembly (128-bit SIMD): same loops, with a bump allocator in place of a library. The functions are
// called by name, not through the table, so that the linker leaves out what no page needs.
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
  const __SIZE_TYPE__ need = starglow::kernels::scratch_size(net, 0);
  if (need > size) {
    scratch = static_cast<float*>(starglow_allocate(static_cast<unsigned>(need * sizeof(float))));
    size = need;
  }
  return scratch;
}

void starglow_forward(int n_layers, const int* sizes, int activation, const float* params, const float* x, unsigned n,
                      float* y) {
  const auto net = view(n_layers, sizes, activation, params);
  starglow::kernels::forward(net, x, static_cast<unsigned>(sizes[0]), n, y, static_cast<unsigned>(sizes[n_layers]),
                             scratch_for(net));
}

void starglow_jacobian(int n_layers, const int* sizes, int activation, const float* params, const float* x, unsigned n,
                       float* y, float* jac) {
  const auto net = view(n_layers, sizes, activation, params);
  const auto n_in = static_cast<unsigned>(sizes[0]), n_out = static_cast<unsigned>(sizes[n_layers]);
  starglow::kernels::jacobian(net, x, n_in, n, y, n_out, jac, n_in * n_out, scratch_for(net));
}

// t (n) of n mixtures, as MixtureOps::quantiles.
void starglow_quantiles(int components, const double* weight, const double* mean, const double* sd, unsigned stride,
                        const double* z, unsigned n, double* t) {
  starglow::kernels::quantiles(components, weight, mean, sd, stride, z, n, t);
}

// ew (n) = sinh(max(t, 0)).
void starglow_intrinsic_ew(const double* t, double* ew, unsigned n) { starglow::kernels::intrinsic_ew(t, ew, n); }

// Draws 0..n-1 of one object: ew (8, n). limit (components), mean and sd (components, 8), factor (components, 8, 8) as
// in MixtureView.
void starglow_sample(int components, const unsigned* limit, const float* mean, const float* sd, const float* factor,
                     unsigned key0, unsigned key1, unsigned n, float* ew) {
  constexpr int lines = starglow::kernels::k_mixture_lines;
  starglow::kernels::MixtureView view{};
  view.components = components;
  for (int c = 0; c < components; ++c) {
    view.limit[c] = limit[c];
    for (int j = 0; j < lines; ++j) view.mean[c][j] = mean[c * lines + j];
    for (int j = 0; j < lines; ++j) view.sd[c][j] = sd[c * lines + j];
    view.factor[c] = factor + c * lines * lines;
  }
  float* out[lines];
  for (int j = 0; j < lines; ++j) out[j] = ew + static_cast<unsigned>(j) * n;
  starglow::kernels::sample(view, key0, key1, n, out);
}

// z (4): normals of one lane in draws first..first + 3.
void starglow_normals(unsigned key0, unsigned key1, unsigned first, unsigned lane, float* z) {
  starglow::kernels::Words32 draw;
  for (int i = 0; i < 4; ++i) draw[i] = first + static_cast<unsigned>(i);
  starglow::kernels::store<float>(
      z, starglow::kernels::normal_of(starglow::kernels::threefry_first(key0, key1, draw, lane)));
}

}  // extern "C"
