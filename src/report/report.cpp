// The report of `evaluate` as one HTML page.
#include "starglow/report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/figure_text.hpp"
#include "report/text_html.hpp"
#include "starglow/report/map_panels.hpp"

namespace starglow {
namespace {

constexpr const char* k_style = R"(
:root{color-scheme:light dark;--observed:#222;--quiet:#8a8f98;--rule:#d8dbe0;--back:#fff;--text:#1d2025;--soft:#f5f6f8;
--shade:#0003}
@media(prefers-color-scheme:dark){:root{--observed:#eee;--quiet:#7d838c;--rule:#3a3f47;--back:#15171a;--text:#e6e7e9;
--soft:#1e2125;--shade:#fff4}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);max-width:1040px;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin-top:2.4rem;border-top:1px solid var(--rule);
padding-top:1rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13px;margin:.6rem 0}
.wide{overflow-x:auto;background:linear-gradient(90deg,var(--back) 30%,transparent) left/40px 100% no-repeat local,
linear-gradient(270deg,var(--back) 30%,transparent) right/40px 100% no-repeat local,linear-gradient(90deg,var(--shade),
transparent) left/14px 100% no-repeat scroll,linear-gradient(270deg,var(--shade),transparent) right/14px 100%
 no-repeat scroll}@media print{.wide{overflow:visible}table{font-size:9px}}th,td{padding:.15rem .7rem;text-align:right;
white-space:nowrap}th:first-child,td:first-child{text-align:left}
thead th{border-bottom:1px solid var(--rule);font-weight:600}tbody tr{border-bottom:1px solid var(--soft)}
tr.mean td{border-top:1px solid var(--rule);font-weight:600}
figure{margin:1.2rem 0}figcaption{font-size:13px;max-width:60em}svg{width:100%;height:auto;display:block}
svg text{font:10px system-ui,sans-serif;fill:var(--text)}svg .panel{font-weight:600}svg .cell{font-size:8px}
svg.map{max-width:560px}svg.map text{font:7px system-ui,sans-serif;fill:#111}svg .note{font-size:9px;paint-order:stroke;
stroke:var(--back);stroke-width:3px}
svg .frame{fill:none;stroke:var(--quiet)}svg .tick{stroke:var(--quiet)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;font-size:13px}dt{color:var(--quiet)}dd{margin:0;
overflow-wrap:anywhere}
pre{font-size:12px;overflow-x:auto;background:var(--soft);padding:.8rem}
)";

std::string value(const Estimate& e, int digits, bool sign = false) {
  if (!std::isfinite(e.value)) return "-";
  const std::string text = sign ? fmt::format("{:+.{}f}", e.value, digits) : fmt::format("{:.{}f}", e.value, digits);
  return e.error > 0 ? fmt::format("{} &plusmn; {:.{}f}", text, e.error, digits) : text;
}

std::string cells(const std::vector<std::string>& texts, const char* tag = "td", const char* row_class = "") {
  std::string out = *row_class != '\0' ? fmt::format("<tr class=\"{}\">", row_class) : "<tr>";
  for (const auto& t : texts) out += fmt::format("<{0}>{1}</{0}>", tag, t);
  return out + "</tr>\n";
}

std::string table(const std::vector<std::string>& head, const std::string& rows) {
  return "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"table, may be wider than the "
         "page\"><table><thead>" +
         cells(head, "th") + "</thead><tbody>\n" + rows + "</tbody></table></div>\n";
}

std::string points_table(const Evaluation& e) {
  std::vector<std::string> head{"line", "N"};
  for (const auto& name : e.names) {
    head.push_back("&rho; " + html_escape(name));
    head.emplace_back("NMAD (Å)");
  }
  for (const auto& d : e.differences) head.push_back("&Delta;&rho; to " + html_escape(d.b));
  std::string rows;
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    std::vector<std::string> row{line_title(line), std::to_string(e.lines[0][line].n)};
    for (std::size_t p = 0; p < e.names.size(); ++p) {
      row.push_back(value(e.lines[p][line].all[0], 4));
      row.push_back(value(e.lines[p][line].all[1], 3));
    }
    for (const auto& d : e.differences) row.push_back(value(d.lines[line][0], 4, true));
    rows += cells(row);
  }
  std::vector<std::string> mean{"mean of 10", ""};
  for (std::size_t p = 0; p < e.names.size(); ++p) {
    mean.push_back(value(e.mean10[p][0], 4));
    mean.push_back(value(e.mean10[p][1], 3));
  }
  for (const auto& d : e.differences) mean.push_back(value(d.mean10[0], 4, true));
  return table(head, rows + cells(mean, "td", "mean"));
}

std::string calibration_rows(const Calibration& c) {
  if (c.scores.empty()) return "";
  const auto& s = c.scores.front();
  std::string rows;
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    const auto& l = s.lines[line];
    std::vector<std::string> row{line_title(line), std::to_string(l.n), fmt::format("{:.4f}", l.crps),
                                 fmt::format("{:.4f}", l.crps_free)};
    for (std::size_t k = 1; k < c.scores.size(); ++k)
      row.push_back(fmt::format("{:.4f}", c.scores[k].lines[line].crps));
    for (const double v : {l.log_score, l.pit_ks, l.coverage[0], l.coverage[1], l.coverage[2]})
      row.push_back(fmt::format("{:.3f}", v));
    rows += cells(row);
  }
  std::vector<std::string> mean{"mean of 8", "", fmt::format("{:.4f}", s.mean_crps), ""};
  for (std::size_t k = 1; k < c.scores.size(); ++k) mean.push_back(fmt::format("{:.4f}", c.scores[k].mean_crps));
  mean.resize(mean.size() + 5);
  std::vector<std::string> head{"line", "N", "CRPS", "CRPS, free"};
  for (std::size_t k = 1; k < c.scores.size(); ++k) head.push_back("CRPS " + html_escape(c.scores[k].name));
  for (const char* name : {"&minus;log p", "PIT KS", "50 %", "68 %", "95 %"}) head.emplace_back(name);
  return table(head, rows + cells(mean, "td", "mean"));
}

std::string ratio_rows(const Report& r) {
  std::string rows;
  const auto add = [&](const std::string& name, const Ratios& x) {
    rows += cells({html_escape(name), fmt::format("{:.3f}", x.width_oiii_hb), fmt::format("{:.3f}", x.width_nii_ha),
                   fmt::format("{:.3f}", x.star_forming), fmt::format("{:.3f}", x.composite),
                   fmt::format("{:.4f}", x.energy), fmt::format("{:.2f}", x.balmer),
                   fmt::format("{:.3f}", x.balmer_below)});
  };
  const auto part = [&](const std::string& which, const Calibration& c) {
    if (c.scores.empty()) return;
    add(which + ": observed", c.observed);
    for (const auto& s : c.scores) add(which + ": " + s.name, s.ratios);
  };
  part("all", r.distributions);
  for (const auto& c : r.colours) part(c.name, c.distributions);
  return table({"galaxies", "half width log [OIII]/H&beta;", "half width log [NII]/H&alpha;", "star-forming",
                "composite", "energy distance", "median flux ratio H&alpha;/H&beta;", "below 2.86"},
               rows);
}

std::string list(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "<dl>";
  for (const auto& [key, text] : items) out += "<dt>" + html_escape(key) + "</dt><dd>" + html_escape(text) + "</dd>\n";
  return out + "</dl>\n";
}

std::string page_head(const std::string& title) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>{0}</title><style>{1}</style></head><body>\n"
      "<h1>{0}</h1>\n",
      html_escape(title), k_style);
}

