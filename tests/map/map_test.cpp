#include "starglow/map/map.hpp"
#include "starglow/files/models.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "map/umap_graph.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/table.hpp"
#include "starglow/model/model.hpp"
#include "starglow/report/map_panels.hpp"
#include "support/every_isa.hpp"
#include "support/example_galaxies.hpp"
#include "support/shared_data.hpp"

namespace starglow {
namespace {

using test::example_galaxies;
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

MapOptions quick() {
  MapOptions options;
  options.epochs = 60;
  return options;
}

bool same_bits(const Matrix<float>& a, const Matrix<float>& b) {
  return a.rows() == b.rows() && std::memcmp(a.data(), b.data(), a.flat().size_bytes()) == 0;
}

// Two kinds of continua and little else.
Galaxies two_kinds(std::size_t n) {
  Galaxies g = example_galaxies(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t b = 0; b < k_n_bands; ++b) {
      const RandomObject random(4, Stream::population, g.targetid[i]);
      const double slope = (i % 2 == 0 ? 0.05 : -0.05) * static_cast<double>(b);
      g.band_flux(i, b) =
          std::pow(10.0, slope + 0.01 * random.normal(0, static_cast<std::uint32_t>(b)) + random.normal(1, 0));
    }
  return g;
}

double distance(MatrixView<const float> p, std::size_t i, std::size_t j, MapMetric metric) {
  double sum = 0;
  for (std::size_t c = 0; c < p.cols(); ++c) {
    const double d = static_cast<double>(p(i, c)) - static_cast<double>(p(j, c));
    sum += metric == MapMetric::manhattan ? std::fabs(d) : d * d;
  }
  return metric == MapMetric::manhattan ? sum : std::sqrt(sum);
}

Matrix<float> random_points(std::size_t n, std::size_t f) {
  Matrix<float> out(n, f);
  const RandomObject random(5, Stream::population, 0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < f; ++j)
      out(i, j) = static_cast<float>(random.normal(static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j)));
  return out;
}

std::vector<std::size_t> by_distance(MatrixView<const float> p, std::size_t i, MapMetric metric) {
  std::vector<std::size_t> order(p.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(i));
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return distance(p, i, a, metric) < distance(p, i, b, metric); });
  return order;
}

// umap-learn 0.5.9 find_ab_params(1.0, 0.1), (1.0, 0.5), (2.0, 0.1)
TEST(MapCurve, EqualsTheReferenceImplementation) {
  const MapCurve usual = fit_map_curve(0.1, 1.0), wide = fit_map_curve(0.5, 1.0), large = fit_map_curve(0.1, 2.0);
  EXPECT_NEAR(usual.a, 1.57694346, 1e-6);
  EXPECT_NEAR(usual.b, 0.89506088, 1e-6);
  EXPECT_NEAR(wide.a, 0.58303002, 1e-6);
  EXPECT_NEAR(wide.b, 1.33416699, 1e-6);
  EXPECT_NEAR(large.a, 0.54466054, 1e-6);
  EXPECT_NEAR(large.b, 0.84205543, 1e-6);
}

TEST(MapForces, AreTheGradientsOfTheirDefinition) {
  test::for_each_isa([] {
    const double a = 1.577, b = 0.895;
    std::vector<float> x, y;
    for (int i = 0; i < 53; ++i) {  // not a multiple of a register
      x.push_back(static_cast<float>(0.03 * std::pow(1.2, i) * (i % 3 == 0 ? -1 : 1)));
      y.push_back(static_cast<float>(0.02 * i));
    }
    x[7] = y[7] = 0;
    for (const int push : {0, 1}) {
      auto gx = x, gy = y;
      kernels::active().map_forces(gx.data(), gy.data(), gx.size(), static_cast<float>(a), static_cast<float>(b), push);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const auto dx = static_cast<double>(x[i]), dy = static_cast<double>(y[i]), d2 = dx * dx + dy * dy;
        const double factor = d2 == 0 ? 0.0
                              : push  ? 2 * b / ((0.001 + d2) * (1 + a * std::pow(d2, b)))
                                      : -2 * a * b * std::pow(d2, b - 1) / (1 + a * std::pow(d2, b));
        EXPECT_NEAR(static_cast<double>(gx[i]), std::clamp(factor * dx, -4.0, 4.0), 3e-6) << i << " " << push;
        EXPECT_NEAR(static_cast<double>(gy[i]), std::clamp(factor * dy, -4.0, 4.0), 3e-6) << i << " " << push;
      }
    }
  });
}

