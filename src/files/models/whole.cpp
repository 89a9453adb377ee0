#include "files/models/whole.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "files/atomic_file.hpp"
#include "files/models/model_io.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/sha256.hpp"

namespace starglow::files {
namespace {

constexpr const char* k_sum = "sha256";
constexpr const char* k_checkpoint = "checkpoint";
constexpr double k_tiny = 1e-30, k_huge = 1e30;

// What may stand in a tensor, by the end of its name; the first that fits counts. Scales are positive, t = asinh(EW/A)
// of more than 12 would be an EW of 80,000 A, a correlation is at most 1.
struct Range {
  std::string_view end;
  double low, high;
};
constexpr std::array<Range, 28> k_ranges{{{"x_scale", k_tiny, k_huge},
                                          {"x_mean", -1e9, 1e9},
                                          {"map.scale", k_tiny, k_huge},
                                          {"population.scale", k_tiny, k_huge},
                                          {"y_scale", 1e-6, 12},
                                          {"y_mean", -12, 12},
                                          {"t_mean", -12, 12},
                                          {"neighbours.t", -12, 12},
                                          {"neighbours.known", 0, 1},
                                          {".params", -1e6, 1e6},
                                          {"joint_factor", -1 - 1e-6, 1 + 1e-6},
                                          {"joint_shift", -12, 12},
                                          {"joint_slope", 1e-3, 1e3},
                                          {"domain.mean", -1e3, 1e3},
                                          {"domain.covariance", -1e6, 1e6},
                                          {"domain.threshold", -1e4, 0},
                                          {"domain.forms", -1e9, 1e9},
                                          {"domain.levels", -1e9, 1e9},
                                          {"noise.coefficients", -1e5, 1e5},
                                          {"noise.scatter", 0, 1e3},
                                          {"noise.range", -1e3, 1e3},
                                          {"population.weight", 0, 1},
                                          {"population.noise_shape", 0, 1e6},
                                          {"population.z_range", 0, 1e3},
                                          {"ssp.wave", k_tiny, 1e12},
                                          {"ssp.node_wave", k_tiny, 1e12},
                                          {"ssp.light", 0, std::numeric_limits<double>::max()},
                                          {"ssp.covered", 0, 1}}};

double half_to_double(const unsigned char* p) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, p, 2);
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double size = exponent == 31  ? (fraction == 0 ? std::numeric_limits<double>::infinity() : std::nan(""))
                      : exponent == 0 ? std::ldexp(fraction, -24)
                                      : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

// Lowest and highest of a tensor, or the first number that is none.
struct Extremes {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool finite = true;
  void take(double value) {
    finite = finite && std::isfinite(value);
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

template <class T>
Extremes extremes_of(const Tensor& tensor) {
  // By rows of eight, so that the compiler takes eight at a time; NaN and infinity are the numbers whose difference
  // from themselves is not 0.
  constexpr std::size_t lanes = 8;
  std::array<T, lanes> low, high, odd{};
  low.fill(std::numeric_limits<T>::infinity());
  high.fill(-std::numeric_limits<T>::infinity());
  const std::size_t n = tensor.bytes.size() / sizeof(T), whole = n / lanes * lanes;
  std::array<T, lanes> v;
  for (std::size_t i = 0; i < whole; i += lanes) {
    std::memcpy(v.data(), tensor.bytes.data() + i * sizeof(T), sizeof v);
    for (std::size_t k = 0; k < lanes; ++k) {
      odd[k] += v[k] - v[k];
      low[k] = v[k] < low[k] ? v[k] : low[k];
      high[k] = v[k] > high[k] ? v[k] : high[k];
    }
  }
  Extremes out;
  for (std::size_t k = 0; k < lanes && whole > 0; ++k) {
    out.finite = out.finite && odd[k] == 0;
    out.low = std::min(out.low, static_cast<double>(low[k]));
    out.high = std::max(out.high, static_cast<double>(high[k]));
  }
  for (std::size_t i = whole; i < n; ++i) {
    T value;
    std::memcpy(&value, tensor.bytes.data() + i * sizeof(T), sizeof value);
    out.take(static_cast<double>(value));
  }
  return out;
}

Extremes extremes(const Tensor& tensor) {
  if (tensor.dtype == "F32") return extremes_of<float>(tensor);
  if (tensor.dtype == "F64") return extremes_of<double>(tensor);
  Extremes out;
  if (tensor.dtype == "F16")
    for (std::size_t i = 0; i + 1 < tensor.bytes.size(); i += 2) out.take(half_to_double(tensor.bytes.data() + i));
  return out;
}

const std::string* find(const SafeTensors& content, std::string_view key) {
  const auto found = content.metadata.find(std::string(key));
  return found == content.metadata.end() ? nullptr : &found->second;
}

bool is_checkpoint(const SafeTensors& content) {
  const std::string* kind = find(content, "kind");
  return kind != nullptr && *kind == k_checkpoint;
}

void check_version(SafeTensors& content, const std::string& name, bool verify) {
  const std::string& version = content.text("format_version");
  if (version != k_format_version && version != k_format_without_sum)
    throw Error(
        ErrorKind::model, "'" + name + "' is of another format",
        {"format_version '" + version + "'", "'2', or '1'", "Read it with the starglow version that wrote it."});
  if (!is_checkpoint(content) && find(content, "layout_hash") != nullptr &&
      content.text("layout_hash") != layout_hash(content))
    throw Error(ErrorKind::model, "the model's 'layout_hash' is not that of '" + name + "': it was changed by hand",
                {"'" + content.text("layout_hash") + "'", "'" + layout_hash(content) + "'", ""});
  content.metadata.erase(std::string(k_note));
  if (version == k_format_version) {
    const std::string wanted = content.text(k_sum);
    if (!verify) return;
    const std::string seen = content_hash(content);
    if (seen != wanted)
      throw Error(ErrorKind::input, "'" + name + "' was changed after it was written",
                  {"SHA-256 " + seen, wanted,
                   is_checkpoint(content) ? "Remove it to start again." : "Copy it again from its source."});
  } else if (!is_checkpoint(content)) {
    content.metadata[std::string(k_note)] =
        "'" + name + "' is of format 1, without a sum of its content: a changed number in it would not be noticed";
  }
}

}  // namespace

std::string content_hash(const SafeTensors& content) {
  Sha256 sum;
  for (const auto& [key, value] : content.metadata)
    if (key != k_sum && key != k_note) {
      sum.add(key);
      sum.add("=");
      sum.add(value);
      sum.add("\n");
    }
  for (const auto& [name, tensor] : content.tensors) {
    std::string text = name + ":" + tensor.dtype;
    for (const auto size : tensor.shape) text += "," + std::to_string(size);
    sum.add(text + "\n");
    sum.add(tensor.bytes);
  }
  return sum.hex();
}

void seal(SafeTensors& content) {
  content.metadata["format_version"] = k_format_version;
  content.metadata.erase(std::string(k_note));
  if (!is_checkpoint(content)) content.metadata["layout_hash"] = layout_hash(content);
  content.metadata[k_sum] = content_hash(content);
}

void write_whole(const std::filesystem::path& path, SafeTensors content, bool overwrite) {
  seal(content);
  AtomicFile file(path, overwrite);
  file.write(format_safetensors(content));
  file.commit();
}

SafeTensors read_whole(const std::filesystem::path& path) {
  SafeTensors content = read_safetensors(path);
  const std::string name = path.string();
  check_version(content, name, true);
  if (!is_checkpoint(content)) check_numbers(content, name);
  return content;
}

SafeTensors embedded_whole(std::string_view name) {
  const std::string what = "shipped " + std::string(name);
  SafeTensors content = parse_safetensors(embedded_model(name), what);
  check_version(content, what, false);
  return content;
}

void check_numbers(const SafeTensors& content, const std::string& name) {
  for (const auto& [key, tensor] : content.tensors) {
    const Extremes e = extremes(tensor);
    if (!e.finite)
      throw Error(ErrorKind::model, "tensor '" + key + "' of '" + name + "' contains numbers that are not finite");
    for (const auto& [end, low, high] : k_ranges) {
      if (!key.ends_with(end)) continue;
      if (tensor.elements() > 0 && !(e.low >= low && e.high <= high))
        throw Error(ErrorKind::model, "tensor '" + key + "' of '" + name + "' contains an impossible number",
                    {std::to_string(e.low < low ? e.low : e.high), std::to_string(low) + " to " + std::to_string(high),
                     "Copy the file again, or make it anew."});
      break;
    }
  }
}

}  // namespace starglow::files
