#include "starglow/files/import_k24.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <fstream>

#include "files/models/pickle.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/lines.hpp"

namespace starglow {
namespace {

using namespace files;

// Layers of the published networks, without the inputs (K24; the files' shapes).
constexpr std::array<std::int32_t, 4> k_layers{64, 128, 64, 1};
constexpr std::uintmax_t k_max_file = 64u << 20;

class Importer {
 public:
  Importer(std::span<const unsigned char> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  NetworkBank run() {
    const PicklePtr root = read_pickle(bytes_, container(), name_);
    const auto& outer = get<PickleArray>(root, "the outer array");
    if (outer.dtype != "O8" || !outer.object) refuse("the outer array holds no object");
    const auto& list = get<PickleList>(outer.object, "the outer list");
    if (list.items.size() != 1) refuse("the outer list has " + std::to_string(list.items.size()) + " elements, not 1");
    const auto& lines = get<PickleDict>(list.items[0], "the dictionary of lines");
    if (lines.items.size() != k_n_lines) refuse("there are " + std::to_string(lines.items.size()) + " lines, not 10");
    for (std::size_t k = 0; k < k_n_lines; ++k) {
      if (lines.items[k].first != k_lines[k].name)
        refuse("line " + std::to_string(k) + " is '" + lines.items[k].first + "', not " + std::string(k_lines[k].name));
      line(k, get<PickleDict>(lines.items[k].second, "the dictionary of a line"));
    }
    bank_.shape.activation = Activation::selu;
    bank_.features.inputs = luminosity_ ? InputSet::of(k_input_log_lum) : InputSet();
    bank_.n_nets = k_n_lines;
    return std::move(bank_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::input, "'" + name_ + "' is not a published K24 weight file: " + what);
  }
  template <class T>
  const T& get(const PicklePtr& p, const std::string& what) const {
    const T* found = std::get_if<T>(&p->data);
    if (found == nullptr) refuse(what + " has another type");
    return *found;
  }
  const PicklePtr& field(const PickleDict& dict, const std::string& key) const {
    const PicklePtr* found = dict.find(key);
    if (found == nullptr) refuse("no '" + key + "'");
    return *found;
  }

  // NPY 1.0 container: returns where the pickle begins.
  std::size_t container() const {
    constexpr std::string_view magic("\x93NUMPY\x01\x00", 8);
    if (bytes_.size() < 10 || std::memcmp(bytes_.data(), magic.data(), magic.size()) != 0)
      refuse("it does not begin as NPY 1.0");
    const std::size_t length = bytes_[8] + std::size_t{bytes_[9]} * 256;
    if (10 + length > bytes_.size()) refuse("the NPY header is cut short");
    const std::string_view header(reinterpret_cast<const char*>(bytes_.data()) + 10, length);
    if (header.find("'descr': '|O'") == std::string_view::npos ||
        header.find("'shape': ()") == std::string_view::npos ||
        header.find("'fortran_order': False") == std::string_view::npos)
      refuse("the NPY header is not that of one object");
    return 10 + length;
  }

  template <class T>
  std::vector<T> numbers(const PicklePtr& p, const char* dtype, const std::vector<std::uint64_t>& shape,
                         const std::string& what) const {
    const auto& array = get<PickleArray>(p, what);
    if (array.dtype != dtype) refuse(what + " has type " + array.dtype + ", not " + dtype);
    if (array.shape != shape) refuse(what + " has a wrong shape");
    std::vector<T> out(array.bytes.size() / sizeof(T));
    std::memcpy(out.data(), array.bytes.data(), array.bytes.size());
    return out;
  }

  void line(std::size_t k, const PickleDict& dict) {
    const std::string name(k_lines[k].name);
    const bool luminosity = dict.find("luminosity_scaler") != nullptr;
    if (k == 0) {
      luminosity_ = luminosity;
      bank_.shape.sizes = {luminosity ? 12 : 11};
      bank_.shape.sizes.insert(bank_.shape.sizes.end(), k_layers.begin(), k_layers.end());
      bank_.x_mean = Matrix<double>(k_n_lines, bank_.shape.n_in());
      bank_.x_scale = Matrix<double>(k_n_lines, bank_.shape.n_in());
    } else if (luminosity != luminosity_) {
      refuse("some lines have a luminosity, some not");
    }
    const auto& layers = get<PickleList>(field(dict, "params"), "'params' of " + name).items;
    if (layers.size() != k_layers.size()) refuse(name + " has " + std::to_string(layers.size()) + " layers, not 4");
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const std::string what = name + " layer " + std::to_string(l);
      const auto& pair = get<PickleList>(layers[l], what).items;
      if (pair.size() != 2) refuse(what + " is not [W, b]");
      const auto n_in = static_cast<std::uint64_t>(bank_.shape.sizes[l]),
                 n_out = static_cast<std::uint64_t>(bank_.shape.sizes[l + 1]);
      for (const auto value : numbers<float>(pair[0], "f4", {n_out, n_in}, what + " W")) bank_.params.push_back(value);
      for (const auto value : numbers<float>(pair[1], "f4", {n_out}, what + " b")) bank_.params.push_back(value);
    }
    scaler(k, field(dict, "color_scaler"), 0, FeatureRecipe::k_n_ratios, name + " color_scaler");
    if (luminosity)
      scaler(k, field(dict, "luminosity_scaler"), FeatureRecipe::k_n_ratios, 1, name + " luminosity_scaler");
    bank_.outputs.push_back(k);
    bank_.y_mean.push_back(0.0);
    bank_.y_scale.push_back(1.0);
  }

