#include "files/models/model_io.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>

#include "files/atomic_file.hpp"
#include "files/models/whole.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/sha256.hpp"
#include "starglow/files/models.hpp"

namespace starglow {
namespace files {
namespace {

constexpr const char* k_hash = "hash";  // the model's name in every provenance: Model::hash()

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> items;
  std::istringstream in(text);
  for (std::string item; std::getline(in, item, ',');) items.push_back(item);
  return items;
}

template <class Items, class F>
std::string join(const Items& items, F text) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ",") + std::string(text(item));
  return out;
}

std::string band_edges() {
  std::string out;
  for (std::size_t b = 0; b <= k_n_bands; ++b) out += (b > 0 ? "," : "") + std::to_string(static_cast<int>(band_lo(b)));
  return out;
}

Activation parse_activation(const std::string& text) {
  for (const auto a : {Activation::selu, Activation::polyswish, Activation::silu})
    if (to_string(a) == text) return a;
  throw Error(ErrorKind::model, "unknown activation", {"'" + text + "'", "selu, polyswish or silu", ""});
}

std::string number_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};  // reads back equal
}
double read_number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    throw Error(ErrorKind::model, "a number of the model cannot be read", {"'" + text + "'", "a number", ""});
  return value;
}

// In the file a head has the lines of its model; in memory it has places for more.
void joint_to_tensors(const JointHead& joint, const std::string& name, SafeTensors& into) {
  const std::size_t n = joint.slots.n, most = joint.slots.places();
  std::vector<double> factor;
  for (std::size_t c = 0; c < joint.components; ++c)
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) factor.push_back(joint.factor(c, i * most + j));
  into.tensors[name + ".joint_factor"] = Tensor::from(factor, {joint.components, n, n});
  into.tensors[name + ".joint_shift"] = Tensor::from(std::span(joint.shift).first(n), {n});
  into.tensors[name + ".joint_slope"] = Tensor::from(std::span(joint.slope).first(n), {n});
}

std::optional<JointHead> joint_from_tensors(const SafeTensors& from, const std::string& name, const LineSet& lines) {
  if (from.tensors.count(name + ".joint_factor") == 0) return std::nullopt;
  const std::uint64_t n = lines.independent().size();
  JointHead joint;
  joint.slots = lines.slots();
  const std::size_t most = joint.slots.places();
  const Tensor& factor = from.get(name + ".joint_factor", {0, n, n});
  joint.components = static_cast<std::size_t>(factor.shape[0]);
  const auto values = factor.doubles();
  joint.factor = Matrix<double>(joint.components, most * most);
  for (std::size_t c = 0; c < joint.components; ++c)
    for (std::size_t i = 0; i < most; ++i)
      for (std::size_t j = 0; j < most; ++j)
        joint.factor(c, i * most + j) = i < n && j < n ? values[(c * n + i) * n + j] : i == j ? 1.0 : 0.0;
  joint.shift = from.get(name + ".joint_shift", {n}).doubles();
  joint.slope = from.get(name + ".joint_slope", {n}).doubles();
  joint.shift.resize(most, 0.0);
  joint.slope.resize(most, 1.0);
  return joint;
}

void bank_to_tensors(const NetworkBank& bank, const std::string& name, SafeTensors& into) {
  const auto rows = static_cast<std::uint64_t>(bank.n_nets), cols = static_cast<std::uint64_t>(bank.shape.n_in());
  into.metadata[name + ".sizes"] = join(bank.shape.sizes, [](auto size) { return std::to_string(size); });
  into.metadata[name + ".activation"] = to_string(bank.shape.activation);
  into.metadata[name + ".features"] = bank.features.name();
  if (bank.features.z_low != FeatureRecipe{}.z_low || bank.features.z_high != FeatureRecipe{}.z_high)
    into.metadata[name + ".z_clip"] = number_text(bank.features.z_low) + "," + number_text(bank.features.z_high);
  into.metadata[name + ".outputs"] = join(bank.outputs, [](auto line) { return k_all_lines[line].name; });
  into.tensors[name + ".params"] = Tensor::from(bank.params, {rows, bank.shape.n_params()});
  into.tensors[name + ".x_mean"] = Tensor::from(bank.x_mean.flat(), {rows, cols});
  into.tensors[name + ".x_scale"] = Tensor::from(bank.x_scale.flat(), {rows, cols});
  into.tensors[name + ".y_mean"] = Tensor::from(bank.y_mean, {bank.y_mean.size()});
  into.tensors[name + ".y_scale"] = Tensor::from(bank.y_scale, {bank.y_scale.size()});
  if (bank.joint) joint_to_tensors(*bank.joint, name, into);
}

