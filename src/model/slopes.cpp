#include "model/slopes.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "model/condition_slopes.hpp"
#include "starglow/base/limits.hpp"

namespace starglow {
namespace {

// One line: d_x, the slopes of its t along the features, becomes those of its EW along the fluxes and the redshift.
// d_r, d_widen: its slopes along the numbers of the adjustment.
void through_features(const NetworkBank& bank, const RowOutputs& from, double t, std::span<double> d_x,
                      std::span<double> out, double d_r = 0, double d_widen = 0) {
  // d sinh(max(t, 0)) / dt for distributions, d sinh(t) / dt for points; 0 where the answer is held to its limit
  const double outer = (bank.joint && t < 0) || std::fabs(t) >= k_most_t ? 0.0 : std::cosh(t);
  for (double& d : d_x) d *= outer;
  features_vjp(bank.features, from.flux, d_x, out.first(k_n_bands));
  out[k_n_bands] = features_vjp_z(bank.features, from.z, d_x) + outer * d_r * from.r_by_z;
  if (d_widen != 0)
    for (std::size_t k = 0; k < k_n_slopes; ++k) out[k] += outer * d_widen * from.widen_by[k];
}

// d_x += weight * slopes(line, outputs) . dt; the last two slopes are not of outputs
void add(std::span<const double> slopes, double weight, std::span<const double> dt, std::span<double> d_x) {
  for (std::size_t o = 0; o + 2 < slopes.size(); ++o)
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
        std::copy_n(slopes.by_feature[k].row(j).begin(), n_in, d_x.begin());
        through_features(bank, from, t[j], d_x, line_of(m, bank.outputs[j]), slopes.by_feature[k](j, n_in),
                         slopes.by_feature[k](j, n_in + 1));
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
    const auto at = [&](double p) {
      return head.quantile_slopes(from.t, bank.y_mean, bank.y_scale, p, from.adjustment);
    };
    const Matrix<double> median = at(0.5);
    const std::size_t r = head.n_outputs(), widen = r + 1;
    // A calibrated quantile is median + shift + slope (quantile - median).
    const auto level = [&](Matrix<double>& m, const Matrix<double>* raw, const LineDistribution::PerLine& t) {
      for (std::size_t j = 0; j < k_n_independent_lines; ++j) {
        const auto d_x = std::span(space).first(n_in);
        std::fill(d_x.begin(), d_x.end(), 0.0);
        const double own = raw == nullptr ? 0.0 : head.slope[j];
        const auto mixed = [&](std::size_t o) {
          return (1 - own) * median(j, o) + (raw == nullptr ? 0.0 : own * (*raw)(j, o));
        };
        add(median.row(j), 1 - own, from.dt, d_x);
        if (raw != nullptr) add(raw->row(j), own, from.dt, d_x);
        through_features(bank, from, t[j], d_x, line_of(m, bank.outputs[j]), mixed(r), mixed(widen));
      }
    };
    level(into.ew, nullptr, from.distribution->median);
    if (!into.p16.empty()) {
      const Matrix<double> low = at(k_p16), high = at(k_p84);
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

Matrix<double> Model::jvp(const Galaxies& g, MatrixView<const double> d_flux, WorkerPool& pool) const {
  const Matrix<double> jac = jacobian(g, pool);
  Matrix<double> out(g.n, k_n_lines);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line)
      for (std::size_t b = 0; b < k_n_bands; ++b) out(i, line) += jac(i, line * k_n_bands + b) * d_flux(i, b);
  return out;
}

Matrix<double> Model::vjp(const Galaxies& g, MatrixView<const double> d_ew, WorkerPool& pool) const {
  const Matrix<double> jac = jacobian(g, pool);
  Matrix<double> out(g.n, k_n_bands);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line)
      for (std::size_t b = 0; b < k_n_bands; ++b) out(i, b) += d_ew(i, line) * jac(i, line * k_n_bands + b);
  return out;
}

}  // namespace starglow
