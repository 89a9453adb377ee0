#pragma once
#include <cstddef>
#include <vector>

#include "starglow/base/line_set.hpp"
#include "starglow/model/model.hpp"

namespace starglow::test {

/// Makes the head of eight lines of `bank` one of `lines`: independent line j takes the outputs, the mean and the scale
/// of the line at places[j] of the eight. The covariances' factors stay as they were, for the caller to make.
inline void take_outputs(NetworkBank& bank, const LineSet& lines, const std::vector<std::size_t>& places) {
  constexpr std::size_t n = k_n_independent_lines;
  JointHead& head = *bank.joint;
  std::vector<std::size_t> outputs;
  for (std::size_t block = 0; block < 2 * head.components; ++block)
    for (const std::size_t j : places) outputs.push_back(block * n + j);
  for (std::size_t c = 1; c < head.components; ++c) outputs.push_back(2 * head.components * n + c - 1);
  const auto width = static_cast<std::size_t>(bank.shape.sizes[bank.shape.sizes.size() - 2]);
  const std::size_t n_out = bank.shape.n_out(), n_params = bank.shape.n_params(), last = n_params - n_out * (width + 1);
  std::vector<float> params;
  for (std::size_t k = 0; k < bank.n_nets; ++k) {
    const float* own = bank.params.data() + k * n_params;
    params.insert(params.end(), own, own + last);
    for (const std::size_t o : outputs)
      params.insert(params.end(), own + last + o * width, own + last + (o + 1) * width);
    for (const std::size_t o : outputs) params.push_back(own[last + n_out * width + o]);
  }
  bank.params = std::move(params);
  bank.shape.sizes.back() = static_cast<std::int32_t>(outputs.size());
  bank.outputs.assign(lines.independent().begin(), lines.independent().end());
  head.slots = lines.slots();
  const auto pick = [&](std::vector<double>& from, double empty, std::size_t size) {
    std::vector<double> out;
    for (const std::size_t j : places) out.push_back(from[j]);
    out.resize(size, empty);
    from = std::move(out);
  };
  pick(bank.y_mean, 0, places.size());
  pick(bank.y_scale, 0, places.size());
  pick(head.shift, 0, head.slots.places());
  pick(head.slope, 1, head.slots.places());
}

}  // namespace starglow::test