TEST(MapGraph, NeighboursAreThoseOfAllDistances) {
  WorkerPool pool(2);
  test::for_each_isa([&] {
    for (const auto& [n, dimensions] :
         {std::pair<std::size_t, std::size_t>{300, 5}, {2500, 12}, {1000, 2}, {129, 1}, {8, 3}})
      for (const MapMetric metric : {MapMetric::euclidean, MapMetric::manhattan, MapMetric::cosine}) {
        if (metric == MapMetric::cosine && dimensions < 3) continue;  // on a line or a circle: ties
        const Matrix<float> points = umap::as_metric_space(random_points(n, dimensions), metric);
        const auto near = umap::NeighbourSearch(points, metric).find(points, 7, true, pool);
        for (std::size_t i = 0; i < n; i += 1 + n / 60) {
          const auto order = by_distance(points, i, metric);
          for (std::size_t j = 0; j < 7; ++j) {
            const double expected = distance(points, i, order[j], metric);
            EXPECT_NEAR(distance(points, i, near.row[i * 7 + j], metric), expected, 2e-6 * (1 + expected)) << i << j;
            EXPECT_NEAR(static_cast<double>(near.distance[i * 7 + j]), expected, 1e-5);
          }
        }
      }
  });
}

TEST(MapGraph, CopiesOfAGalaxyAreNeighboursInTheOrderOfTheirRows) {
  WorkerPool pool(1);
  Matrix<float> points = random_points(400, 4);
  for (std::size_t i = 100; i < 120; ++i) std::copy_n(points.row(7).data(), 4, points.row(i).data());
  const auto near = umap::NeighbourSearch(points, MapMetric::euclidean).find(points, 5, true, pool);
  for (std::size_t j = 0; j < 5; ++j) {
    EXPECT_EQ(near.row[7 * 5 + j], 100 + j);
    EXPECT_EQ(near.distance[7 * 5 + j], 0.0F);
    EXPECT_NE(near.row[110 * 5 + j], 110U);
    EXPECT_EQ(near.distance[110 * 5 + j], 0.0F);
  }
}

TEST(MapGraph, WeightsSumToTheLogarithmAndTheUnionIsSymmetric) {
  WorkerPool pool(1);
  const Matrix<float> points = random_points(200, 4);
  const auto near = umap::NeighbourSearch(points, MapMetric::euclidean).find(points, 9, true, pool);
  const auto weights = umap::neighbour_weights(near, 10, true, pool);
  std::vector<double> directed(200 * 200, 0.0);
  for (std::size_t i = 0; i < 200; ++i) {
    double sum = 0;
    for (std::size_t j = i * 9; j < (i + 1) * 9; ++j) {
      sum += static_cast<double>(weights[j]);
      directed[i * 200 + near.row[j]] = static_cast<double>(weights[j]);
    }
    EXPECT_FLOAT_EQ(weights[i * 9], 1.0F);
    EXPECT_NEAR(sum, std::log2(10.0), 1e-4);
  }
  const auto graph = umap::fuzzy_union(near, weights);
  std::size_t edges = 0;
  for (std::size_t i = 0; i < 200; ++i)
    for (std::size_t e = graph.start[i]; e < graph.start[i + 1]; ++e, ++edges) {
      const double there = directed[i * 200 + graph.row[e]], back = directed[graph.row[e] * 200 + i];
      EXPECT_NEAR(static_cast<double>(graph.weight[e]), there + back - there * back, 1e-6);
    }
  EXPECT_EQ(edges, static_cast<std::size_t>(std::count_if(directed.begin(), directed.end(), [&](const double& w) {
              const auto at = static_cast<std::size_t>(&w - directed.data());
              return w > 0 || directed[(at % 200) * 200 + at / 200] > 0;
            })));
}

