#pragma once
#include <optional>
#include <vector>

#include "starglow/model/model.hpp"

namespace starglow {

/// The distributions of the rows whose redshift error matters (redshift_error_matters()), averaged over z - Z_ERR and
/// z + Z_ERR: each component has the mean of the two means, of the two weights and of the two variances, and half of
/// the means' difference as further scatter, in quadrature. The mean over two points at one standard deviation is
/// exact for means that are cubic in z. (n); nothing in all other rows; empty where there are none.
/// The bands stay those of the table: where they were computed with the same redshift, that error is not included.
std::vector<std::optional<LineDistribution>> over_redshift_errors(const Model& model, const Galaxies& galaxies,
                                                                  WorkerPool& pool, const PredictOptions& options);

}  // namespace starglow
