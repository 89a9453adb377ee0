#include "cli/mock_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>

#include "cli/output.hpp"
#include "starglow/base/bpt.hpp"
#include "starglow/report/report.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_points = 1500;  // drawn in a panel
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t at(Line line) { return static_cast<std::size_t>(line); }

// Gunawardhana et al. 2013 (MNRAS 433, 2764), SDSS, z < 0.1: log10 L(Halpha) erg/s before dust, log10 phi Mpc^-3
// dex^-1.
constexpr std::array<double, 6> k_near_l{40.42, 40.82, 41.22, 41.62, 42.02, 42.42},
    k_near_phi{-1.510, -1.798, -2.115, -2.619, -3.210, -3.924};
// Sobral et al. 2013 (MNRAS 428, 1128), table 4, completeness corrected; one magnitude of dust is taken off.
struct Published {
  double z;
  std::vector<double> l, phi;
};
const std::array<Published, 3>& far() {
  static const std::array<Published, 3> k_far{{
      {0.40,
       {40.5, 40.7, 40.9, 41.1, 41.3, 41.5, 41.7, 41.9, 42.2},
       {-1.66, -1.81, -1.96, -2.12, -2.29, -2.46, -2.69, -2.88, -3.56}},
      {0.84, {41.7, 41.85, 42.0, 42.15, 42.3, 42.45, 42.6}, {-1.93, -2.02, -2.18, -2.43, -2.73, -3.01, -3.27}},
      {1.47,
       {42.1, 42.2, 42.3, 42.4, 42.5, 42.6, 42.7, 42.8, 42.9, 43.0},
       {-2.13, -2.25, -2.34, -2.47, -2.62, -2.73, -2.91, -3.18, -3.55, -3.81}},
  }};
  return k_far;
}
// SDSS DR7, MPA-JHU (Brinchmann et al. 2004): fibres of 3 arcsec.
constexpr std::array<double, 2> k_sdss_mass{10.75, 11.25}, k_sdss_ew{1.9, 1.3}, k_sdss_weak{0.58, 0.77};
constexpr std::array<double, 5> k_nii_mass{8.65, 9.25, 9.75, 10.25, 10.75}, k_nii{-0.89, -0.80, -0.57, -0.45, -0.34};

template <class Values>
std::vector<double> list(const Values& values) {
  return {values.begin(), values.end()};
}

double quantile(std::vector<double>& of, double share) {
  if (of.empty()) return k_nan;
  const auto place = static_cast<std::ptrdiff_t>(share * static_cast<double>(of.size() - 1));
  std::nth_element(of.begin(), of.begin() + place, of.end());
  return of[static_cast<std::size_t>(place)];
}

// Medians and the central 68 % in bins of x.
template <class Rows, class X, class Y>
std::vector<FigureSeries> trend(const Rows& rows, X x, Y y, double lo, double hi, double step,
                                const std::string& label) {
  constexpr std::size_t k_least = 20;
  FigureSeries median{label, "line", {}, {}}, band{"68 %", "band", {}, {}};
  for (double from = lo; from < hi - 1e-9; from += step) {
    std::vector<double> values;
    for (const auto& row : rows)
      if (x(row) >= from && x(row) < from + step && std::isfinite(y(row))) values.push_back(y(row));
    if (values.size() < k_least) continue;
    median.x.push_back(from + step / 2);
    median.y.push_back(quantile(values, 0.5));
    band.x.push_back(from + step / 2);
    band.y_low.push_back(quantile(values, 0.16));
    band.y_high.push_back(quantile(values, 0.84));
  }
  return {std::move(band), std::move(median)};
}

double interpolated(const FigureSeries& line, double x) {
  for (std::size_t i = 1; i < line.x.size(); ++i)
    if (x >= line.x[i - 1] && x <= line.x[i])
      return std::lerp(line.y[i - 1], line.y[i], (x - line.x[i - 1]) / (line.x[i] - line.x[i - 1]));
  return k_nan;
}

// Root mean square of line - points, where the line has numbers.
std::string distance(const FigureSeries& line, std::span<const double> x, std::span<const double> y,
                     std::string_view unit) {
  double squares = 0;
  std::size_t n = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double apart = interpolated(line, x[i]) - y[i];
    if (!std::isfinite(apart)) continue;
    squares += apart * apart;
    ++n;
  }
  return n == 0 ? ""
                : fmt::format("rms {:.2f} {} from {} points", std::sqrt(squares / static_cast<double>(n)), unit, n);
}

}  // namespace

