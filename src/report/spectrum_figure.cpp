#include "starglow/report/spectrum_figure.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"
#include "starglow/base/lines.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_main_bin = 4;
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

struct Zoom {
  const char* title;
  double lo, hi;  // rest frame, A
};
constexpr std::array<Zoom, 5> k_zooms{{{"[O II]", 3690, 3770},
                                       {"Hγ", 4300, 4385},
                                       {"Hβ, [O III]", 4820, 5060},
                                       {"Hα, [N II]", 6500, 6630},
                                       {"[S II]", 6670, 6780}}};

bool good(const SpectrumView& s, std::size_t i) {
  return std::isfinite(s.flux[i]) && (s.ivar.empty() || s.ivar[i] > 0) && (s.mask.empty() || s.mask[i] == 0);
}

/// Means over bins of good pixels, weighted by ivar where there is one, and their errors.
void add_data(const SpectrumView& s, std::size_t first, std::size_t last, std::size_t bin, FigurePanel& panel) {
  if (s.flux.empty()) return;
  FigureSeries line{"observed", "line", {}, {}}, band{"noise, 1 sigma", "band", {}, {}},
      masked{"masked", "points", {}, {}};
  for (std::size_t i = first; i < last; i += bin) {
    double weights = 0, sum = 0, wave = 0;
    const std::size_t end = std::min(i + bin, last);
    for (std::size_t j = i; j < end; ++j) {
      wave += s.wave_obs[j] / static_cast<double>(end - i);
      if (!good(s, j)) continue;
      const double w = s.ivar.empty() ? 1 : s.ivar[j];
      weights += w;
      sum += w * s.flux[j];
    }
    const double flux = weights > 0 ? sum / weights : k_nan;
    line.x.push_back(wave);
    line.y.push_back(flux);
    if (weights == 0) masked.x.push_back(wave);
    if (s.ivar.empty()) continue;
    const double sigma = weights > 0 ? 1 / std::sqrt(weights) : k_nan;
    band.x.push_back(wave);
    band.y_low.push_back(flux - sigma);
    band.y_high.push_back(flux + sigma);
  }
  masked.y.assign(masked.x.size(), 0.0);
  if (!s.ivar.empty()) panel.series.push_back(std::move(band));
  panel.series.push_back(std::move(line));
  if (!masked.x.empty()) panel.series.push_back(std::move(masked));
}

void add_models(const SpectrumPlot& p, std::size_t first, std::size_t last, FigurePanel& panel) {
  FigureSeries continuum{"starlight", "line", {}, {}}, painted{"starlight and painted lines", "line", {}, {}};
  for (std::size_t i = first; i < last; ++i) {
    if (!p.continuum.empty()) {
      continuum.x.push_back(p.data.wave_obs[i]);
      continuum.y.push_back(p.continuum[i]);
    }
    if (p.lines.empty()) continue;
    painted.x.push_back(p.data.wave_obs[i]);
    painted.y.push_back(p.lines[i] + (p.continuum.empty() ? 0 : p.continuum[i]));
  }
  if (!painted.x.empty()) panel.series.push_back(std::move(painted));
  if (!continuum.x.empty()) panel.series.push_back(std::move(continuum));
}

// From what is drawn: models whole, data without their worst outliers.
std::pair<double, double> range_of(const FigurePanel& panel) {
  double lo = 0, hi = 0;
  for (const auto& s : panel.series) {
    std::vector<double> values;
    for (const double y : s.y)
      if (std::isfinite(y)) values.push_back(y);
    if (values.empty()) continue;
    std::sort(values.begin(), values.end());
    const std::size_t cut = s.label == "observed" ? values.size() / 500 : 0;
    lo = std::min(lo, values[cut]);
    hi = std::max(hi, values[values.size() - 1 - cut]);
  }
  return {lo - 0.05 * (hi - lo), hi + 0.08 * (hi - lo)};
}

// Data beyond the frame are told, not cut in silence.
void tell_beyond(FigurePanel& panel) {
  std::size_t above = 0, below = 0;
  for (const auto& s : panel.series)
    if (s.label == "observed")
      for (const double y : s.y) {
        above += y > panel.y_range.second ? 1U : 0U;
        below += y < panel.y_range.first ? 1U : 0U;
      }
  if (above > 0) panel.note = std::to_string(above) + " above";
  if (below > 0) panel.note += (panel.note.empty() ? "" : ", ") + std::to_string(below) + " below";
}

}  // namespace

Figure spectrum_figure(const SpectrumPlot& p) {
  const auto wave = p.data.wave_obs;
  const double z = p.data.z;
  if (wave.size() < 2 || !(z > -1) || !std::isfinite(z))
    throw Error(ErrorKind::usage, "a spectrum without pixels or redshift cannot be drawn",
                {std::to_string(wave.size()) + " pixels, z = " + std::to_string(z), "", ""});
  Figure f;
  f.name = p.name;
  f.kind = "spectrum";
  f.title = "TARGETID " + std::to_string(p.data.targetid) + ", z = " + std::to_string(z);
  f.caption = p.caption;
  f.x = {"observed wavelength (vacuum)", "Angstrom"};
  f.y = {"flux density", "1e-17 erg/s/cm2/Angstrom"};
  f.n = 1;
  FigurePanel main{"spectrum", {}};
  add_data(p.data, 0, wave.size(), k_main_bin, main);
  add_models(p, 0, wave.size(), main);
  FigureSeries bands{"twelve bands", "steps", {}, {}};
  for (std::size_t b = 0; b < p.band_flux.size() && b < k_n_bands; ++b) {
    bands.x.push_back(band_lo(b) * (1 + z));
    bands.y.push_back(p.band_flux[b]);
  }
  if (bands.y.size() == k_n_bands) {
    bands.x.push_back(band_hi(k_n_bands - 1) * (1 + z));
    main.series.push_back(std::move(bands));
  }
  main.x_range = {wave.front(), wave.back()};
  main.y_range = range_of(main);
  tell_beyond(main);
  f.panels.push_back(std::move(main));
  for (const Zoom& zoom : k_zooms) {
    const double lo = zoom.lo * (1 + z), hi = zoom.hi * (1 + z);
    if (!(lo >= wave.front() && hi <= wave.back())) continue;
    const auto first = static_cast<std::size_t>(std::lower_bound(wave.begin(), wave.end(), lo) - wave.begin());
    const auto last = static_cast<std::size_t>(std::upper_bound(wave.begin(), wave.end(), hi) - wave.begin());
    FigurePanel panel{zoom.title, {}};
    add_data(p.data, first, last, 1, panel);
    add_models(p, first, last, panel);
    panel.x_range = {lo, hi};
    panel.y_range = range_of(panel);
    tell_beyond(panel);
    f.panels.push_back(std::move(panel));
  }
  return f;
}

}  // namespace starglow