TEST(GalaxyMap, KeepsKindsApartWhateverTheirBrightness) {
  WorkerPool pool(2);
  const GalaxyMap map = GalaxyMap::fit(two_kinds(400), quick(), pool);
  const auto near = map_neighbours(map.parts().position, std::vector<double>(400, 0.0), 5, pool);
  for (std::size_t i = 0; i < 400; ++i)
    for (std::size_t j = 0; j < 5; ++j) EXPECT_EQ(near[i * 5 + j] % 2, i % 2);
}

TEST(GalaxyMap, BitEqualForAnyThreads) {
  const Galaxies g = example_galaxies(700), others = example_galaxies(150, 7);
  WorkerPool one(1);
  const GalaxyMap map = GalaxyMap::fit(g, quick(), one);
  const Matrix<float> placed = map.project(others, one);
  for (const unsigned threads : {2U, 7U}) {
    WorkerPool pool(threads);
    const GalaxyMap again = GalaxyMap::fit(g, quick(), pool);
    EXPECT_TRUE(same_bits(map.parts().position, again.parts().position)) << threads;
    EXPECT_TRUE(same_bits(placed, again.project(others, pool))) << threads;
  }
  MapOptions other = quick();
  other.seed = 2;
  EXPECT_FALSE(same_bits(map.parts().position, GalaxyMap::fit(g, other, one).parts().position));
}

TEST(GalaxyMap, PlacesItsOwnGalaxiesWhereTheyAre) {
  WorkerPool pool(2);
  Galaxies g = example_galaxies(300);
  g.band_flux(4, 3) = k_nan;  // not of the map
  const GalaxyMap map = GalaxyMap::fit(g, quick(), pool);
  ASSERT_EQ(map.parts().points.rows(), 299U);
  const Matrix<float> placed = map.project(g, pool);
  for (std::size_t i = 0, k = 0; i < g.n; ++i) {
    if (i == 4) {
      EXPECT_TRUE(std::isfinite(placed(i, 0)));
      continue;
    }
    EXPECT_EQ(placed(i, 0), map.parts().position(k, 0));
    EXPECT_EQ(placed(i, 1), map.parts().position(k++, 1));
  }
}

TEST(GalaxyMap, PlacesAGalaxyWithoutSomeBandsNearWhereItBelongs) {
  WorkerPool pool(2);
  const Galaxies g = two_kinds(400);
  const GalaxyMap map = GalaxyMap::fit(g, quick(), pool);
  Galaxies cut = g;
  for (std::size_t i = 0; i < cut.n; ++i)
    for (std::size_t b = 0; b < (i < 200 ? 5U : 7U); ++b) cut.band_flux(i, b) = i % 3 == 0 ? -1.0 : 0.0;
  const Matrix<float> placed = map.project(cut, pool);
  std::array<double, 2> side{}, where{};
  for (std::size_t i = 0; i < 400; ++i) side[i % 2] += static_cast<double>(map.parts().position(i, 0)) / 200;
  for (std::size_t i = 0; i < 200; ++i) {
    ASSERT_TRUE(std::isfinite(placed(i, 0)));
    where[i % 2] += static_cast<double>(placed(i, 0)) / 100;
    EXPECT_TRUE(std::isnan(placed(200 + i, 0)) && std::isnan(placed(200 + i, 1)));
  }
  EXPECT_NEAR(where[0], side[0], 0.1 * std::fabs(side[0] - side[1]));
  EXPECT_NEAR(where[1], side[1], 0.1 * std::fabs(side[0] - side[1]));
}

TEST(GalaxyMap, EveryKindOfFeaturesAndMetricMakesAMap) {
  WorkerPool pool(2);
  const Galaxies g = example_galaxies(120);
  for (const char* features : {"normalised-log-flux", "log-flux", "flux", "colours"})
    for (const char* metric : {"euclidean", "manhattan", "cosine"}) {
      MapOptions options = quick();
      options.features = parse_map_features(features);
      options.metric = parse_map_metric(metric);
      EXPECT_EQ(to_string(options.features), features);
      EXPECT_EQ(to_string(options.metric), metric);
      const GalaxyMap map = GalaxyMap::fit(g, options, pool);
      for (const float x : map.parts().position.flat()) EXPECT_TRUE(std::isfinite(x));
      EXPECT_TRUE(same_bits(map.project(g, pool), map.parts().position)) << features << " " << metric;
    }
}