Matrix<double> matrix(const Tensor& tensor) {
  const auto values = tensor.doubles();
  Matrix<double> out(static_cast<std::size_t>(tensor.shape[0]), static_cast<std::size_t>(tensor.shape[1]));
  std::copy(values.begin(), values.end(), out.data());
  return out;
}

std::optional<NetworkBank> bank_from_tensors(const SafeTensors& from, const std::string& name, const LineSet& lines) {
  if (from.tensors.count(name + ".params") == 0) return std::nullopt;
  NetworkBank bank;
  for (const auto& item : split(from.text(name + ".sizes"))) {
    std::int32_t size = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), size);
    if (error != std::errc{} || end != item.data() + item.size())
      throw Error(ErrorKind::model, "layer sizes cannot be read", {"'" + item + "'", "whole numbers", ""});
    bank.shape.sizes.push_back(size);
  }
  bank.shape.activation = parse_activation(from.text(name + ".activation"));
  bank.shape.check();
  bank.features = FeatureRecipe::parse(from.text(name + ".features"));
  if (from.metadata.count(name + ".z_clip") > 0) {
    const auto ends = split(from.text(name + ".z_clip"));
    if (ends.size() != 2)
      throw Error(ErrorKind::model, "z_clip is not two numbers", {from.text(name + ".z_clip"), "", ""});
    bank.features.z_low = read_number(ends[0]);
    bank.features.z_high = read_number(ends[1]);
    if (!(bank.features.z_low >= 0) || !(bank.features.z_high > bank.features.z_low))
      throw Error(ErrorKind::model, "z_clip is no range of redshifts", {from.text(name + ".z_clip"), "low < high", ""});
  }
  for (const auto& item : split(from.text(name + ".outputs"))) {
    const auto line = find_any_line(item);
    if (!line || !lines.has(*line))
      throw Error(ErrorKind::model, "unknown line in the model", {"'" + item + "'", "one of " + lines.names(), ""});
    bank.outputs.push_back(*line);
  }
  const Tensor& params = from.get(name + ".params", {0, bank.shape.n_params()});
  bank.n_nets = static_cast<std::size_t>(params.shape[0]);
  bank.params = params.floats();
  bank.x_mean = matrix(from.get(name + ".x_mean", {bank.n_nets, bank.shape.n_in()}));
  bank.x_scale = matrix(from.get(name + ".x_scale", {bank.n_nets, bank.shape.n_in()}));
  bank.y_mean = from.get(name + ".y_mean", {bank.outputs.size()}).doubles();
  bank.y_scale = from.get(name + ".y_scale", {bank.outputs.size()}).doubles();
  bank.joint = joint_from_tensors(from, name, lines);
  return bank;
}

// Metadata that say how the tensors are run; the rest is description.
bool is_structural(const std::string& key) {
  if (key == "kind" || key == "format_version" || key == "lines" || key == "band_edges") return true;
  const auto dot = key.find('.');
  const std::string group = key.substr(0, dot), item = dot == std::string::npos ? "" : key.substr(dot + 1);
  return (group == "full" || group == "partial" || group == "neighbours") &&
         (item == "k" || item == "sizes" || item == "activation" || item == "features" || item == "z_clip" ||
          item == "outputs");
}

void check_value(const SafeTensors& content, const std::string& key, const std::string& wanted) {
  if (content.text(key) != wanted)
    throw Error(ErrorKind::model, "the model's '" + key + "' is not that of this version",
                {"'" + content.text(key) + "'", "'" + wanted + "'", ""});
}

}  // namespace

std::string layout_hash(const SafeTensors& content) {
  std::string text;
  for (const auto& [key, value] : content.metadata)
    if (is_structural(key)) text += key + "=" + value + "\n";
  for (const auto& [name, tensor] : content.tensors) {
    text += name + ":" + tensor.dtype;
    for (const auto size : tensor.shape) text += "," + std::to_string(size);
    text += "\n";
  }
  return sha256(text).substr(0, 16);
}

void noise_to_tensors(const NoiseModel& noise, SafeTensors& into) {
  const std::uint64_t n = noise.lines.size();
  into.tensors["noise.coefficients"] = Tensor::from(noise.coefficients.flat(), {n, NoiseModel::k_n_terms});
  into.tensors["noise.scatter"] = Tensor::from(noise.scatter, {n});
  const std::array<double, 4> range{noise.z_min, noise.z_max, noise.f_min, noise.f_max};
  into.tensors["noise.range"] = Tensor::from(range, {4});
}

