#include <charconv>

#include "files/atomic_file.hpp"
#include "files/models/model_io.hpp"
#include "files/models/whole.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/models.hpp"
#include "starglow/map/map.hpp"

namespace starglow {
namespace {

using namespace files;

std::string shortest(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};  // reads back equal
}

double number(const SafeTensors& content, const std::string& key) {
  const std::string& text = content.text(key);
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0')
    throw Error(ErrorKind::model, "the map file has a wrong number", {key + " = '" + text + "'", "a number", ""});
  return value;
}
std::uint64_t whole(const SafeTensors& content, const std::string& key) {
  const std::string& text = content.text(key);
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || text[0] == '-')
    throw Error(ErrorKind::model, "the map file has a wrong number", {key + " = '" + text + "'", "a whole number", ""});
  return value;
}

}  // namespace

GalaxyMap load_map(const std::filesystem::path& path) {
  const SafeTensors content = read_whole(path);
  if (content.text("kind") != "map")
    throw Error(ErrorKind::model, "this file is not a map",
                {"kind '" + content.text("kind") + "'", "map", "embed --save-map writes one."});
  GalaxyMap::Parts p;
  try {
    p.options.features = parse_map_features(content.text("map.features"));
    p.options.metric = parse_map_metric(content.text("map.metric"));
  } catch (const Error& e) {
    throw Error(ErrorKind::model, std::string("the map file: ") + e.what());
  }
  p.options.neighbours = whole(content, "map.neighbours");
  p.options.min_dist = number(content, "map.min_dist");
  p.options.spread = number(content, "map.spread");
  p.options.epochs = whole(content, "map.epochs");
  p.options.seed = whole(content, "map.seed");
  p.mean = content.get("map.mean", {0}).doubles();
  p.scale = content.get("map.scale", {0}).doubles();
  const auto matrix = [&](const char* name, std::uint64_t columns) {
    const Tensor& t = content.get(name, {0, columns});
    Matrix<float> out(t.shape[0], t.shape[1]);
    const auto values = t.floats();
    std::copy(values.begin(), values.end(), out.data());
    return out;
  };
  p.points = matrix("map.points", 0);
  p.position = matrix("map.position", 2);
  for (const auto& [key, value] : content.metadata)
    if (!key.starts_with("map.") && key != "kind" && key != "format_version" && key != "layout_hash" && key != "sha256")
      p.metadata[key] = value;
  return GalaxyMap(std::move(p));
}

void save(const GalaxyMap& map, const std::filesystem::path& path, bool overwrite) {
  AtomicFile file(path, overwrite);
  file.write(file_content(map));
  file.commit();
}

std::string file_content(const GalaxyMap& map) {
  const GalaxyMap::Parts& p = map.parts();
  SafeTensors out;
  out.metadata = p.metadata;
  out.metadata["kind"] = "map";
  out.metadata["map.features"] = std::string(to_string(p.options.features));
  out.metadata["map.metric"] = std::string(to_string(p.options.metric));
  out.metadata["map.neighbours"] = std::to_string(p.options.neighbours);
  out.metadata["map.min_dist"] = shortest(p.options.min_dist);
  out.metadata["map.spread"] = shortest(p.options.spread);
  out.metadata["map.epochs"] = std::to_string(p.options.epochs);
  out.metadata["map.seed"] = std::to_string(p.options.seed);
  out.tensors["map.mean"] = Tensor::from(p.mean, {p.mean.size()});
  out.tensors["map.scale"] = Tensor::from(p.scale, {p.scale.size()});
  out.tensors["map.points"] = Tensor::from(p.points.flat(), {p.points.rows(), p.points.cols()});
  out.tensors["map.position"] = Tensor::from(p.position.flat(), {p.position.rows(), std::uint64_t{2}});
  seal(out);
  return format_safetensors(out);
}

}  // namespace starglow
