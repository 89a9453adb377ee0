// What the report draws, as numbers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "judge/noisy.hpp"
#include "report/contours.hpp"
#include "report/figure_text.hpp"
#include "starglow/base/bpt.hpp"
#include "starglow/judge/metrics.hpp"
#include "starglow/report/report.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_bins = 100, k_histogram_bins = 40, k_curve_points = 200, k_most_points = 2500;
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

double quantile_of_sorted(const std::vector<double>& v, double p) {
  const double at = p * static_cast<double>(v.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  return std::lerp(v[low], v[std::min(low + 1, v.size() - 1)], at - static_cast<double>(low));
}

// Fraction of v at or below each of k_bins + 1 places from 0 to `end`.
FigureSeries cumulative(const std::string& label, const std::string& style, std::vector<double> v, double end) {
  std::sort(v.begin(), v.end());
  FigureSeries s{label, style, {}, {}};
  for (std::size_t k = 0; k <= k_bins; ++k) {
    const double x = end * static_cast<double>(k) / k_bins;
    s.x.push_back(x);
    s.y.push_back(static_cast<double>(std::upper_bound(v.begin(), v.end(), x) - v.begin()) /
                  static_cast<double>(std::max<std::size_t>(v.size(), 1)));
  }
  return s;
}

FigureSeries histogram(const std::string& label, const std::vector<double>& v, double low, double high) {
  FigureSeries s{label, "steps", {}, std::vector<double>(k_histogram_bins, 0.0)};
  for (std::size_t k = 0; k <= k_histogram_bins; ++k)
    s.x.push_back(low + (high - low) * static_cast<double>(k) / k_histogram_bins);
  const double width = (high - low) / k_histogram_bins;
  for (const double x : v)
    if (x >= low && x < high)
      s.y[std::min<std::size_t>(k_histogram_bins - 1, static_cast<std::size_t>((x - low) / width))] +=
          1 / (width * static_cast<double>(v.size()));
  return s;
}

// The rows of one line that are judged, and what stands beside each other on them.
struct LineSample {
  std::vector<double> observed, predicted, noisy, snr;  ///< noisy: one positive draw with noise
  std::vector<double> noisy_snr;                        ///< of all positive noisy draws
};

LineSample sample_of(const Galaxies& g, const Noisy& noisy, std::size_t line, const std::vector<std::uint8_t>& rows) {
  LineSample s;
  std::vector<double> draws(noisy.n());
  for (std::size_t i = 0; i < g.n; ++i) {
    if (rows[i] == 0 || !measured(g, i, line) || !std::isfinite(noisy.prediction().ew(i, line))) continue;
    const double sigma = noisy.sigma(i, line);
    noisy.fill(i, line, draws);
    const auto first = std::find_if(draws.begin(), draws.end(), [](double x) { return x > 0; });
    if (first == draws.end()) continue;
    s.observed.push_back(static_cast<double>(g.ew(i, line)));
    s.predicted.push_back(noisy.prediction().ew(i, line));
    s.noisy.push_back(*first);
    s.snr.push_back(s.observed.back() / sigma);
    for (const double x : draws)
      if (x > 0) s.noisy_snr.push_back(x / sigma);
  }
  return s;
}

Figure ew_distributions(const std::string& name, const std::string& which, const std::vector<LineSample>& samples,
                        std::size_t n, bool as_histogram) {
  Figure f{name,
           as_histogram ? "steps" : "lines",
           (as_histogram ? "Histograms of EW, " : "Cumulative distributions of EW, ") + which,
           "Measured lines (EW > 0). Predicted: medians of the same galaxies. With noise: one draw per galaxy with the "
           "galaxy's own error, given EW > 0 as in the measurements.",
           {as_histogram ? "asinh(EW / Å)" : "EW", as_histogram ? "" : "Angstrom"},
           {as_histogram ? "density" : "fraction of galaxies", ""},
           {},
           n};
  for (std::size_t j = 0; j < k_n_independent_lines; ++j) {
    const LineSample& s = samples[j];
    FigurePanel panel{line_title(k_independent_lines[j]), {}};
    if (s.observed.size() > 1) {
      std::vector<double> sorted = s.observed;
      std::sort(sorted.begin(), sorted.end());
      const double end = quantile_of_sorted(sorted, 0.95);
      const auto compressed = [](std::vector<double> v) {
        for (double& x : v) x = std::asinh(x);
        return v;
      };
      const double top = std::asinh(quantile_of_sorted(sorted, 0.995));
      std::vector<double> faint;
      for (std::size_t i = 0; i < s.observed.size(); ++i)
        if (s.snr[i] < 3) faint.push_back(s.observed[i]);
      if (as_histogram)
        panel.series = {histogram("observed", compressed(s.observed), 0, top),
                        histogram("predicted", compressed(s.predicted), 0, top),
                        histogram("predicted + noise", compressed(s.noisy), 0, top)};
      else
        panel.series = {
            cumulative("observed", "dash", s.observed, end), cumulative("predicted", "line", s.predicted, end),
            cumulative("predicted + noise", "line", s.noisy, end), cumulative("observed, S/N < 3", "line", faint, end)};
      if (!as_histogram) panel.y_range = {0, 1};
    }
    f.panels.push_back(std::move(panel));
  }
  return f;
}

Figure detected_fractions(const std::vector<LineSample>& samples, std::size_t n) {
  Figure f{"detected_fractions",
           "lines",
           "Fraction of lines above a cut in S/N",
           "Measured lines (EW > 0). Predicted + noise: all positive noisy draws of the same galaxies.",
           {"cut in EW / σ", ""},
           {"fraction above", ""},
           {},
           n};
  constexpr std::array<double, 10> cuts{0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30};
  for (std::size_t j = 0; j < k_n_independent_lines; ++j) {
    FigurePanel panel{line_title(k_independent_lines[j]), {}, {}, {}, {0, 1}};
    const auto above = [&](const std::string& label, const std::string& style, const std::vector<double>& snr) {
      FigureSeries s{label, style, {cuts.begin(), cuts.end()}, {}};
      for (const double cut : cuts)
        s.y.push_back(static_cast<double>(std::count_if(snr.begin(), snr.end(), [cut](double x) { return x > cut; })) /
                      static_cast<double>(std::max<std::size_t>(snr.size(), 1)));
      panel.series.push_back(std::move(s));
    };
    above("observed", "dash", samples[j].snr);
    above("predicted + noise", "line", samples[j].noisy_snr);
    f.panels.push_back(std::move(panel));
  }
  return f;
}

Figure observed_against_predicted(const std::vector<LineSample>& samples, std::size_t n) {
  Figure f{
      "observed_predicted",
      "points",
      "Observed against predicted",
      "Only some points are drawn. The band contains the central 68 % of the observed EWs around their running median. "
      "NMAD as in K24, not centred. Outside: galaxies beyond the axes.",
      {"predicted asinh(EW / Å)", ""},
      {"observed asinh(EW / Å)", ""},
      {},
      n};
  for (std::size_t j = 0; j < k_n_independent_lines; ++j) {
    const LineSample& s = samples[j];
    FigurePanel panel{line_title(k_independent_lines[j]), {}};
    std::vector<std::pair<double, double>> pairs;
    for (std::size_t i = 0; i < s.observed.size(); ++i)
      pairs.emplace_back(std::asinh(s.predicted[i]), std::asinh(s.observed[i]));
    std::sort(pairs.begin(), pairs.end());
    if (pairs.size() >= 40) {
      FigureSeries points{"galaxies", "points", {}, {}}, band{"68 %", "band", {}, {}}, median{"median", "line", {}, {}};
      const std::size_t stride = pairs.size() / k_most_points + 1;
      for (std::size_t i = 0; i < pairs.size(); i += stride) {
        points.x.push_back(pairs[i].first);
        points.y.push_back(pairs[i].second);
      }
      constexpr std::size_t groups = 16;
      for (std::size_t b = 0; b < groups; ++b) {
        std::vector<double> x, y;
        for (std::size_t i = b * pairs.size() / groups; i < (b + 1) * pairs.size() / groups; ++i) {
          x.push_back(pairs[i].first);
          y.push_back(pairs[i].second);
        }
        std::sort(y.begin(), y.end());
        band.x.push_back(x[x.size() / 2]);
        band.y_low.push_back(quantile_of_sorted(y, 0.16));
        band.y_high.push_back(quantile_of_sorted(y, 0.84));
        median.x.push_back(x[x.size() / 2]);
        median.y.push_back(quantile_of_sorted(y, 0.5));
      }
      const double top = std::max(pairs.back().first, quantile_of_sorted(
                                                          [&] {
                                                            std::vector<double> y;
                                                            for (const auto& p : pairs) y.push_back(p.second);
                                                            std::sort(y.begin(), y.end());
                                                            return y;
                                                          }(),
                                                          0.995));
      panel.x_range = panel.y_range = {0, top};
      const auto outside = std::count_if(pairs.begin(), pairs.end(), [top](const auto& p) {
        return p.first < 0 || p.first > top || p.second < 0 || p.second > top;
      });
      panel.note = fmt::format("N = {}\nSpearman's ρ = {:.3f}\nNMAD = {:.2f} Å\n{} outside", pairs.size(),
                               spearman(s.observed, s.predicted), nmad_k24(s.observed, s.predicted), outside);
      panel.series = {points, band, median, {"one to one", "dash", {0, top}, {0, top}}};
    }
    f.panels.push_back(std::move(panel));
  }
  return f;
}

Figure pit_figure(const DistributionScores& s, std::size_t n) {
  Figure f{"pit",
           "steps",
           "Probability integral transform",
           "Flat if the predicted distributions are calibrated. Predictions include measurement noise, given EW > 0.",
           {"predicted probability of a smaller EW", ""},
           {"density", ""},
           {},
           n};
  for (const auto line : k_independent_lines) {
    const auto& pit = s.lines[line].pit;
    FigureSeries bins{"measurements", "steps", {}, {pit.begin(), pit.end()}};
    for (std::size_t k = 0; k <= pit.size(); ++k)
      bins.x.push_back(static_cast<double>(k) / static_cast<double>(pit.size()));
    f.panels.push_back({line_title(line), {bins, {"flat", "dash", {0, 1}, {1, 1}}}, {}, {0, 1}, {0, 2}});
  }
  return f;
}

Figure coverage_figure(const DistributionScores& s, std::size_t n) {
  Figure f{"coverage",
           "lines",
           "Coverage of the central 68 % by quintiles",
           "Fraction of measurements inside the central 68 %, in five equal groups of each quantity, from low to high.",
           {"quintile", ""},
           {"fraction inside", ""},
           {},
           n};
  for (std::size_t split = 0; split < k_splits.size(); ++split) {
    FigurePanel panel{k_splits[split], {}, {}, {0.7, 5.3}, {0.4, 1.0}};
    for (const auto line : k_independent_lines) {
      const auto& c = s.lines[line].coverage68[split];
      panel.series.push_back({line_title(line), "line", {1, 2, 3, 4, 5}, {c.begin(), c.end()}});
    }
    panel.series.push_back({"68.3 %", "dash", {0.7, 5.3}, {0.683, 0.683}});
    f.panels.push_back(std::move(panel));
  }
  return f;
}

Figure bpt_figure(const Galaxies& g, const Noisy& noisy) {
  constexpr std::array<std::size_t, 4> lines{2, 4, 6, 7};  // Hbeta, [OIII] 5007, Halpha, [NII] 6584
  FigureSeries observed{"observed", "points", {}, {}}, drawn{"predicted + noise", "points", {}, {}};
  std::array<std::vector<double>, 4> draws;
  for (auto& d : draws) d.resize(noisy.n());
  std::size_t n = 0;
  for (std::size_t i = 0; i < g.n; ++i) {
    if (!std::all_of(lines.begin(), lines.end(), [&](auto l) { return measured(g, i, l); })) continue;
    ++n;
    const auto place = [&](FigureSeries& s, const std::array<double, 4>& ew) {
      s.x.push_back(std::log10(ew[3] / ew[2]));
      s.y.push_back(std::log10(ew[1] / ew[0]));
    };
    std::array<double, 4> ew{};
    for (std::size_t l = 0; l < 4; ++l) ew[l] = static_cast<double>(g.ew(i, lines[l]));
    place(observed, ew);
    for (std::size_t l = 0; l < 4; ++l) noisy.fill(i, lines[l], draws[l]);
    for (std::size_t k = 0; k < noisy.n(); ++k) {
      if (!std::all_of(draws.begin(), draws.end(), [k](const auto& d) { return d[k] > 0; })) continue;
      place(drawn, {draws[0][k], draws[1][k], draws[2][k], draws[3][k]});
      break;
    }
  }
  FigureSeries kauffmann{"Kauffmann et al. 2003", "dash", {}, {}}, kewley{"Kewley et al. 2001", "line", {}, {}};
  for (std::size_t k = 0; k < k_curve_points; ++k) {
    const double x = -2 + 2.4 * static_cast<double>(k) / k_curve_points;
    if (x < 0.0) {
      kauffmann.x.push_back(x);
      kauffmann.y.push_back(kauffmann_border(x));
    }
    if (x < 0.35) {
      kewley.x.push_back(x);
      kewley.y.push_back(kewley_border(x));
    }
  }
  Figure f{"bpt",
           "points",
           "Diagnostic diagram",
           "Ratios of EWs (not of fluxes) of the galaxies with all four lines measured, and one noisy draw of each in "
           "which all four are positive. Contours contain 68 and 95 % of the points.",
           {"log EW([N II] 6584) / EW(Hα)", ""},
           {"log EW([O III] 5007) / EW(Hβ)", ""},
           {},
           n};
  constexpr std::pair<double, double> x_range{-1.8, 0.8}, y_range{-1.4, 1.4};
  constexpr std::array<double, 2> fractions{0.68, 0.95};
  for (auto* s : {&observed, &drawn}) {
    FigurePanel panel{s->label, {*s, kauffmann, kewley}, {}, x_range, y_range};
    const auto contours = density_contours(s->x, s->y, fractions, x_range, y_range);
    for (std::size_t k = 0; k < fractions.size(); ++k)
      if (!contours[k].x.empty())
        panel.series.push_back({fmt::format("{:.0f} %", 100 * fractions[k]), "line", contours[k].x, contours[k].y});
    panel.note = fmt::format("N {}", s->x.size());
    f.panels.push_back(std::move(panel));
  }
  return f;
}

Figure correlation_figure(const DistributionScores& s, std::size_t n) {
  Figure f{"residual_correlations",
           "matrix",
           "Rank correlations of the residuals",
           "Residual: asinh EW minus asinh of the predicted median. Drawn: noisy draws of the same galaxies and lines.",
           {"", ""},
           {"", ""},
           {},
           n};
  const auto panel = [&](const std::string& title, auto value) {
    FigureMatrix m;
    for (const auto line : k_independent_lines) m.rows.push_back(line_title(line));
    m.columns = m.rows;
    m.values.assign(k_n_independent_lines, std::vector<double>(k_n_independent_lines, k_nan));
    std::size_t pair = 0;
    for (std::size_t i = 0; i < k_n_independent_lines; ++i)
      for (std::size_t j = i + 1; j < k_n_independent_lines; ++j, ++pair) m.values[i][j] = m.values[j][i] = value(pair);
    f.panels.push_back({title, {}, std::move(m)});
  };
  panel("observed", [&](std::size_t k) { return s.correlation_observed[k]; });
  panel("drawn", [&](std::size_t k) { return s.correlation_drawn[k]; });
  panel("drawn minus observed", [&](std::size_t k) { return s.correlation_drawn[k] - s.correlation_observed[k]; });
  return f;
}

}  // namespace