std::string figure_items(const std::vector<Figure>& figures) {
  std::string out;
  for (const auto& f : figures)
    out += fmt::format("<figure><h3>{}</h3>{}<figcaption>{} N = {}.</figcaption></figure>\n", html_escape(f.title),
                       f.kind == "map" ? map_panels_svg(f)
                                       : figure_svg(f, f.kind == "matrix"     ? 3
                                                       : f.panels.size() == 2 ? 2
                                                                              : 4),
                       html_escape(f.caption), f.n);
  return out;
}

NamedPrediction select(const NamedPrediction& p, std::span<const std::size_t> rows) {
  NamedPrediction out{p.name, Matrix<double>(rows.size(), p.ew.cols()),
                      Matrix<float>(p.n_draws > 0 ? rows.size() : 0, p.draws.cols()), p.n_draws};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy(p.ew.row(rows[i]).begin(), p.ew.row(rows[i]).end(), out.ew.row(i).begin());
    if (p.n_draws > 0) std::copy(p.draws.row(rows[i]).begin(), p.draws.row(rows[i]).end(), out.draws.row(i).begin());
  }
  return out;
}

}  // namespace

Report make_report(const Galaxies& g, const std::vector<NamedPrediction>& predictions, const Evaluation& points,
                   const Calibration* distributions, std::size_t draws, std::int64_t resamples, std::uint64_t seed,
                   WorkerPool& pool) {
  Report r;
  r.title = "starglow: " + predictions.front().name + " evaluated on " + std::to_string(g.n) + " galaxies";
  r.points = points;
  if (distributions != nullptr) r.distributions = *distributions;
  const std::vector<double> colour = continuum_colour(g);
  std::vector<double> known;
  for (const double c : colour)
    if (std::isfinite(c)) known.push_back(c);
  if (known.size() >= 40) {
    std::nth_element(known.begin(), known.begin() + static_cast<std::ptrdiff_t>(known.size() / 2), known.end());
    r.colour_split = known[known.size() / 2];
    for (const bool red : {false, true}) {
      std::vector<std::size_t> rows;
      for (std::size_t i = 0; i < g.n; ++i)
        if (std::isfinite(colour[i]) && (colour[i] >= r.colour_split) == red) rows.push_back(i);
      const Galaxies part = select_rows(g, rows);
      std::vector<NamedPrediction> selected;
      for (const auto& p : predictions) selected.push_back(select(p, rows));
      ColourPart c{red ? "red" : "blue", rows.size(), evaluate(part, selected, resamples, seed, pool), {}};
      if (distributions != nullptr) c.distributions = calibrate(part, selected, draws, seed, pool);
      r.colours.push_back(std::move(c));
    }
  }
  r.figures = report_figures(g, predictions.front(), distributions, draws, seed, r.colour_split);
  return r;
}

