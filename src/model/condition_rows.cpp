#include "model/condition_rows.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/dispatch.hpp"
#include "model/condition_body.hpp"

namespace starglow {
namespace {

using conditioning::k_most, conditioning::Normal, conditioning::Site;
constexpr double k_tolerance = 1e-5;     // of the sites, in sd
constexpr std::size_t k_rows_a_go = 64;  // so that what they need stays near the processor
constexpr double k_log_2pi = 1.8378770664093453;

// A known line of one component of one galaxy.
struct KnownLine {
  std::size_t line;
  LineEvidence evidence;
  double at_line;                       // asinh(max(value, 0))
  Site<double> site;                    // its scale is found at the end, of the following
  double cavity_mean, cavity_variance;  // what the prior and the other sites say
  double mass, rest;                    // log of the integral: ln(mass) + rest
  double grown;                         // 1 + precision x variance
};

template <std::size_t k_n>
struct Lane {
  std::size_t n = 0;
  std::array<KnownLine, k_n> known;
  std::array<double, k_n> mean;  // of the known lines
  std::array<std::array<double, k_n>, k_n> covariance;
  double moved;
};

// What the prior and the other sites say of known line `of`.
template <std::size_t k_n>
void find_cavity(Lane<k_n>& lane, std::size_t of) {
  KnownLine& known = lane.known[of];
  if (lane.n == 1) {
    known.cavity_mean = lane.mean[0];
    known.cavity_variance = lane.covariance[0][0];
    return;
  }
  if (lane.n == 2) {
    const std::size_t other = 1 - of;
    const Site<double>& s = lane.known[other].site;
    const double both = lane.covariance[0][1], grown = 1 + s.precision * lane.covariance[other][other];
    known.cavity_mean = lane.mean[of] + both * ((s.pull + s.precision * (s.centre - lane.mean[other])) / grown);
    known.cavity_variance = lane.covariance[of][of] - both * both * (s.precision / grown);
    return;
  }
  // The others are taken up one after the other, `of` last: of each only what comes after it is needed still.
  const std::size_t n = lane.n;
  std::array<std::size_t, k_n> order;
  std::array<double, k_n> mean, column;
  std::array<std::array<double, k_n>, k_n> covariance;  // its lower triangle
  for (std::size_t i = 0; i < n; ++i) order[i] = i < of ? i : i + 1;
  order[n - 1] = of;
  for (std::size_t i = 0; i < n; ++i) {
    mean[i] = lane.mean[order[i]];
    for (std::size_t k = 0; k <= i; ++k) covariance[i][k] = lane.covariance[order[i]][order[k]];
  }
  for (std::size_t j = 0; j + 1 < n; ++j) {
    const Site<double>& s = lane.known[order[j]].site;
    const double grown = 1 + s.precision * covariance[j][j], share = s.precision / grown;
    const double step = (s.pull + s.precision * (s.centre - mean[j])) / grown;
    for (std::size_t i = j + 1; i < n; ++i) column[i] = covariance[i][j];
    for (std::size_t i = j + 1; i < n; ++i) {
      mean[i] += column[i] * step;
      const double by = column[i] * share;
      for (std::size_t k = j + 1; k <= i; ++k) covariance[i][k] -= by * column[k];
    }
  }
  known.cavity_mean = mean[n - 1];
  known.cavity_variance = covariance[n - 1][n - 1];
}

// The site has the mean and the variance that cavity and evidence give together; as in condition_normal().
template <std::size_t k_n>
void renew(Lane<k_n>& lane, std::size_t j, int sweep, double mean, double variance) {
  KnownLine& known = lane.known[j];
  const double apart = mean - known.cavity_mean;
  double precision = 1 / variance - 1 / known.cavity_variance;
  if (lane.n > 1 && !(precision > 0)) precision = 0;
  Site<double>& site = known.site;
  lane.moved = std::max({lane.moved, std::fabs(mean - site.centre) / std::sqrt(variance),
                         std::fabs(precision - site.precision) * variance});
  known.grown = 1 + precision * known.cavity_variance;
  Site<double> next{precision, mean, apart / known.cavity_variance, 0.5 * apart * apart / known.cavity_variance};
  if (sweep >= conditioning::k_undamped) {
    next.pull = 0.5 * (next.pull + site.pull - site.precision * (next.centre - site.centre));
    next.precision = 0.5 * (next.precision + site.precision);
  }
  site = next;
}

// The columns of the kernel.
struct Batch {
  std::vector<double> space;
  std::size_t room = 0;  // numbers a column
  double* column(std::size_t k) { return space.data() + k * room; }

