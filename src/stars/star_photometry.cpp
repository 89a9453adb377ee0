#include "starglow/stars/star_photometry.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"
#include "starglow/spectra/photometry.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_fine = 8;
constexpr double k_ab0 = 1.13492e-13;  // L_sun/Hz: 3631 Jy at 10 pc, as DSPS

}  // namespace

StarFilters::StarFilters(const CompactSsp& compact, std::span<const Filter> filters) : n_(compact.photometry_count) {
  if (n_ < 2)
    throw Error(ErrorKind::usage, "these bands were made without photometry",
                {"", "", "Make them with CompactOptions::photometry."});
  first_ = std::log(compact.node_wave[compact.photometry_begin]);
  step_ = (std::log(compact.node_wave[compact.photometry_begin + n_ - 1]) - first_) / static_cast<double>(n_ - 1);
  const double fine = step_ / k_fine;
  for (const Filter& filter : filters) {
    Table table;
    table.start = std::log(filter.lo()) - 2 * fine;
    table.norm = 1 / (k_ab0 * filter.trapezoid());
    const double total = filter.integral(filter.lo(), filter.hi());
    const auto count = static_cast<std::size_t>((std::log(filter.hi()) - table.start) / fine) + 4;
    double below = 0, last = filter.lo();
    for (std::size_t i = 0; i < count; ++i) {
      const double x = std::exp(table.start + fine * static_cast<double>(i)),
                   at = std::clamp(x, filter.lo(), filter.hi());
      table.t.push_back(x < filter.lo() || x > filter.hi() ? 0 : filter.at(x));
      below += at > last ? filter.integral(last, at) / total : 0;
      last = std::max(last, at);
      table.off_lo.push_back(below);
    }
    tables_.push_back(std::move(table));
  }
}

// Calls f(node, T, dT/dln lambda) over the nodes inside the filter; false when it is not covered.
template <class F>
bool StarFilters::for_nodes(const Table& table, double z, F f) const {
  const double fine = step_ / k_fine, shift = std::log1p(z);
  const auto last = static_cast<std::ptrdiff_t>(table.t.size()) - 1;
  const auto share = [&](double x) {  // of the filter, below ln lambda = x
    const double at = (x - table.start) / fine;
    if (at <= 0) return 0.0;
    if (at >= static_cast<double>(last)) return 1.0;
    return table.off_lo[static_cast<std::size_t>(at)];
  };
  const double lo = first_ + shift, hi = lo + step_ * static_cast<double>(n_ - 1);
  if (!(share(lo) + (1 - share(hi)) <= k_max_outside)) return false;
  // All nodes stand at the same place between two entries.
  const double place = (lo - table.start) / fine, whole = std::floor(place), u = place - whole;
  auto i = static_cast<std::ptrdiff_t>(whole);
  std::size_t k = 0;
  if (i < 0) {
    k = (static_cast<std::size_t>(-i) + k_fine - 1) / k_fine;
    i += static_cast<std::ptrdiff_t>(k * k_fine);
  }
  for (; k < n_ && i < last; ++k, i += static_cast<std::ptrdiff_t>(k_fine)) {
    const double a = table.t[static_cast<std::size_t>(i)], b = table.t[static_cast<std::size_t>(i) + 1];
    f(k, a + u * (b - a), (b - a) / fine);
  }
  return true;
}

void StarFilters::light(std::span<const double> photometry, double z, std::span<double> maggies,
                        std::span<double> d_z) const {
  for (std::size_t f = 0; f < tables_.size(); ++f) {
    double sum = 0, slope = 0;
    const bool covered = z > -1 && for_nodes(tables_[f], z, [&](std::size_t k, double t, double dt) {
                           sum += t * photometry[k];
                           slope += dt * photometry[k];
                         });
    maggies[f] = covered ? sum * tables_[f].norm : std::numeric_limits<double>::quiet_NaN();
    if (!d_z.empty()) d_z[f] = covered ? slope * tables_[f].norm / (1 + z) : std::numeric_limits<double>::quiet_NaN();
  }
}

void StarFilters::weights(std::size_t filter, double z, std::span<double> by_node) const {
  std::fill(by_node.begin(), by_node.end(), 0.0);
  const Table& table = tables_.at(filter);
  if (!for_nodes(table, z, [&](std::size_t k, double t, double) { by_node[k] = t * table.norm; }))
    std::fill(by_node.begin(), by_node.end(), std::numeric_limits<double>::quiet_NaN());
}

}  // namespace starglow
