#include "starglow/stars/star_photometry.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "starglow/base/error.hpp"
#include "starglow/spectra/photometry.hpp"
#include "starglow/stars/dsps_cosmology.hpp"
#include "support/goldens.hpp"
#include "support/ssp_writer.hpp"

namespace starglow {
namespace {

Filter broad(double centre, double width) {
  std::vector<double> wave, t;
  for (int i = 0; i <= 200; ++i) {
    wave.push_back(centre - 2 * width + 0.02 * width * i);
    t.push_back(0.7 * std::exp(-std::pow((wave.back() - centre) / width, 6)));
  }
  return Filter("broad", wave, t);
}

struct Scene {
  SspGrid grid = test::small_grid(3, 8, 901);
  std::vector<double> t = test::linspace(0.5, 13.5, 30);
  std::vector<Filter> filters{broad(5900, 500), broad(6900, 450), broad(9000, 500)};
  CompactSsp small;
  StarInputs in;
  std::vector<Dust> dust;
  Scene() {
    CompactOptions options;
    options.photometry = true;
    small = compact(grid, options);
    in.sfr = Matrix<double>(2, t.size());
    for (std::size_t k = 0; k < t.size(); ++k) {
      in.sfr(0, k) = t[k] * std::exp(-t[k] / 3);
      in.sfr(1, k) = 1;
    }
    in.t_obs = {11, 9};
    in.lgmet = {-2.5, -2};
    in.lgmet_scatter = {0.3, 0.2};
    dust.resize(2);
    dust[0].av = 0.8;
    dust[1].av = 0.3;
  }
};

TEST(StarFilters, AgreeWithTheWholeSpectrumWithinTheStatedError) {
  const Scene s;
  const StarBands bands(s.small, s.t, DustLaw::salim18);
  const StarFilters filters(bands.compact(), s.filters);
  WorkerPool pool(1);
  const StarLight light = bands.light(s.in, s.dust, pool, true);
  std::vector<double> micron;
  for (const double w : s.grid.wave) micron.push_back(w * 1e-4);
  const DustScreen screen(micron, DustLaw::salim18);
  for (std::size_t g = 0; g < 2; ++g) {
    RestSed sed = rest_sed(s.grid, bands.table(), s.in.sfr.row(g), s.in.lgmet[g], s.in.lgmet_scatter[g], s.in.t_obs[g]);
    std::vector<double> t(sed.sed.size()), got(3), slope(3);
    screen.transmission(s.dust[g], t);
    for (std::size_t i = 0; i < t.size(); ++i) sed.sed[i] *= t[i];
    for (const double z : {0.1, 0.25, 0.4}) {
      filters.light(light.photometry.row(g), z, got, slope);
      for (std::size_t f = 0; f < 2; ++f) {
        const FilterLight want = sed_light(s.filters[f], s.grid.wave, sed.sed, z);
        EXPECT_NEAR(-2.5 * std::log10(got[f] / want.maggies), 0, 2e-3) << f << " " << z;
        std::vector<double> up(3), down(3);
        const double h = 1e-7;
        filters.light(light.photometry.row(g), z + h, up);
        filters.light(light.photometry.row(g), z - h, down);
        EXPECT_NEAR(slope[f], (up[f] - down[f]) / (2 * h), 1e-6 * got[f]) << f << " " << z;
        EXPECT_NEAR(slope[f], want.d_z, 0.1 * got[f]) << f << " " << z;
        // by_node is the row that light() sums
        std::vector<double> by_node(bands.compact().photometry_count);
        filters.weights(f, z, by_node);
        double sum = 0;
        for (std::size_t k = 0; k < by_node.size(); ++k) sum += by_node[k] * light.photometry(g, k);
        EXPECT_NEAR(sum, got[f], 1e-12 * got[f]);
      }
    }
    filters.light(light.photometry.row(g), 0.05, got);
    EXPECT_TRUE(std::isnan(got[2]));  // 9000 A / 1.05 lies off the grid's 7500 A
  }
}

TEST(StarFilters, ASpectrumWithoutColourHasItsMagnitudeExactly) {
  SspGrid grid = test::small_grid(3, 8, 300);
  for (double& x : grid.flux.flat()) x = 1.13492e-13;  // 3631 Jy at 10 pc
  CompactOptions options;
  options.photometry = true;
  const CompactSsp small = compact(grid, options);
  const Scene s;
  const StarFilters filters(small, s.filters);
  std::vector<double> got(3);
  const auto row = small.light.row(0).subspan(small.photometry_begin);
  filters.light(row, 0.2, got);
  EXPECT_NEAR(got[0], 1, 1e-3);
  EXPECT_NEAR(got[1], 1, 1e-3);
}

TEST(StarFilters, NeedThePhotometrysNodes) {
  const Scene s;
  EXPECT_THROW(StarFilters(compact(s.grid), s.filters), Error);
  const StarBands bands(compact(s.grid), s.t, DustLaw::salim18);
  WorkerPool pool(1);
  EXPECT_THROW((void)bands.light(s.in, s.dust, pool, true), Error);
}

TEST(Goldens, LsstMagnitudesOfTheReferenceGalaxy) {
  if (!test::Goldens::there()) GTEST_SKIP() << "no shared data here: " << test::shared_file("dsps/goldens.json");
  const auto& g = test::Goldens::get();
  const SfhTable table(g.t, g.grid.lg_age_gyr);
  const RestSed sed = rest_sed(g.grid, table, g.sfr, g.lgmet, g.scatter, g.t_obs);
  for (const char* band : {"u", "g", "r", "i", "z", "y"}) {
    // A structured array: header of 10 + n bytes, then (wave, transmission) pairs of doubles.
    std::ifstream in(test::shared_file(std::string("dsps/lsst_") + band + "_transmission.npy"), std::ios::binary);
    std::string head(10, '\0');
    in.read(head.data(), 10);
    std::string rest(
        static_cast<std::size_t>(static_cast<unsigned char>(head[8])) + 256U * static_cast<unsigned char>(head[9]),
        '\0');
    in.read(rest.data(), static_cast<std::streamsize>(rest.size()));
    std::vector<double> wave, t;
    if (rest.find("'<f8'") != std::string::npos) {
      for (std::array<double, 2> x{}; in.read(reinterpret_cast<char*>(x.data()), sizeof x);)
        wave.push_back(x[0]), t.push_back(x[1]);
    } else {
      for (std::array<float, 2> x{}; in.read(reinterpret_cast<char*>(x.data()), sizeof x);)
        wave.push_back(static_cast<double>(x[0])), t.push_back(static_cast<double>(x[1]));
    }
    const Filter filter(band, wave, t);
    const auto magnitude = [&](const std::vector<double>& light, double z) {
      double m = ab_magnitude(sed_light(filter, g.grid.wave, light, z).maggies);
      if (z > 0) m += dsps_distance_modulus(z).value - 2.5 * std::log10(1 + z);
      return m;
    };
    const auto& want = g.json["lsst_mags"][band];
    EXPECT_NEAR(magnitude(sed.sed, 0), want["rest"].get<double>(), 1e-12 * 20) << band;
    EXPECT_NEAR(magnitude(sed.sed, 0.3), want["obs_z0p3"].get<double>(), 1e-12 * 20) << band;
    if (band != std::string("r")) continue;
    // Slopes: of the magnitude by the spectrum, pulled back through the populations; and by redshift.
    const auto& json = g.json["lsst_r"];
    const auto gradient = [&](double z) {
      const double total = sed_light(filter, g.grid.wave, sed.sed, z).maggies;
      std::vector<double> d(sed.sed.size(), 0.0), unit(sed.sed.size(), 0.0);
      for (std::size_t i = 0; i < d.size(); ++i) {
        if (g.grid.wave[i] * (1 + z) < filter.lo() - 50 || g.grid.wave[i] * (1 + z) > filter.hi() + 50) continue;
        unit[i] = 1;
        d[i] = -2.5 / std::log(10.0) * sed_light(filter, g.grid.wave, unit, z).maggies / total;
        unit[i] = 0;
      }
      return rest_sed_vjp(g.grid, table, g.sfr, g.lgmet, g.scatter, g.t_obs, d);
    };
    const auto rest_slope = gradient(0), observed = gradient(0.3);
    EXPECT_NEAR(rest_slope.lgmet / json["d_rest_mag_d_lgmet"].get<double>(), 1, 1e-8);
    EXPECT_NEAR(rest_slope.lgmet_scatter / json["d_rest_mag_d_scatter"].get<double>(), 1, 1e-8);
    EXPECT_NEAR(observed.lgmet / json["d_obs_mag_d_lgmet"].get<double>(), 1, 1e-8);
    const FilterLight at = sed_light(filter, g.grid.wave, sed.sed, 0.3);
    const double by_z = -2.5 / std::log(10.0) * (at.d_z / at.maggies + 1 / 1.3) + dsps_distance_modulus(0.3).slope;
    EXPECT_NEAR(by_z / json["d_obs_mag_d_redshift"].get<double>(), 1, 1e-8);
  }
}

}  // namespace
}  // namespace starglow