TEST(GalaxyMap, CopiesOfAGalaxyAreNoTrouble) {
  WorkerPool pool(1);
  Galaxies g = example_galaxies(100);
  for (std::size_t i = 0; i < 60; ++i)
    for (std::size_t b = 0; b < k_n_bands; ++b) g.band_flux(i, b) = g.band_flux(0, b);
  const GalaxyMap map = GalaxyMap::fit(g, quick(), pool);
  for (const float x : map.parts().position.flat()) EXPECT_TRUE(std::isfinite(x));
}

TEST(GalaxyMap, ARowBeyondFloat32CostsItselfAlone) {
  WorkerPool pool(1);
  for (const auto features : {MapFeatures::flux, MapFeatures::log_flux}) {
    MapOptions options = quick();
    options.features = features;
    const GalaxyMap map = GalaxyMap::fit(example_galaxies(100), options, pool);
    Galaxies g = example_galaxies(20);
    for (std::size_t b = 0; b < k_n_bands; ++b) {
      g.band_flux(0, b) = 1e39;
      g.band_flux(1, b) = 1e300;
      g.band_flux(2, b) = 1e25;
      g.band_flux(3, b) = b == 4 ? 1e39 : g.band_flux(3, b);
    }
    const Matrix<float> at = map.project(g, pool);
    for (std::size_t i = 4; i < g.n; ++i) EXPECT_TRUE(std::isfinite(at(i, 0)) && std::isfinite(at(i, 1))) << i;
    for (std::size_t i = 0; i < 4; ++i) EXPECT_FALSE(std::isinf(at(i, 0)) || std::isinf(at(i, 1))) << i;
    if (features == MapFeatures::flux) {
      EXPECT_TRUE(std::isnan(at(0, 0)) && std::isnan(at(1, 0)));
    }
  }
}

TEST(GalaxyMap, SaysWhatIsWrong) {
  WorkerPool pool(1);
  const Galaxies g = example_galaxies(100);
  const auto kind_of = [&](const Galaxies& from, void (*change)(MapOptions&)) {
    MapOptions options = quick();
    change(options);
    try {
      GalaxyMap::fit(from, options, pool);
    } catch (const Error& e) {
      return std::string(to_string(e.kind()));
    }
    return std::string("none");
  };
  EXPECT_EQ(kind_of(g, [](MapOptions&) {}), "none");
  EXPECT_EQ(kind_of(g, [](MapOptions& o) { o.neighbours = 2; }), "usage");
  EXPECT_EQ(kind_of(g, [](MapOptions& o) { o.neighbours = 201; }), "usage");
  EXPECT_EQ(kind_of(g, [](MapOptions& o) { o.neighbours = 60; }), "input");
  EXPECT_EQ(kind_of(g, [](MapOptions& o) { o.min_dist = -0.1; }), "usage");
  EXPECT_EQ(kind_of(g, [](MapOptions& o) { o.min_dist = 2; }), "usage");
  EXPECT_EQ(kind_of(g, [](MapOptions& o) { o.spread = k_nan; }), "usage");
  Galaxies none = g;
  none.band_flux = {};
  EXPECT_EQ(kind_of(none, [](MapOptions&) {}), "input");
  GalaxyMap::Parts parts = GalaxyMap::fit(g, quick(), pool).parts();
  for (float* number : {&parts.points(3, 4), &parts.position(5, 1)}) {
    const float before = std::exchange(*number, std::numeric_limits<float>::quiet_NaN());
    EXPECT_THROW(GalaxyMap{parts}, Error);
    *number = before;
  }
  EXPECT_NO_THROW(GalaxyMap{parts});
  EXPECT_THROW(parse_map_features("brightness"), Error);
  EXPECT_THROW(parse_map_metric("taxi"), Error);
}

