#include "starglow/judge/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

template <class F>
std::vector<double> over_pairs(std::span<const double> a, std::span<const double> b, F value) {
  std::vector<double> out;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    if (!std::isnan(a[i]) && !std::isnan(b[i])) out.push_back(value(a[i], b[i]));
  return out;
}

}  // namespace

std::vector<double> ranks(std::span<const double> x) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto i, auto j) { return x[i] < x[j]; });
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t j = i + 1;
    while (j < order.size() && x[order[j]] == x[order[i]]) ++j;
    for (std::size_t k = i; k < j; ++k) out[order[k]] = 0.5 * static_cast<double>(i + j - 1) + 1.0;
    i = j;
  }
  return out;
}

double spearman(std::span<const double> a, std::span<const double> b) {
  const auto x = ranks(over_pairs(a, b, [](double u, double) { return u; }));
  const auto y = ranks(over_pairs(a, b, [](double, double v) { return v; }));
  if (x.size() < 2) return k_nan;
  // The mean rank is (n + 1)/2 exactly, ties or not: no rounding can make a constant vary.
  const double mean = 0.5 * (static_cast<double>(x.size()) + 1.0);
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
    xy += (x[i] - mean) * (y[i] - mean);
  }
  if (!(xx > 0) || !(yy > 0)) return k_nan;
  return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
}

double median(std::vector<double> x) {
  if (x.empty()) return k_nan;
  const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  const double upper = *middle;
  if (x.size() % 2 == 1) return upper;
  return 0.5 * (upper + *std::max_element(x.begin(), middle));
}

double nmad_k24(std::span<const double> obs, std::span<const double> pred) {
  return 1.48 * median(over_pairs(obs, pred, [](double o, double p) { return std::fabs(o - p); }));
}

double nmad_centred(std::span<const double> obs, std::span<const double> pred) {
  auto d = over_pairs(obs, pred, [](double o, double p) { return o - p; });
  const double centre = median(d);
  for (auto& v : d) v = std::fabs(v - centre);
  return 1.4826 * median(std::move(d));
}

double median_ratio(std::span<const double> obs, std::span<const double> pred) {
  return median(over_pairs(obs, pred, [](double o, double p) { return p / o; }));
}

double asinh_rms(std::span<const double> obs, std::span<const double> pred) {
  const auto d = over_pairs(obs, pred, [](double o, double p) { return std::asinh(o) - std::asinh(p); });
  if (d.empty()) return k_nan;
  double sum = 0;
  for (const double v : d) sum += v * v;
  return std::sqrt(sum / static_cast<double>(d.size()));
}

}  // namespace starglow
