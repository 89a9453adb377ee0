// Speed of the kernels beside what this machine can do at best, in one run: ratios, not times, are the result. The
// bound of a forward pass is its multiply-adds at the machine's peak plus its exponentials at the speed of Highway's.
// The parts are measured in turn, many times, and the smallest time of each is kept: what is left when nobody else uses
// the core. One JSON object a line: {name, value, unit, threads, isa, batch}.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "kernels/network.hpp"
#include "model/fit_network.hpp"
#include "model/optimiser.hpp"
#include "starglow/base/random.hpp"

extern "C" {
void starglow_highway_exp_v2(const float* x, float* y, std::size_t n);
void starglow_highway_exp_v3(const float* x, float* y, std::size_t n);
void starglow_highway_exp_v4(const float* x, float* y, std::size_t n);
}

namespace {

using namespace starglow;
constexpr std::size_t k_batch = 1024, k_networks = 10;

void report(const char* name, double value, const char* unit, std::size_t batch = k_batch) {
  fmt::print(
      "{{\"name\": \"{}\", \"value\": {:.6g}, \"unit\": \"{}\", \"threads\": 1, \"isa\": \"{}\", \"batch\": {}}}\n",
      name, value, unit, kernels::active_isa(), batch);
}

std::vector<float> numbers(std::size_t n, float sd, std::int64_t id = 1) {
  const RandomObject random(1, Stream::training, id);
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = sd * static_cast<float>(random.normal(0, static_cast<std::uint32_t>(i)));
  return out;
}

struct Part {
  std::function<void()> work;
  double units;           // that one call does
  double seconds = 1e30;  // a unit, at best
};

void measure(std::vector<Part*> parts, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end)
    for (Part* part : parts) {
      const auto start = Clock::now();
      part->work();
      part->seconds =
          std::min(part->seconds, std::chrono::duration<double>(Clock::now() - start).count() / part->units);
    }
}

// Ten networks of one shape, with weights of their own, as the published model has them.
struct Networks {
  explicit Networks(const NetworkShape& shape) {
    for (std::size_t k = 0; k < k_networks; ++k) {
      const auto params = numbers(shape.n_params(), 0.1F, static_cast<std::int64_t>(k));
      nets.emplace_back(shape, std::span<const float>(params));
    }
    x = numbers(k_batch * shape.n_in(), 1.0F);
    y.resize(k_batch * shape.n_out());
    jac.resize(k_batch * shape.n_in() * shape.n_out());
  }
  std::vector<kernels::Network<float>> nets;
  std::vector<float> x, y, jac;
  kernels::Scratch<float> scratch;

