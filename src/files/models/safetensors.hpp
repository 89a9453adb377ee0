#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starglow::files {

/// One array of a safetensors file. Bytes are little endian, row-major.
struct Tensor {
  std::string dtype;  ///< "F64", "F32", "I64", "I32", "U8"
  std::vector<std::uint64_t> shape;
  std::vector<unsigned char> bytes;

  std::size_t elements() const noexcept;
  static Tensor from(std::span<const double> values, std::vector<std::uint64_t> shape);
  static Tensor from(std::span<const float> values, std::vector<std::uint64_t> shape);
  std::vector<double> doubles() const;  ///< of F64 or F32; Error(model) otherwise
  std::vector<float> floats() const;    ///< of F32; Error(model) otherwise
};

/// Tensors and string metadata, as one file: 8 bytes length, JSON header, data
/// (https://github.com/huggingface/safetensors).
struct SafeTensors {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;

  /// Error(model): no such tensor, or another shape. A 0 in `shape` fits any size.
  const Tensor& get(const std::string& name, const std::vector<std::uint64_t>& shape) const;
  const std::string& text(const std::string& key) const;  ///< Error(model) when absent
};

/// Error(input) unless length, header, offsets and file end all fit: no holes, no overlaps, no duplicate keys, header
/// at most 100 MB, nothing nested deeper than the format needs. `name` is for the messages.
SafeTensors parse_safetensors(std::span<const unsigned char> bytes, const std::string& name);
SafeTensors read_safetensors(const std::filesystem::path& path);

/// Keys sorted, header padded to 8 bytes: equal content gives equal bytes.
std::string format_safetensors(const SafeTensors& content);

}  // namespace starglow::files
