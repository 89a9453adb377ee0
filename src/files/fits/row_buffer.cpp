#include "files/fits/row_buffer.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <type_traits>

namespace starglow::files {
namespace {

std::size_t element_bytes(char type) {
  switch (type) {
    case 'D':
    case 'K':
      return 8;
    case 'E':
    case 'J':
      return 4;
    case 'I':
      return 2;
    case 'A':
    case 'B':
    case 'L':
      return 1;
    default:
      throw std::logic_error(std::string("no output column of type ") + type);
  }
}

// Stores a number with its most significant byte first.
template <class T>
void store_big(T value, unsigned char* to) {
  using Word = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  auto word = std::bit_cast<Word>(value);
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof(T) == 8)
      word = __builtin_bswap64(word);
    else
      word = __builtin_bswap32(word);
  }
  std::memcpy(to, &word, sizeof word);
}

std::uint64_t folded(std::uint64_t sum) {
  while (sum >> 32 != 0) sum = (sum & 0xFFFFFFFFU) + (sum >> 32);
  return sum;
}

}  // namespace

RowBuffer::RowBuffer(std::span<const ColumnInfo> columns)
    : columns_(columns.begin(), columns.end()), filled_(columns.size(), 0) {
  for (const auto& column : columns_) {
    offset_.push_back(row_bytes_);
    row_bytes_ += element_bytes(column.type) * static_cast<std::size_t>(column.repeat);
  }
}

std::size_t RowBuffer::width(std::size_t column) const noexcept {
  return (column + 1 < offset_.size() ? offset_[column + 1] : row_bytes_) - offset_[column];
}

void RowBuffer::start(std::size_t first, std::size_t rows) {
  clear();
  first_ = first;
  rows_ = rows;
  if (bytes_.size() < rows * row_bytes_) bytes_.resize(rows * row_bytes_);
}

void RowBuffer::clear() noexcept {
  std::fill(filled_.begin(), filled_.end(), std::uint8_t{0});
  n_filled_ = rows_ = first_ = 0;
}

template <class T>
void RowBuffer::put_numbers(std::size_t column, std::span<const T> values) {
  const auto repeat = static_cast<std::size_t>(columns_[column].repeat);
  unsigned char* row = bytes_.data() + offset_[column];
  for (std::size_t i = 0; i < rows_; ++i, row += row_bytes_)
    for (std::size_t k = 0; k < repeat; ++k) store_big(values[i * repeat + k], row + k * sizeof(T));
  n_filled_ += filled_[column] == 0 ? 1U : 0U;
  filled_[column] = 1;
}
template void RowBuffer::put_numbers<double>(std::size_t, std::span<const double>);
template void RowBuffer::put_numbers<float>(std::size_t, std::span<const float>);
template void RowBuffer::put_numbers<std::int64_t>(std::size_t, std::span<const std::int64_t>);
template void RowBuffer::put_numbers<std::int32_t>(std::size_t, std::span<const std::int32_t>);

void RowBuffer::put(std::size_t column, std::span<const std::string> values) {
  const std::size_t room = width(column);
  unsigned char* row = bytes_.data() + offset_[column];
  for (std::size_t i = 0; i < rows_; ++i, row += row_bytes_) {
    const std::size_t n = std::min(values[i].size(), room);
    std::memcpy(row, values[i].data(), n);
    std::memset(row + n, ' ', room - n);
  }
  n_filled_ += filled_[column] == 0 ? 1U : 0U;
  filled_[column] = 1;
}

void OnesSum::add(std::span<const unsigned char> bytes) noexcept {
  const auto single = [&](unsigned char byte) {
    sum_ += static_cast<std::uint64_t>(byte) << (24 - 8 * (bytes_ % 4));
    ++bytes_;
  };
  std::size_t i = 0;
  while (i < bytes.size() && bytes_ % 4 != 0) single(bytes[i++]);
  std::uint64_t sum = 0;  // 2^32 words fit
  const std::size_t begin = i;
  for (; i + 4 <= bytes.size(); i += 4)
    sum += std::uint32_t{bytes[i]} << 24 | std::uint32_t{bytes[i + 1]} << 16 | std::uint32_t{bytes[i + 2]} << 8 |
           std::uint32_t{bytes[i + 3]};
  bytes_ += i - begin;
  sum_ = folded(sum_) + folded(sum);
  while (i < bytes.size()) single(bytes[i++]);
}

std::uint32_t OnesSum::value() const noexcept { return static_cast<std::uint32_t>(folded(sum_)); }

}  // namespace starglow::files
