#pragma once
#include <cstddef>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

namespace starglow {

/// Memory on 64-byte boundaries: one cache line, one AVX-512 register. From k_large_bytes on it lies on the boundaries
/// of large pages and the system is asked for such pages: a buffer of draws costs more in page faults than in
/// arithmetic otherwise.
constexpr std::size_t k_large_bytes = std::size_t{4} << 20U;
void* allocate_aligned(std::size_t bytes);
void deallocate_aligned(void* p, std::size_t bytes) noexcept;

template <class T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return static_cast<T*>(allocate_aligned(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) noexcept { deallocate_aligned(p, n * sizeof(T)); }
  template <class U>
  bool operator==(const AlignedAllocator<U>&) const noexcept {
    return true;
  }
};

template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

/// A rectangle of numbers that somebody else owns: rows x cols, row-major, rows `stride` elements apart.
/// Rows are galaxies; columns are bands, lines, features or draws.
template <class T>
class MatrixView {
 public:
  MatrixView() = default;
  MatrixView(T* data, std::size_t rows, std::size_t cols) : MatrixView(data, rows, cols, cols) {}
  MatrixView(T* data, std::size_t rows, std::size_t cols, std::size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {}
  /// A view of mutable numbers reads as a view of constant ones.
  template <class U>
    requires(std::is_same_v<T, const U>)
  MatrixView(MatrixView<U> other) : MatrixView(other.data(), other.rows(), other.cols(), other.stride()) {}

  T* data() const noexcept { return data_; }
  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }
  std::size_t stride() const noexcept { return stride_; }
  bool empty() const noexcept { return rows_ == 0 || cols_ == 0; }
  std::span<T> row(std::size_t i) const noexcept { return {data_ + i * stride_, cols_}; }
  T& operator()(std::size_t i, std::size_t j) const noexcept { return data_[i * stride_ + j]; }
  MatrixView slice_rows(std::size_t first, std::size_t count) const noexcept {
    return {data_ + first * stride_, count, cols_, stride_};
  }

 private:
  T* data_ = nullptr;
  std::size_t rows_ = 0, cols_ = 0, stride_ = 0;
};

/// A rectangle of numbers that owns them; rows x cols, row-major, 64-byte aligned, without gaps.
template <class T>
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t cols, T fill = T{}) : values_(rows * cols, fill), rows_(rows), cols_(cols) {}

  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }
  bool empty() const noexcept { return values_.empty(); }
  T* data() noexcept { return values_.data(); }
  const T* data() const noexcept { return values_.data(); }
  std::span<T> flat() noexcept { return values_; }
  std::span<const T> flat() const noexcept { return values_; }
  std::span<T> row(std::size_t i) noexcept { return {data() + i * cols_, cols_}; }
  std::span<const T> row(std::size_t i) const noexcept { return {data() + i * cols_, cols_}; }
  T& operator()(std::size_t i, std::size_t j) noexcept { return values_[i * cols_ + j]; }
  const T& operator()(std::size_t i, std::size_t j) const noexcept { return values_[i * cols_ + j]; }
  MatrixView<T> view() noexcept { return {data(), rows_, cols_}; }
  MatrixView<const T> view() const noexcept { return {data(), rows_, cols_}; }
  operator MatrixView<const T>() const noexcept { return view(); }

 private:
  AlignedVector<T> values_;
  std::size_t rows_ = 0, cols_ = 0;
};

}  // namespace starglow