  template <std::size_t k_n>
  void run(std::span<Lane<k_n>* const> lanes, std::size_t j, bool finer) {
    const std::size_t n = lanes.size(), group = kernels::k_site_group, whole = (n + group - 1) / group * group;
    if (whole > room) {
      room = whole;
      space.resize(9 * room);
    }
    for (std::size_t k = 0; k < whole; ++k) {
      const KnownLine& known = lanes[std::min(k, n - 1)]->known[j];
      column(0)[k] = known.cavity_mean;
      column(1)[k] = known.cavity_variance;
      column(2)[k] = known.evidence.value;
      column(3)[k] = known.evidence.sigma;
      column(4)[k] = known.at_line;
    }
    kernels::active().mixture.sites(
        {column(0), column(1), column(2), column(3), column(4), column(5), column(6), column(7), column(8)}, whole,
        finer ? 1 : 0);
  }
};

// One step of known line j of the lanes: by the kernel with few nodes, with more of them, or one by one.
template <std::size_t k_n>
void renew_all(std::span<Lane<k_n>* const> lanes, std::size_t j, int sweep, Batch& batch,
               std::vector<Lane<k_n>*>& open) {
  open.clear();
  const auto one_by_one = [&](Lane<k_n>& lane) {
    KnownLine& known = lane.known[j];
    const SiteMoments m = site_moments(known.cavity_mean, known.cavity_variance, known.evidence);
    known.mass = 1;
    known.rest = m.log_z;
    renew(lane, j, sweep, m.mean, m.variance);
  };
  for (Lane<k_n>* lane : lanes) {
    if (j >= lane->n) continue;
    find_cavity(*lane, j);
    if (lane->known[j].evidence.kind == LineEvidence::Kind::measured)
      open.push_back(lane);
    else
      one_by_one(*lane);
  }
  for (const bool finer : {false, true}) {
    if (open.empty()) return;
    batch.run(std::span<Lane<k_n>* const>(open), j, finer);
    std::size_t left = 0;
    for (std::size_t k = 0; k < open.size(); ++k) {
      const double mean = batch.column(7)[k];
      if (std::isnan(mean)) {
        open[left++] = open[k];
        continue;
      }
      KnownLine& known = open[k]->known[j];
      known.mass = batch.column(5)[k] / (std::sqrt(known.cavity_variance) * known.evidence.sigma);
      known.rest = -batch.column(6)[k] - k_log_2pi;
      renew(*open[k], j, sweep, mean, batch.column(8)[k]);
    }
    open.resize(left);
  }
  for (Lane<k_n>* lane : open) one_by_one(*lane);
}

// Correlations of the components.
template <std::size_t k_n>
using Correlations = std::array<std::array<std::array<double, k_n>, k_n>, k_most>;

template <std::size_t k_n>
void find_correlations(const decltype(JointDistribution::factor)& factor, Correlations<k_n>& correlation) {
  for (std::size_t c = 0; c < k_most; ++c)
    for (std::size_t i = 0; i < k_n; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k <= j; ++k) sum += factor[c][i * k_n + k] * factor[c][j * k_n + k];
        correlation[c][i][j] = correlation[c][j][i] = sum;
      }
}

// The lane's sites on all lines: mean and sd become those after; returns the log of the integral. The covariance
// is that of component c before.
template <std::size_t k_n>
double apply(const Lane<k_n>& lane, const std::array<std::array<double, k_n>, k_n>& correlation,
             LineDistribution::PerLine& mean, LineDistribution::PerLine& sd) {
  std::array<std::array<double, k_n>, k_n> column;  // of the covariance, for each known line
  std::array<double, k_n> variance;
  for (std::size_t l = 0; l < k_n; ++l) variance[l] = sd[l] * sd[l];
  double log_z = 0;
  for (std::size_t i = 0; i < lane.n; ++i) {
    const KnownLine& known = lane.known[i];
    for (std::size_t l = 0; l < k_n; ++l) column[i][l] = correlation[known.line][l] * sd[known.line] * sd[l];
    log_z += std::log(known.mass * std::sqrt(known.grown)) + known.rest + known.site.scale +
             0.5 * (mean[known.line] - known.site.centre) * known.site.pull;
  }
  double grown_all = 1;
  for (std::size_t i = 0; i < lane.n; ++i) {
    const std::size_t j = lane.known[i].line;
    const Site<double>& site = lane.known[i].site;
    const auto& own = column[i];
    const double grown = 1 + site.precision * own[j], share = site.precision / grown;
    const double step = (site.pull + site.precision * (site.centre - mean[j])) / grown;
    for (std::size_t l = 0; l < k_n; ++l) {
      mean[l] += own[l] * step;
      variance[l] = l == j ? variance[l] / grown : variance[l] - share * own[l] * own[l];
    }
    for (std::size_t k = i + 1; k < lane.n; ++k) {
      const double both = own[lane.known[k].line];
      for (std::size_t l = 0; l < k_n; ++l) column[k][l] = l == j ? both / grown : column[k][l] - share * both * own[l];
    }
    grown_all *= grown;
  }
  for (std::size_t l = 0; l < k_n; ++l) sd[l] = std::sqrt(std::max(variance[l], 0.0));
  return log_z - 0.5 * std::log(grown_all);
}

// The factor of the correlations after the sites.
template <std::size_t k_n>
void find_factor(const Lane<k_n>& lane, const std::array<std::array<double, k_n>, k_n>& correlation,
                 const LineDistribution::PerLine& sd_before, const LineDistribution::PerLine& sd,
                 std::span<double> factor) {
  Normal<double, k_n> q;
  for (std::size_t i = 0; i < k_n; ++i)
    for (std::size_t k = 0; k < k_n; ++k) q.covariance[i][k] = correlation[i][k] * sd_before[i] * sd_before[k];
  std::array<std::size_t, k_n> every;
  std::iota(every.begin(), every.end(), std::size_t{0});
  for (std::size_t i = 0; i < lane.n; ++i)
    conditioning::multiply(q, std::span<const std::size_t>(every), lane.known[i].line, lane.known[i].site);
  conditioning::factorise(q, sd, factor);
}

template <std::size_t k_n>
struct Workspace {
  std::vector<Lane<k_n>> lanes;
  std::vector<Lane<k_n>*> active, open;
  Batch batch;
};

template <std::size_t k_n>
void condition_some(std::span<const KnownRow> rows, const Correlations<k_n>& correlation, bool factors,
                    Workspace<k_n>& space) {
  space.lanes.resize(rows.size() * k_most);
  space.active.clear();
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const LineDistribution& d = rows[r].joint->lines;
    const Evidence& evidence = *rows[r].evidence;
    for (std::size_t c = 0; c < d.components; ++c) {
      Lane<k_n>& lane = space.lanes[r * k_most + c];
      lane.n = 0;
      for (std::size_t j = 0; j < k_n; ++j) {
        if (evidence[j].kind == LineEvidence::Kind::none) continue;
        KnownLine& known = lane.known[lane.n];
        known.line = j;
        known.evidence = evidence[j];
        known.evidence.sigma = std::max(evidence[j].sigma, conditioning::k_least_sigma);
        known.at_line =
            c > 0 ? space.lanes[r * k_most].known[lane.n].at_line : std::asinh(std::max(evidence[j].value, 0.0));
        known.site = {0, d.mean[c][j], 0, 0};
        lane.mean[lane.n] = d.mean[c][j];
        for (std::size_t i = 0; i <= lane.n; ++i) {
          const std::size_t other = lane.known[i].line;
          lane.covariance[i][lane.n] = lane.covariance[lane.n][i] =
              correlation[c][j][other] * d.sd[c][j] * d.sd[c][other];
        }
        ++lane.n;
      }
      if (lane.n > 0) space.active.push_back(&lane);
    }
  }
  for (int sweep = 0; sweep < conditioning::k_most_sweeps && !space.active.empty(); ++sweep) {
    std::size_t most = 0;
    for (Lane<k_n>* lane : space.active) {
      lane->moved = 0;
      most = std::max(most, lane->n);
    }
    for (std::size_t j = 0; j < most; ++j)
      renew_all(std::span<Lane<k_n>* const>(space.active), j, sweep, space.batch, space.open);
    std::erase_if(space.active, [](const Lane<k_n>* lane) { return lane->n == 1 || lane->moved < k_tolerance; });
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    JointDistribution& joint = *rows[r].joint;
    LineDistribution& d = joint.lines;
    if (space.lanes[r * k_most].n == 0) continue;
    double top = -1e300, sum = 0;
    for (std::size_t c = 0; c < d.components; ++c) {
      const Lane<k_n>& lane = space.lanes[r * k_most + c];
      const auto before = d.sd[c];
      d.weight[c] = std::log(std::max(d.weight[c], 1e-300)) + apply(lane, correlation[c], d.mean[c], d.sd[c]);
      if (factors) find_factor(lane, correlation[c], before, d.sd[c], std::span(joint.factor[c]).first(k_n * k_n));
      top = std::max(top, d.weight[c]);
    }
    for (std::size_t c = 0; c < d.components; ++c) sum += d.weight[c] = std::exp(d.weight[c] - top);
    for (std::size_t c = 0; c < d.components; ++c) d.weight[c] /= sum;
    joint.log_evidence += top + std::log(sum);
    d.find_quantiles();
  }
}

template <std::size_t k_n>
void condition_all(std::span<const KnownRow> rows, bool factors) {
  Workspace<k_n> space;
  Correlations<k_n> correlation{};
  decltype(JointDistribution::factor) own{};
  for (std::size_t first = 0, last = 0; first < rows.size(); first = last) {
    if (first == 0 || rows[first].joint->factor != own) {
      own = rows[first].joint->factor;
      find_correlations(own, correlation);
    }
    for (last = first + 1; last < std::min(first + k_rows_a_go, rows.size()); ++last)
      if (rows[last].joint->factor != own) break;
    condition_some(rows.subspan(first, last - first), correlation, factors, space);
  }
}

}  // namespace

void condition_rows(std::span<const KnownRow> rows, bool factors) {
  if (rows.empty()) return;
  if (rows.front().joint->lines.slots.places() == k_n_independent_lines)
    condition_all<k_n_independent_lines>(rows, factors);
  else
    condition_all<k_most_independent_lines>(rows, factors);
}

}  // namespace starglow