  void scaler(std::size_t k, const PicklePtr& p, std::size_t first, std::size_t n, const std::string& what) {
    const auto& fields = get<PickleScaler>(p, what).fields;
    for (const auto& [key, into] : {std::pair{"mean_", &bank_.x_mean}, std::pair{"scale_", &bank_.x_scale}}) {
      const auto found = fields.find(key);
      if (found == fields.end()) refuse(what + " has no '" + key + "'");
      const auto values = numbers<double>(found->second, "f8", {n}, what + " " + key);
      for (std::size_t i = 0; i < n; ++i) {
        if (!std::isfinite(values[i]) || (key[0] == 's' && !(values[i] > 0)))
          refuse(what + " " + key + " is not a usable number");
        (*into)(k, first + i) = values[i];
      }
    }
  }

  std::span<const unsigned char> bytes_;
  std::string name_;
  NetworkBank bank_;
  bool luminosity_ = false;
};

NetworkBank read_k24(const std::filesystem::path& path, bool luminosity) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed))
    throw Error(ErrorKind::input, "'" + path.string() + "' cannot be read",
                {"no such regular file", "a published .npy file", ""});
  const auto size = std::filesystem::file_size(path, failed);
  if (failed || size > k_max_file)
    throw Error(ErrorKind::input, "'" + path.string() + "' is too large",
                {std::to_string(size) + " bytes", "at most 64 MiB", ""});
  std::vector<unsigned char> bytes(static_cast<std::size_t>(size));
  std::ifstream in(path, std::ios::binary);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!in) throw Error(ErrorKind::input, "'" + path.string() + "' cannot be read");
  NetworkBank bank = parse_k24(bytes, path.string());
  if (bank.features.inputs.has(k_input_log_lum) != luminosity)
    throw Error(
        ErrorKind::usage,
        "'" + path.string() + "' holds the networks " + (luminosity ? "without" : "with") + " luminosity",
        {"", "", "Exchange the two files: the file with luminosity is the argument, the other --without-luminosity."});
  return bank;
}

}  // namespace

NetworkBank parse_k24(std::span<const unsigned char> bytes, const std::string& name) {
  return Importer(bytes, name).run();
}

Model import_k24(const std::optional<std::filesystem::path>& with,
                 const std::optional<std::filesystem::path>& without) {
  if (!with && !without) throw Error(ErrorKind::usage, "no weight file to import");
  Model::Parts parts;
  parts.kind = "k24";
  if (with) parts.full = read_k24(*with, true);
  if (without) parts.partial = read_k24(*without, false);
  parts.metadata = {{"title", "Published networks of Khederlarian et al. 2024 (MNRAS 531, 1454), imported"},
                    {"output", "asinh_ew"},
                    {"aperture", "fibre"},
                    {"mwcorr", "F"},
                    {"maskrule", "k24"},
                    {"contsrc", "masked data"},
                    {"z_min", "0.0588"},
                    {"z_max", "0.3"},
                    {"license", "MIT (weights), cite the paper"}};
  return Model(std::move(parts));
}

}  // namespace starglow