TEST(GalaxyMap, IsTheSameFromItsFile) {
  test::TempFolder folder;
  WorkerPool pool(1);
  const Galaxies g = example_galaxies(100), others = example_galaxies(20, 5);
  MapOptions options = quick();
  options.metric = MapMetric::manhattan;
  options.min_dist = 0.3;
  GalaxyMap::Parts parts = GalaxyMap::fit(g, options, pool).parts();
  parts.metadata["note"] = "of a test";
  const GalaxyMap map(parts);
  save(map, folder / "map.safetensors");
  EXPECT_THROW(save(map, folder / "map.safetensors"), Error);
  const GalaxyMap back = load_map(folder / "map.safetensors");
  EXPECT_TRUE(same_bits(back.project(others, pool), map.project(others, pool)));
  EXPECT_EQ(back.parts().metadata, map.parts().metadata);
  EXPECT_EQ(back.parts().options.metric, MapMetric::manhattan);
  save(back, folder / "again.safetensors");
  const std::string bytes = test::read_all(folder / "map.safetensors");
  EXPECT_EQ(test::read_all(folder / "again.safetensors"), bytes);
  // Cut short at any byte, or another kind of model: refused.
  for (const std::size_t size : {0UL, 7UL, 100UL, bytes.size() - 1}) {
    test::write_all(folder / "cut.safetensors", bytes.substr(0, size));
    EXPECT_THROW(load_map(folder / "cut.safetensors"), Error) << size;
  }
  save(Model::shipped(), folder / "model.safetensors");
  EXPECT_THROW(load_map(folder / "model.safetensors"), Error);
  EXPECT_THROW(Model::load(folder / "map.safetensors"), Error);
}

TEST(MapQuality, EqualsTheDefinition) {
  WorkerPool pool(2);
  const Matrix<float> points = random_points(150, 4);
  Matrix<float> position(150, 2);
  for (std::size_t i = 0; i < 150; ++i)
    for (std::size_t c = 0; c < 2; ++c) position(i, c) = points(i, c);
  const std::size_t k = 6;
  double penalty = 0, kept = 0;
  for (std::size_t i = 0; i < 150; ++i) {
    const auto truth = by_distance(points, i, MapMetric::euclidean),
               seen = by_distance(position, i, MapMetric::euclidean);
    for (std::size_t j = 0; j < k; ++j) {
      const auto rank = static_cast<std::size_t>(std::find(truth.begin(), truth.end(), seen[j]) - truth.begin()) + 1;
      penalty += rank > k ? static_cast<double>(rank - k) : 0.0;
      kept += rank <= k ? 1.0 : 0.0;
    }
  }
  const MapQuality quality = map_quality(points, position, k, 1, pool);
  EXPECT_EQ(quality.sampled, 150U);
  EXPECT_NEAR(quality.trustworthiness, 1 - 2.0 / (150.0 * 6 * (300 - 18 - 1)) * penalty, 1e-12);
  EXPECT_NEAR(quality.preservation, kept / (150 * 6), 1e-12);
  EXPECT_LT(quality.trustworthiness, 0.95);
  EXPECT_EQ(map_quality(position, position, k, 1, pool).trustworthiness, 1.0);
  EXPECT_TRUE(std::isnan(map_quality(points, position, 75, 1, pool).trustworthiness));
}

TEST(MapScatter, IsHalfTheCentralWidthOfTheNeighbours) {
  WorkerPool pool(1);
  Matrix<float> position(40, 2);
  std::vector<double> values(40);
  for (std::size_t i = 0; i < 40; ++i) {
    position(i, 0) = static_cast<float>(i * i);  // i's nearest are below it
    values[i] = static_cast<double>(i % 5);
  }
  values[3] = k_nan;
  position(9, 1) = std::nanf("");
  const auto near = map_neighbours(position, values, 2, pool);
  EXPECT_EQ(near[3 * 2], 40U);
  EXPECT_EQ(near[9 * 2], 40U);
  EXPECT_EQ(near[20 * 2], 19U);
  const MapScatter s = map_scatter(position, values, 2, pool);
  EXPECT_EQ(s.n, 38U);
  double sum = 0;
  for (std::size_t i = 0; i < 40; ++i)
    if (near[i * 2] < 40) sum += 0.68 * std::fabs(values[near[i * 2]] - values[near[i * 2 + 1]]) / 2;
  EXPECT_NEAR(s.scatter, sum / 38, 1e-12);
  EXPECT_TRUE(std::isnan(map_scatter(position, std::vector<double>(40, k_nan), 2, pool).scatter));
}

