// The published networks, imported, against the published predictions and stored numbers of the reference
// (Khederlarian et al. 2024; values recomputed from the authors' public arrays).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "starglow/base/cosmology.hpp"
#include "starglow/files/import_k24.hpp"
#include "starglow/files/table.hpp"
#include "starglow/judge/metrics.hpp"
#include "support/shared_data.hpp"

namespace starglow {
namespace {

const auto k_with = [] { return test::shared_file("k24_weights/params_of_model_with_luminosity.npy"); };
const auto k_without = [] { return test::shared_file("k24_weights/params_of_model_without_luminosity.npy"); };
const auto k_table = [] { return test::shared_file("desi_bgs/desi_edr_bgs.fits"); };

double quantile(std::vector<double> v, double q) {  // linear interpolation, as NumPy
  std::sort(v.begin(), v.end());
  const double at = q * static_cast<double>(v.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  return low + 1 < v.size() ? std::lerp(v[low], v[low + 1], at - std::floor(at)) : v.back();
}

TEST(K24Parity, TheTableToItsPrintedDigits) {
  STARGLOW_NEED_SHARED(k_with());
  STARGLOW_NEED_SHARED(k_table());
  const Model model = import_k24(k_with(), k_without());
  const TableReader reader(k_table());
  Galaxies g = reader.read(0, reader.rows());
  WorkerPool pool(2);
  const auto with = model.predict(g, pool, {.float64 = true}).ew;
  g.conventions.fluxscal = "relative";
  const auto without = model.predict(g, pool, {.float64 = true}).ew;
  struct Row {
    std::size_t n;
    double median_percent, p99_percent, asinh, ratio, rho_published, rho_with, rho_without;
  };
  const std::array<Row, k_n_lines> wanted{{{3884, 0.76, 5.1, 0.0075, 1.001, 0.99972, 0.702, 0.678},
                                           {3120, 0.53, 3.3, 0.0043, 1.002, 0.99980, 0.690, 0.685},
                                           {4000, 0.96, 5.7, 0.0083, 0.997, 0.99979, 0.852, 0.846},
                                           {3125, 1.18, 6.9, 0.0070, 0.998, 0.99967, 0.740, 0.730},
                                           {4000, 1.25, 5.4, 0.0103, 1.010, 0.99979, 0.725, 0.715},
                                           {3768, 1.11, 6.7, 0.0092, 1.007, 0.99964, 0.774, 0.723},
                                           {4000, 1.35, 10.2, 0.0131, 1.013, 0.99990, 0.869, 0.862},
                                           {4000, 1.12, 7.5, 0.0105, 1.006, 0.99961, 0.784, 0.732},
                                           {3854, 1.35, 6.7, 0.0119, 1.012, 0.99978, 0.835, 0.826},
                                           {3737, 1.35, 6.4, 0.0112, 1.012, 0.99980, 0.805, 0.801}}};
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    SCOPED_TRACE(k_lines[line].name);
    const auto published = reader.read_column(std::string(k_lines[line].name) + "_EW_K24", 0, g.n);
    std::vector<double> relative, asinh, ratio, p, ours, obs, ours_without;
    for (std::size_t i = 0; i < g.n; ++i) {
      if (std::isnan(published(i, 0))) continue;
      p.push_back(published(i, 0));
      ours.push_back(with(i, line));
      ours_without.push_back(without(i, line));
      obs.push_back(static_cast<double>(g.ew(i, line)));
      relative.push_back(std::fabs(ours.back() / p.back() - 1));
      asinh.push_back(std::fabs(std::asinh(ours.back()) - std::asinh(p.back())));
      ratio.push_back(ours.back() / p.back());
    }
    EXPECT_EQ(p.size(), wanted[line].n);
    EXPECT_NEAR(100 * median(relative), wanted[line].median_percent, 0.0051);
    EXPECT_NEAR(100 * quantile(relative, 0.99), wanted[line].p99_percent, 0.051);
    EXPECT_NEAR(median(asinh), wanted[line].asinh, 0.000051);
    EXPECT_NEAR(median(ratio), wanted[line].ratio, 0.00051);
    EXPECT_NEAR(spearman(p, ours), wanted[line].rho_published, 0.0000051);
    EXPECT_NEAR(spearman(obs, ours), wanted[line].rho_with, 0.00051);
    EXPECT_NEAR(spearman(obs, ours_without), wanted[line].rho_without, 0.00051);
  }
}

TEST(K24Parity, TheGoldenRow) {
  STARGLOW_NEED_SHARED(k_with());
  STARGLOW_NEED_SHARED(k_table());
  const Model model = import_k24(k_with(), k_without());
  Galaxies g = TableReader(k_table()).read(0, 1);
  ASSERT_EQ(g.targetid[0], 39628368152363023);
  std::array<double, 12> x{};
  compute_features(FeatureRecipe{}, g.band_flux.row(0), g.z[0], x);
  EXPECT_NEAR(x[0], 0.1245391936131522, 1e-13);
  EXPECT_NEAR(x[1], 0.05282762320354972, 1e-13);
  EXPECT_NEAR(x[2], -0.02237672135276612, 1e-13);
  EXPECT_NEAR(x[11], 6.14758054998864, 1e-12);
  const std::array<double, k_n_lines> with{30.607676, 3.574122,  10.460947, 2.794869, 7.953061,
                                           3.557752,  48.615248, 10.623271, 8.684690, 6.148880};
  const std::array<double, k_n_lines> without{27.932442, 3.432474,  9.742016,  2.618982, 7.686901,
                                              3.401988,  42.484987, 10.110655, 8.178665, 5.764279};
  WorkerPool pool(1);
  const auto a = model.predict(g, pool, {.float64 = true}).ew;
  g.conventions.fluxscal = "relative";
  const auto b = model.predict(g, pool, {.float64 = true}).ew;
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    EXPECT_NEAR(a(0, line), with[line], 1e-6);
    EXPECT_NEAR(b(0, line), without[line], 1e-6);
  }
}

TEST(K24Parity, HalphaSharply) {
  const auto fit = test::shared_file("k24_weights/halpha_standardisation_fit.json");
  STARGLOW_NEED_SHARED(fit);
  STARGLOW_NEED_SHARED(k_table());
  const auto numbers = nlohmann::json::parse(test::read_all(fit));
  Model::Parts parts = import_k24(k_with(), std::nullopt).parts();
  constexpr std::size_t halpha = 6;
  for (std::size_t i = 0; i < 12; ++i) {
    parts.full->x_mean(halpha, i) = numbers["mean"][i].get<double>();
    parts.full->x_scale(halpha, i) = numbers["scale"][i].get<double>();
  }
  const Model model(parts);
  const TableReader reader(k_table());
  const Galaxies g = reader.read(0, reader.rows());
  const auto published = reader.read_column("HALPHA_EW_K24", 0, g.n);
  WorkerPool pool(2);
  for (const bool float64 : {true, false}) {
    const auto ew = model.predict(g, pool, {.float64 = float64}).ew;
    double worst = 0;
    for (std::size_t i = 0; i < g.n; ++i) worst = std::max(worst, std::fabs(ew(i, halpha) / published(i, 0) - 1));
    EXPECT_LE(worst, 2e-5) << (float64 ? "float64" : "float32");
  }
}

TEST(K24Parity, Float32AgainstFloat64) {
  STARGLOW_NEED_SHARED(k_with());
  STARGLOW_NEED_SHARED(k_table());
  const Model model = import_k24(k_with(), k_without());
  Galaxies g = read_table(k_table());
  WorkerPool pool(2);
  for (const bool luminosity : {true, false}) {
    if (!luminosity) g.conventions.fluxscal = "relative";
    const auto wide = model.predict(g, pool, {.float64 = true}).ew, narrow = model.predict(g, pool).ew;
    std::vector<double> relative;
    for (std::size_t k = 0; k < wide.flat().size(); ++k)
      relative.push_back(std::fabs(narrow.flat()[k] / wide.flat()[k] - 1));
    EXPECT_LE(quantile(relative, 0.99), 5e-6);
    EXPECT_LE(*std::max_element(relative.begin(), relative.end()), 5e-5);
  }
}

}  // namespace
}  // namespace starglow
