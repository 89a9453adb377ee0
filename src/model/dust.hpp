#pragma once
#include "starglow/model/model.hpp"

namespace starglow {

/// What the bands of a table lack for a model: +1 the Milky Way's dust has to be put back, -1 removed, 0 neither.
int dust_to_add(const Conventions& table, const Model& model);

/// Slopes (n, 10 * 13) with respect to bands of the model's convention become slopes with respect to the table's.
void chain_dust(const Galaxies& table, const Model& model, Matrix<double>& slopes);

}  // namespace starglow
