#include "model/redshift_error.hpp"

#include <algorithm>
#include <cmath>

namespace starglow {
namespace {

constexpr double k_lowest = 0.1;  // of z: luminosity needs a positive redshift

LineDistribution mean_of(const LineDistribution& low, const LineDistribution& high) {
  LineDistribution out;
  out.components = low.components;
  out.slots = low.slots;
  for (std::size_t c = 0; c < out.components; ++c) {
    out.weight[c] = (low.weight[c] + high.weight[c]) / 2;
    for (std::size_t j = 0; j < out.slots.places(); ++j) {
      const double by_z = (high.mean[c][j] - low.mean[c][j]) / 2;
      out.mean[c][j] = (low.mean[c][j] + high.mean[c][j]) / 2;
      out.sd[c][j] = std::sqrt((low.sd[c][j] * low.sd[c][j] + high.sd[c][j] * high.sd[c][j]) / 2 + by_z * by_z);
    }
  }
  out.find_quantiles();
  return out;
}

}  // namespace

bool redshift_error_matters(double z, double z_err) noexcept {
  return z > 0 && std::isfinite(z) && std::isfinite(z_err) && z_err > k_redshift_error * (1 + z);
}

std::vector<std::optional<LineDistribution>> over_redshift_errors(const Model& model, const Galaxies& g,
                                                                  WorkerPool& pool, const PredictOptions& options) {
  if (g.z.empty() || g.z_err.empty()) return {};
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < g.n; ++i)
    if (redshift_error_matters(g.z[i], g.z_err[i])) rows.push_back(i);
  if (rows.empty()) return {};
  PredictOptions one{.float64 = options.float64, .evolution = options.evolution};
  if (options.out_of_domain == OutOfDomain::clip) one.out_of_domain = OutOfDomain::clip;
  std::vector<JointDistribution> at[2];
  for (const int side : {0, 1}) {
    Galaxies moved = select_rows(g, rows);
    for (std::size_t i = 0; i < moved.n; ++i)
      moved.z[i] = std::max(moved.z[i] + (side == 0 ? -moved.z_err[i] : moved.z_err[i]), k_lowest * moved.z[i]);
    moved.z_err.clear();
    at[side] = model.joint_distributions(moved, pool, one);
  }
  std::vector<std::optional<LineDistribution>> out(g.n);
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (const auto &low = at[0][i].lines, &high = at[1][i].lines;
        low.components > 0 && low.components == high.components)
      out[rows[i]] = mean_of(low, high);
  return out;
}

}  // namespace starglow
