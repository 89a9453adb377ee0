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
  /// dx (n, rows, n_in) = dy (n, rows, n_out) . dy/dx, galaxies dy_stride and dx_stride apart: several reverse passes.
  void (*vjps)(const NetView<T>& net, const T* x, Size x_stride, Size n, const T* dy, Size dy_stride, Size rows, T* dx,
               Size dx_stride, T* scratch);

  /// Training, in two calls with the same scratch: the first keeps the activations of n galaxies, n <= max_rows of
  /// scratch_size(); the second adds the gradient of sum(dy . y) to d_params (same layout as params).
  void (*forward_keep)(const NetView<T>& net, const T* x, Size x_stride, Size n, T* y, Size y_stride, T* scratch);
  void (*backward)(const NetView<T>& net, Size n, const T* dy, Size dy_stride, T* d_params, T* scratch);

  /// out[i] = e^x[i], within 2 ulp, denormals and infinities included; NaN stays NaN.
  void (*exp)(const T* x, T* out, Size n);

  /// c (m, n) += a b, row-major; a(i, k) = a[i a_row + k a_col], b (depth, n) with rows ldb apart. n: a multiple of the
  /// lanes. Or, with row_start, c = row_start[i] + a b. Each row's sum is the same whatever the other rows are.
  void (*product)(Size m, Size n, Size depth, const T* a, Size a_row, Size a_col, const T* b, Size ldb, T* c, Size ldc,
                  const T* row_start);

  /// The peak of this processor in multiply-adds, for benchmarks: `rounds` passes over independent registers; returns
  /// how many multiply-adds of numbers it did. sink (lanes) is read and written.
  Size (*multiply_adds)(Size rounds, T* sink);
};

/// Lines of a mixture: as many as the shipped model has, or room for every independent line of the table and a few more
/// (dispatch.cpp compares).
inline constexpr int k_mixture_lines = 8, k_mixture_wide = 16, k_mixture_components = 4;
/// The [SII] lines are lines 6 and 7 of the eight (dispatch.cpp compares). Their ratio lies between the limits of high
/// and of low density (Osterbrock & Ferland 2006, fig. 5.8).
inline constexpr int k_sii_blue = 6;
inline constexpr float k_sii_lowest = 0.44F, k_sii_highest = 1.45F;

/// A mixture of joint normal distributions in t of some lines, as the draws need it.
template <int lines>
struct MixtureOf {
  int components;
  unsigned limit[k_mixture_components];  ///< a draw is of component c, the number of limits (c < components - 1) that
                                         ///< its word of lane 0 exceeds
  float mean[k_mixture_components][static_cast<Size>(lines)], sd[k_mixture_components][static_cast<Size>(lines)];
  const float* factor[k_mixture_components];  ///< (lines, lines) row-major, lower triangle: factor factor^T
  int sii = k_sii_blue;                       ///< place of the [SII] pair, whose ratio is held; -1: there is none
};
using MixtureView = MixtureOf<k_mixture_lines>;
using WideMixtureView = MixtureOf<k_mixture_wide>;

/// Measurements of one line each: what the prior of t and the measured EW are, and what they say together. Arrays of a
/// multiple of k_site_group numbers.
struct SiteView {
  const double *prior_mean, *prior_variance;
  const double *value, *sigma;  ///< A: likelihood N(value; EW, sigma), EW = sinh(max(t, 0))
  const double* at_line;        ///< asinh(max(value, 0))
  /// The integral of prior times likelihood is mass e^-lowest / (2 pi sqrt(prior_variance) sigma).
  double *mass, *lowest;
  double *mean, *variance;  ///< of t; NaN: prior and measurement contradict each other too much for these sums
};
inline constexpr Size k_site_group = 8;

/// Loops over distributions.
struct MixtureOps {
  /// t (n) with sum_c weight Phi((t - mean) / sd) = Phi(z): n separate mixtures, component c of mixture i at
  /// [c stride + i]. Exact to 1e-10 of the narrowest sd; NaN in, NaN out.
  void (*quantiles)(int components, const double* weight, const double* mean, const double* sd, Size stride,
                    const double* z, Size n, double* t);
  /// ew (n) = sinh(t), t held between 0 and k_most_t (limits.hpp); NaN becomes 0.
  void (*intrinsic_ew)(const double* t, double* ew, Size n);
  /// Draws 0..n-1 of one object, EW in A, line j at out[j] (n). key: of the object and stream
  /// (starglow/base/random.hpp); the first word of (draw, 0) chooses the component, that of (draw, 1 + j) makes the
  /// normal of line j. A ratio of the [SII] lines beyond its limits is brought to them, their sum kept.
  void (*sample)(const MixtureView& mixture, unsigned key0, unsigned key1, Size n, float* const* out);
  void (*sample_wide)(const WideMixtureView& mixture, unsigned key0, unsigned key1, Size n, float* const* out);
  /// n, a multiple of k_site_group, measurements, each by itself, to about 1e-6 of the standard deviation. Where the
  /// sums are too coarse the mean is NaN; `finer` ones take more time and fail less often.
  void (*sites)(const SiteView& of, Size n, int finer);
};

struct KernelTable {
  const char* isa;  ///< "x86-64-v3"
  Ops<float> f32;
  Ops<double> f64;
  MixtureOps mixture;
  /// Displacements (dx, dy) (n) of pairs of points of a map become the gradients of the log of the curve
  /// 1 / (1 + a d^2b), or, push = 1, of the log of 1 less the curve; each within +-4, 0 for points that coincide.
  void (*map_forces)(float* dx, float* dy, Size n, float a, float b, int push);
  /// From a point to n others: out (n) = sum_c (x_c - here_c)^2, or sum_c |x_c - here_c|; coordinate c of the others at
  /// [c n, (c + 1) n). n is a multiple of k_distance_group. Returns the smallest.
  float (*map_distances)(const float* columns, Size n, const float* here, Size coordinates, int manhattan, float* out);
};
inline constexpr Size k_distance_group = 64;

}  // namespace starglow::kernels