std::string figures_html(const std::string& title, const std::vector<std::pair<std::string, std::string>>& facts,
                         const std::vector<Figure>& figures,
                         const std::vector<std::pair<std::string, std::string>>& provenance) {
  return page_head(title) + list(facts) + figure_items(figures) + "<h2>Provenance</h2>\n" + list(provenance) +
         "</body></html>\n";
}

std::string report_html(const Report& r) {
  std::string out = page_head(r.title);
  out += list(r.facts);
  out +=
      "<h2>Medians compared with measurements</h2>\n<p>&rho;: Spearman's rank correlation; NMAD: 1.48 median |observed "
      "&minus; "
      "predicted|; for galaxies with a measured EW &gt; 0 and all predictions.</p>\n" +
      points_table(r.points);
  if (!r.distributions.scores.empty()) {
    out +=
        "<h2>Distributions compared with measurements</h2>\n<p>Predictions with each galaxy's own measurement noise, "
        "given EW &gt; 0, in "
        "asinh(EW / Å); free: without the condition EW &gt; 0.</p>\n" +
        calibration_rows(r.distributions);
    out += fmt::format(
        "<p>Rank correlations of residuals between lines: rms difference of predicted and observed {:.3f}; about the "
        "last "
        "prediction's medians {:.3f}.</p>\n",
        r.distributions.scores.front().correlation_rms, r.distributions.scores.front().correlation_rms_reference);
    out += "<h2>Line ratios</h2>\n" + ratio_rows(r);
  }
  if (!r.colours.empty())
    out += fmt::format(
        "<h2>Blue and red galaxies separately</h2>\n<p>Split at the median colour, log<sub>10</sub> F(6700-7000 "
        "Å) / F(3400-3700 Å) = {:.4f}.</p>\n",
        r.colour_split);
  for (const auto& c : r.colours)
    out += fmt::format("<h3>{}: {} galaxies</h3>\n", c.name, c.n) + points_table(c.points) +
           calibration_rows(c.distributions);
  out += "<h2>Figures</h2>\n";
  out += figure_items(r.figures);
  out += "<h2>As printed</h2>\n<pre>" + html_escape(r.text) + "</pre>\n<h2>Provenance</h2>\n" + list(r.provenance);
  return out + "</body></html>\n";
}

}  // namespace starglow
