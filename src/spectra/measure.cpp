#include "starglow/spectra/measure.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "spectra/line_windows.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/spectra/extinction.hpp"
#include "starglow/spectra/side_bands.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr double k_limit = 1.6448536269514722;
constexpr std::size_t k_shard = 4;
// Falls of chi2 by broad lines in the quick look. The starlight of the first look has taken a part of wide lines: one
// in six spectra without any has as much. That of the second was fitted beside them.
constexpr double k_hint = 2, k_second_hint = 5.5;

// A copy without the Milky Way's dust.
struct Dereddened {
  std::vector<double> flux, ivar;
};
Dereddened deredden(const SpectrumView& s) {
  Dereddened out{{s.flux.begin(), s.flux.end()}, {s.ivar.begin(), s.ivar.end()}};
  for (std::size_t i = 0; i < s.size(); ++i) {
    const double t = milky_way_transmission(s.wave_obs[i], s.ebv);
    out.flux[i] /= t;
    if (!out.ivar.empty()) out.ivar[i] *= t * t;
  }
  return out;
}

void no_numbers(Measurement& m) {
  m.bands.flux.fill(k_nan);
  m.bands.ivar.fill(0);
  m.bands.good_pixels.fill(0);
  for (auto* values :
       {&m.ew, &m.ew_limit, &m.flux, &m.flux_limit, &m.sigma_v, &m.v_shift, &m.continuum, &m.broad.flux, &m.broad.ew})
    values->fill(k_nan);
  for (auto* values : {&m.ew_ivar, &m.flux_ivar, &m.sigma_ivar, &m.v_shift_ivar, &m.continuum_ivar, &m.broad.flux_ivar,
                       &m.broad.ew_ivar})
    values->fill(0);
  m.broad.sigma_v = m.broad.v_shift = m.broad.delta_chi2 = m.broad.log_odds = k_nan;
  m.broad.sigma_ivar = m.broad.v_shift_ivar = 0;
  m.break_4000 = m.lick_hdelta = {k_nan, 0};
  m.break_4000_model = m.snr = m.vdisp = m.v_stars = k_nan;
}

// Width of the windows for the second fit: wide enough for the lines found, narrow enough to see the Balmer absorption.
double window_of(const LineFit& fit) {
  double widest = 120;
  for (std::size_t i = 0; i < k_n_lines; ++i)
    if (fit.flux_variance[i] > 0 && fit.flux[i] * fit.flux[i] > 25 * fit.flux_variance[i])
      widest = std::max(widest, fit.sigma_v[i]);
  return std::min(4 * std::hypot(widest, 70.0), k_galaxy_window);
}

double inverse(double variance) { return variance > 0 ? 1 / variance : 0; }

// Broad Balmer lines, where a quick look finds a hint of them: starlight is fitted once more beside them, as far out as
// they reach, then all lines together. True where they are there; starlight and fit are the new ones then.
bool fit_broad(const SpectrumView& s, const TemplateSet& templates, const std::vector<std::uint8_t>& good,
               std::vector<double>& residual, ContinuumFit& starlight, LineFit& fit, BroadMeasurement& out) {
  BroadHint hint = look_for_broad_lines(s, residual, starlight.model, good, fit);
  if (hint.gain < k_hint) return false;
  double window = k_broad_window;
  for (int round = 0; round < 2; ++round) {
    auto use = line_windows(s, k_galaxy_window, true, window);
    for (std::size_t i = 0; i < s.size(); ++i) use[i] = good[i] != 0 && use[i] == 0 ? 1 : 0;
    ContinuumFit beside = fit_continuum(s, templates, use, &starlight);
    if (!beside.good) return false;
    std::vector<double> rest(s.size());
    for (std::size_t i = 0; i < s.size(); ++i) rest[i] = s.flux[i] - beside.model[i];
    if (round == 0) {
      hint = look_for_broad_lines(s, rest, beside.model, good, fit);
      if (hint.gain < k_second_hint) return false;
    }
    LineFit both = fit_broad_lines(s, rest, beside.model, good, hint.sigma);
    out.delta_chi2 = both.broad.delta_chi2;
    out.log_odds = both.broad.log_odds;
    if (!both.broad.found) return false;
    const double wanted = std::min(2.5 * both.broad.sigma_v, 2 * k_broad_window);
    if (round == 0 && wanted > 1.2 * window) {
      window = wanted;
      hint.sigma = both.broad.sigma_v;
      continue;
    }
    starlight = std::move(beside);
    fit = std::move(both);
    residual = std::move(rest);
    return true;
  }
  return false;
}

