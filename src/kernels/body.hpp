// The loops of the kernel, compiled once per instruction set. The including file defines
//   STARGLOW_VECTOR_BYTES  width of a register
//   STARGLOW_TILE_ROWS, STARGLOW_TILE_VECTORS  accumulators of the matrix product: rows x registers
//   STARGLOW_TABLE         name of the one exported symbol
//   STARGLOW_ISA_NAME      its name as text
#include "kernels/layout.hpp"
#include "kernels/mixture.hpp"
#include "kernels/product.hpp"
#include "kernels/site.hpp"

namespace starglow::kernels {
namespace {

// ---- networks, lanes are galaxies
// ------------------------------------------------------------------------------------

template <class T>
constexpr Size round_up(int n) {
  constexpr Size lanes = static_cast<Size>(k_lanes<T>);
  return (static_cast<Size>(n) + lanes - 1) / lanes * lanes;
}
template <class T>
Size widest(const NetView<T>& net) {
  int w = 0;
  for (int l = 0; l <= net.n_layers; ++l) w = net.sizes[l] > w ? net.sizes[l] : w;
  return round_up<T>(w);
}
template <class T>
const T* weights(const NetView<T>& net, int layer) {
  const T* p = net.params;
  for (int l = 0; l < layer; ++l) p += static_cast<Size>(net.sizes[l] + 1) * static_cast<Size>(net.sizes[l + 1]);
  return p;
}
inline Size units(int n) { return static_cast<Size>(n); }

// block (n_in, galaxies) from rows of x; lanes without a galaxy hold zeros.
template <class T>
void gather(const T* x, Size stride, Size count, Size n_in, T* block) {
  for (Size i = 0; i < n_in; ++i) {
    T* row = block + i * k_block<T>;
    for (Size g = 0; g < count; ++g) row[g] = x[g * stride + i];
    for (Size g = count; g < k_block<T>; ++g) row[g] = T(0);
  }
}
template <class T>
void scatter(const T* block, Size count, Size n_out, T* y, Size stride) {
  for (Size g = 0; g < count; ++g)
    for (Size i = 0; i < n_out; ++i) y[g * stride + i] = block[i * k_block<T> + g];
}

// One block through the network. `derivatives` (null or one (units, block) array a hidden layer, one after the other).
// Returns where the outputs stand: one of the two ping-pong buffers at `scratch`.
template <class T>
T* forward_block(const NetView<T>& net, T* scratch, T* derivatives) {
  const Size half = widest(net) * k_block<T>;
  T* in = scratch;
  T* out = scratch + half;
  const T* w = net.params;
  for (int l = 0; l < net.n_layers; ++l) {
    const Size n_in = units(net.sizes[l]), n_out = units(net.sizes[l + 1]);
    product_columns<T, STARGLOW_TILE_VECTORS>(n_out, n_in, w, n_in, Size(1), in, k_block<T>, out, k_block<T>,
                                              w + n_in * n_out);
    w += n_in * n_out + n_out;
    if (l + 1 < net.n_layers) {
      if (derivatives != nullptr) {
        activate_all<T, true>(net.activation, out, derivatives, n_out * k_block<T>);
        derivatives += n_out * k_block<T>;
      } else {
        activate_all<T, false>(net.activation, out, nullptr, n_out * k_block<T>);
      }
    }
    T* swap = in;
    in = out;
    out = swap;
  }
  return in;
}

template <class T>
void forward(const NetView<T>& net, const T* x, Size x_stride, Size n, T* y, Size y_stride, T* scratch) {
  for (Size first = 0; first < n; first += k_block<T>) {
    const Size count = n - first < k_block<T> ? n - first : k_block<T>;
    gather<T>(x + first * x_stride, x_stride, count, units(net.sizes[0]), scratch);
    const T* out = forward_block<T>(net, scratch, nullptr);
    scatter<T>(out, count, units(net.sizes[net.n_layers]), y + first * y_stride, y_stride);
  }
}

// From delta (n_out of layer `from`, block) back to the inputs; returns where the (n_in, block) gradient stands.
// zeros: as many as the widest layer has units.
template <class T>
T* reverse_block(const NetView<T>& net, int from, T* delta, T* other, const T* derivatives_end, const T* zeros) {
  for (int l = from; l >= 0; --l) {
    const Size n_in = units(net.sizes[l]), n_out = units(net.sizes[l + 1]);
    product_columns<T, STARGLOW_TILE_VECTORS>(n_in, n_out, weights(net, l), Size(1), n_in, delta, k_block<T>, other,
                                              k_block<T>, zeros);
    if (l > 0) {
      derivatives_end -= n_in * k_block<T>;
      for (Size i = 0; i < n_in * k_block<T>; ++i) other[i] *= derivatives_end[i];
    }
    T* swap = delta;
    delta = other;
    other = swap;
  }
  return delta;
}

// d outputs / d input[i]: returns where the (n_out, block) slopes stand. For networks with a hidden layer.
template <class T>
T* tangent_block(const NetView<T>& net, Size i, T* slope, T* other, const T* derivatives, const T* zeros) {
  const Size first_in = units(net.sizes[0]), first_out = units(net.sizes[1]);
  for (Size u = 0; u < first_out; ++u)
    for (Size g = 0; g < k_block<T>; ++g)
      slope[u * k_block<T> + g] = net.params[u * first_in + i] * derivatives[u * k_block<T> + g];
  for (int l = 1; l < net.n_layers; ++l) {
    const Size n_in = units(net.sizes[l]), n_out = units(net.sizes[l + 1]);
    product_columns<T, STARGLOW_TILE_VECTORS>(n_out, n_in, weights(net, l), n_in, Size(1), slope, k_block<T>, other,
                                              k_block<T>, zeros);
    if (l + 1 < net.n_layers) {
      derivatives += n_in * k_block<T>;
      for (Size k = 0; k < n_out * k_block<T>; ++k) other[k] *= derivatives[k];
    }
    T* swap = slope;
    slope = other;
    other = swap;
  }
  return slope;
}

template <class T>
Size hidden_units(const NetView<T>& net) {
  Size n = 0;
  for (int l = 1; l < net.n_layers; ++l) n += units(net.sizes[l]);
  return n;
}

// Scratch of what goes back: two buffers forward, the derivatives, two buffers back, and zeros, which this returns.
template <class T>
T* zeros_of(const NetView<T>& net, T* scratch) {
  T* zeros = scratch + (4 * widest(net) + hidden_units(net)) * k_block<T>;
  for (Size i = 0; i < widest(net); ++i) zeros[i] = T(0);
  return zeros;
}

template <class T>
void jacobian(const NetView<T>& net, const T* x, Size x_stride, Size n, T* y, Size y_stride, T* jac, Size jac_stride,
              T* scratch) {
  const Size half = widest(net) * k_block<T>;
  T* derivatives = scratch + 2 * half;
  T* derivatives_end = derivatives + hidden_units(net) * k_block<T>;
  T* back = derivatives_end;
  const T* zeros = zeros_of<T>(net, scratch);
  const int last = net.n_layers - 1;
  const Size n_in = units(net.sizes[0]), n_out = units(net.sizes[net.n_layers]), n_last = units(net.sizes[last]);
  for (Size first = 0; first < n; first += k_block<T>) {
    const Size count = n - first < k_block<T> ? n - first : k_block<T>;
    gather<T>(x + first * x_stride, x_stride, count, n_in, scratch);
    const T* out = forward_block<T>(net, scratch, derivatives);
    scatter<T>(out, count, n_out, y + first * y_stride, y_stride);
    if (last > 0 && n_in < n_out) {  // fewer passes from the inputs on than back from the outputs
      for (Size i = 0; i < n_in; ++i) {
        const T* slope = tangent_block<T>(net, i, back, back + half, derivatives, zeros);
        for (Size g = 0; g < count; ++g)
          for (Size o = 0; o < n_out; ++o) jac[(first + g) * jac_stride + o * n_in + i] = slope[o * k_block<T> + g];
      }
      continue;
    }
    for (Size o = 0; o < n_out; ++o) {
      // d out[o] / d (inputs of the last layer) is a row of its weights, the same for every galaxy.
      const T* row = weights(net, last) + o * n_last;
      const T* d = derivatives_end - (last > 0 ? n_last * k_block<T> : 0);
      for (Size i = 0; i < n_last; ++i)
        for (Size g = 0; g < k_block<T>; ++g)
          back[i * k_block<T> + g] = last > 0 ? row[i] * d[i * k_block<T> + g] : row[i];
      const T* dx = last > 0 ? reverse_block<T>(net, last - 1, back, back + half, d, zeros) : back;
      scatter<T>(dx, count, n_in, jac + first * jac_stride + o * n_in, jac_stride);
    }
  }
}

template <class T>
void vjp(const NetView<T>& net, const T* x, Size x_stride, Size n, const T* dy, Size dy_stride, T* y, Size y_stride,
         T* dx, Size dx_stride, T* scratch) {
  const Size half = widest(net) * k_block<T>;
  T* derivatives = scratch + 2 * half;
  T* derivatives_end = derivatives + hidden_units(net) * k_block<T>;
  T* back = derivatives_end;
  const T* zeros = zeros_of<T>(net, scratch);
  const Size n_in = units(net.sizes[0]), n_out = units(net.sizes[net.n_layers]);
  for (Size first = 0; first < n; first += k_block<T>) {
    const Size count = n - first < k_block<T> ? n - first : k_block<T>;
    gather<T>(x + first * x_stride, x_stride, count, n_in, scratch);
    const T* out = forward_block<T>(net, scratch, derivatives);
    scatter<T>(out, count, n_out, y + first * y_stride, y_stride);
    gather<T>(dy + first * dy_stride, dy_stride, count, n_out, back);
    const T* result = reverse_block<T>(net, net.n_layers - 1, back, back + half, derivatives_end, zeros);
    scatter<T>(result, count, n_in, dx + first * dx_stride, dx_stride);
  }
}

// Several rows of dy a galaxy, of which many numbers are 0: those of the last layer are not multiplied.
template <class T>
void vjps(const NetView<T>& net, const T* x, Size x_stride, Size n, const T* dy, Size dy_stride, Size rows, T* dx,
          Size dx_stride, T* scratch) {
  const Size half = widest(net) * k_block<T>;
  T* derivatives = scratch + 2 * half;
  T* derivatives_end = derivatives + hidden_units(net) * k_block<T>;
  T* back = derivatives_end;
  const T* zeros = zeros_of<T>(net, scratch);
  const int last = net.n_layers - 1;
  const Size n_in = units(net.sizes[0]), n_out = units(net.sizes[net.n_layers]), n_last = units(net.sizes[last]);
  const T* weights_last = weights(net, last);
  const T* derivatives_last = derivatives_end - (last > 0 ? n_last * k_block<T> : 0);
  T delta[k_block<T>] = {};
  for (Size first = 0; first < n; first += k_block<T>) {
    const Size count = n - first < k_block<T> ? n - first : k_block<T>;
    gather<T>(x + first * x_stride, x_stride, count, n_in, scratch);
    forward_block<T>(net, scratch, derivatives);
    for (Size row = 0; row < rows; ++row) {
      for (Size i = 0; i < n_last * k_block<T>; ++i) back[i] = T(0);
      for (Size o = 0; o < n_out; ++o) {
        bool some = false;
        for (Size g = 0; g < count; ++g) {
          delta[g] = dy[(first + g) * dy_stride + row * n_out + o];
          some = some || delta[g] != T(0);
        }
        if (!some) continue;
        for (Size i = 0; i < n_last; ++i)
          for (Size g = 0; g < k_block<T>; ++g) back[i * k_block<T> + g] += weights_last[o * n_last + i] * delta[g];
      }
      if (last > 0)
        for (Size i = 0; i < n_last * k_block<T>; ++i) back[i] *= derivatives_last[i];
      const T* result = last > 0 ? reverse_block<T>(net, last - 1, back, back + half, derivatives_last, zeros) : back;
      scatter<T>(result, count, n_in, dx + first * dx_stride + row * n_in, dx_stride);
    }
  }
}

// ---- training, lanes are units
// --------------------------------------------------------------------------------------- Rows are galaxies, padded to
// whole registers, so that the gradient of the weights needs no sum across lanes. Scratch: per layer l the inputs
// (rows, ld(l)); per hidden layer the derivatives; outputs; then work space.

template <class T>
struct TrainLayout {
  Size inputs[k_max_layers + 1];  // offsets; [n_layers] are the outputs
  Size derivatives[k_max_layers + 1];
  Size delta, other, work, total;
};

template <class T>
TrainLayout<T> train_layout(const NetView<T>& net, Size rows) {
  TrainLayout<T> at{};
  Size offset = 0;
  for (int l = 0; l <= net.n_layers; ++l) {
    at.inputs[l] = offset;
    offset += rows * round_up<T>(net.sizes[l]);
  }
  for (int l = 1; l < net.n_layers; ++l) {
    at.derivatives[l] = offset;
    offset += rows * round_up<T>(net.sizes[l]);
  }
  at.delta = offset;
  offset += rows * widest(net);
  at.other = offset;
  offset += rows * widest(net);
  at.work = offset;
  offset += widest(net) * (widest(net) + 1);  // one layer's weights, padded
  at.total = offset;
  return at;
}

// The layout is computed for the largest number of rows; its size stands in front of the data, so that both calls
// agree.
template <class T>
void forward_keep(const NetView<T>& net, const T* x, Size x_stride, Size n, T* y, Size y_stride, T* scratch) {
  const TrainLayout<T> at = train_layout(net, n);
  const Size ld0 = round_up<T>(net.sizes[0]);
  for (Size g = 0; g < n; ++g)
    for (Size i = 0; i < ld0; ++i)
      scratch[at.inputs[0] + g * ld0 + i] = i < units(net.sizes[0]) ? x[g * x_stride + i] : T(0);
  const T* w = net.params;
  for (int l = 0; l < net.n_layers; ++l) {
    const Size n_in = units(net.sizes[l]), n_out = units(net.sizes[l + 1]);
    const Size ld_in = round_up<T>(net.sizes[l]), ld_out = round_up<T>(net.sizes[l + 1]);
    T* transposed = scratch + at.work;  // (n_in, ld_out)
    for (Size i = 0; i < n_in; ++i)
      for (Size o = 0; o < ld_out; ++o) transposed[i * ld_out + o] = o < n_out ? w[o * n_in + i] : T(0);
    const T* bias = w + n_in * n_out;
    T* out = scratch + at.inputs[l + 1];
    for (Size g = 0; g < n; ++g)
      for (Size o = 0; o < ld_out; ++o) out[g * ld_out + o] = o < n_out ? bias[o] : T(0);
    product<T>(n, ld_out, n_in, scratch + at.inputs[l], ld_in, Size(1), transposed, ld_out, out, ld_out, nullptr);
    if (l + 1 < net.n_layers) activate_all<T, true>(net.activation, out, scratch + at.derivatives[l + 1], n * ld_out);
    w += n_in * n_out + n_out;
  }
  const Size ld = round_up<T>(net.sizes[net.n_layers]);
  for (Size g = 0; g < n; ++g)
    for (Size o = 0; o < units(net.sizes[net.n_layers]); ++o)
      y[g * y_stride + o] = scratch[at.inputs[net.n_layers] + g * ld + o];
}

template <class T>
void backward(const NetView<T>& net, Size n, const T* dy, Size dy_stride, T* d_params, T* scratch) {
  const TrainLayout<T> at = train_layout(net, n);
  T* delta = scratch + at.delta;
  T* other = scratch + at.other;
  const Size ld_last = round_up<T>(net.sizes[net.n_layers]);
  for (Size g = 0; g < n; ++g)
    for (Size o = 0; o < ld_last; ++o)
      delta[g * ld_last + o] = o < units(net.sizes[net.n_layers]) ? dy[g * dy_stride + o] : T(0);
  for (int l = net.n_layers - 1; l >= 0; --l) {
    const Size n_in = units(net.sizes[l]), n_out = units(net.sizes[l + 1]);
    const Size ld_in = round_up<T>(net.sizes[l]), ld_out = round_up<T>(net.sizes[l + 1]);
    const Size offset = static_cast<Size>(weights(net, l) - net.params);
    T* work = scratch + at.work;  // (n_out, ld_in)
    for (Size i = 0; i < n_out * ld_in; ++i) work[i] = T(0);
    product<T>(n_out, ld_in, n, delta, Size(1), ld_out, scratch + at.inputs[l], ld_in, work, ld_in, nullptr);
    T* dw = d_params + offset;
    for (Size o = 0; o < n_out; ++o)
      for (Size i = 0; i < n_in; ++i) dw[o * n_in + i] += work[o * ld_in + i];
    T* db = dw + n_in * n_out;
    for (Size g = 0; g < n; ++g)
      for (Size o = 0; o < n_out; ++o) db[o] += delta[g * ld_out + o];
    if (l == 0) break;
    const T* w = weights(net, l);
    for (Size o = 0; o < n_out; ++o)
      for (Size i = 0; i < ld_in; ++i) work[o * ld_in + i] = i < n_in ? w[o * n_in + i] : T(0);
    for (Size i = 0; i < n * ld_in; ++i) other[i] = T(0);
    product<T>(n, ld_in, n_out, delta, ld_out, Size(1), work, ld_in, other, ld_in, nullptr);
    const T* d = scratch + at.derivatives[l];
    for (Size i = 0; i < n * ld_in; ++i) other[i] *= d[i];
    T* swap = delta;
    delta = other;
    other = swap;
  }
}

template <class T>
Size scratch_size(const NetView<T>& net, Size max_rows) {
  const Size blocks = (4 * widest(net) + hidden_units(net)) * k_block<T> + widest(net);
  const Size training = max_rows > 0 ? train_layout(net, max_rows).total : 0;
  return blocks > training ? blocks : training;
}

template <class T>
void exp_all(const T* x, T* out, Size n) {
  constexpr Size lanes = static_cast<Size>(k_lanes<T>);
  Size i = 0;
  for (; i + lanes <= n; i += lanes) store<T>(out + i, exp_full<T>(load<T>(x + i)));
  if (i == n) return;
  T rest[k_lanes<T>] = {};
  for (Size k = i; k < n; ++k) rest[k - i] = x[k];
  store<T>(rest, exp_full<T>(load<T>(rest)));
  for (Size k = i; k < n; ++k) out[k] = rest[k - i];
}

// Twelve chains: more than the latency of a multiply-add times the units that do them, fewer than there are registers.
template <class T>
Size multiply_adds(Size rounds, T* sink) {
  constexpr int chains = 12;
  const Vec<T> factor = splat<T>(T(0.999)), term = load<T>(sink);
  Vec<T> sum[chains];
#pragma GCC unroll 12
  for (int c = 0; c < chains; ++c) sum[c] = term + splat<T>(T(c));
  for (Size r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) sum[c] = sum[c] * factor + term;
  }
#pragma GCC unroll 12
  for (int c = 1; c < chains; ++c) sum[0] += sum[c];
  store<T>(sink, sum[0]);
  return rounds * static_cast<Size>(chains * k_lanes<T>);
}

template <class T>
constexpr Ops<T> k_ops{k_lanes<T>,      scratch_size<T>, forward<T>, jacobian<T>, vjp<T>,          vjps<T>,
                       forward_keep<T>, backward<T>,     exp_all<T>, product<T>,  multiply_adds<T>};

constexpr MixtureOps k_mixture_ops{quantiles, intrinsic_ew, sample, sample_wide, sites};

}  // namespace

extern const KernelTable STARGLOW_TABLE;
const KernelTable STARGLOW_TABLE{STARGLOW_ISA_NAME, k_ops<float>, k_ops<double>,
                                 k_mixture_ops,     map_forces,   map_distances};

}  // namespace starglow::kernels
