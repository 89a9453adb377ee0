// Speed of the kernels beside the machine's own peak of fused multiply-adds, in one run: ratios, not times, are the
// result. One JSON object a line: {name, value, unit, threads, isa, batch}.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "kernels/network.hpp"
#include "starglow/random.hpp"

namespace {

using namespace starglow;
constexpr std::size_t k_batch = 4096;

template <class F>
double best_seconds(F work) {  // the smallest of many runs: what is left when nobody else uses the core
  double best = 1e9;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(600);
  while (std::chrono::steady_clock::now() < end) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void report(const char* name, double value, const char* unit) {
  fmt::print(
      "{{\"name\": \"{}\", \"value\": {:.6g}, \"unit\": \"{}\", \"threads\": 1, \"isa\": \"{}\", \"batch\": {}}}\n",
      name, value, unit, kernels::active_isa(), k_batch);
}

std::vector<float> numbers(std::size_t n, float sd) {
  const RandomObject random(1, Stream::training, 1);
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = sd * static_cast<float>(random.normal(0, static_cast<std::uint32_t>(i)));
  return out;
}

}  // namespace

int main() {
  // The peak: a network of one wide layer is nothing but multiply-adds on numbers that stay in the first cache.
  const NetworkShape dense{{96, 96}, Activation::selu}, k24{{12, 64, 128, 64, 1}, Activation::selu},
      ours{{13, 48, 96, 48, 8}, Activation::polyswish};
  kernels::Scratch<float> scratch;
  const auto time_forward = [&](const NetworkShape& shape) {
    const auto params = numbers(shape.n_params(), 0.1F);
    const kernels::Network<float> net(shape, std::span<const float>(params));
    const auto x = numbers(k_batch * shape.n_in(), 1.0F);
    std::vector<float> y(k_batch * shape.n_out());
    return best_seconds(
               [&] { net.forward({x.data(), k_batch, shape.n_in()}, {y.data(), k_batch, shape.n_out()}, scratch); }) /
           k_batch;
  };
  const double peak = time_forward(dense) / (96.0 * 96.0);
  const double forward = time_forward(k24), forward_ours = time_forward(ours);
  const auto x = numbers(256 * k_batch, 3.0F);
  std::vector<float> y(x.size());
  const double exponential =
      best_seconds([&] { kernels::active().f32.exp(x.data(), y.data(), x.size()); }) / static_cast<double>(x.size());
  const double bound = (12 * 64 + 64 * 128 + 128 * 64 + 64) * peak + 256 * exponential;
  report("dense layer", peak * 1e9, "ns/multiply-add");
  report("exp", exponential * 1e9, "ns/number");
  report("k24 network forward", forward * 1e9, "ns/galaxy");
  report("k24 network forward over its bound", forward / bound, "ratio");
  report("shipped network forward", forward_ours * 1e9, "ns/galaxy");
  {
    const auto params = numbers(k24.n_params(), 0.1F);
    const kernels::Network<float> net(k24, std::span<const float>(params));
    const auto in = numbers(k_batch * 12, 1.0F);
    std::vector<float> out(k_batch), jac(k_batch * 12), gradient(k24.n_params());
    const double jacobian =
        best_seconds([&] {
          net.jacobian({in.data(), k_batch, 12}, {out.data(), k_batch, 1}, {jac.data(), k_batch, 12}, scratch);
        }) /
        k_batch;
    report("k24 jacobian over forward", jacobian / forward, "ratio");
    const double step = best_seconds([&] {
                          net.forward_keep({in.data(), 1024, 12}, {out.data(), 1024, 1}, scratch);
                          net.backward({out.data(), 1024, 1}, gradient, scratch);
                        }) /
                        1024;
    report("k24 training, forward and backward", 1 / step, "samples/s");
    report("k24 training over forward", step / forward, "ratio");
  }
}
