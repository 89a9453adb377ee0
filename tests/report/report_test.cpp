#include "starglow/report/report.hpp"
#include "starglow/files/models.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "report/contours.hpp"
#include "starglow/model/model.hpp"
#include "support/example_galaxies.hpp"

namespace starglow {
namespace {

// Galaxies whose measurements are draws of the shipped model plus noise.
struct Judged {
  Galaxies table;
  std::vector<NamedPrediction> predictions;
};

Judged judged(std::size_t n, WorkerPool& pool) {
  Judged out{test::example_galaxies(n), {}};
  const Model model = Model::shipped();
  Prediction p = model.predict(out.table, pool, {.draws = 32, .seed = 5});
  const Matrix<float> truth = model.sample(out.table, 1, 77, pool);
  out.table.ew = Matrix<float>(n, k_n_lines);
  out.table.ew_ivar = Matrix<float>(n, k_n_lines, 1.0F);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line)
      out.table.ew(i, line) =
          truth(i, line) + static_cast<float>(RandomObject(8, Stream::label_noise, static_cast<std::int64_t>(i))
                                                  .normal(0, static_cast<std::uint32_t>(line)));
  out.predictions.push_back({"shipped <model>", std::move(p.ew), std::move(p.draws), 32});
  return out;
}

TEST(Report, FiguresHoldTheNumbersOfTheJudgement) {
  WorkerPool pool(2);
  const Judged j = judged(600, pool);
  const Evaluation points = evaluate(j.table, j.predictions, 0, 1, pool);
  const Calibration c = calibrate(j.table, j.predictions, 32, 1, pool);
  const Report r = make_report(j.table, j.predictions, points, &c, 32, 0, 1, pool);
  ASSERT_EQ(r.colours.size(), 2U);
  EXPECT_EQ(r.colours[0].n + r.colours[1].n, 600U);
  EXPECT_NEAR(static_cast<double>(r.colours[0].n), 300, 1);
  const auto figure = [&](const std::string& name) -> const Figure& {
    const auto found = std::find_if(r.figures.begin(), r.figures.end(), [&](const auto& f) { return f.name == name; });
    EXPECT_NE(found, r.figures.end()) << name;
    return *found;
  };
  // PIT and coverage are those of the calibration; the first panel is [OII], the last quintile the highest.
  EXPECT_EQ(figure("pit").panels[0].series[0].y[3], c.scores[0].lines[0].pit[3]);
  EXPECT_EQ(figure("coverage").panels[2].series[4].y[4], c.scores[0].lines[6].coverage68[2][4]);
  EXPECT_EQ(figure("residual_correlations").panels[0].matrix.values[0][2], c.scores[0].correlation_observed[1]);
  // A cumulative curve counts the measured lines: at the end of its axis 95 %, by the definition of the axis.
  const auto& observed = figure("ew_cumulative").panels[4].series[0];
  EXPECT_NEAR(observed.y.back(), 0.95, 0.01);
  std::size_t below = 0, all = 0;
  for (std::size_t i = 0; i < 600; ++i) {
    const double ew = static_cast<double>(j.table.ew(i, 6));
    all += ew > 0 ? 1U : 0U;
    below += ew > 0 && ew <= observed.x[50] ? 1U : 0U;
  }
  EXPECT_DOUBLE_EQ(observed.y[50], static_cast<double>(below) / static_cast<double>(all));
  // Detected fractions fall with the cut and are those of the rows.
  const auto& detected = figure("detected_fractions").panels[4].series[0];
  EXPECT_TRUE(std::is_sorted(detected.y.rbegin(), detected.y.rend()));
  EXPECT_EQ(figure("bpt").panels[0].series[0].x.size(), figure("bpt").n);
  EXPECT_EQ(figure("bpt").panels[0].series.size(), 5U);  // points, two curves, two outlines
  // The note of a panel says what evaluate says of the line.
  const LineScores& ha = points.lines[0][6];
  const std::string expected =
      fmt::format("N = {}\nSpearman's ρ = {:.3f}\nNMAD = {:.2f} Å\n", ha.n, ha.all[0].value, ha.all[1].value);
  EXPECT_EQ(figure("observed_predicted").panels[4].note.substr(0, expected.size()), expected);
}

// Of a normal distribution the region of a fraction p is an ellipse of radius sqrt(-2 ln(1 - p)) sd, here widened by
// the kernel: sd sqrt(1 + n^(-1/3)).
TEST(Contours, OfANormalDistributionAreItsEllipses) {
  std::vector<double> x, y;
  const RandomObject random(3, Stream::training, 1);
  constexpr std::size_t n = 20000;
  for (std::uint32_t i = 0; i < n; ++i) {
    x.push_back(0.2 * random.normal(0, i));
    y.push_back(0.5 + 0.1 * random.normal(1, i));
  }
  const auto contours = density_contours(x, y, std::array{0.68, 0.95}, {-1, 1}, {0, 1});
  const double kernel = std::sqrt(1 + std::pow(n, -1.0 / 3));
  for (std::size_t k = 0; k < 2; ++k) {
    ASSERT_GT(contours[k].x.size(), 50U);
    const double radius = std::sqrt(-2 * std::log(k == 0 ? 0.32 : 0.05)) * kernel;
    for (std::size_t i = 0; i < contours[k].x.size(); ++i) {
      EXPECT_EQ(i % 3 == 2, std::isnan(contours[k].x[i]));
      if (i % 3 == 2) continue;
      EXPECT_NEAR(std::hypot(contours[k].x[i] / 0.2, (contours[k].y[i] - 0.5) / 0.1), radius, 0.15 * radius);
    }
  }
  // Where a fraction would need points beyond the ranges there is none; few points have no density.
  EXPECT_TRUE(density_contours(x, y, std::array{0.68}, {0, 1}, {0, 1})[0].x.empty());
  EXPECT_TRUE(
      density_contours(std::span(x).first(19), std::span(y).first(19), std::array{0.68}, {-1, 1}, {0, 1})[0].x.empty());
}

TEST(Report, PointPredictionsHaveNoDistributionFigures) {
  WorkerPool pool(1);
  Judged j = judged(200, pool);
  j.predictions[0].n_draws = 0;
  j.predictions[0].draws = {};
  const Evaluation points = evaluate(j.table, j.predictions, 0, 1, pool);
  const Report r = make_report(j.table, j.predictions, points, nullptr, 0, 0, 1, pool);
  for (const auto& f : r.figures) EXPECT_NE(f.name, "pit");
  EXPECT_EQ(report_html(r).find("Distributions compared"), std::string::npos);
}

TEST(Report, PageEscapesNamesAndNeedsNoOtherFile) {
  WorkerPool pool(1);
  const Judged j = judged(200, pool);
  const Evaluation points = evaluate(j.table, j.predictions, 20, 1, pool);
  const Calibration c = calibrate(j.table, j.predictions, 32, 1, pool);
  const std::string page = report_html(make_report(j.table, j.predictions, points, &c, 32, 20, 1, pool));
  EXPECT_EQ(page.find("shipped <model>"), std::string::npos);
  EXPECT_NE(page.find("shipped &lt;model&gt;"), std::string::npos);
  for (const char* outside : {"http://", "https://", "src=", "href=", "<script", ">nan", " nan"})
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
}

TEST(Figure, JsonFollowsTheSchemaAndKeepsGaps) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Figure f{"name",
                 "lines",
                 "Title",
                 "Caption.",
                 {"EW", "Angstrom"},
                 {"density", ""},
                 {{"one",
                   {{"observed", "line", {0, 1, 2}, {1, nan, 3}}, {"68 %", "band", {0, 1}, {}, {0, 1}, {2, 3}}},
                   {},
                   {0, 2}}},
                 7};
  const auto j = nlohmann::json::parse(figure_json(f, {{"seed", "1"}}));
  EXPECT_EQ(j["schema"], "starglow-figure-1");
  EXPECT_EQ(j["x"]["unit"], "Angstrom");
  EXPECT_TRUE(j["panels"][0]["series"][0]["y"][1].is_null());
  EXPECT_EQ(j["panels"][0]["series"][1]["y_high"][1], 3.0);
  EXPECT_EQ(j["panels"][0]["x_range"][1], 2.0);
  EXPECT_FALSE(j["panels"][0].contains("y_range"));
  EXPECT_EQ(j["provenance"]["seed"], "1");
  // In the drawing a gap lifts the pen, and the place of a point is where its numbers say.
  const std::string svg = figure_svg(f);
  EXPECT_NE(svg.find("M44.0"), std::string::npos);   // x = 0: the left of the frame
  EXPECT_NE(svg.find("M242.0"), std::string::npos);  // x = 2: its right, after the gap
}

}  // namespace
}  // namespace starglow