TEST(MapPanels, CountTheSameGalaxiesForEveryState) {
  WorkerPool pool(1);
  Galaxies g = example_galaxies(200);
  g.ew_ivar(3, static_cast<std::size_t>(Line::HALPHA)) = 0;  // no number
  Matrix<double> ew(200, k_n_lines, 1.0);
  ew(5, static_cast<std::size_t>(Line::HALPHA)) = -1;
  const Matrix<float> position = GalaxyMap::fit(g, quick(), pool).parts().position;
  const MapPanels panels = map_panels(g, position, {{"predicted", ew}}, 5, pool);
  ASSERT_EQ(panels.lines.size(), 6U);
  ASSERT_EQ(panels.figure.panels.size(), 12U);
  EXPECT_EQ(panels.lines[3].observed.n, 199U);
  EXPECT_EQ(panels.lines[3].states[0].n, 198U);
  EXPECT_EQ(panels.lines[3].states[0].scatter, 0.0);
  EXPECT_EQ(panels.figure.panels[6].series[0].c.size(), 199U);
  EXPECT_NEAR(panels.figure.panels[6].series[0].c[0], static_cast<double>(g.ew(0, 6)), 1e-4);
  EXPECT_EQ(panels.figure.panels[7].note, "ratio 0.00");
  EXPECT_EQ(std::stod(panels.figure.panels[6].note.substr(8)),
            std::round(100 * panels.lines[3].observed.scatter) / 100);
  // A grid of lines by states; the states of a line share the scale of its measured EWs, and no two lines' agree by
  // chance.
  ASSERT_EQ(panels.figure.columns, 2U);
  for (std::size_t k = 0; k < 12; ++k) {
    EXPECT_EQ(panels.figure.panels[k].column, k % 2 == 0 ? "observed" : "predicted");
    EXPECT_EQ(panels.figure.panels[k].c_range, panels.figure.panels[k - k % 2].c_range);
    if (k >= 2) {
      EXPECT_NE(panels.figure.panels[k].c_range, panels.figure.panels[k - 2].c_range);
    }
  }
  auto c = panels.figure.panels[6].series[0].c;
  std::sort(c.begin(), c.end());  // 199 values: the percentiles lie at 9.9 and 188.1
  EXPECT_NEAR(panels.figure.panels[7].c_range.first, c[9] + 0.9 * (c[10] - c[9]), 1e-9);
  EXPECT_NEAR(panels.figure.panels[7].c_range.second, c[188] + 0.1 * (c[189] - c[188]), 1e-9);
}

// The map of the real galaxies: what it is for.
TEST(GalaxyMap, OfTheRealGalaxiesKeepsTypesTogether) {
  const auto path = test::shared_file("desi_bgs/desi_edr_bgs.fits");
  STARGLOW_NEED_SHARED(path);
  WorkerPool pool;
  const Galaxies g = read_table(path);
  MapOptions options;
  options.epochs = 200;
  const GalaxyMap map = GalaxyMap::fit(g, options, pool);
  EXPECT_GT(map_quality(map.parts().points, map.parts().position, 15, 1, pool).trustworthiness, 0.96);
  std::vector<double> halpha(g.n);
  for (std::size_t i = 0; i < g.n; ++i)
    halpha[i] = static_cast<double>(g.ew(i, static_cast<std::size_t>(Line::HALPHA)));
  EXPECT_GT(map_scatter(map.parts().position, halpha, 15, pool).smoothness, 0.80);
}

}  // namespace
}  // namespace starglow
