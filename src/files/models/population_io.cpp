#include "files/atomic_file.hpp"
#include "files/models/model_io.hpp"
#include "files/models/whole.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/models.hpp"
#include "starglow/model/population.hpp"

namespace starglow {
namespace {

using namespace files;
constexpr std::uint64_t k_d = Population::k_n_features;

Population from_tensors(const SafeTensors& content) {
  if (content.text("kind") != "population")
    throw Error(ErrorKind::model, "this file is not a population model",
                {"kind '" + content.text("kind") + "'", "population", ""});
  Population p;
  const Tensor& weight = content.get("population.weight", {0});
  p.weight = weight.doubles();
  const std::uint64_t n = weight.shape[0];
  const auto fill = [&](const char* name, std::vector<std::uint64_t> shape, auto into) {
    const auto values = content.get(name, shape).doubles();
    std::copy(values.begin(), values.end(), into);
  };
  p.mean = Matrix<double>(n, k_d);
  p.factor = Matrix<double>(n, k_d * k_d);
  fill("population.mean", {n, k_d}, p.mean.data());
  fill("population.factor", {n, k_d * k_d}, p.factor.data());
  fill("population.centre", {k_d}, p.centre.begin());
  fill("population.scale", {k_d}, p.scale.begin());
  fill("population.low", {k_d}, p.low.begin());
  fill("population.high", {k_d}, p.high.begin());
  fill("population.noise_shape", {k_n_bands}, p.noise_shape.begin());
  std::array<double, 2> z{};
  fill("population.z_range", {2}, z.begin());
  p.z_low = z[0];
  p.z_high = z[1];
  for (const auto& [key, value] : content.metadata)
    if (key != "kind" && key != "format_version" && key != "layout_hash" && key != "sha256") p.metadata[key] = value;
  return p;
}

}  // namespace

Population load_population(const std::filesystem::path& path) { return from_tensors(read_whole(path)); }
Population shipped_population() { return from_tensors(embedded_whole("population")); }

void save(const Population& p, const std::filesystem::path& path, bool overwrite) {
  SafeTensors out;
  out.metadata = p.metadata;
  out.metadata["kind"] = "population";
  const std::uint64_t n = p.weight.size();
  out.tensors["population.weight"] = Tensor::from(p.weight, {n});
  out.tensors["population.mean"] = Tensor::from(p.mean.flat(), {n, k_d});
  out.tensors["population.factor"] = Tensor::from(p.factor.flat(), {n, k_d * k_d});
  out.tensors["population.centre"] = Tensor::from(p.centre, {k_d});
  out.tensors["population.scale"] = Tensor::from(p.scale, {k_d});
  out.tensors["population.low"] = Tensor::from(p.low, {k_d});
  out.tensors["population.high"] = Tensor::from(p.high, {k_d});
  out.tensors["population.noise_shape"] = Tensor::from(p.noise_shape, {k_n_bands});
  out.tensors["population.z_range"] = Tensor::from(std::array<double, 2>{p.z_low, p.z_high}, {2});
  write_whole(path, std::move(out), overwrite);
}

}  // namespace starglow
