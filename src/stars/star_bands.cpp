#include "starglow/stars/star_bands.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/dispatch.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr double k_ln10 = 2.302585092994045684;
constexpr std::size_t k_shard = 96, k_pad = 32;

std::size_t padded(std::size_t n) { return (n + k_pad - 1) / k_pad * k_pad; }

std::vector<double> microns(const std::vector<double>& wave) {
  std::vector<double> out;
  for (const double w : wave) out.push_back(w * 1e-4);
  return out;
}

}  // namespace

struct StarBands::State {
  State(CompactSsp given, std::span<const double> t, DustLaw law)
      : compact(std::move(given)),
        outputs(compact.lgmet, compact.lg_age_gyr, t, head()),
        everything(compact.lgmet, compact.lg_age_gyr, t, compact.light),
        screen(microns(compact.node_wave), law),
        head_screen(microns({compact.node_wave.begin(),
                             compact.node_wave.begin() + static_cast<std::ptrdiff_t>(compact.photometry_begin)}),
                    law),
        edges(metallicity_edges(compact.lgmet)),
        stride(padded(compact.node_wave.size())),
        rows(compact.light.rows() * stride, 0.0) {
    for (std::size_t r = 0; r < compact.light.rows(); ++r)
      std::copy(compact.light.row(r).begin(), compact.light.row(r).end(),
                rows.begin() + static_cast<std::ptrdiff_t>(r * stride));
  }

  // The nodes of the outputs, without the photometry's.
  MatrixView<const double> head() const {
    return {compact.light.data(), compact.light.rows(), compact.photometry_begin, compact.light.cols()};
  }

  void sum_outputs(std::span<const double> light, std::span<const double> transmission, std::span<double> out) const {
    for (std::size_t o = 0; o < k_n_star_outputs; ++o) {
      double sum = compact.covered[o] ? 0 : k_nan;
      for (std::size_t e = compact.begin[o]; e < compact.begin[o + 1]; ++e)
        sum += compact.coefficient[e] * light[compact.node[e]] * transmission[compact.node[e]];
      out[o] = sum;
    }
  }

  CompactSsp compact;
  StarSynthesis outputs, everything;
  DustScreen screen, head_screen;
  std::vector<double> edges;
  std::size_t stride;
  AlignedVector<double> rows;  // compact.light, rows filled up to whole tiles
};

namespace {

// Everything about one galaxy that derivatives need.
struct Differential {
  StarSynthesis::Weights weights;
  std::vector<double> d_met, d_scatter, d_peak, d_max;
  std::vector<double> t, t_av, t_slope, t_bump;
  AlignedVector<double> by_age;  // (n_age, stride): sum over metallicity
  AlignedVector<double> by_met;  // (n_met, stride): sum over age
  std::vector<double> node;      // (n_node) mass x sum over both
  std::int32_t flags = 0;
};

void check_inputs(const StarInputs& in, std::span<const Dust> dust) {
  if (in.sfr.rows() != in.size() || in.lgmet.size() != in.size() || in.lgmet_scatter.size() != in.size() ||
      (!in.burst.empty() && in.burst.size() != in.size()) || (!dust.empty() && dust.size() != in.size()))
    throw Error(ErrorKind::input, "inputs of galaxies differ in number");
}

Dust dust_of(std::span<const Dust> dust, std::size_t g, DustLaw law) {
  if (!dust.empty()) return dust[g];
  Dust none;
  none.law = law;
  return none;
}

}  // namespace

StarBands::StarBands(CompactSsp compact, std::span<const double> t, DustLaw law)
    : state_(std::make_unique<State>(std::move(compact), t, law)) {}
StarBands::~StarBands() = default;
StarBands::StarBands(StarBands&&) noexcept = default;
StarBands& StarBands::operator=(StarBands&&) noexcept = default;
const CompactSsp& StarBands::compact() const noexcept { return state_->compact; }
const SfhTable& StarBands::table() const noexcept { return state_->outputs.table(); }
DustLaw StarBands::law() const noexcept { return state_->screen.law(); }

