#include "model/fit_network.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/network.hpp"
#include "model/masking.hpp"
#include "model/optimiser.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

// Words of the training stream: draw 0 the initial parameters, draw 1 + epoch the order; noise has objects of its own.
constexpr std::int64_t k_noise_objects = std::int64_t{1} << 40, k_step_objects = std::int64_t{1} << 60;

std::vector<float> initial_params(const NetworkShape& shape, double sd, const RandomObject& random) {
  std::vector<float> params;
  std::uint32_t lane = 0;
  for (std::size_t l = 0; l < shape.n_layers(); ++l) {
    const auto n_in = static_cast<std::size_t>(shape.sizes[l]), n_out = static_cast<std::size_t>(shape.sizes[l + 1]);
    const double spread = sd > 0 ? sd : 1.0 / std::sqrt(static_cast<double>(n_in));
    for (std::size_t k = 0; k < n_in * n_out; ++k)
      params.push_back(static_cast<float>(spread * random.normal(0, lane++)));
    for (std::size_t k = 0; k < n_out; ++k)
      params.push_back(sd > 0 ? static_cast<float>(sd * random.normal(0, lane++)) : 0.0F);
  }
  return params;
}

std::vector<std::uint8_t> weights_only(const NetworkShape& shape) {
  std::vector<std::uint8_t> decayed;
  for (std::size_t l = 0; l < shape.n_layers(); ++l) {
    const auto n_in = static_cast<std::size_t>(shape.sizes[l]), n_out = static_cast<std::size_t>(shape.sizes[l + 1]);
    decayed.insert(decayed.end(), n_in * n_out, 1);
    decayed.insert(decayed.end(), n_out, 0);
  }
  return decayed;
}

void gather(const Matrix<float>& from, std::span<const std::size_t> rows, Matrix<float>& into) {
  for (std::size_t r = 0; r < rows.size(); ++r)
    std::copy(from.row(rows[r]).begin(), from.row(rows[r]).end(), into.row(r).begin());
}

}  // namespace

double batch_loss(MatrixView<const float> y, MatrixView<const float> target, MatrixView<const float> weight,
                  double huber, MatrixView<float> dy) {
  double sum = 0;
  const double scale = 1.0 / static_cast<double>(y.rows() * y.cols());
  for (std::size_t r = 0; r < y.rows(); ++r)
    for (std::size_t j = 0; j < y.cols(); ++j) {
      const double w = static_cast<double>(weight(r, j));
      const double residual = w > 0 ? static_cast<double>(y(r, j)) - static_cast<double>(target(r, j)) : 0.0;
      const double size = std::fabs(residual);
      const bool linear = huber > 0 && size > huber;
      sum += w * (linear ? huber * (2 * size - huber) : residual * residual);
      dy(r, j) = static_cast<float>(2 * w * scale * (linear ? std::copysign(huber, residual) : residual));
    }
  return sum;
}

double PointLoss::operator()(const FitData& data, std::span<const std::size_t> rows, MatrixView<const float> y,
                             MatrixView<float> dy) {
  if (target_.rows() < rows.size()) {
    target_ = Matrix<float>(rows.size(), y.cols());
    weight_ = Matrix<float>(rows.size(), y.cols());
  }
  gather(data.y, rows, target_);
  gather(data.weight, rows, weight_);
  return batch_loss(y, target_.view().slice_rows(0, rows.size()), weight_.view().slice_rows(0, rows.size()), huber_,
                    dy);
}