void MockReport::add(const StarMock& c) {
  weights_ = !c.sample.weight.empty();
  for (std::size_t g = 0; g < c.galaxies.n; ++g, ++seen_) {
    const double lum[] = {c.halpha_lum_caseb[g], c.luminosity(g, at(Line::HALPHA)),
                          c.luminosity(g, at(Line::OII_DOUBLET)), c.luminosity(g, at(Line::OIII_5007))};
    if (weights_)
      for (std::size_t k = 0; k < 4; ++k) {
        const double place = (std::log10(lum[k]) - k_first) / k_step;
        if (place >= 0 && place < static_cast<double>(k_bins))
          density_[k][static_cast<std::size_t>(place)] += c.sample.weight[g] / (static_cast<double>(n_) * k_step);
      }
    z_low_ = std::min(z_low_, c.galaxies.z[g]);
    z_high_ = std::max(z_high_, c.galaxies.z[g]);
    if (rows_.size() >= k_kept || !std::isfinite(lum[1])) continue;
    const auto ratio = [&](Line over, Line under) {
      return std::log10(c.luminosity(g, at(over)) / c.luminosity(g, at(under)));
    };
    rows_.push_back({std::log10(c.budget.surviving[g]), c.galaxies.z[g], c.sample.dust[g].av, c.budget.sfr10[g],
                     c.halpha_lum_caseb[g], c.halpha_ew_caseb[g], c.draw(g, at(Line::HALPHA)),
                     ratio(Line::NII_6584, Line::HALPHA), ratio(Line::OIII_5007, Line::HBETA),
                     ratio(Line::HALPHA, Line::HBETA), c.sample.galaxy_class[g] == StarClass::star_forming});
  }
}

Figure MockReport::luminosity_functions() const {
  Figure out{.name = "luminosity_functions",
             .kind = "lines",
             .title = "Luminosity functions",
             .caption = "",
             .x = {"log L", "erg/s"},
             .y = {"log density", "per cubic Mpc and dex"},
             .panels = {}};
  const auto line = [&](std::size_t which, double brighter, const std::string& label) {
    FigureSeries of{label, "line", {}, {}};
    for (std::size_t k = 0; k < k_bins; ++k)
      if (density_[which][k] > 0) {
        of.x.push_back(k_first + k_step * (static_cast<double>(k) + 0.5) + brighter);
        of.y.push_back(std::log10(density_[which][k]));
      }
    return of;
  };
  FigurePanel halpha{"Halpha before dust", {line(0, 0, "mock")}};
  halpha.series.push_back({"Gunawardhana+13, z < 0.1", "points", list(k_near_l), list(k_near_phi)});
  if (z_low_ < 0.15) halpha.note = distance(halpha.series[0], k_near_l, k_near_phi, "dex");
  FigurePanel seen{"Halpha behind dust, 1 mag taken off", {line(1, 0.4, "mock")}};
  for (const auto& p : far()) {
    if (p.z < z_low_ - 0.1 || p.z > z_high_ + 0.1) continue;
    seen.series.push_back({fmt::format("Sobral+13, z = {}", p.z), "points", p.l, p.phi});
    seen.note = distance(seen.series[0], p.l, p.phi, "dex");
  }
  FigurePanel metals{"[OII] and [OIII] behind dust", {line(2, 0, "[OII]"), line(3, 0, "[OIII] 5007")}};
  out.panels = {halpha, seen, metals};
  for (auto& panel : out.panels) panel.x_range = {39, 43.5}, panel.y_range = {-5.5, -0.5};
  out.caption = fmt::format(
      "All {} galaxies, z = {:.3f} to {:.3f}, by their weights. No published points are drawn for "
      "the metal lines.",
      seen_, z_low_, z_high_);
  out.n = seen_;
  return out;
}

Figure MockReport::rates() const {
  Figure out{.name = "halpha_by_rate",
             .kind = "points",
             .title = "Halpha and star formation",
             .caption =
                 "Halpha by case B, before dust, against the rate of the last 10 Myr. Line: log L/SFR = 41.31 "
                 "(Chabrier; Kennicutt & Evans 2012 with that initial mass function).",
             .x = {"log SFR", "solar masses a year"},
             .y = {"log L(Halpha)", "erg/s"},
             .panels = {}};
  FigureSeries points{"mock", "points", {}, {}}, expected{"41.31 + log SFR", "line", {-3, 2.5}, {38.31, 43.81}};
  double sum = 0;
  std::size_t n = 0;
  for (const auto& r : rows_) {
    if (!r.star_forming || !(r.sfr > 0)) continue;
    sum += std::log10(r.case_b / r.sfr);
    ++n;
    if (points.x.size() < k_points) points.x.push_back(std::log10(r.sfr)), points.y.push_back(std::log10(r.case_b));
  }
  out.panels = {{"star-forming galaxies", {points, expected}}};
  if (n > 0) out.panels[0].note = fmt::format("mean {:.2f}", sum / static_cast<double>(n));
  out.n = n;
  return out;
}

