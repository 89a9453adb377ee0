// The kernel as WebAssembly (128-bit SIMD): same loops, with a bump allocator in place of a library. The functions are
// called by name, not through the table, so that the linker leaves out what no page needs.
#define STARGLOW_VECTOR_BYTES 16
#define STARGLOW_TILE_ROWS 4
#define STARGLOW_TILE_VECTORS 2
#define STARGLOW_TABLE k_table_wasm
#define STARGLOW_ISA_NAME "wasm-simd128"
#include "kernels/body.hpp"

// Unrolled loops for the shipped model's three components alone: the others would be half of what a page downloads.
template <int lines>
static void sample_places(int components, int sii, const unsigned* limit, const float* mean, const float* sd,
                          const float* factor, unsigned key0, unsigned key1, unsigned n, float* ew) {
  starglow::kernels::MixtureOf<lines> view{};
  view.components = components;
  view.sii = sii;
  for (int c = 0; c < components; ++c) {
    view.limit[c] = limit[c];
    for (int j = 0; j < lines; ++j) view.mean[c][j] = mean[c * lines + j];
    for (int j = 0; j < lines; ++j) view.sd[c][j] = sd[c * lines + j];
    view.factor[c] = factor + c * lines * lines;
  }
  float* out[static_cast<unsigned>(lines)];
  for (int j = 0; j < lines; ++j) out[j] = ew + static_cast<unsigned>(j) * n;
  if constexpr (lines == starglow::kernels::k_mixture_lines)
    if (components == 3) return starglow::kernels::sample_of<3>(view, key0, key1, n, out);
  starglow::kernels::sample_loops(view, key0, key1, n, out);
}

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

// Places of the loops over lines that draw this many.
int starglow_places(int lines) {
  return lines <= starglow::kernels::k_mixture_lines ? starglow::kernels::k_mixture_lines
                                                     : starglow::kernels::k_mixture_wide;
}

// Draws 0..n-1 of one object: ew (places, n). limit (components), mean and sd (components, places), factor (components,
// places, places), sii as in MixtureOf.
void starglow_sample(int places, int components, int sii, const unsigned* limit, const float* mean, const float* sd,
                     const float* factor, unsigned key0, unsigned key1, unsigned n, float* ew) {
  if (places == starglow::kernels::k_mixture_lines)
    sample_places<starglow::kernels::k_mixture_lines>(components, sii, limit, mean, sd, factor, key0, key1, n, ew);
  else
    sample_places<starglow::kernels::k_mixture_wide>(components, sii, limit, mean, sd, factor, key0, key1, n, ew);
}

// z (4): normals of one lane in draws first..first + 3.
void starglow_normals(unsigned key0, unsigned key1, unsigned first, unsigned lane, float* z) {
  starglow::kernels::Words32 draw;
  for (int i = 0; i < 4; ++i) draw[i] = first + static_cast<unsigned>(i);
  starglow::kernels::store<float>(
      z, starglow::kernels::normal_of(starglow::kernels::threefry_first(key0, key1, draw, lane)));
}

}  // extern "C"
