#pragma once
#include <string>
#include <utility>
#include <vector>

#include "starglow/judge/calibration.hpp"
#include "starglow/judge/evaluate.hpp"
#include "starglow/report/figure.hpp"

namespace starglow {

/// Galaxies of one colour, judged apart.
struct ColourPart {
  std::string name;  ///< "blue", "red"
  std::size_t n = 0;
  Evaluation points;
  Calibration distributions;  ///< without scores for point predictions
};

/// What `evaluate --report` shows.
struct Report {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts, provenance;  ///< shown at the top; at the end
  Evaluation points;
  Calibration distributions;
  double colour_split = 0;  ///< log10 F_11/F_0: bluer galaxies are "blue"
  std::vector<ColourPart> colours;
  std::vector<Figure> figures;
  std::string text;  ///< the tables as printed, for copying
};

/// Judges predictions (the first is the one reported on) as evaluate() and calibrate() do, for all galaxies and for
/// each half of the median colour log10 F_11/F_0 (6700-7000 A over 3400-3700 A).
Report make_report(const Galaxies& table, const std::vector<NamedPrediction>& predictions, const Evaluation& points,
                   const Calibration* distributions, std::size_t draws, std::int64_t resamples, std::uint64_t seed,
                   WorkerPool& pool);

/// The report as one HTML file that needs no other: tables, figures as SVG, light and dark.
std::string report_html(const Report& report);

/// A page of figures alone, in the same style.
std::string figures_html(const std::string& title, const std::vector<std::pair<std::string, std::string>>& facts,
                         const std::vector<Figure>& figures,
                         const std::vector<std::pair<std::string, std::string>>& provenance);

/// The figures: distributions of EW (all, blue, red), detected fractions, observed against predicted; for predictions
/// with a distribution also PIT, coverage by quintiles, the BPT plane and residual correlations. Draws of one noisy
/// realisation and their number follow calibrate().
std::vector<Figure> report_figures(const Galaxies& table, const NamedPrediction& prediction,
                                   const Calibration* distributions, std::size_t draws, std::uint64_t seed,
                                   double colour_split);

/// log10 F_11/F_0 of each row, NaN where a band is missing.
std::vector<double> continuum_colour(const Galaxies& table);

}  // namespace starglow