std::optional<NoiseModel> noise_from_tensors(const SafeTensors& from, std::span<const std::size_t> lines) {
  if (from.tensors.count("noise.coefficients") == 0) return std::nullopt;
  NoiseModel noise;
  noise.lines.assign(lines.begin(), lines.end());
  noise.coefficients = matrix(from.get("noise.coefficients", {lines.size(), NoiseModel::k_n_terms}));
  noise.scatter = from.get("noise.scatter", {lines.size()}).doubles();
  const auto range = from.get("noise.range", {4}).doubles();
  noise.z_min = range[0];
  noise.z_max = range[1];
  noise.f_min = range[2];
  noise.f_max = range[3];
  if (!(noise.z_min <= noise.z_max) || !(noise.f_min <= noise.f_max))
    throw Error(ErrorKind::model, "the noise model's range is empty");
  return noise;
}

void neighbours_to_tensors(const NeighbourBank& near, SafeTensors& into) {
  const std::uint64_t n = near.points.rows(), components = near.n_components(), n_in = near.features.size();
  into.metadata["neighbours.k"] = std::to_string(near.k);
  into.metadata["neighbours.features"] = near.features.name();
  into.tensors["neighbours.x_mean"] = Tensor::from(near.x_mean, {n_in});
  into.tensors["neighbours.x_scale"] = Tensor::from(near.x_scale, {n_in});
  into.tensors["neighbours.components"] = Tensor::from(near.components.flat(), {components, n_in});
  into.tensors["neighbours.points"] = Tensor::from(near.points.flat(), {n, components});
  // A label that is not there: every number of a model file is finite, so it has a mask beside it.
  std::vector<float> t(near.t.flat().begin(), near.t.flat().end()), known(t.size(), 1.0F);
  for (std::size_t i = 0; i < t.size(); ++i)
    if (std::isnan(t[i])) t[i] = known[i] = 0.0F;
  into.tensors["neighbours.t"] = Tensor::from(t, {n, k_n_independent_lines});
  into.tensors["neighbours.known"] = Tensor::from(known, {n, k_n_independent_lines});
  into.tensors["neighbours.t_mean"] = Tensor::from(near.t_mean, {k_n_independent_lines});
}

std::optional<NeighbourBank> neighbours_from_tensors(const SafeTensors& from) {
  if (from.tensors.count("neighbours.points") == 0) return std::nullopt;
  NeighbourBank near;
  const std::string& k = from.text("neighbours.k");
  const auto [end, error] = std::from_chars(k.data(), k.data() + k.size(), near.k);
  if (error != std::errc{} || end != k.data() + k.size())
    throw Error(ErrorKind::model, "model metadata 'neighbours.k' cannot be read",
                {"'" + k + "'", "a whole number", ""});
  near.features = FeatureRecipe::parse(from.text("neighbours.features"));
  const std::uint64_t n_in = near.features.size();
  near.x_mean = from.get("neighbours.x_mean", {n_in}).doubles();
  near.x_scale = from.get("neighbours.x_scale", {n_in}).doubles();
  near.components = matrix(from.get("neighbours.components", {0, n_in}));
  const auto floats = [&](const std::string& name, std::uint64_t rows, std::uint64_t columns) {
    const Tensor& tensor = from.get("neighbours." + name, {rows, columns});
    const auto values = tensor.floats();
    Matrix<float> out(static_cast<std::size_t>(tensor.shape[0]), static_cast<std::size_t>(columns));
    std::copy(values.begin(), values.end(), out.data());
    return out;
  };
  near.points = floats("points", 0, near.components.rows());
  near.t = floats("t", near.points.rows(), k_n_independent_lines);
  const Matrix<float> known = floats("known", near.points.rows(), k_n_independent_lines);
  for (std::size_t i = 0; i < near.t.flat().size(); ++i)
    if (known.flat()[i] == 0) near.t.data()[i] = std::numeric_limits<float>::quiet_NaN();
  near.t_mean = from.get("neighbours.t_mean", {k_n_independent_lines}).doubles();
  return near;
}

void domain_to_tensors(const Domain::Parts& domain, SafeTensors& into) {
  constexpr std::uint64_t n = Domain::k_n_features;
  into.tensors["domain.mean"] = Tensor::from(domain.mean.flat(), {domain.mean.rows(), n});
  into.tensors["domain.covariance"] = Tensor::from(domain.covariance.flat(), {domain.mean.rows(), n, n});
  into.tensors["domain.threshold"] = Tensor::from(std::array{domain.threshold}, {1});
  if (domain.forms.empty()) return;
  constexpr std::uint64_t patterns = k_domain_patterns.size(), m = Domain::k_n_form;
  const std::uint64_t kinds = domain.forms.rows() / patterns;
  into.tensors["domain.forms"] = Tensor::from(domain.forms.flat(), {patterns, kinds, m, m});
  into.tensors["domain.levels"] = Tensor::from(domain.levels.flat(), {patterns, kinds, 2});
}