Figure MockReport::by_mass() const {
  Figure out{.name = "halpha_by_mass",
             .kind = "lines",
             .title = "Halpha by mass",
             .caption =
                 "Medians and the central 68 % of all galaxies; shares with EW(Halpha) below 3 A. Points: SDSS "
                 "(MPA-JHU), light in fibres of 3 arcsec.",
             .x = {"log mass left", "solar masses"},
             .y = {"", ""},
             .panels = {}};
  const auto mass = [](const Row& r) { return r.lgmass; };
  FigurePanel ew{"log EW(Halpha), A",
                 trend(rows_, mass, [](const Row& r) { return std::log10(r.ew); }, 8, 12, 0.25, "mock")};
  std::vector<double> logs;
  for (const double e : k_sdss_ew) logs.push_back(std::log10(e));
  ew.series.push_back({"SDSS", "points", list(k_sdss_mass), logs});
  ew.note = distance(ew.series[1], k_sdss_mass, logs, "dex");
  FigureSeries weak{"below 3 A", "line", {}, {}}, quiescent{"class quiescent", "dash", {}, {}};
  for (double from = 8; from < 12; from += 0.25) {
    double n = 0, below = 0, old = 0;
    for (const auto& r : rows_) {
      if (r.lgmass < from || r.lgmass >= from + 0.25) continue;
      n += 1, below += r.ew < 3 ? 1 : 0, old += r.star_forming ? 0 : 1;
    }
    if (n < 20) continue;
    weak.x.push_back(from + 0.125), weak.y.push_back(below / n);
    quiescent.x.push_back(from + 0.125), quiescent.y.push_back(old / n);
  }
  FigurePanel shares{"share of galaxies",
                     {weak, quiescent, {"SDSS, below 3 A", "points", list(k_sdss_mass), list(k_sdss_weak)}}};
  shares.note = distance(weak, k_sdss_mass, k_sdss_weak, "");
  shares.y_range = {0, 1};
  out.panels = {ew, shares};
  out.n = rows_.size();
  return out;
}

Figure MockReport::by_specific_rate() const {
  Figure out{.name = "halpha_by_specific_rate",
             .kind = "lines",
             .title = "Halpha by specific star-formation rate",
             .caption =
                 "Medians and the central 68 % of the mock's draws; dashed: medians of what the galaxies' own photons "
                 "make behind the gas' dust (case B).",
             .x = {"log SFR/M", "per year"},
             .y = {"log EW(Halpha)", "A"},
             .panels = {}};
  const auto rate = [](const Row& r) { return std::log10(r.sfr) - r.lgmass; };
  FigurePanel panel{"all galaxies",
                    trend(rows_, rate, [](const Row& r) { return std::log10(r.ew); }, -13, -8.5, 0.25, "mock")};
  auto own = trend(rows_, rate, [](const Row& r) { return std::log10(r.own_ew); }, -13, -8.5, 0.25, "case B")[1];
  own.style = "dash";
  panel.note = distance(panel.series[1], own.x, own.y, "dex");
  panel.series.push_back(std::move(own));
  out.panels = {panel};
  out.n = rows_.size();
  return out;
}

Figure MockReport::bpt() const {
  Figure out{.name = "bpt_by_mass",
             .kind = "points",
             .title = "BPT plane by mass",
             .caption =
                 "One draw of each galaxy with EW(Halpha) above 3 A. Lines: Kauffmann et al. 2003, Kewley et al. 2001. "
                 "Shares star-forming, composite, AGN; of SDSS (MPA-JHU) .44, .40, .16 at log M 10.5 to 11 and .21, "
                 ".45, .35 at 11 to 11.5.",
             .x = {"log [NII]/Halpha", ""},
             .y = {"log [OIII]/Hbeta", ""},
             .panels = {}};
  FigureSeries kauffmann{"Kauffmann et al. 2003", "dash", {}, {}}, kewley{"Kewley et al. 2001", "line", {}, {}};
  for (double n = -2; n < 0.31; n += 0.05) {
    if (n < -0.05) kauffmann.x.push_back(n), kauffmann.y.push_back(kauffmann_border(n));
    kewley.x.push_back(n), kewley.y.push_back(kewley_border(n));
  }
  for (const auto& [lo, hi] :
       {std::pair{8.0, 9.5}, std::pair{9.5, 10.5}, std::pair{10.5, 11.0}, std::pair{11.0, 11.5}}) {
    FigureSeries points{"mock", "points", {}, {}};
    double n = 0, parts[3] = {};
    for (const auto& r : rows_) {
      if (r.lgmass < lo || r.lgmass >= hi || !(r.ew > 3) || !std::isfinite(r.nii) || !std::isfinite(r.oiii)) continue;
      parts[below_kauffmann(r.nii, r.oiii) ? 0 : below_kewley(r.nii, r.oiii) ? 1 : 2] += 1;
      n += 1;
      if (points.x.size() < k_points) points.x.push_back(r.nii), points.y.push_back(r.oiii);
    }
    FigurePanel panel{fmt::format("log M {} to {}", lo, hi), {points, kauffmann, kewley}};
    if (n > 0) panel.note = fmt::format("{:.2f} {:.2f} {:.2f}", parts[0] / n, parts[1] / n, parts[2] / n);
    panel.x_range = {-1.8, 0.6}, panel.y_range = {-1.5, 1.3};
    out.panels.push_back(std::move(panel));
  }
  out.n = rows_.size();
  return out;
}

