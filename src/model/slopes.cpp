#include "model/slopes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

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

// Slopes of t by the outputs of a joint bank and the two numbers of the adjustment: (places, n_outputs + 2) of the
// calibrated median, or three times as many rows: of it, p16 and p84.
Matrix<double> slopes_by_outputs(const NetworkBank& bank, const RowOutputs& from, bool quantiles) {
  const JointHead& head = *bank.joint;
  const auto at = [&](double p) { return head.quantile_slopes(from.t, bank.y_mean, bank.y_scale, p, from.adjustment); };
  const Matrix<double> median = at(0.5);
  if (!quantiles) return median;
  const std::size_t places = head.slots.places();
  Matrix<double> out(3 * places, median.cols());
  std::copy(median.flat().begin(), median.flat().end(), out.flat().begin());
  for (const std::size_t level : {1U, 2U}) {
    const Matrix<double> raw = at(level == 1 ? k_p16 : k_p84);
    // A calibrated quantile is median + shift + slope (quantile - median).
    for (std::size_t j = 0; j < places; ++j)
      for (std::size_t o = 0; o < median.cols(); ++o)
        out(level * places + j, o) = (1 - head.slope[j]) * median(j, o) + head.slope[j] * raw(j, o);
  }
  return out;
}

std::span<double> line_of(Matrix<double>& m, std::size_t row, std::size_t line) {
  return m.row(row).subspan(line * k_n_slopes, k_n_slopes);
}

// slopes: of slopes_by_outputs(); d_features(pass, d_x): those by the features of its row `pass`.
template <class F>
void write_joint(const NetworkBank& bank, const RowOutputs& from, const Matrix<double>& slopes, std::size_t row,
                 Derivatives& into, F d_features) {
  const LineDistribution& d = *from.distribution;
  std::array<double, k_most_features> space{};
  const auto d_x = std::span(space).first(bank.shape.n_in());
  const std::size_t r = slopes.cols() - 2, places = bank.joint->slots.places();
  for (std::size_t pass = 0; pass < slopes.rows(); ++pass) {
    const std::size_t level = pass / places, j = pass % places;
    if (j >= bank.outputs.size()) continue;  // an empty place
    Matrix<double>& m = level == 0 ? into.ew : level == 1 ? into.p16 : into.p84;
    const double t = (level == 0 ? d.median : level == 1 ? d.p16 : d.p84)[j];
    d_features(pass, d_x);
    through_features(bank, from, t, d_x, line_of(m, row, bank.outputs[j]), slopes(pass, r), slopes(pass, r + 1));
  }
}

// The weak members of doublets that a bank does not give itself.
void write_partners(const NetworkBank& bank, std::span<const double> ew_ratio, std::size_t row, Derivatives& into) {
  for (std::size_t d = 0; d < k_doublets.size(); ++d) {
    const auto weak = static_cast<std::size_t>(k_doublets[d].weak),
               strong = static_cast<std::size_t>(k_doublets[d].strong);
    const auto gives = [&](std::size_t line) {
      return std::find(bank.outputs.begin(), bank.outputs.end(), line) != bank.outputs.end();
    };
    if (gives(weak) || !gives(strong)) continue;
    const std::size_t width = into.ew.cols() / k_n_slopes;
    for (std::size_t k = 0; k < width && !into.given.empty(); ++k)
      into.given(row, weak * width + k) = into.given(row, strong * width + k) / ew_ratio[d];
    for (Matrix<double>* m : {&into.ew, &into.p16, &into.p84})
      if (!m->empty())
        std::transform(line_of(*m, row, strong).begin(), line_of(*m, row, strong).end(), line_of(*m, row, weak).begin(),
                       [by = ew_ratio[d]](double slope) { return slope / by; });
  }
}

}  // namespace

void write_slopes(const NetworkBank& bank, const RowOutputs& from, std::span<const double> ew_ratio, std::size_t row,
                  Derivatives& into) {
  const std::size_t n_in = bank.shape.n_in(), n_lines = bank.outputs.size(), width = into.ew.cols() / k_n_slopes;
  std::array<double, k_most_features> space{};
  if (!bank.joint) {
    for (std::size_t j = 0; j < bank.outputs.size(); ++j) {
      const auto d_x = std::span(space).first(n_in);
      for (std::size_t i = 0; i < n_in; ++i) d_x[i] = bank.y_scale[j] * from.dt[j * n_in + i];
      through_features(bank, from, bank.y_mean[j] + bank.y_scale[j] * from.t[j], d_x,
                       line_of(into.ew, row, bank.outputs[j]));
    }
  } else if (from.evidence != nullptr) {
    const ConditionedSlopes slopes = condition_slopes(bank, from, *from.evidence);
    const auto level = [&](Matrix<double>& m, std::size_t k, const LineDistribution::PerLine& t) {
      for (std::size_t j = 0; j < n_lines && !m.empty(); ++j) {
        const auto d_x = std::span(space).first(n_in);
        std::copy_n(slopes.by_feature[k].row(j).begin(), n_in, d_x.begin());
        through_features(bank, from, t[j], d_x, line_of(m, row, bank.outputs[j]), slopes.by_feature[k](j, n_in),
                         slopes.by_feature[k](j, n_in + 1));
      }
    };
    level(into.p16, 0, from.distribution->p16);
    level(into.ew, 1, from.distribution->median);
    level(into.p84, 2, from.distribution->p84);
    if (!into.given.empty()) std::fill(into.given.row(row).begin(), into.given.row(row).end(), 0.0);
    for (std::size_t j = 0; j < n_lines && !into.given.empty(); ++j) {
      const double t = from.distribution->median[j];
      for (std::size_t l = 0; l < n_lines; ++l)
        into.given(row, bank.outputs[j] * width + bank.outputs[l]) = t < 0 ? 0.0 : std::cosh(t) * slopes.by_ew[1](j, l);
    }
  } else {
    const Matrix<double> slopes = slopes_by_outputs(bank, from, !into.p16.empty());
    write_joint(bank, from, slopes, row, into, [&](std::size_t pass, std::span<double> d_x) {
      std::fill(d_x.begin(), d_x.end(), 0.0);
      for (std::size_t o = 0; o + 2 < slopes.cols(); ++o)
        if (const double slope = slopes(pass, o); slope != 0)
          for (std::size_t i = 0; i < n_in; ++i) d_x[i] += slope * from.dt[o * n_in + i];
    });
  }
  write_partners(bank, ew_ratio, row, into);
}