  MatrixView<const float> in(std::size_t n = k_batch) const { return {x.data(), n, nets[0].shape().n_in()}; }
  MatrixView<float> out(std::size_t n = k_batch) { return {y.data(), n, nets[0].shape().n_out()}; }
  void forward(std::size_t k) { nets[k].forward(in(), out(), scratch); }
  void jacobian(std::size_t k) {
    const NetworkShape& shape = nets[k].shape();
    nets[k].jacobian(in(), out(), {jac.data(), k_batch, shape.n_in() * shape.n_out()}, scratch);
  }
  // Forward, loss, backward and the step of AdamW, as training does them.
  void train(std::size_t k) {
    const NetworkShape& shape = nets[0].shape();
    if (optimisers.empty()) {
      for (std::size_t net = 0; net < k_networks; ++net) optimisers.emplace_back(shape.n_params());
      gradient.resize(shape.n_params());
      decayed.assign(shape.n_params(), 1);
      target = numbers(k_batch * shape.n_out(), 1.0F, 77);
      weight.assign(target.size(), 1.0F);
      dy.resize(target.size());
    }
    const std::size_t n_out = shape.n_out();
    nets[k].forward_keep(in(), out(), scratch);
    batch_loss(out(), {target.data(), k_batch, n_out}, {weight.data(), k_batch, n_out}, 0.0,
               {dy.data(), k_batch, n_out});
    std::fill(gradient.begin(), gradient.end(), 0.0F);
    nets[k].backward({dy.data(), k_batch, n_out}, gradient, scratch);
    optimisers[k].step(nets[k].params(), gradient, decayed, 1e-4, 1e-3);
  }
  std::vector<AdamW> optimisers;
  std::vector<float> gradient, target, weight, dy;
  std::vector<std::uint8_t> decayed;
};

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 3.0;
  const NetworkShape k24{{12, 64, 128, 64, 1}, Activation::selu}, shipped{{13, 48, 96, 48, 8}, Activation::polyswish};
  constexpr double k24_products = 12 * 64 + 64 * 128 + 128 * 64 + 64, k24_exps = 64 + 128 + 64;
  Networks ten(k24), training(k24), ours(shipped);
  const auto& ops = kernels::active().f32;

  AlignedVector<float> sink(64, 0.5F);
  constexpr kernels::Size rounds = 20000;
  Part peak{[&] { ops.multiply_adds(rounds, sink.data()); },
            static_cast<double>(ops.multiply_adds(1, sink.data())) * rounds};
  const auto arguments = numbers(k_batch, 3.0F);
  std::vector<float> powers(k_batch);
  const std::string isa(kernels::active_isa());
  const auto highway = isa == "x86-64-v4"   ? starglow_highway_exp_v4
                       : isa == "x86-64-v3" ? starglow_highway_exp_v3
                                            : starglow_highway_exp_v2;
  constexpr std::size_t passes = 64;  // over numbers that stay in the first cache
  const auto many = [&](auto exponential) {
    return Part{[=, &arguments, &powers] {
                  for (std::size_t k = 0; k < passes; ++k) exponential(arguments.data(), powers.data(), k_batch);
                },
                static_cast<double>(passes * k_batch)};
  };
  Part exponential = many(highway), own_exponential = many(ops.exp);
  // Each of the ten networks is a part of its own: short, so that some calls are not interrupted.
  std::vector<Part> forwards, jacobians, steps, shipped_forwards;
  for (std::size_t k = 0; k < k_networks; ++k) {
    forwards.push_back({[&, k] { ten.forward(k); }, k_batch});
    jacobians.push_back({[&, k] { ten.jacobian(k); }, k_batch});
    steps.push_back({[&, k] { training.train(k); }, k_batch});
    shipped_forwards.push_back({[&, k] { ours.forward(k); }, k_batch});
  }
  std::vector<Part*> all{&peak, &exponential, &own_exponential};
  for (auto* parts : {&forwards, &jacobians, &steps, &shipped_forwards})
    for (Part& part : *parts) all.push_back(&part);
  measure(all, seconds);
  const auto mean = [](const std::vector<Part>& parts) {
    double sum = 0;
    for (const Part& part : parts) sum += part.seconds;
    return sum / static_cast<double>(parts.size());
  };
  const double forward = mean(forwards), jacobian = mean(jacobians), step = mean(steps);

  const double bound = k24_products * peak.seconds + k24_exps * exponential.seconds;
  report("multiply-add at the peak", peak.seconds * 1e9, "ns");
  report("exp of Highway", exponential.seconds * 1e9, "ns");
  report("exp of the kernel", own_exponential.seconds * 1e9, "ns");
  report("k24 network forward", forward * 1e9, "ns/galaxy/line");
  report("k24 network forward, fraction of the bound", bound / forward, "ratio");
  report("k24 network forward, fraction of the peak", k24_products * peak.seconds / forward, "ratio");
  report("k24 jacobian", jacobian * 1e9, "ns/galaxy/line");
  report("k24 jacobian over forward", jacobian / forward, "ratio");
  report("shipped network forward", mean(shipped_forwards) * 1e9, "ns/galaxy");
  report("k24 training, one network", 1 / step, "samples/s", k_batch);
  report("k24 training, one network, fraction of the peak", 3 * k24_products * peak.seconds / step, "ratio", k_batch);
  report("k24 training, ten networks", 1 / step / k_networks, "samples/s", k_batch);
}
