#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/noise_model.hpp"

namespace starglow {

/// Predicted EWs (n, 10) plus one realisation of measurement noise: N(0, sigma), sigma from the row's own EW_IVAR, or
/// from the noise model where the row has none (NaN where there is neither). The weak members of the doublets have the
/// noise of their strong partner divided by the ratio of the EWs. Held to +-k_most_noisy_ew (limits.hpp). Random
/// numbers: stream label_noise, draw `draw`, lane = index of the (strong) line; the id is object_id(), or `first_row` +
/// row where there is no TARGETID.
Matrix<double> add_noise(MatrixView<const double> ew, const Galaxies& galaxies, std::size_t first_row,
                         const std::optional<NoiseModel>& model, std::uint64_t seed, WorkerPool& pool,
                         std::uint32_t draw = 0);

/// BOUNDED in the flags (n) of rows whose noisy EWs (n, 10) were held to what they may be at most (limits.hpp).
void flag_bounded(MatrixView<const double> noisy, std::span<std::int32_t> flags);

/// Draw k of Prediction::draws (n, 10 * draws) as EWs (n, 10).
Matrix<double> one_draw(MatrixView<const float> draws, std::size_t n_draws, std::size_t k);

}  // namespace starglow
