// States of unfinished trainings as safetensors files (docs/training.md).
#include <sstream>

#include "files/atomic_file.hpp"
#include "files/models/safetensors.hpp"
#include "files/models/whole.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/sha256.hpp"
#include "starglow/files/models.hpp"
#include "starglow/model/checkpoint.hpp"

namespace starglow {
namespace {

using files::SafeTensors;
using files::Tensor;

constexpr const char* k_kind = "checkpoint";
constexpr const char* k_identity = "identity.";
constexpr const char* k_network = "network.";
constexpr const char* k_step = "step.";

template <class T>
void put(SafeTensors& into, const std::string& name, const std::vector<T>& values) {
  if (!values.empty()) into.tensors[name] = Tensor::from(std::span<const T>(values), {values.size()});
}

template <class T>
std::vector<T> take(const SafeTensors& from, const std::string& name) {
  if (from.tensors.count(name) == 0) return {};
  const Tensor& tensor = from.get(name, {0});
  if constexpr (sizeof(T) == 4)
    return tensor.floats();
  else
    return tensor.doubles();
}

}  // namespace

void save(const TrainingState& state, const std::filesystem::path& path) {
  SafeTensors out;
  out.metadata["kind"] = k_kind;
  for (const auto& [key, value] : state.identity) out.metadata[k_identity + key] = value;
  for (const auto& [name, n] : state.networks) {
    std::ostringstream numbers;
    numbers << (n.finished ? 1 : 0) << ' ' << n.epochs << ' ' << n.best_epoch << ' ' << n.steps << ' ' << n.own_steps;
    out.metadata[k_network + name] = numbers.str();
    put(out, name + "/params", n.params);
    put(out, name + "/best", n.best);
    put(out, name + "/m", n.m);
    put(out, name + "/v", n.v);
    put(out, name + "/loss", n.loss);
    put(out, name + "/validation", n.validation);
    put(out, name + "/own", n.own);
  }
  for (const auto& [name, numbers] : state.steps) put(out, k_step + name, numbers);
  files::write_whole(path, std::move(out), true);
}

bool is_checkpoint(const std::filesystem::path& path) noexcept {
  try {
    const SafeTensors content = files::read_safetensors(path);
    const auto kind = content.metadata.find("kind");
    return kind != content.metadata.end() && kind->second == k_kind;
  } catch (...) {
    return false;
  }
}

TrainingState load_training_state(const std::filesystem::path& path) {
  const SafeTensors content = files::read_whole(path);
  const std::string name = "'" + path.string() + "'";
  const auto kind = content.metadata.find("kind");
  if (kind == content.metadata.end() || kind->second != k_kind)
    throw Error(ErrorKind::model, name + " is no checkpoint",
                {kind == content.metadata.end() ? "no kind" : "kind '" + kind->second + "'", k_kind, ""});
  if (content.text("format_version") != files::k_format_version)
    throw Error(ErrorKind::model, name + " is a checkpoint of another format",
                {"format_version " + content.text("format_version"), std::string(files::k_format_version), ""});
  TrainingState out;
  for (const auto& [key, value] : content.metadata) {
    if (key.starts_with(k_identity)) out.identity[key.substr(std::string_view(k_identity).size())] = value;
    if (!key.starts_with(k_network)) continue;
    const std::string network = key.substr(std::string_view(k_network).size());
    NetworkState& n = out.networks[network];
    std::istringstream numbers(value);
    int finished = 0;
    if (!(numbers >> finished >> n.epochs >> n.best_epoch >> n.steps >> n.own_steps))
      throw Error(ErrorKind::input, name + ": network " + network + " cannot be read", {value, "five numbers", ""});
    n.finished = finished != 0;
    n.params = take<float>(content, network + "/params");
    n.best = take<float>(content, network + "/best");
    n.m = take<float>(content, network + "/m");
    n.v = take<float>(content, network + "/v");
    n.loss = take<double>(content, network + "/loss");
    n.validation = take<double>(content, network + "/validation");
    n.own = take<float>(content, network + "/own");
  }
  for (const auto& [key, tensor] : content.tensors)
    if (key.starts_with(k_step)) out.steps[key.substr(std::string_view(k_step).size())] = tensor.doubles();
  return out;
}

}  // namespace starglow
