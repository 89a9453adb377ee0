#include "model/site_moments.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "kernels/dispatch.hpp"
#include "starglow/base/random.hpp"
#include "starglow/model/selection.hpp"

namespace starglow {
namespace {

constexpr int k_nodes = 48;
constexpr std::size_t k_enough = 28;  // nodes on a peak
constexpr int k_most_passes = 12;
constexpr double k_cut = 32.0;    // the sums leave out what is below e^-32 of the highest point
constexpr double k_far = 5.0;     // sd
constexpr double k_wide = 9.0;    // sd of a measurement beyond which it is contradicted
constexpr double k_passes = 9.0;  // sd above a cut where everything passes
constexpr double k_log_2pi = 1.8378770664093453;

// Nodes and weights of Gauss and Legendre on (-1, 1): zeros of the Legendre polynomial by Newton's steps.
struct Rule {
  std::array<double, k_nodes> x, w;
  Rule() {
    for (int i = 0; i < k_nodes; ++i) {
      double z = std::cos(std::numbers::pi * (i + 0.75) / (k_nodes + 0.5)), slope = 1;
      for (int step = 0; step < 20; ++step) {
        double p = 1, before = 0;
        for (int k = 1; k <= k_nodes; ++k) {
          const double next = ((2 * k - 1) * z * p - (k - 1) * before) / k;
          before = p;
          p = next;
        }
        slope = k_nodes * (z * p - before) / (z * z - 1);
        z -= p / slope;
      }
      x[static_cast<std::size_t>(i)] = z;
      w[static_cast<std::size_t>(i)] = 2 / ((1 - z * z) * slope * slope);
    }
  }
};
const Rule& rule() {
  static const Rule of;
  return of;
}

// A part of the axis: log of its integral, and means of powers of x = t - centre, and of them times EW, inside it.
struct Piece {
  double log_mass = -1e300;
  std::array<double, 5> power{1, 0, 0, 0, 0};
  std::array<double, 3> ew{};
};

// The prior alone on one side of `edge`, times e^log_factor; sign = +1: above it.
Piece normal_tail(double mean, double sd, double edge, double sign, double centre, double log_factor) {
  Piece out;
  const double a = sign * (edge - mean) / sd;  // u = sign (t - mean) / sd > a
  const double log_mass = log_normal_cdf(-a);
  out.log_mass = log_factor + log_mass;
  const double ratio = std::exp(-0.5 * a * a - 0.5 * k_log_2pi - log_mass);  // density over mass
  std::array<double, 5> u{1, ratio, 1 + a * ratio, 0, 0};
  u[3] = a * a * ratio + 2 * u[1];
  u[4] = a * a * a * ratio + 3 * u[2];
  const double step = sign * sd, from = mean - centre;
  const double s2 = step * step, f2 = from * from;
  out.power[1] = from + step * u[1];
  out.power[2] = f2 + 2 * from * step * u[1] + s2 * u[2];
  out.power[3] = f2 * from + 3 * f2 * step * u[1] + 3 * from * s2 * u[2] + s2 * step * u[3];
  out.power[4] =
      f2 * f2 + 4 * f2 * from * step * u[1] + 6 * f2 * s2 * u[2] + 4 * from * s2 * step * u[3] + s2 * s2 * u[4];
  return out;
}

double ew_of(double t) { return std::sinh(std::max(t, 0.0)); }

// -log of the likelihood up to a constant; of a cut an upper bound of it within log 2.
double distance(const LineEvidence& e, double ew) {
  const double u = (e.value - ew) / e.sigma;
  return e.kind == LineEvidence::Kind::measured || u > 0 ? 0.5 * u * u : 0.0;
}

// Prior times likelihood between two borders.
Piece varying(double mean, double variance, const LineEvidence& e, double low, double high, double centre,
              bool slopes) {
  const auto& [x, w] = rule();
  std::array<double, k_nodes> t, grown, far, p, ew;
  const auto& exp = kernels::active().f64.exp;
  const double over = 0.5 / variance, weight = 0.5 / (e.sigma * e.sigma);
  const bool measured = e.kind == LineEvidence::Kind::measured;
  double half = 0, top = 0;
  // Where prior and measurement contradict each other the peak is narrow for these borders: they close in on it.
  for (int pass = 0; pass < k_most_passes; ++pass) {
    const double middle = 0.5 * (low + high);
    half = 0.5 * (high - low);
    for (std::size_t k = 0; k < k_nodes; ++k) t[k] = middle + half * x[k];
    exp(t.data(), grown.data(), k_nodes);
    for (std::size_t k = 0; k < k_nodes; ++k) {
      ew[k] = t[k] > 0 ? 0.5 * (grown[k] - 1 / grown[k]) : 0.0;
      const double d = t[k] - mean, u = e.value - ew[k];
      far[k] = -over * d * d - (measured ? weight * u * u : 0.0);
    }
    if (!measured)
      for (std::size_t k = 0; k < k_nodes; ++k) far[k] += log_normal_cdf((ew[k] - e.value) / e.sigma);
    top = *std::max_element(far.begin(), far.end());
    // The nodes descend.
    std::size_t first = 0, last = k_nodes - 1;
    while (far[first] < top - k_cut) ++first;
    while (far[last] < top - k_cut) --last;
    if (last - first >= k_enough) break;
    if (first > 0) high = t[first - 1];
    if (last + 1 < k_nodes) low = t[last + 1];
  }
  for (double& f : far) f -= top;
  exp(far.data(), p.data(), k_nodes);
  Piece out;
  double s0 = 0, s1 = 0, s2 = 0;
  for (std::size_t k = 0; k < k_nodes; ++k) {
    const double q = w[k] * p[k], d = t[k] - centre;
    s0 += q;
    s1 += q * d;
    s2 += q * d * d;
  }
  out.power[1] = s1 / s0;
  out.power[2] = s2 / s0;
  if (slopes) {
    for (std::size_t k = 0; k < k_nodes; ++k) {
      const double q = w[k] * p[k] / s0, d = t[k] - centre;
      out.power[3] += q * d * d * d;
      out.power[4] += q * d * d * d * d;
      out.ew[0] += q * ew[k];
      out.ew[1] += q * d * ew[k];
      out.ew[2] += q * d * d * ew[k];
    }
  }
  out.log_mass = std::log(half * s0) + top - 0.5 * (k_log_2pi + std::log(variance));
  if (measured) out.log_mass -= 0.5 * k_log_2pi + std::log(e.sigma);
  return out;
}

}  // namespace

SiteMoments site_moments(double m, double v, const LineEvidence& e, SiteSlopes* slopes) {
  using Kind = LineEvidence::Kind;
  const double sd = std::sqrt(v);
  const bool measured = e.kind == Kind::measured;
  // A place near the highest point above 0: Newton's steps between the prior and the line.
  const double at_line = std::asinh(std::max(e.value, 0.0));
  double centre = std::max(m, 0.0), lowest = (centre - m) * (centre - m) / (2 * v) + distance(e, ew_of(centre));
  const auto try_place = [&](double t) {
    const double d = (t - m) * (t - m) / (2 * v) + distance(e, ew_of(t));
    if (d < lowest) lowest = d, centre = t;
  };
  try_place(at_line);
  for (int step = 0; step < 4; ++step) {
    const double c = std::cosh(centre), u = (e.value - ew_of(centre)) / (e.sigma * e.sigma);
    if (!measured && u < 0) break;
    try_place(std::max(centre + (u * c - (centre - m) / v) / (c * c / (e.sigma * e.sigma) + 1 / v), 0.0));
  }
  const double below = distance(e, 0.0) + (m < 0 ? 0.0 : m * m / (2 * v));  // of t < 0
  const double reach = std::sqrt(2 * (std::min(lowest, below) + k_cut + (measured ? 0.0 : 1.0)));
  const double low = std::max({0.0, m - sd * reach, std::asinh(e.value - e.sigma * reach)});
  const double passes = std::asinh(e.value + e.sigma * (measured ? reach : k_passes));
  const double high = std::min(m + sd * reach, passes);
  if (below < lowest) centre = std::min(m, 0.0);

  std::array<Piece, 6> pieces;
  std::size_t n = 0;
  const auto add = [&](double from, double to) {
    if (to > from) pieces[n++] = varying(m, v, e, from, to, centre, slopes != nullptr);
  };
  // Far in the tail of the prior its closed form loses digits: sums there too, as far as it goes.
  const auto tail = [&](double edge, double sign, double log_factor) {
    const double a = sign * (edge - m) / sd;
    if (a < k_far) {
      pieces[n++] = normal_tail(m, sd, edge, sign, centre, log_factor);
    } else {
      const double end = edge + sign * sd * (std::sqrt(a * a + 2 * k_cut) - a);
      add(std::min(edge, end), std::max(edge, end));
    }
  };
  tail(0.0, -1.0,
       measured ? -distance(e, 0.0) - 0.5 * k_log_2pi - std::log(e.sigma) : log_normal_cdf(-e.value / e.sigma));
  // A contradicted measurement may leave two peaks, one at each: borders where it begins and ends.
  const double begins = std::clamp(std::asinh(e.value - k_wide * e.sigma), low, std::max(low, high)),
               ends = std::clamp(std::asinh(e.value + k_wide * e.sigma), low, std::max(low, high));
  add(low, begins);
  add(begins, ends);
  add(ends, high);
  if (!measured) tail(std::max(passes, 0.0), 1.0, 0.0);

  const std::span<const Piece> piece(pieces.data(), n);
  double top = piece[0].log_mass;
  for (const auto& p : piece) top = std::max(top, p.log_mass);
  double sum = 0;
  std::array<double, 5> power{};
  std::array<double, 3> ew{};
  for (const auto& p : piece) {
    const double q = std::exp(p.log_mass - top);
    sum += q;
    for (std::size_t k = 1; k < power.size(); ++k) power[k] += q * p.power[k];
    for (std::size_t k = 0; k < ew.size(); ++k) ew[k] += q * p.ew[k];
  }
  for (double& x : power) x /= sum;
  for (double& x : ew) x /= sum;
  const double shift = power[1];
  SiteMoments out{top + std::log(sum), centre + shift, power[2] - shift * shift};
  if (slopes == nullptr) return out;
  const double var = out.variance, s2 = shift * shift;
  const double third = power[3] - 3 * shift * power[2] + 2 * shift * s2;
  const double fourth = power[4] - 4 * shift * power[3] + 6 * s2 * power[2] - 3 * s2 * s2;
  // Derivatives of an integral by a parameter: covariances with the slope of its logarithm.
  const double apart = out.mean - m, over = 1 / (2 * v * v);
  slopes->log_z = {apart / v, (var + apart * apart) * over - 0.5 / v, 0};
  slopes->mean = {var / v, (third + 2 * apart * var) * over, 0};
  slopes->variance = {third / v, (fourth - var * var + 2 * apart * third) * over, 0};
  if (measured) {
    const double weight = 1 / (e.sigma * e.sigma), e1 = ew[1] - shift * ew[0],
                 e2 = ew[2] - 2 * shift * ew[1] + s2 * ew[0];
    slopes->log_z[2] = weight * (ew[0] - e.value);
    slopes->mean[2] = weight * e1;
    slopes->variance[2] = weight * (e2 - var * ew[0]);
  }
  return out;
}

}  // namespace starglow
