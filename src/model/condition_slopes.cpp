#include "model/condition_slopes.hpp"

#include <cmath>
#include <string>

#include "model/condition_body.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_at_ew = 40;  // directions: features first, then the EWs of the lines
template <std::size_t k_n>
using NumberOf = conditioning::Slopes<k_at_ew + k_n>;

// A mixture of normals, every number with its slopes.
template <std::size_t k_n>
struct Marginals {
  using Number = NumberOf<k_n>;
  std::size_t components = 0;
  LineSlots slots{};
  std::array<Number, conditioning::k_most> weight;
  std::array<std::array<Number, k_n>, conditioning::k_most> mean, sd;

  LineDistribution values() const {
    LineDistribution d;
    d.components = components;
    d.slots = slots;
    for (std::size_t c = 0; c < components; ++c) {
      d.weight[c] = weight[c].v;
      for (std::size_t j = 0; j < k_n; ++j) {
        d.mean[c][j] = mean[c][j].v;
        d.sd[c][j] = sd[c][j].v;
      }
    }
    d.find_quantiles();
    return d;
  }
  // t at which the distribution function of a line keeps its value: implicit differentiation.
  Number quantile(std::size_t j, double t) const {
    Number out(t);
    double density = 0;
    for (std::size_t c = 0; c < components; ++c) {
      const double u = (t - mean[c][j].v) / sd[c][j].v, phi = weight[c].v * normal_density(u) / sd[c][j].v;
      density += phi;
      const double cdf = normal_cdf(u);
      for (std::size_t k = 0; k < k_at_ew + k_n; ++k)
        out.d[k] += phi * (mean[c][j].d[k] + u * sd[c][j].d[k]) - weight[c].d[k] * cdf;
    }
    for (double& d : out.d) d /= density;
    return out;
  }
};

// exp of numbers less the logarithm of the sum of their exp.
template <class Number>
void normalise(std::size_t n, std::array<Number, conditioning::k_most>& log_weight,
               std::array<Number, conditioning::k_most>& weight) {
  double top = -1e300;
  for (std::size_t c = 0; c < n; ++c) top = std::max(top, log_weight[c].v);
  Number sum;
  for (std::size_t c = 0; c < n; ++c) sum = sum + exp_of(log_weight[c] - Number(top));
  const Number whole = Number(top) + log_of(sum);
  for (std::size_t c = 0; c < n; ++c) {
    log_weight[c] = log_weight[c] - whole;
    weight[c] = exp_of(log_weight[c]);
  }
}

// What a galaxy changes about one component; directions `at` and at + 1 are Adjustment::r and widen.
template <class Number, std::size_t k_n>
void adjust(const Adjustment& by, std::size_t halpha, std::size_t c, std::size_t at, std::array<Number, k_n>& mean,
            std::array<Number, k_n>& sd) {
  if (!by.any()) return;
  if (c < by.evolving && by.r > 0) {
    const GrowthShare share = growth_share(mean[halpha].v);
    Number r = through(by.r * share.value, mean[halpha], by.r * share.slope);
    r.d[at] += share.value;
    for (std::size_t j = 0; j < k_n; ++j) {
      const AdjustedNormal a = evolved(mean[j].v, sd[j].v, by.power[j], by.width[j], r.v);
      const Number moved = combine(a.mean, mean[j], a.mean_by_mean, r, a.mean_by_r);
      const Number wide = combine(a.sd, mean[j], a.sd_by_mean, sd[j], a.sd_by_sd);
      sd[j] = wide + through(0.0, r, a.sd_by_r);
      mean[j] = moved;
    }
  }
  for (Number& x : sd) {
    const double before = x.v;
    x = by.widen * x;
    x.d[at + 1] += before;
  }
}