void tell_broad(const SpectrumView& s, const BroadLines& broad, Measurement& m) {
  m.flags |= k_broad_line;
  m.broad.sigma_v = broad.sigma_v;
  m.broad.v_shift = broad.shift;
  m.broad.sigma_ivar = s.ivar.empty() ? 0 : inverse(broad.sigma_variance);
  m.broad.v_shift_ivar = s.ivar.empty() ? 0 : inverse(broad.shift_variance);
  for (std::size_t line = 0; line < k_n_all_lines; ++line) {
    if (!(broad.flux_variance[line] > 0)) continue;
    m.broad.flux[line] = broad.flux[line];
    m.broad.flux_ivar[line] = s.ivar.empty() ? 0 : 1 / broad.flux_variance[line];
    const double level = m.continuum[line], variance = m.continuum_ivar[line] > 0 ? 1 / m.continuum_ivar[line] : 0;
    if (!(level > 0) || !(level * level > 4 * variance)) continue;
    const double scale = 1 / (level * (1 + s.z)), ew = broad.flux[line] * scale;
    m.broad.ew[line] = ew;
    m.broad.ew_ivar[line] =
        s.ivar.empty() ? 0 : 1 / (broad.flux_variance[line] * scale * scale + ew * ew * variance / (level * level));
  }
}

void measure_indices(const SpectrumView& s, const std::vector<std::uint8_t>& good, const ContinuumFit& starlight,
                     Measurement& m) {
  constexpr auto hdelta = line_index("HDELTA");
  const double emission = m.flux_ivar[hdelta] > 0 ? 1 / m.flux_ivar[hdelta] : 0;
  m.break_4000 = break_4000(s, m.line_model, starlight.model, good);
  m.lick_hdelta = lick_hdelta(s, m.line_model, starlight.model, good, emission);
  const std::vector<std::uint8_t> none(s.size(), 1);
  SpectrumView model = s;
  model.flux = starlight.model;
  const std::vector<double> dark(s.size(), 0.0);
  m.break_4000_model = break_4000(model, dark, starlight.model, none).value;
}

void measure_lines(const SpectrumView& s, const TemplateSet& templates, const std::vector<std::uint8_t>& good,
                   ContinuumFit& starlight, bool quasar, Measurement& m) {
  std::vector<double> residual(s.size());
  const auto subtract = [&] {
    for (std::size_t i = 0; i < s.size(); ++i) residual[i] = s.flux[i] - starlight.model[i];
  };
  subtract();
  LineFit fit = fit_lines(s, residual, starlight.model, good, nullptr, !quasar);
  if (!quasar) {
    auto use = line_windows(s, window_of(fit), true);
    for (std::size_t i = 0; i < s.size(); ++i) use[i] = good[i] != 0 && use[i] == 0 ? 1 : 0;
    ContinuumFit second = fit_continuum(s, templates, use, &starlight);
    if (second.good) {
      starlight = std::move(second);
      subtract();
    }
    fit = fit_lines(s, residual, starlight.model, good, &fit);
  }
  const bool broad = fit_broad(s, templates, good, residual, starlight, fit, m.broad);
  // What the data show beyond starlight and lines, where no further line is ([SII]'s blue side band ends on HeI 6680).
  const auto others = line_windows(s, k_galaxy_window, true);
  std::vector<double> rest(s.size());
  for (std::size_t i = 0; i < s.size(); ++i)
    rest[i] = good[i] != 0 && others[i] == 0 ? residual[i] - fit.model[i] : k_nan;
  for (std::size_t line = 0; line < k_n_all_lines; ++line) {
    const LineInfo& info = k_all_lines[line];
    const bool told = info.every_table;  // FLAGS speak of the ten lines
    const Line which = static_cast<Line>(line);
    double level = side_band_continuum(s.wave_obs, starlight.model, s.z, which, true);
    double variance = std::pow(info.trust * level, 2);
    const MeasuredContinuum seen = measure_side_bands(s.wave_obs, rest, s.ivar, s.z, which);
    if (std::isfinite(seen.mean) && seen.variance > 0) {
      const double share = variance / (variance + seen.variance);
      level += share * seen.mean;
      variance *= 1 - share;
    }
    m.sigma_v[line] = fit.sigma_v[line];
    m.v_shift[line] = fit.shift[line];
    if (!s.ivar.empty()) {
      m.sigma_ivar[line] = inverse(fit.sigma_variance[line]);
      m.v_shift_ivar[line] = inverse(fit.shift_variance[line]);
    }
    if (fit.outside[line] && told) m.flags |= k_line_outside;
    if (fit.flux_variance[line] > 0) {
      m.flux[line] = fit.flux[line];
      m.flux_ivar[line] = s.ivar.empty() ? 0 : 1 / fit.flux_variance[line];
      m.flux_limit[line] = s.ivar.empty() ? k_nan : fit.flux[line] + k_limit * std::sqrt(fit.flux_variance[line]);
    }
    if (!std::isfinite(level)) continue;
    m.continuum[line] = level;
    m.continuum_ivar[line] = variance > 0 ? 1 / variance : 0;
    if (!(level > 0) || !(level * level > 4 * variance)) {
      if (told) m.flags |= k_poor_continuum;
      continue;
    }
    if (!(fit.flux_variance[line] > 0)) continue;
    const double scale = 1 / (level * (1 + s.z)), ew = fit.flux[line] * scale;
    const double ew_variance =
        fit.flux_variance[line] * scale * scale + ew * ew * variance / (level * level) + info.ew_floor * info.ew_floor;
    m.ew[line] = ew;
    m.ew_ivar[line] = s.ivar.empty() ? 0 : 1 / ew_variance;
    m.ew_limit[line] = s.ivar.empty() ? k_nan : ew + k_limit * std::sqrt(ew_variance);
  }
  if (broad) tell_broad(s, fit.broad, m);
  m.line_model = std::move(fit.model);
  measure_indices(s, good, starlight, m);
}

