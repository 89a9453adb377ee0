#pragma once
#include <span>
#include <vector>

#include "kernels/dispatch.hpp"
#include "starglow/base/view.hpp"
#include "starglow/kernels/network.hpp"

namespace starglow::kernels {

/// Work space of one thread; grows to what a network needs and is used again.
template <class T>
using Scratch = AlignedVector<T>;

/// A network ready to run: shape, parameters and the table chosen when it was made. Rows are galaxies.
/// Const calls may run in several threads at once, each with its own Scratch.
template <class T>
class Network {
 public:
  /// params: shape.n_params() numbers in the layout of NetworkShape, copied.
  template <class U>
  Network(const NetworkShape& shape, std::span<const U> params) : shape_(shape), params_(params.begin(), params.end()) {
    shape_.check();
    view_.n_layers = static_cast<int>(shape.n_layers());
    for (std::size_t l = 0; l < shape.sizes.size(); ++l) view_.sizes[l] = shape.sizes[l];
    view_.activation = static_cast<int>(shape.activation);
  }

  const NetworkShape& shape() const noexcept { return shape_; }
  std::span<T> params() noexcept { return params_; }
  std::span<const T> params() const noexcept { return params_; }
  const char* isa() const noexcept { return table_->isa; }

  /// y (n, n_out) = net(x (n, n_in)).
  void forward(MatrixView<const T> x, MatrixView<T> y, Scratch<T>& scratch) const {
    reserve(scratch, 0);
    table().forward(view(), x.data(), x.stride(), x.rows(), y.data(), y.stride(), scratch.data());
  }
  /// Also jac (n, n_out * n_in), output-major.
  void jacobian(MatrixView<const T> x, MatrixView<T> y, MatrixView<T> jac, Scratch<T>& scratch) const {
    reserve(scratch, 0);
    table().jacobian(view(), x.data(), x.stride(), x.rows(), y.data(), y.stride(), jac.data(), jac.stride(),
                     scratch.data());
  }
  /// Also dx (n, n_in) = dy . dy/dx.
  void vjp(MatrixView<const T> x, MatrixView<const T> dy, MatrixView<T> y, MatrixView<T> dx,
           Scratch<T>& scratch) const {
    reserve(scratch, 0);
    table().vjp(view(), x.data(), x.stride(), x.rows(), dy.data(), dy.stride(), y.data(), y.stride(), dx.data(),
                dx.stride(), scratch.data());
  }
  /// dx (n, rows * n_in) = dy (n, rows * n_out) . dy/dx: several reverse passes of each galaxy.
  void vjps(MatrixView<const T> x, MatrixView<const T> dy, MatrixView<T> dx, Scratch<T>& scratch) const {
    reserve(scratch, 0);
    table().vjps(view(), x.data(), x.stride(), x.rows(), dy.data(), dy.stride(), dy.cols() / shape_.n_out(), dx.data(),
                 dx.stride(), scratch.data());
  }
  /// Training: forward_keep, then backward with the same scratch; d_params is added to.
  void forward_keep(MatrixView<const T> x, MatrixView<T> y, Scratch<T>& scratch) const {
    reserve(scratch, x.rows());
    table().forward_keep(view(), x.data(), x.stride(), x.rows(), y.data(), y.stride(), scratch.data());
  }
  void backward(MatrixView<const T> dy, std::span<T> d_params, Scratch<T>& scratch) const {
    table().backward(view(), dy.rows(), dy.data(), dy.stride(), d_params.data(), scratch.data());
  }

 private:
  const Ops<T>& table() const { return ops<T>(*table_); }
  NetView<T> view() const {
    NetView<T> v = view_;
    v.params = params_.data();
    return v;
  }
  void reserve(Scratch<T>& scratch, std::size_t rows) const {
    const std::size_t need = table().scratch_size(view(), rows);
    if (scratch.size() < need) scratch.resize(need);
  }

  NetworkShape shape_;
  AlignedVector<T> params_;
  NetView<T> view_{};
  const KernelTable* table_ = &active();
};

}  // namespace starglow::kernels
