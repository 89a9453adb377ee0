#include "starglow/spectra/line_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "spectra/broad_lines.hpp"
#include "spectra/line_apart.hpp"
#include "spectra/line_system.hpp"
#include "spectra/line_windows.hpp"

namespace starglow {
using namespace line_fit;
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

// Of the narrow Balmer lines together, or of the forbidden ones; of the ten lines.
double significance(const std::array<double, k_n>& x, const std::vector<double>& covariance, bool balmer) {
  double sum = 0;
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    if (k_lines[line].balmer != balmer || lines::is_weak(k_lines[line])) continue;
    for (std::size_t c = 0; c < lines::n_components(k_lines[line]); ++c) {
      const std::size_t k = k_components[k_table.first[line] + c].flux;
      if (covariance[k * k_n + k] > 0 && x[k] > 0) sum += x[k] * x[k] / covariance[k * k_n + k];
    }
  }
  return std::sqrt(sum);
}

struct Answer {
  Solution best;
  std::vector<double> covariance;
  Freedom how;
  bool good = false;
};

// From the best of some starting points down; Balmer and forbidden lines apart where both are strong.
Answer descend(System& system, std::span<const Solution> starts, bool broad, bool rough = false) {
  Answer out;
  out.how.broad = broad;
  for (const Solution& start : starts) {
    const Solution trial = system.solve_linear(start, out.how);
    if (trial.cost < out.best.cost) out.best = trial;
  }
  if (!std::isfinite(out.best.cost)) return out;
  out.best = system.refine(out.best, out.how, rough ? k_rough_gain : k_least_gain);
  if (!system.covariance(out.how, out.covariance)) return out;
  out.good = true;
  if (rough || !(significance(out.best.x, out.covariance, true) > k_apart_snr &&
                 significance(out.best.x, out.covariance, false) > k_apart_snr))
    return out;
  Solution free = out.best;
  free.x[k_shape + 2] = free.x[k_shape];
  free.x[k_shape + 3] = free.x[k_shape + 1];
  free.cost = std::numeric_limits<double>::infinity();
  const Freedom apart{true, broad};
  free = system.refine(free, apart);
  std::vector<double> wider;
  if (system.covariance(apart, wider)) {
    out.best = free;
    out.covariance = std::move(wider);
    out.how = apart;
  }
  return out;
}

Solution start_at(double shift, double sigma, double broad = 0) {
  Solution out;
  out.x[k_shape] = out.x[k_shape + 2] = shift;
  out.x[k_shape + 1] = out.x[k_shape + 3] = std::log(sigma);
  out.x[k_broad_shape + 1] = broad > 0 ? std::log(broad) : k_broad_width_centre;
  return out;
}

// Of the Balmer lines beside Hbeta: recombination, case B, 10,000 K (Osterbrock & Ferland 2006, table 4.4).
double case_b(std::size_t line) {
  return line == line_index("HALPHA") ? 2.86 : line == line_index("HGAMMA") ? 0.468 : 1.0;
}

LineFit nothing(std::size_t pixels) {
  LineFit out;
  for (auto* of : {&out.flux, &out.sigma_v, &out.shift, &out.broad.flux}) of->fill(k_nan);
  for (auto* of : {&out.flux_variance, &out.sigma_variance, &out.shift_variance, &out.broad.flux_variance}) of->fill(0);
  out.outside.fill(true);
  out.model.assign(pixels, 0.0);
  return out;
}

// The answer of a fit as fluxes, shifts and widths of lines; then the lines that took no part.
void report(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
            std::span<const std::uint8_t> good, const System& system, const Answer& a, LineFit& out,
            bool rough = false) {
  const auto& x = a.best.x;
  const auto variance = [&](std::size_t k) { return a.covariance[k * k_n + k]; };
  out.apart = a.how.apart;
  const std::size_t forbidden = k_shape + (out.apart ? 2 : 0);
  out.v_balmer = x[k_shape];
  out.v_forbidden = x[forbidden];
  out.sigma_forbidden = std::exp(x[forbidden + 1]);
  for (std::size_t line = 0; line < k_n_all_lines; ++line) {
    const LineInfo& info = k_all_lines[line];
    const std::size_t shape = info.balmer ? k_shape : forbidden, component = k_table.first[line];
    const double shift = x[shape], sigma = std::exp(x[shape + 1]);
    if (component == k_n_components) {
      if (rough) continue;
      const LineApart apart = measure_apart(s, residual, continuum, good, info, shift, sigma);
      out.outside[line] = !apart.covered;
      if (!apart.covered) continue;
      out.flux[line] = apart.flux;
      out.flux_variance[line] = apart.variance;
      add_apart(s, info, shift, sigma, apart.flux, out.model);
    } else {
      const Component& c = k_components[component];
      out.outside[line] = !system.covered(component);
      if (out.outside[line]) continue;
      out.flux[line] = c.share * x[c.flux];
      out.flux_variance[line] = c.share * c.share * variance(c.flux);
      if (lines::n_components(info) == 2) {
        const std::size_t other = k_components[component + 1].flux;
        out.flux[line] += x[other];
        out.flux_variance[line] += variance(other) + 2 * a.covariance[c.flux * k_n + other];
      }
    }
    out.sigma_v[line] = sigma;
    out.sigma_variance[line] = sigma * sigma * variance(shape + 1);
    out.shift[line] = shift;
    out.shift_variance[line] = variance(shape);
  }
  system.add_model(x, a.how, false, out.model);
  out.chi2 = a.best.cost;
  out.pixels = system.pixels();
}

}  // namespace