Figure MockReport::nitrogen() const {
  Figure out{.name = "nitrogen_by_mass",
             .kind = "lines",
             .title = "[NII]/Halpha by mass",
             .caption = "Galaxies with EW(Halpha) of 30 to 60 A. Points: SDSS (MPA-JHU), light in fibres.",
             .x = {"log mass left", "solar masses"},
             .y = {"log [NII]/Halpha", ""},
             .panels = {}};
  std::vector<Row> some;
  std::copy_if(rows_.begin(), rows_.end(), std::back_inserter(some),
               [](const Row& r) { return r.ew > 30 && r.ew < 60; });
  FigurePanel panel{
      "",
      trend(some, [](const Row& r) { return r.lgmass; }, [](const Row& r) { return r.nii; }, 8, 11.5, 0.25, "mock")};
  panel.note = distance(panel.series[1], k_nii_mass, k_nii, "dex");
  panel.series.push_back({"SDSS", "points", list(k_nii_mass), list(k_nii)});
  out.panels = {panel};
  out.n = some.size();
  return out;
}

Figure MockReport::decrements() const {
  Figure out{.name = "decrement_by_dust",
             .kind = "points",
             .title = "Balmer decrement by dust",
             .caption = "Line: case B (2.86) behind gas with 2.27 times the E(B-V) of the stars, Calzetti's curve.",
             .x = {"Av of the stars", "mag"},
             .y = {"log Halpha/Hbeta", ""},
             .panels = {}};
  FigureSeries points{"mock", "points", {}, {}},
      line{"0.285 dex a magnitude", "line", {0, 2}, {std::log10(2.86), std::log10(2.86) + 0.57}};
  double least = 1e9;
  for (const auto& r : rows_) {
    if (!(r.ew > 3) || !std::isfinite(r.decrement)) continue;
    least = std::min(least, r.decrement);
    if (points.x.size() < k_points) points.x.push_back(r.av), points.y.push_back(r.decrement);
  }
  out.panels = {{"EW(Halpha) above 3 A", {points, line}}};
  if (!points.x.empty()) out.panels[0].note = fmt::format("least Ha/Hb {:.2f}", std::pow(10.0, least));
  out.n = points.x.size();
  return out;
}

std::vector<Figure> MockReport::figures() const {
  std::vector<Figure> out;
  if (weights_) out.push_back(luminosity_functions());
  for (Figure f : {rates(), by_mass(), by_specific_rate(), bpt(), nitrogen(), decrements()})
    out.push_back(std::move(f));
  return out;
}

void MockReport::write(const Settings& settings, const Provenance& provenance, Console& console) const {
  const std::filesystem::path folder = settings.text("report");
  const auto entries = provenance.entries();
  std::vector<std::pair<std::string, std::string>> facts{
      {"galaxies", std::to_string(seen_)},
      {"redshifts", fmt::format("{:.3f} to {:.3f}", z_low_, z_high_)},
      {"lines", settings.text("lines")},
      {"aperture", settings.text("aperture")}};
  if (!weights_) facts.emplace_back("luminosity functions", "none: these galaxies have no weights");
  const auto all = figures();
  std::map<std::string, std::string> files;
  for (const auto& f : all) files["figures/" + f.name + ".json"] = figure_json(f, entries);
  files["index.html"] = figures_html("Mock galaxies beside surveys", facts, all, entries);
  write_folder(folder.string(), files, settings.flag("overwrite"));
  console.info("report: " + (folder / "index.html").string());
}

}  // namespace starglow::cli
