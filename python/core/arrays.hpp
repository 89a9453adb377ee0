#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/inputs.hpp"

namespace starglow::python {

namespace nb = nanobind;

/// An array of Python's, read where it lies: any strides, any of the types below.
using AnyArray = nb::ndarray<nb::ro, nb::device::cpu>;

/// float32 or float64, one or two dimensions. Keeps the array alive.
class Reals {
 public:
  Reals() = default;
  /// Error(input): another type or number of dimensions. `name` is for messages.
  Reals(const char* name, AnyArray array, std::size_t n_dimensions);
  std::size_t rows() const noexcept { return array_.shape(0); }
  std::size_t cols() const noexcept { return array_.ndim() > 1 ? array_.shape(1) : 1; }
  bool given() const noexcept { return array_.is_valid(); }
  /// Rows [first, first + count) as doubles, row-major.
  void read(std::size_t first, std::size_t count, double* out) const;
  void read(std::size_t first, std::size_t count, float* out) const;

 private:
  template <class From, class To>
  void copy(std::size_t first, std::size_t count, To* out) const;
  template <class To>
  void any(std::size_t first, std::size_t count, To* out) const;
  AnyArray array_;
  bool single_ = false;
};

/// The columns of a table of galaxies as Python has them; nothing is copied before a block is asked for.
struct Columns {
  std::size_t n = 0;
  Reals band_flux, band_flux_ivar, z, z_err, ebv, ew, ew_ivar;
  std::array<Reals, k_n_column_inputs> inputs;  ///< columns that networks may use, in the order of k_column_inputs
  AnyArray targetid;                            ///< int64
  std::vector<std::string> survey, program;
  Conventions conventions;

  /// From keyword arguments; absent ones are None. Error(input): shapes, types or lengths that do not fit.
  static Columns from(const nb::dict& arguments);
  /// Rows [first, first + count).
  Galaxies block(std::size_t first, std::size_t count) const;
  Galaxies all() const { return block(0, n); }
};

/// An array for Python; its type stands in the stubs.
template <class T>
using Numpy = nb::ndarray<nb::numpy, T>;

/// Memory that is not set to 0: the pages of a large result are touched as its blocks are written, between which Ctrl-C
/// is heard.
template <class T>
struct Unset : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = Unset<U>;
  };
  template <class U>
  void construct(U* at) noexcept {
    ::new (static_cast<void*>(at)) U;
  }
};
template <class T>
using Result = std::vector<T, Unset<T>>;

/// A NumPy array that owns what is moved into it.
template <class Container>
auto to_numpy(Container&& values, std::initializer_list<std::size_t> shape) {
  using C = std::remove_cvref_t<Container>;
  using T = std::remove_const_t<std::remove_pointer_t<decltype(values.data())>>;
  auto* kept = new C(std::forward<Container>(values));
  const nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<C*>(p); });
  return Numpy<T>(kept->data(), shape, owner);
}

nb::dict to_dict(const Conventions& conventions);

}  // namespace starglow::python