StarLight StarBands::light(const StarInputs& in, std::span<const Dust> dust, WorkerPool& pool, bool photometry) const {
  check_inputs(in, dust);
  const State& s = *state_;
  const CompactSsp& c = s.compact;
  if (photometry && c.photometry_count == 0)
    throw Error(ErrorKind::usage, "these bands were made without photometry",
                {"", "", "Make them with CompactOptions::photometry."});
  const std::size_t n = in.size();
  StarLight out{Matrix<double>(n, k_n_star_outputs), std::vector<double>(n), {}, std::vector<std::int32_t>(n)};
  if (photometry) out.photometry = Matrix<double>(n, c.photometry_count);
  const StarSynthesis& synthesis = photometry ? s.everything : s.outputs;
  const DustScreen& screen = photometry ? s.screen : s.head_screen;
  pool.for_shards(shard_count(n, k_shard), [&](std::size_t k) {
    const Shard rows = shard(k, n, k_shard);
    Matrix<double> nodes(rows.count(), synthesis.n_columns());
    synthesis.synthesise(in, rows.first, rows.last, nodes.view(), out.flags, out.mass);
    std::vector<double> t(screen.size(), 1.0);
    for (std::size_t g = rows.first; g < rows.last; ++g) {
      const Dust d = dust_of(dust, g, screen.law());
      if (d.av > 0 || std::isnan(d.av) || d.law != screen.law())
        screen.transmission(d, t);
      else
        std::fill(t.begin(), t.end(), 1.0);
      if (d.av < 0) out.flags[g] |= k_clipped;
      const auto node = nodes.row(g - rows.first);
      s.sum_outputs(node, t, out.light.row(g));
      if (std::isnan(d.av)) out.flags[g] |= k_nonfinite;
      for (std::size_t j = 0; j < out.photometry.cols(); ++j)
        out.photometry(g, j) = node[c.photometry_begin + j] * t[c.photometry_begin + j];
    }
  });
  return out;
}