std::optional<Domain> domain_from_tensors(const SafeTensors& from) {
  if (from.tensors.count("domain.mean") == 0) return std::nullopt;
  constexpr std::uint64_t n = Domain::k_n_features;
  Domain::Parts parts;
  parts.mean = matrix(from.get("domain.mean", {0, n}));
  const auto values = from.get("domain.covariance", {parts.mean.rows(), n, n}).doubles();
  parts.covariance = Matrix<double>(parts.mean.rows(), n * n);
  std::copy(values.begin(), values.end(), parts.covariance.data());
  parts.threshold = from.get("domain.threshold", {1}).doubles().at(0);
  if (from.tensors.count("domain.forms") > 0) {
    constexpr std::uint64_t patterns = k_domain_patterns.size(), m = Domain::k_n_form;
    const Tensor& forms = from.get("domain.forms", {patterns, 0, m, m});
    const std::uint64_t rows = patterns * forms.shape.at(1);
    const auto fill = [](const std::vector<double>& from_file, std::size_t height, std::size_t columns) {
      Matrix<double> out(height, columns);
      std::copy(from_file.begin(), from_file.end(), out.data());
      return out;
    };
    parts.forms = fill(forms.doubles(), rows, m * m);
    parts.levels = fill(from.get("domain.levels", {patterns, forms.shape.at(1), 2}).doubles(), rows, 2);
  }
  return Domain(std::move(parts));
}

SafeTensors model_to_tensors(const Model::Parts& parts) {
  SafeTensors out;
  out.metadata = parts.metadata;
  out.metadata["kind"] = parts.kind;
  out.metadata["lines"] = parts.lines.names();
  out.metadata["band_edges"] = band_edges();
  if (parts.full) bank_to_tensors(*parts.full, "full", out);
  if (parts.partial) bank_to_tensors(*parts.partial, "partial", out);
  if (parts.domain) domain_to_tensors(parts.domain->parts(), out);
  if (parts.noise) noise_to_tensors(*parts.noise, out);
  if (parts.neighbours) neighbours_to_tensors(*parts.neighbours, out);
  seal(out);
  return out;
}

Model::Parts model_from_tensors(const SafeTensors& content) {
  if (content.text("format_version") != k_format_without_sum)
    check_value(content, "format_version", std::string(k_format_version));
  Model::Parts parts;
  parts.kind = content.text("kind");
  if (parts.kind != "k24" && parts.kind != "mlp" && parts.kind != "joint" && parts.kind != "knn" && parts.kind != "llr")
    throw Error(ErrorKind::model, "this file is no model of lines",
                {"kind '" + parts.kind + "'", "joint, mlp, k24, knn or llr", ""});
  try {
    parts.lines = LineSet::parse(content.text("lines"));
  } catch (const Error& e) {
    throw Error(ErrorKind::model, "the lines of the model are not those of this version",
                {"'" + content.text("lines") + "'", e.what(), ""});
  }
  check_value(content, "lines", parts.lines.names());
  check_value(content, "band_edges", band_edges());
  check_value(content, "layout_hash", layout_hash(content));
  for (const auto& [name, tensor] : content.tensors) {
    const std::string group = name.substr(0, name.find('.'));
    if (group != "full" && group != "partial" && group != "domain" && group != "noise" && group != "neighbours")
      throw Error(ErrorKind::model, "the model holds a tensor that this version does not know",
                  {"'" + name + "'", "", ""});
  }
  parts.full = bank_from_tensors(content, "full", parts.lines);
  parts.partial = bank_from_tensors(content, "partial", parts.lines);
  parts.domain = domain_from_tensors(content);
  parts.noise = noise_from_tensors(content, parts.lines.independent());
  parts.neighbours = neighbours_from_tensors(content);
  for (const auto& [key, value] : content.metadata)
    if (!is_structural(key) && key != "layout_hash" && key != "sha256" && key != k_hash) parts.metadata[key] = value;
  return parts;
}

}  // namespace files

Model ModelFiles::load(const std::filesystem::path& path) {
  // Models that were shipped before are inside the library by their names; a file of that name comes first.
  if (std::error_code ignored; path == files::k_joint_0_1 && !std::filesystem::exists(path, ignored))
    return Model(files::model_from_tensors(files::embedded_whole(files::k_joint_0_1)));
  return Model(files::model_from_tensors(files::read_whole(path)));
}

Model ModelFiles::shipped() {
  const files::SafeTensors content = files::embedded_whole("starglow");
  const auto hash = content.metadata.find(files::k_hash);  // of what is inside the program the tests check it
  return Model(files::model_from_tensors(content), hash == content.metadata.end() ? std::string() : hash->second);
}

void save(const Model& model, const std::filesystem::path& path, bool overwrite) {
  files::SafeTensors content = files::model_to_tensors(model.parts());
  content.metadata[files::k_hash] = model.hash();
  files::write_whole(path, std::move(content), overwrite);
}

}  // namespace starglow
