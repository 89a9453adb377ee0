#include "files/models/safetensors.hpp"
#include "files/formats.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "starglow/base/error.hpp"

namespace starglow::files {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are copied as they are");

constexpr std::uint64_t k_max_header = 100'000'000, k_max_file = std::uint64_t{1} << 32;

std::size_t width_of(const std::string& dtype) {
  static const std::map<std::string, std::size_t> widths{{"F64", 8}, {"I64", 8}, {"F32", 4},
                                                         {"I32", 4}, {"F16", 2}, {"U8", 1}};
  const auto found = widths.find(dtype);
  return found == widths.end() ? 0 : found->second;
}

template <class T>
Tensor make(const std::string& dtype, std::span<const T> values, std::vector<std::uint64_t> shape) {
  Tensor tensor{dtype, std::move(shape), std::vector<unsigned char>(values.size() * sizeof(T))};
  if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  if (tensor.elements() != values.size()) throw std::logic_error("tensor shape and size differ");
  return tensor;
}

template <class T>
std::vector<T> values(const Tensor& tensor) {
  std::vector<T> out(tensor.bytes.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
  return out;
}

}  // namespace

std::size_t Tensor::elements() const noexcept {
  std::size_t n = 1;
  for (const auto size : shape) n *= static_cast<std::size_t>(size);
  return n;
}
Tensor Tensor::from(std::span<const double> v, std::vector<std::uint64_t> shape) {
  return make("F64", v, std::move(shape));
}
Tensor Tensor::from(std::span<const float> v, std::vector<std::uint64_t> shape) {
  return make("F32", v, std::move(shape));
}

std::vector<float> Tensor::floats() const {
  if (dtype != "F32") throw Error(ErrorKind::model, "a tensor has another type", {dtype, "F32", ""});
  return values<float>(*this);
}
std::vector<double> Tensor::doubles() const {
  if (dtype == "F64") return values<double>(*this);
  const auto narrow = floats();
  return {narrow.begin(), narrow.end()};
}

const Tensor& SafeTensors::get(const std::string& name, const std::vector<std::uint64_t>& shape) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) throw Error(ErrorKind::model, "the model lacks the tensor '" + name + "'");
  const auto text = [](const std::vector<std::uint64_t>& s) {
    std::string out = "(";
    for (const auto size : s)
      out += (out.size() > 1 ? ", " : "") + (size == 0 ? std::string("any") : std::to_string(size));
    return out + ")";
  };
  const auto& have = found->second.shape;
  bool fits = have.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) fits = shape[i] == 0 || shape[i] == have[i];
  if (!fits)
    throw Error(ErrorKind::model, "the tensor '" + name + "' has a wrong shape", {text(have), text(shape), ""});
  return found->second;
}

const std::string& SafeTensors::text(const std::string& key) const {
  const auto found = metadata.find(key);
  if (found == metadata.end()) throw Error(ErrorKind::model, "the model's metadata lack '" + key + "'");
  return found->second;
}