std::vector<double> continuum_colour(const Galaxies& g) {
  std::vector<double> out(g.n, k_nan);
  for (std::size_t i = 0; i < g.n && !g.band_flux.empty(); ++i) {
    const double red = g.band_flux(i, k_n_bands - 1), blue = g.band_flux(i, 0);
    if (red > 0 && blue > 0 && std::isfinite(red) && std::isfinite(blue)) out[i] = std::log10(red / blue);
  }
  return out;
}

std::vector<Figure> report_figures(const Galaxies& g, const NamedPrediction& prediction,
                                   const Calibration* distributions, std::size_t draws, std::uint64_t seed,
                                   double colour_split) {
  const Noisy noisy(g, prediction, std::max<std::size_t>(draws, 16), seed);
  const std::vector<double> colour = continuum_colour(g);
  const auto samples = [&](auto wanted, std::size_t& n) {
    std::vector<std::uint8_t> rows(g.n);
    n = 0;
    for (std::size_t i = 0; i < g.n; ++i) n += rows[i] = wanted(colour[i]) ? 1 : 0;
    std::vector<LineSample> out;
    for (const auto line : k_independent_lines) out.push_back(sample_of(g, noisy, line, rows));
    return out;
  };
  std::size_t n_all = 0, n_blue = 0, n_red = 0;
  const auto all = samples([](double) { return true; }, n_all);
  const auto blue = samples([&](double c) { return c < colour_split; }, n_blue);
  const auto red = samples([&](double c) { return c >= colour_split; }, n_red);
  std::vector<Figure> out{ew_distributions("ew_cumulative", "all galaxies", all, n_all, false),
                          ew_distributions("ew_histograms", "all galaxies", all, n_all, true),
                          ew_distributions("ew_cumulative_blue", "blue galaxies", blue, n_blue, false),
                          ew_distributions("ew_cumulative_red", "red galaxies", red, n_red, false),
                          detected_fractions(all, n_all),
                          observed_against_predicted(all, n_all)};
  if (distributions != nullptr && !distributions->scores.empty()) {
    const auto& s = distributions->scores.front();
    out.push_back(pit_figure(s, n_all));
    out.push_back(coverage_figure(s, n_all));
    out.push_back(bpt_figure(g, noisy));
    out.push_back(correlation_figure(s, n_all));
  }
  return out;
}

}  // namespace starglow
