#include "starglow/model/noise.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "starglow/base/flags.hpp"
#include "starglow/base/limits.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_shard_rows = 1024;

double sigma_of(const Galaxies& g, std::size_t row, const NoiseSource& source, double strong_ew,
                const std::optional<NoiseModel>& model) {
  if (source.line < g.ew_ivar.cols() && !g.ew_ivar.empty()) {
    const double ivar = static_cast<double>(g.ew_ivar(row, source.line));
    if (ivar > 0 && std::isfinite(ivar)) return 1.0 / std::sqrt(ivar);
  }
  if (!model) return std::numeric_limits<double>::quiet_NaN();
  const double z = g.z.empty() ? std::numeric_limits<double>::quiet_NaN() : g.z[row];
  return model->sigma(source.line, g.band_flux.row(row), z, strong_ew);
}

}  // namespace

Matrix<double> add_noise(MatrixView<const double> ew, const Galaxies& g, std::size_t first_row,
                         const std::optional<NoiseModel>& model, std::uint64_t seed, WorkerPool& pool,
                         std::uint32_t draw) {
  Matrix<double> out(g.n, ew.cols());
  pool.for_shards(shard_count(g.n, k_shard_rows), [&](std::size_t k) {
    const Shard rows = shard(k, g.n, k_shard_rows);
    for (std::size_t i = rows.first; i < rows.last; ++i) {
      const RandomObject random(seed, Stream::label_noise, random_id(g, i, first_row));
      for (std::size_t line = 0; line < ew.cols(); ++line) {
        const NoiseSource source = noise_source(line);
        const double sigma = source.factor * sigma_of(g, i, source, ew(i, source.line), model);
        const double noisy = ew(i, line) + sigma * random.normal(draw, static_cast<std::uint32_t>(source.line));
        out(i, line) = std::clamp(noisy, -k_most_noisy_ew, k_most_noisy_ew);
      }
    }
  });
  return out;
}

void flag_bounded(MatrixView<const double> noisy, std::span<std::int32_t> flags) {
  for (std::size_t i = 0; i < noisy.rows(); ++i)
    for (std::size_t line = 0; line < noisy.cols(); ++line)
      if (std::fabs(noisy(i, line)) >= k_most_noisy_ew) flags[i] |= k_bounded;
}

Matrix<double> one_draw(MatrixView<const float> draws, std::size_t n_draws, std::size_t k) {
  Matrix<double> out(draws.rows(), draws.cols() / n_draws);
  for (std::size_t i = 0; i < draws.rows(); ++i)
    for (std::size_t line = 0; line < out.cols(); ++line)
      out(i, line) = static_cast<double>(draws(i, line * n_draws + k));
  return out;
}

}  // namespace starglow