LineFit fit_lines(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
                  std::span<const std::uint8_t> good, const LineFit* earlier, bool rough) {
  LineFit out = nothing(s.size());
  if (s.size() < 3 || !std::isfinite(s.z) || s.z <= -0.9) return out;
  System system(s, residual, continuum, good);
  std::vector<Solution> starts;
  if (earlier != nullptr && earlier->sigma_forbidden > 0)
    starts.push_back(start_at(earlier->v_forbidden, earlier->sigma_forbidden));
  else
    for (const double sigma : {60.0, 120.0, 240.0, 420.0}) starts.push_back(start_at(0, sigma));
  const Answer a = descend(system, starts, false, rough);
  if (a.good) report(s, residual, continuum, good, system, a, out, rough);
  return out;
}

LineFit fit_broad_lines(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
                        std::span<const std::uint8_t> good, double sigma) {
  LineFit out = nothing(s.size());
  const auto clear = without_other_lines(s, good);
  System wide(s, residual, continuum, clear, true);
  std::vector<Solution> narrow, both;
  for (const double own : {60.0, 120.0, 240.0, 420.0}) {
    narrow.push_back(start_at(0, own));
    if (own < 400)
      for (const double broad : {600.0, 1100.0, 2000.0, 3400.0}) both.push_back(start_at(0, own, broad));
  }
  const Answer without = descend(wide, narrow, false);
  both.push_back(start_at(without.best.x[k_shape], std::exp(without.best.x[k_shape + 1]), sigma));
  const Answer with = descend(wide, both, true);
  if (!without.good || !with.good) return out;
  const auto& x = with.best.x;
  const auto variance = [&](std::size_t k) { return with.covariance[k * k_n + k]; };
  BroadLines& b = out.broad;
  const double width = std::exp(x[k_broad_shape + 1]);
  b.sigma_v = width;
  b.shift = x[k_broad_shape];
  struct Seen {
    std::size_t line;
    double flux, error, level, snr;
  };
  std::vector<Seen> seen;
  for (const Component& c : k_components) {
    if (!c.broad || !(variance(c.flux) > 0)) continue;
    const auto line = static_cast<std::size_t>(
        std::ranges::find_if(k_all_lines, [&](const LineInfo& l) { return l.balmer && l.wave_vac == c.wave; }) -
        k_all_lines.begin());
    // The shapes of starlight and of the narrow line are not known better than this.
    const double at = c.wave * (1 + s.z), level = continuum[std::min(pixel_at(s, at), s.size() - 1)],
                 doubt = std::hypot(k_broad_doubt * level * 2.5066 * width / k_light_kms * at,
                                    k_wing_doubt * x[k_components[k_table.first[line]].flux]);
    seen.push_back(
        {line, x[c.flux], std::sqrt(variance(c.flux)), level, x[c.flux] / std::sqrt(variance(c.flux) + doubt * doubt)});
  }
  if (seen.empty()) return out;
  const Seen& strongest = *std::ranges::max_element(seen, {}, &Seen::snr);
  const double scale = std::max(1.0, with.best.cost / static_cast<double>(std::max<std::size_t>(wide.pixels(), 1)));
  b.delta_chi2 = (without.best.cost - with.best.cost) / scale;
  // Laplace's approximation: of each unknown the share of its prior that the data leave.
  const auto left = [](double error, double range) { return std::min(0.0, std::log(2.5066 * error / range)); };
  b.log_odds = 0.5 * b.delta_chi2 - k_broad_log_rarity +
               left(std::sqrt(variance(k_broad_shape)), 2.5066 * k_broad_shift_prior) +
               left(std::sqrt(variance(k_broad_shape + 1)), 2.5066 * k_broad_width_prior);
  for (const Seen& one : seen) {
    const double range = one.line == strongest.line
                             ? k_broad_most_ew * one.level * (1 + s.z)
                             : 2 * std::fabs(strongest.flux) * case_b(one.line) / case_b(strongest.line);
    if (range > 0) b.log_odds += left(one.error, range);
  }
  const bool measured = width > 1.01 * k_min_broad;  // wings of narrow lines run to the least width that is allowed
  b.found = measured && strongest.snr > k_broad_snr && b.log_odds > k_broad_least_odds;
  if (!b.found) return out;
  b.sigma_variance = width * width * variance(k_broad_shape + 1);
  b.shift_variance = variance(k_broad_shape);
  for (const Seen& one : seen) {
    b.flux[one.line] = one.flux;
    b.flux_variance[one.line] = one.error * one.error;
  }
  // Lines that take no part are measured beside the broad ones, not upon them.
  b.model.assign(s.size(), 0.0);
  wide.add_model(x, with.how, true, b.model);
  std::vector<double> beside(residual.begin(), residual.end());
  for (std::size_t i = 0; i < s.size(); ++i) beside[i] -= b.model[i];
  report(s, beside, continuum, good, wide, with, out);
  for (std::size_t i = 0; i < s.size(); ++i) out.model[i] += b.model[i];
  return out;
}

}  // namespace starglow