FitResult fit_network(const FitData& data, const NetworkShape& shape, const TrainConfig& config, std::int64_t network,
                      BatchLoss& batch_loss, const FitPlan& plan, std::vector<float> start,
                      const std::function<bool(double)>& epoch_done, const FitHooks& hooks) {
  const RandomObject random(config.seed, Stream::training, network);
  if (start.empty()) start = initial_params(shape, config.init_sd, random);
  const auto decayed = weights_only(shape);
  kernels::Network<float> net(shape, std::span<const float>(start));
  AdamW optimiser(start.size());
  kernels::Scratch<float> scratch;

  const auto batch = static_cast<std::size_t>(config.batch);
  const std::size_t n = data.train.size(), n_in = shape.n_in(), n_out = shape.n_out();
  const std::size_t steps_per_epoch = (n + batch - 1) / batch;
  const auto steps = static_cast<std::int64_t>(steps_per_epoch) * plan.epochs;
  Matrix<float> x(batch, n_in), y(batch, n_out), dy(batch, n_out);
  std::vector<float> gradient(start.size());
  std::vector<std::size_t> order = data.train;

  FitResult result;
  double best = std::numeric_limits<double>::infinity();
  std::int64_t step = 0, first_epoch = 0;
  // Fisher-Yates; the modulo's bias is below n / 2^32.
  const auto shuffle = [&](std::int64_t epoch) {
    for (std::size_t i = n - 1; i > 0; --i)
      std::swap(order[i],
                order[random.words(static_cast<std::uint32_t>(1 + epoch), static_cast<std::uint32_t>(i))[0] % (i + 1)]);
  };
  const auto state = [&] {
    NetworkState now;
    now.epochs = static_cast<std::int64_t>(result.loss.size());
    now.best_epoch = result.best_epoch;
    now.params.assign(net.params().begin(), net.params().end());
    now.best = result.params;
    now.m.assign(optimiser.m().begin(), optimiser.m().end());
    now.v.assign(optimiser.v().begin(), optimiser.v().end());
    now.steps = optimiser.steps();
    now.loss = result.loss;
    now.validation = result.validation_loss;
    batch_loss.keep(now);
    return now;
  };
  if (hooks.from != nullptr) {
    const NetworkState& from = *hooks.from;
    if (from.params.size() != start.size() || from.m.size() != start.size() || from.v.size() != start.size() ||
        from.loss.size() != static_cast<std::size_t>(from.epochs) || from.epochs > plan.epochs)
      throw Error(ErrorKind::model, "the checkpoint does not fit the networks of this training",
                  {std::to_string(from.params.size()) + " parameters", std::to_string(start.size()), ""});
    std::copy(from.params.begin(), from.params.end(), net.params().begin());
    std::copy(from.m.begin(), from.m.end(), optimiser.m().begin());
    std::copy(from.v.begin(), from.v.end(), optimiser.v().begin());
    optimiser.steps() = from.steps;
    result.loss = from.loss;
    result.validation_loss = from.validation;
    result.best_epoch = from.best_epoch;
    result.params = from.best;
    for (const double loss : from.validation) best = std::min(best, loss);
    batch_loss.restore(from);
    first_epoch = from.epochs;
    step = first_epoch * static_cast<std::int64_t>(steps_per_epoch);
    for (std::int64_t epoch = 0; epoch < first_epoch; ++epoch) shuffle(epoch);  // the order goes on from the last one
    if (!data.validation.empty() && first_epoch - 1 - result.best_epoch >= config.patience) first_epoch = plan.epochs;
  }
  for (std::int64_t epoch = first_epoch; epoch < plan.epochs; ++epoch) {
    shuffle(epoch);
    double loss = 0;
    for (std::size_t first = 0; first < n; first += batch) {
      const std::size_t count = std::min(batch, n - first);
      const auto rows = std::span(order).subspan(first, count);
      gather(data.x, rows, x);
      const RandomObject whole(config.seed, Stream::training, k_step_objects + network);
      if (config.input_noise > 0 || data.recipe.masks || data.jitter.active())
        for (std::size_t r = 0; r < count; ++r) {
          const RandomObject own(
              config.seed, Stream::training,
              k_noise_objects + network * (std::int64_t{1} << 32) + static_cast<std::int64_t>(rows[r]));
          if (config.input_noise > 0)
            for (std::size_t i = 0; i < data.recipe.n_values(); ++i)
              x(r, i) += static_cast<float>(
                  config.input_noise * own.normal(static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(i)));
          const MaskPattern lacks = data.lacks.empty() ? MaskPattern{} : data.lacks[rows[r]];
          if (data.jitter.active())
            data.jitter.apply(data.recipe, lacks, rows[r], own, static_cast<std::uint32_t>(epoch), whole,
                              static_cast<std::uint32_t>(step), x.row(r));
          if (data.recipe.masks)
            apply_mask(
                data.recipe,
                both(draw_mask(own, static_cast<std::uint32_t>(epoch), config.mask_rate, config.lum_mask_rate), lacks),
                data.log_lum.row(rows[r]), x.row(r));
        }
      const auto head = [count](Matrix<float>& m) { return m.view().slice_rows(0, count); };
      net.forward_keep(head(x), head(y), scratch);
      loss += batch_loss(data, rows, head(y), head(dy));
      std::fill(gradient.begin(), gradient.end(), 0.0F);
      net.backward(head(dy), gradient, scratch);
      if (config.gradient_clip > 0) {
        double norm = 0;
        for (const float g : gradient) norm += static_cast<double>(g) * static_cast<double>(g);
        norm = std::sqrt(norm);
        if (!std::isfinite(norm)) std::fill(gradient.begin(), gradient.end(), 0.0F);  // a step that says nothing
        if (norm > config.gradient_clip)
          for (float& g : gradient) g *= static_cast<float>(config.gradient_clip / norm);
      }
      const double rate = plan.rate * schedule(step++, steps, plan.warmup, plan.final_rate);
      optimiser.step(net.params(), gradient, decayed, rate, config.weight_decay, plan.scales);
      batch_loss.update(rate);
      if (hooks.batch_done) hooks.batch_done();
    }
    result.loss.push_back(loss / static_cast<double>(n * n_out));
    if (!data.validation.empty()) {
      double sum = 0;
      for (std::size_t first = 0; first < data.validation.size(); first += batch) {
        const std::size_t count = std::min(batch, data.validation.size() - first);
        const auto rows = std::span(data.validation).subspan(first, count);
        gather(data.x, rows, x);
        const auto head = [count](Matrix<float>& m) { return m.view().slice_rows(0, count); };
        net.forward(head(x), head(y), scratch);
        sum += batch_loss(data, rows, head(y), head(dy));
      }
      result.validation_loss.push_back(sum / static_cast<double>(data.validation.size() * n_out));
      if (result.validation_loss.back() < best) {
        best = result.validation_loss.back();
        result.best_epoch = epoch;
        result.params.assign(net.params().begin(), net.params().end());
      }
    }
    if (hooks.keep) hooks.keep(state);
    if (!epoch_done(result.loss.back())) break;
    if (!data.validation.empty() && epoch - result.best_epoch >= config.patience) break;
  }
  if (data.validation.empty()) {
    result.params.assign(net.params().begin(), net.params().end());
    result.best_epoch = static_cast<std::int64_t>(result.loss.size()) - 1;
  }
  return result;
}

}  // namespace starglow
