#include "model/slopes.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "model/condition_slopes.hpp"
#include "starglow/base/cosmology.hpp"
#include "starglow/base/limits.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_most_features = 2 * (FeatureRecipe::k_n_ratios + 2) + 1;

// One line: d_x, the slopes of its t along the features, becomes those of its EW along the fluxes and the redshift.
void through_features(const NetworkBank& bank, const RowOutputs& from, double t, std::span<double> d_x,
                      std::span<double> out) {
  // d sinh(max(t, 0)) / dt for distributions, d sinh(t) / dt for points; 0 where the answer is held to its limit
  const double outer = (bank.joint && t < 0) || std::fabs(t) >= k_most_t ? 0.0 : std::cosh(t);
  for (double& d : d_x) d *= outer;
  features_vjp(bank.features, from.flux, d_x, out.first(k_n_bands));
  double d_z = 0;
  if (bank.features.log_lum && d_x[bank.features.at_log_lum()] != 0)
    d_z += d_x[bank.features.at_log_lum()] * log_lum_slope(from.z);
  if (bank.features.z && from.z > bank.features.z_low && from.z < bank.features.z_high)
    d_z += d_x[bank.features.at_z()];
  out[k_n_bands] = d_z;
}

// d_x += weight * slopes(line, outputs) . dt
void add(std::span<const double> slopes, double weight, std::span<const double> dt, std::span<double> d_x) {
  for (std::size_t o = 0; o < slopes.size(); ++o)
    if (slopes[o] != 0)
      for (std::size_t i = 0; i < d_x.size(); ++i) d_x[i] += weight * slopes[o] * dt[o * d_x.size() + i];
}

}  // namespace

void write_slopes(const NetworkBank& bank, const RowOutputs& from, std::span<const double> ew_ratio, std::size_t row,
                  Derivatives& into) {
  const std::size_t n_in = bank.shape.n_in();
  std::array<double, k_most_features> space{};
  const auto line_of = [&](Matrix<double>& m, std::size_t line) {
    return m.row(row).subspan(line * k_n_slopes, k_n_slopes);
  };
  if (!bank.joint) {
    for (std::size_t j = 0; j < bank.outputs.size(); ++j) {
      const auto d_x = std::span(space).first(n_in);
      for (std::size_t i = 0; i < n_in; ++i) d_x[i] = bank.y_scale[j] * from.dt[j * n_in + i];
      through_features(bank, from, bank.y_mean[j] + bank.y_scale[j] * from.t[j], d_x,
                       line_of(into.ew, bank.outputs[j]));
    }
  } else if (from.evidence != nullptr) {
    const ConditionedSlopes slopes = condition_slopes(bank, from, *from.evidence);
    const auto level = [&](Matrix<double>& m, std::size_t k, const LineDistribution::PerLine& t) {
      for (std::size_t j = 0; j < k_n_independent_lines && !m.empty(); ++j) {
        const auto d_x = std::span(space).first(n_in);
        std::copy(slopes.by_feature[k].row(j).begin(), slopes.by_feature[k].row(j).end(), d_x.begin());
        through_features(bank, from, t[j], d_x, line_of(m, bank.outputs[j]));
      }
    };
    level(into.p16, 0, from.distribution->p16);
    level(into.ew, 1, from.distribution->median);
    level(into.p84, 2, from.distribution->p84);
    if (!into.given.empty()) std::fill(into.given.row(row).begin(), into.given.row(row).end(), 0.0);
    for (std::size_t j = 0; j < k_n_independent_lines && !into.given.empty(); ++j) {
      const double t = from.distribution->median[j];
      for (std::size_t l = 0; l < k_n_independent_lines; ++l)
        into.given(row, bank.outputs[j] * k_n_lines + bank.outputs[l]) =
            t < 0 ? 0.0 : std::cosh(t) * slopes.by_ew[1](j, l);
    }
  } else {
    const JointHead& head = *bank.joint;
    const Matrix<double> median = head.quantile_slopes(from.t, bank.y_mean, bank.y_scale, 0.5);
    // A calibrated quantile is median + shift + slope (quantile - median).
    const auto level = [&](Matrix<double>& m, const Matrix<double>* raw, const LineDistribution::PerLine& t) {
      for (std::size_t j = 0; j < k_n_independent_lines; ++j) {
        const auto d_x = std::span(space).first(n_in);
        std::fill(d_x.begin(), d_x.end(), 0.0);
        add(median.row(j), raw == nullptr ? 1.0 : 1.0 - head.slope[j], from.dt, d_x);
        if (raw != nullptr) add(raw->row(j), head.slope[j], from.dt, d_x);
        through_features(bank, from, t[j], d_x, line_of(m, bank.outputs[j]));
      }
    };
    level(into.ew, nullptr, from.distribution->median);
    if (!into.p16.empty()) {
      const Matrix<double> low = head.quantile_slopes(from.t, bank.y_mean, bank.y_scale, k_p16);
      const Matrix<double> high = head.quantile_slopes(from.t, bank.y_mean, bank.y_scale, k_p84);
      level(into.p16, &low, from.distribution->p16);
      level(into.p84, &high, from.distribution->p84);
    }
  }
  for (std::size_t d = 0; d < k_doublets.size(); ++d) {
    const auto weak = static_cast<std::size_t>(k_doublets[d].weak),
               strong = static_cast<std::size_t>(k_doublets[d].strong);
    if (std::find(bank.outputs.begin(), bank.outputs.end(), weak) != bank.outputs.end()) continue;
    for (std::size_t k = 0; k < k_n_lines && !into.given.empty(); ++k)
      into.given(row, weak * k_n_lines + k) = into.given(row, strong * k_n_lines + k) / ew_ratio[d];
    for (Matrix<double>* m : {&into.ew, &into.p16, &into.p84})
      if (!m->empty())
        std::transform(line_of(*m, strong).begin(), line_of(*m, strong).end(), line_of(*m, weak).begin(),
                       [by = ew_ratio[d]](double slope) { return slope / by; });
  }
}

}  // namespace starglow