SafeTensors parse_safetensors(std::span<const unsigned char> bytes, const std::string& name) {
  const auto refuse = [&name](const std::string& what, const std::string& seen = "", const std::string& wanted = "") {
    throw Error(ErrorKind::input, "'" + name + "' is no safetensors file: " + what, {seen, wanted, ""});
  };
  if (bytes.size() < 8) refuse("too short", std::to_string(bytes.size()) + " bytes", "at least 8");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > k_max_header) refuse("header too long", std::to_string(length) + " bytes", "at most 100 MB");
  if (length > bytes.size() - 8)
    refuse("header cut short", std::to_string(bytes.size()) + " bytes", std::to_string(length + 8) + " bytes or more");
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + 8, static_cast<std::size_t>(length));
  if (header.empty() || header[0] != '{') refuse("header does not begin with '{'");
  const auto data = bytes.subspan(8 + static_cast<std::size_t>(length));

  // Duplicate keys and depth are seen while parsing: the finished object would hide the first.
  std::vector<std::set<std::string>> keys(1);
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > 4) refuse("nested too deeply");
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.get<std::string>()).second)
      refuse("key '" + value.get<std::string>() + "' occurs twice");
    return true;
  };
  nlohmann::json root;
  try {
    root = nlohmann::json::parse(header, watch);
  } catch (const nlohmann::json::exception& e) {
    refuse(std::string("header is not JSON: ") + e.what());
  }
  SafeTensors out;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& [key, value] : root.items()) {
    if (key == "__metadata__") {
      if (!value.is_object()) refuse("__metadata__ is not an object");
      for (const auto& [k, v] : value.items()) {
        if (!v.is_string()) refuse("metadata '" + k + "' is not a string");
        out.metadata[k] = v.get<std::string>();
      }
      continue;
    }
    const auto bad = [&](const std::string& what) { refuse("tensor '" + key + "' " + what); };
    if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value.contains("shape") ||
        !value.contains("data_offsets"))
      bad("lacks dtype, shape or data_offsets, or has more");
    if (!value["dtype"].is_string() || !value["shape"].is_array() || !value["data_offsets"].is_array() ||
        value["data_offsets"].size() != 2)
      bad("has fields of wrong type");
    Tensor tensor;
    tensor.dtype = value["dtype"].get<std::string>();
    const std::size_t width = width_of(tensor.dtype);
    if (width == 0) bad("has a type that is not used here: " + tensor.dtype);
    std::uint64_t size = width;
    for (const auto& n : value["shape"]) {
      if (!n.is_number_unsigned()) bad("has a shape that is not of whole numbers");
      tensor.shape.push_back(n.get<std::uint64_t>());
      if (__builtin_mul_overflow(size, tensor.shape.back(), &size)) bad("has an impossible size");
    }
    if (!value["data_offsets"][0].is_number_unsigned() || !value["data_offsets"][1].is_number_unsigned())
      bad("has offsets that are not whole numbers");
    const auto begin = value["data_offsets"][0].get<std::uint64_t>(),
               end = value["data_offsets"][1].get<std::uint64_t>();
    if (begin > end || end > data.size()) bad("lies outside the file");
    if (end - begin != size)
      bad("has " + std::to_string(end - begin) + " bytes for a shape of " + std::to_string(size));
    ranges.emplace_back(begin, end);
    const auto part = data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
    tensor.bytes.assign(part.begin(), part.end());
    out.tensors[key] = std::move(tensor);
  }
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t at = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != at)
      refuse(begin < at ? "tensors overlap" : "a hole between tensors", "offset " + std::to_string(begin),
             std::to_string(at));
    at = end;
  }
  if (at != data.size())
    refuse("data and header differ in size", std::to_string(data.size()) + " bytes of data", std::to_string(at));
  return out;
}

SafeTensors read_safetensors(const std::filesystem::path& path) {
  std::error_code failed;
  const auto status = std::filesystem::status(path, failed);
  const std::string name = path.string();
  if (!std::filesystem::exists(status))
    throw Error(ErrorKind::input, "model '" + name + "' cannot be read", {"no such file", "", ""});
  if (!std::filesystem::is_regular_file(status))
    throw Error(ErrorKind::input, "model '" + name + "' cannot be read",
                {"not a regular file", "a safetensors file", ""});
  const auto size = std::filesystem::file_size(path, failed);
  if (failed || size > k_max_file)
    throw Error(ErrorKind::input, "model '" + name + "' is too large",
                {std::to_string(size) + " bytes", "at most 4 GiB", ""});
  std::vector<unsigned char> bytes(static_cast<std::size_t>(size));
  if (const auto other = format_of(path); !other.name.empty() && !other.name.starts_with("a safetensors"))
    throw Error(ErrorKind::input, "'" + name + "' is no safetensors file",
                {std::string(other.name), "a model, map or grid of starglow", ""});
  std::ifstream in(path, std::ios::binary);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!in || in.gcount() != static_cast<std::streamsize>(bytes.size()))
    throw Error(ErrorKind::input, "model '" + name + "' cannot be read to its end");
  return parse_safetensors(bytes, name);
}

std::string format_safetensors(const SafeTensors& content) {
  nlohmann::json header = nlohmann::json::object();  // a map: keys come out sorted
  if (!content.metadata.empty()) header["__metadata__"] = content.metadata;
  std::uint64_t at = 0;
  // Widest numbers first, so that each tensor starts at a multiple of its width.
  std::vector<const std::pair<const std::string, Tensor>*> order;
  for (const auto& item : content.tensors) order.push_back(&item);
  std::sort(order.begin(), order.end(), [](auto a, auto b) {
    const auto wa = width_of(a->second.dtype), wb = width_of(b->second.dtype);
    return wa != wb ? wa > wb : a->first < b->first;
  });
  for (const auto* item : order) {
    const auto& tensor = item->second;
    header[item->first] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {at, at + tensor.bytes.size()}}};
    at += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  out += text;
  for (const auto* item : order)
    out.append(reinterpret_cast<const char*>(item->second.bytes.data()), item->second.bytes.size());
  return out;
}

}  // namespace starglow::files
