#pragma once
// What an object file compiled for one instruction set offers. Freestanding: no standard header may be included by the
// files that are compiled per instruction set, since an inline function emitted there could be the copy that the linker
// keeps for everybody.

namespace starglow::kernels {

using Size = __SIZE_TYPE__;

inline constexpr int k_max_layers = 7;

/// A network as the kernels see it. params: layer by layer W (n_out, n_in) row-major, then b (n_out).
template <class T>
struct NetView {
  int n_layers;
  int sizes[k_max_layers + 1];
  int activation;  ///< starglow::Activation
  const T* params;
};

/// All loops of one number type. Rows are galaxies; strides are in elements. Scratch is 64-byte aligned and as large as
/// scratch_size() says. A galaxy's result does not depend on its neighbours or its place in the batch.
template <class T>
struct Ops {
  int lanes;  ///< galaxies a register
  Size (*scratch_size)(const NetView<T>& net, Size max_rows);

  /// y (n, n_out) = net(x (n, n_in)).
  void (*forward)(const NetView<T>& net, const T* x, Size x_stride, Size n, T* y, Size y_stride, T* scratch);
  /// Also jac (n, n_out, n_in) = dy/dx, galaxies jac_stride apart.
  void (*jacobian)(const NetView<T>& net, const T* x, Size x_stride, Size n, T* y, Size y_stride, T* jac,
                   Size jac_stride, T* scratch);
  /// Also dx (n, n_in) = dy (n, n_out) . dy/dx: the reverse pass to the inputs.
  void (*vjp)(const NetView<T>& net, const T* x, Size x_stride, Size n, const T* dy, Size dy_stride, T* y,
              Size y_stride, T* dx, Size dx_stride, T* scratch);

  /// Training, in two calls with the same scratch: the first keeps the activations of n galaxies, n <= max_rows of
  /// scratch_size(); the second adds the gradient of sum(dy . y) to d_params (same layout as params).
  void (*forward_keep)(const NetView<T>& net, const T* x, Size x_stride, Size n, T* y, Size y_stride, T* scratch);
  void (*backward)(const NetView<T>& net, Size n, const T* dy, Size dy_stride, T* d_params, T* scratch);

  /// out[i] = e^x[i], within 2 ulp, denormals and infinities included; NaN stays NaN.
  void (*exp)(const T* x, T* out, Size n);
};

struct KernelTable {
  const char* isa;  ///< "x86-64-v3"
  Ops<float> f32;
  Ops<double> f64;
};

}  // namespace starglow::kernels