namespace {

template <class State>
void differentiate(const State& s, const StarInputs& in, std::span<const Dust> dust, std::size_t g, Differential& d) {
  const StarSynthesis& synthesis = s.everything;
  const std::size_t n_met = synthesis.n_met(), n_age = synthesis.table().n_ages(), n_node = s.compact.node_wave.size();
  d.flags = synthesis.weights(in, g, d.weights);
  d.d_met.resize(n_met);
  d.d_scatter.resize(n_met);
  std::vector<double> again(n_met);
  metallicity_weights(s.edges, in.lgmet[g], in.lgmet_scatter[g], again, d.d_met, d.d_scatter);
  d.d_peak.assign(n_age, 0.0);
  d.d_max.assign(n_age, 0.0);
  d.weights.burst.resize(n_age);
  if (!in.burst.empty()) burst_weights(in.burst[g], synthesis.table().lg_ages(), d.weights.burst, d.d_peak, d.d_max);
  const Dust dusty = dust_of(dust, g, s.screen.law());
  if (dusty.av < 0) d.flags |= k_clipped;
  if (std::isnan(dusty.av)) d.flags |= k_nonfinite;
  d.t.resize(n_node);
  d.t_av.resize(n_node);
  d.t_slope.resize(n_node);
  d.t_bump.resize(n_node);
  s.screen.transmission(dusty, d.t, d.t_av, d.t_slope, d.t_bump);
  d.by_age.assign(n_age * s.stride, 0.0);
  d.by_met.assign(n_met * s.stride, 0.0);
  d.node.assign(n_node, 0.0);
  if ((d.flags & k_nonfinite) != 0) return;
  const auto& product = kernels::ops<double>(kernels::active()).product;
  const std::size_t first = d.weights.met_first, count = d.weights.met_last - first;
  const double* const light = s.rows.data() + first * n_age * s.stride;
  product(1, n_age * s.stride, count, d.weights.met.data() + first, n_met, 1, light, n_age * s.stride, d.by_age.data(),
          n_age * s.stride, nullptr);
  for (std::size_t m = 0; m < count; ++m)
    product(1, s.stride, n_age, d.weights.age.data(), n_age, 1, light + m * n_age * s.stride, s.stride,
            d.by_met.data() + (first + m) * s.stride, s.stride, nullptr);
  for (std::size_t m = first; m < first + count; ++m)
    for (std::size_t j = 0; j < n_node; ++j)
      d.node[j] += d.weights.smooth.mass * d.weights.met[m] * d.by_met[m * s.stride + j];
}

// Gradient of sum_j v_j t_j node_j over the nodes of one output (or all): by the parameters, and by the smooth
// history's weights and mass, which the caller takes further back.
struct Pull {
  std::array<double, k_n_star_parameters> parameters{};
  std::vector<double> d_age;  // by the weights of the smooth history
  double d_mass = 0;
};

template <class State, class Entries>
void pull(const State& s, const StarInputs& in, const Differential& d, const Entries& entries, Pull& p) {
  using P = StarParameter;
  const std::size_t n_age = s.everything.table().n_ages();
  p.parameters.fill(0.0);
  p.d_age.assign(n_age, 0.0);
  auto& by = p.parameters;
  const double mass = d.weights.smooth.mass;
  double total = 0;
  entries([&](std::size_t j, double v) {
    total += v * d.t[j] * d.node[j];
    by[static_cast<std::size_t>(P::av)] += v * d.t_av[j] * d.node[j];
    by[static_cast<std::size_t>(P::slope)] += v * d.t_slope[j] * d.node[j];
    by[static_cast<std::size_t>(P::bump)] += v * d.t_bump[j] * d.node[j];
    const double w = v * d.t[j] * mass;
    double lgmet = 0, scatter = 0;
    for (std::size_t m = d.weights.met_first; m < d.weights.met_last; ++m) {
      lgmet += d.d_met[m] * d.by_met[m * s.stride + j];
      scatter += d.d_scatter[m] * d.by_met[m * s.stride + j];
    }
    by[static_cast<std::size_t>(P::lgmet)] += w * lgmet;
    by[static_cast<std::size_t>(P::lgmet_scatter)] += w * scatter;
    for (std::size_t a = 0; a < n_age; ++a) p.d_age[a] += w * d.by_age[a * s.stride + j];
  });
  const double f = d.weights.fraction;
  if (!in.burst.empty())
    for (std::size_t a = 0; a < n_age; ++a) {
      by[static_cast<std::size_t>(P::lgfburst)] +=
          f * k_ln10 * (d.weights.burst[a] - d.weights.smooth.weights[a]) * p.d_age[a];
      by[static_cast<std::size_t>(P::lgyr_peak)] += f * d.d_peak[a] * p.d_age[a];
      by[static_cast<std::size_t>(P::lgyr_max)] += f * d.d_max[a] * p.d_age[a];
    }
  for (double& x : p.d_age) x *= 1 - f;
  p.d_mass = total / mass;
}

}  // namespace