void measure_side_band_ews(const SpectrumView& s, Measurement& m) {
  for (std::size_t line = 0; line < k_n_all_lines; ++line) {
    const SideBandEw e = side_band_ew(s, static_cast<Line>(line));
    if (!std::isfinite(e.ew)) {
      if (k_all_lines[line].every_table) m.flags |= k_line_outside;
      continue;
    }
    m.ew[line] = e.ew;
    m.ew_ivar[line] = e.variance > 0 ? 1 / e.variance : 0;
    m.ew_limit[line] = e.variance > 0 ? e.ew + k_limit * std::sqrt(e.variance) : k_nan;
  }
}

}  // namespace

Measurement measure_spectrum(const SpectrumView& given, const TemplateSet& templates, const MeasureOptions& options,
                             bool quasar) {
  Measurement m;
  no_numbers(m);
  if (!std::isfinite(given.z) || given.z <= -0.9) {
    m.flags |= k_nonfinite;
    return m;
  }
  if (given.z <= 0) m.flags |= k_z_range;
  SpectrumView s = given;
  Dereddened clean;
  if (options.deredden) {
    if (!known_ebv(s.ebv)) {
      m.flags |= k_nonfinite;
      return m;
    }
    clean = deredden(s);
    s.flux = clean.flux;
    s.ivar = clean.ivar;
  }
  const auto good = good_pixels(s);
  ContinuumFit starlight;
  const bool gaussians = options.lines && !options.side_bands;
  if (gaussians || options.recipe == MaskRecipe::robust) {
    auto use = line_windows(s, k_galaxy_window, true, quasar ? k_broad_window : 0);
    for (std::size_t i = 0; i < s.size(); ++i) use[i] = good[i] != 0 && use[i] == 0 ? 1 : 0;
    starlight = fit_continuum(s, templates, use);
  }
  m.bands = options.recipe == MaskRecipe::k24 ? measure_bands_k24(s) : measure_bands_robust(s, starlight.model, quasar);
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    if (!std::isfinite(m.bands.flux[b])) m.flags |= k_band_missing;
    if (m.bands.flux[b] <= 0) m.flags |= k_negative_band;
  }
  if (options.lines && options.side_bands) measure_side_band_ews(s, m);
  if (gaussians) {
    if (starlight.good)
      measure_lines(s, templates, good, starlight, quasar, m);
    else
      m.flags |= k_poor_continuum;
  }
  if (starlight.good) {
    m.snr = s.ivar.empty() ? k_nan : starlight.snr;
    m.vdisp = starlight.sigma_v;
    m.v_stars = starlight.v_shift;
    m.continuum_model = std::move(starlight.model);
  }
  return m;
}

std::vector<Measurement> measure(const Spectra& spectra, std::span<const std::size_t> rows,
                                 const TemplateSet& templates, WorkerPool& pool, const MeasureOptions& options) {
  std::vector<Measurement> out(rows.size());
  pool.for_shards(shard_count(rows.size(), k_shard), [&](std::size_t k) {
    const Shard range = shard(k, rows.size(), k_shard);
    for (std::size_t j = range.first; j < range.last; ++j) {
      const std::size_t i = rows[j];
      const bool quasar = !spectra.spectype.empty() && spectra.spectype[i] == "QSO";
      out[j] = measure_spectrum(spectra.view(i), templates, options, quasar);
      if (!spectra.flags.empty()) out[j].flags |= spectra.flags[i];
    }
  });
  return out;
}

std::vector<Measurement> measure(const Spectra& spectra, const TemplateSet& templates, WorkerPool& pool,
                                 const MeasureOptions& options) {
  std::vector<std::size_t> rows(spectra.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return measure(spectra, rows, templates, pool, options);
}

}  // namespace starglow