std::optional<LateSlopes> LateSlopes::where_it_pays(const NetworkBank& bank, std::size_t rows,
                                                    const Derivatives* into) {
  if (into == nullptr || !bank.joint) return std::nullopt;
  const bool quantiles = !into->p16.empty();
  if ((quantiles ? 3 : 1) * bank.joint->slots.places() >= bank.shape.n_in()) return std::nullopt;
  return LateSlopes(bank, rows, quantiles);
}

LateSlopes::LateSlopes(const NetworkBank& bank, std::size_t rows, bool quantiles)
    : bank_(bank),
      quantiles_(quantiles),
      by_output_(rows, (quantiles ? 3 : 1) * bank.joint->slots.places() * bank.shape.n_out()) {
  kept_.reserve(rows);
}

void LateSlopes::keep(std::size_t r, std::size_t row, const RowOutputs& outputs) {
  Kept kept{r, row, outputs, *outputs.distribution, {}, slopes_by_outputs(bank_, outputs, quantiles_)};
  std::copy_n(outputs.flux.begin(), k_n_bands, kept.flux.begin());
  const std::size_t n_out = bank_.shape.n_out();
  for (std::size_t pass = 0; pass < kept.slopes.rows(); ++pass)
    std::copy_n(kept.slopes.row(pass).begin(), n_out, by_output_.row(r).subspan(pass * n_out).begin());
  kept_.push_back(std::move(kept));
}

void LateSlopes::write(const Matrix<double>& pulled, std::span<const double> ew_ratio, Derivatives& into) {
  const std::size_t n_in = bank_.shape.n_in();
  for (Kept& kept : kept_) {
    kept.outputs.distribution = &kept.distribution;
    kept.outputs.flux = kept.flux;
    write_joint(bank_, kept.outputs, kept.slopes, kept.row, into, [&](std::size_t pass, std::span<double> d_x) {
      std::copy_n(pulled.row(kept.r).subspan(pass * n_in).begin(), n_in, d_x.begin());
    });
    write_partners(bank_, ew_ratio, kept.row, into);
  }
}

Derivatives Model::derivatives(const Galaxies& g, WorkerPool& pool, const GivenLines* given) const {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const std::size_t width = lines().width();
  const Matrix<double> none(g.n, width * k_n_slopes, nan);
  Derivatives out{none, has_distribution() ? none : Matrix<double>(), has_distribution() ? none : Matrix<double>(), {}};
  if (given != nullptr) out.given = Matrix<double>(g.n, width * width, nan);
  (void)answer(g, pool, {.given = given}, &out, nullptr);
  return out;
}

Matrix<double> Model::jacobian(const Galaxies& g, WorkerPool& pool) const {
  const std::size_t width = lines().width();
  Derivatives all{Matrix<double>(g.n, width * k_n_slopes, std::numeric_limits<double>::quiet_NaN()), {}, {}, {}};
  (void)answer(g, pool, {}, &all, nullptr);
  Matrix<double> jac(g.n, width * k_n_bands);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t k = 0; k < width * k_n_bands; ++k)
      jac(i, k) = all.ew(i, k / k_n_bands * k_n_slopes + k % k_n_bands);
  return jac;
}

Matrix<double> Model::jvp(const Galaxies& g, MatrixView<const double> d_flux, WorkerPool& pool) const {
  const Matrix<double> jac = jacobian(g, pool);
  Matrix<double> out(g.n, lines().width());
  for (std::size_t i = 0; i < g.n; ++i)
    for (const std::size_t line : lines().lines())
      for (std::size_t b = 0; b < k_n_bands; ++b) out(i, line) += jac(i, line * k_n_bands + b) * d_flux(i, b);
  return out;
}

Matrix<double> Model::vjp(const Galaxies& g, MatrixView<const double> d_ew, WorkerPool& pool) const {
  const Matrix<double> jac = jacobian(g, pool);
  Matrix<double> out(g.n, k_n_bands);
  for (std::size_t i = 0; i < g.n; ++i)
    for (const std::size_t line : lines().lines())
      for (std::size_t b = 0; b < k_n_bands; ++b) out(i, b) += d_ew(i, line) * jac(i, line * k_n_bands + b);
  return out;
}

}  // namespace starglow