StarJacobian StarBands::jacobian(const StarInputs& in, std::span<const Dust> dust, WorkerPool& pool,
                                 bool history) const {
  check_inputs(in, dust);
  const State& s = *state_;
  const CompactSsp& c = s.compact;
  const std::size_t n = in.size(), n_t = s.outputs.table().n_times();
  StarJacobian out;
  out.at = {Matrix<double>(n, k_n_star_outputs), std::vector<double>(n), {}, std::vector<std::int32_t>(n)};
  out.d_parameters = Matrix<double>(n, k_n_star_outputs * k_n_star_parameters);
  if (history) out.d_sfr = Matrix<double>(n, k_n_star_outputs * n_t);
  pool.for_shards(shard_count(n, k_shard), [&](std::size_t shard_index) {
    const Shard rows = shard(shard_index, n, k_shard);
    Differential d;
    Pull p;
    for (std::size_t g = rows.first; g < rows.last; ++g) {
      differentiate(s, in, dust, g, d);
      out.at.flags[g] = d.flags;
      out.at.mass[g] = d.weights.smooth.mass;
      const auto light = out.at.light.row(g);
      auto slopes = out.d_parameters.row(g);
      if ((d.flags & k_nonfinite) != 0) {
        std::fill(light.begin(), light.end(), k_nan);
        std::fill(slopes.begin(), slopes.end(), k_nan);
        if (history) std::fill(out.d_sfr.row(g).begin(), out.d_sfr.row(g).end(), k_nan);
        continue;
      }
      s.sum_outputs(d.node, d.t, light);
      for (std::size_t o = 0; o < k_n_star_outputs; ++o) {
        const auto to = slopes.subspan(o * k_n_star_parameters, k_n_star_parameters);
        std::size_t same = 0;  // lines that share their side bands share their slopes
        while (same < o && !(c.begin[o + 1] - c.begin[o] == c.begin[same + 1] - c.begin[same] &&
                             c.begin[o + 1] > c.begin[o] && c.node[c.begin[o]] == c.node[c.begin[same]]))
          ++same;
        if (same < o) {
          std::copy_n(slopes.begin() + static_cast<std::ptrdiff_t>(same * k_n_star_parameters), k_n_star_parameters,
                      to.begin());
          if (history)
            std::copy_n(out.d_sfr.row(g).begin() + static_cast<std::ptrdiff_t>(same * n_t), n_t,
                        out.d_sfr.row(g).begin() + static_cast<std::ptrdiff_t>(o * n_t));
          continue;
        }
        pull(
            s, in, d,
            [&](const auto& add) {
              for (std::size_t e = c.begin[o]; e < c.begin[o + 1]; ++e) add(c.node[e], c.coefficient[e]);
            },
            p);
        if (history)
          p.parameters[static_cast<std::size_t>(StarParameter::t_obs)] = age_weights_vjp(
              s.outputs.table(), d.weights.smooth, p.d_age, p.d_mass, out.d_sfr.row(g).subspan(o * n_t, n_t));
        for (std::size_t k = 0; k < k_n_star_parameters; ++k) to[k] = c.covered[o] ? p.parameters[k] : k_nan;
      }
    }
  });
  return out;
}

StarBands::Gradient StarBands::vjp(const StarInputs& in, std::span<const Dust> dust, MatrixView<const double> d_light,
                                   MatrixView<const double> d_photometry, WorkerPool& pool) const {
  check_inputs(in, dust);
  const State& s = *state_;
  const CompactSsp& c = s.compact;
  const std::size_t n = in.size(), n_t = s.outputs.table().n_times();
  if ((!d_light.empty() && (d_light.rows() != n || d_light.cols() != k_n_star_outputs)) ||
      (!d_photometry.empty() && (d_photometry.rows() != n || d_photometry.cols() != c.photometry_count)))
    throw Error(ErrorKind::input, "cotangents of another shape than the outputs");
  Gradient out{Matrix<double>(n, k_n_star_parameters), Matrix<double>(n, n_t)};
  pool.for_shards(shard_count(n, k_shard), [&](std::size_t shard_index) {
    const Shard rows = shard(shard_index, n, k_shard);
    Differential d;
    Pull p;
    for (std::size_t g = rows.first; g < rows.last; ++g) {
      differentiate(s, in, dust, g, d);
      if ((d.flags & k_nonfinite) != 0) {
        std::fill(out.parameters.row(g).begin(), out.parameters.row(g).end(), k_nan);
        std::fill(out.sfr.row(g).begin(), out.sfr.row(g).end(), k_nan);
        continue;
      }
      pull(
          s, in, d,
          [&](const auto& add) {
            for (std::size_t o = 0; o < k_n_star_outputs && !d_light.empty(); ++o)
              for (std::size_t e = c.begin[o]; e < c.begin[o + 1]; ++e)
                if (d_light(g, o) != 0) add(c.node[e], c.coefficient[e] * d_light(g, o));
            for (std::size_t j = 0; j < c.photometry_count && !d_photometry.empty(); ++j)
              if (d_photometry(g, j) != 0) add(c.photometry_begin + j, d_photometry(g, j));
          },
          p);
      p.parameters[static_cast<std::size_t>(StarParameter::t_obs)] =
          age_weights_vjp(s.outputs.table(), d.weights.smooth, p.d_age, p.d_mass, out.sfr.row(g));
      std::copy(p.parameters.begin(), p.parameters.end(), out.parameters.row(g).begin());
    }
  });
  return out;
}

}  // namespace starglow