template <std::size_t k_n>
ConditionedSlopes slopes_of(const NetworkBank& bank, const RowOutputs& from, const Evidence& evidence) {
  using Number = NumberOf<k_n>;
  const JointHead& head = *bank.joint;
  const std::size_t n_in = bank.shape.n_in(), n_c = head.components, n = head.slots.n;
  if (n_in + 2 > k_at_ew)
    throw Error(ErrorKind::model, "too many features for the derivatives of conditioned lines",
                {std::to_string(n_in), "at most " + std::to_string(k_at_ew - 2), ""});
  const auto output = [&](std::size_t o) {
    Number x(from.t[o]);
    for (std::size_t i = 0; i < n_in; ++i) x.d[i] = from.dt[o * n_in + i];
    return x;
  };
  // As JointHead::distribution.
  Marginals<k_n> m;
  m.slots = head.slots;
  m.components = n_c;
  conditioning::Mixture<Number, k_n> mixture;
  mixture.components = n_c;
  for (std::size_t c = 0; c < n_c; ++c) {
    mixture.log_weight[c] = c == 0 ? Number(0.0) : output(2 * n_c * n + c - 1);
    for (std::size_t j = 0; j < n; ++j) {
      m.mean[c][j] = Number(bank.y_mean[j]) + bank.y_scale[j] * output(c * n + j);
      m.sd[c][j] = bank.y_scale[j] * (Number(JointHead::k_min_sd) + exp_of(output((n_c + c) * n + j)));
    }
    std::fill(m.sd[c].begin() + static_cast<std::ptrdiff_t>(n), m.sd[c].end(), Number(1.0));
    adjust(from.adjustment, head.slots.halpha, c, n_in, m.mean[c], m.sd[c]);
  }
  normalise(n_c, mixture.log_weight, m.weight);
  const LineDistribution raw = m.values();
  for (std::size_t j = 0; j < k_n; ++j) {
    const Number median = m.quantile(j, raw.median[j]);
    for (std::size_t c = 0; c < n_c; ++c) {
      m.mean[c][j] = median + Number(head.shift[j]) + head.slope[j] * (m.mean[c][j] - median);
      m.sd[c][j] = head.slope[j] * m.sd[c][j];
    }
  }
  std::array<Number, k_n> values;
  for (std::size_t j = 0; j < k_n; ++j) {
    values[j] = Number(evidence[j].value);
    values[j].d[k_at_ew + j] = 1.0;
  }
  for (std::size_t c = 0; c < n_c; ++c) {
    mixture.normal[c].mean = m.mean[c];
    for (std::size_t i = 0; i < k_n; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k <= j; ++k) sum += head.factor(c, i * k_n + k) * head.factor(c, j * k_n + k);
        mixture.normal[c].covariance[i][j] = mixture.normal[c].covariance[j][i] = sum * (m.sd[c][i] * m.sd[c][j]);
      }
  }
  conditioning::condition_mixture(mixture, evidence, values, 1e-13);
  for (std::size_t c = 0; c < n_c; ++c) {
    m.weight[c] = exp_of(mixture.log_weight[c]);
    m.mean[c] = mixture.normal[c].mean;
    for (std::size_t j = 0; j < k_n; ++j) m.sd[c][j] = sqrt_of(mixture.normal[c].covariance[j][j]);
  }
  const LineDistribution d = m.values();
  ConditionedSlopes out;
  const std::array<const LineDistribution::PerLine*, 3> levels{&d.p16, &d.median, &d.p84};
  for (std::size_t level = 0; level < levels.size(); ++level) {
    out.by_feature[level] = Matrix<double>(k_n, n_in + 2);
    out.by_ew[level] = Matrix<double>(k_n, k_n);
    for (std::size_t j = 0; j < k_n; ++j) {
      const Number t = m.quantile(j, (*levels[level])[j]);
      std::copy_n(t.d.begin(), n_in + 2, out.by_feature[level].row(j).begin());
      std::copy_n(t.d.begin() + k_at_ew, k_n, out.by_ew[level].row(j).begin());
    }
  }
  return out;
}

}  // namespace

ConditionedSlopes condition_slopes(const NetworkBank& bank, const RowOutputs& from, const Evidence& evidence) {
  return bank.joint->slots.places() == k_n_independent_lines
             ? slopes_of<k_n_independent_lines>(bank, from, evidence)
             : slopes_of<k_most_independent_lines>(bank, from, evidence);
}

}  // namespace starglow
