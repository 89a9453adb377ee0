#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "starglow/base/galaxies.hpp"
#include "starglow/model/domain.hpp"

namespace starglow {

/// Kinds of light that a model of galaxies' lines does not know: young populations, ones of 50 Myr to 1 Gyr, star
/// formation that stopped within 600 Myr, bursts that ended so, quasars' power laws and stars' black bodies.
inline constexpr std::size_t k_n_foreign_kinds = 5;

/// log10 band ratios (n, 11) of synthetic light of one such kind; of galaxies whose star formation changes slowly.
Matrix<double> foreign_ratios(std::size_t kind, std::size_t n, std::uint64_t seed);
Matrix<double> smooth_ratios(std::size_t n, std::uint64_t seed);

/// Fits Parts::forms and Parts::levels: one quadratic form of the ratios for each kind and pattern of bands, by
/// logistic regression of that kind against the galaxies of each table and against smooth histories, so that a form
/// does not learn to tell synthetic from measured light. Two halves of the galaxies are fitted apart and averaged; the
/// levels are quantiles of the half that was not seen, so that at most `fraction` of any table is beyond 0.5 for any
/// kind.
void fit_contrast(const Galaxies& galaxies, std::span<const std::size_t> rows, double fraction, std::uint64_t seed,
                  Domain::Parts& into);

}  // namespace starglow
