// Numbers that DSPS 0.4.8 gave in float64, its derivatives by automatic differentiation; tolerances of the file.
#include <gtest/gtest.h>

#include "starglow/base/flags.hpp"
#include "starglow/stars/dsps_cosmology.hpp"
#include "starglow/stars/dust.hpp"
#include "starglow/stars/stars.hpp"
#include "support/goldens.hpp"

namespace starglow {
namespace {

using test::Goldens;
constexpr double k_value = 1e-12, k_atol = 1e-15, k_slope = 1e-8;

#define NEED_GOLDENS() \
  if (!Goldens::there()) GTEST_SKIP() << "no shared data here: " << test::shared_file("dsps/goldens.json")

void expect_close(double got, double want, double relative, double absolute, const std::string& what) {
  EXPECT_LE(std::fabs(got - want), relative * std::fabs(want) + absolute)
      << what << ": " << got << " not " << want << ", off by " << std::fabs(got - want) / std::fabs(want);
}
void expect_all(const std::vector<double>& got, const nlohmann::json& want, double relative, double absolute,
                const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i)
    expect_close(got[i], want[i].get<double>(), relative, absolute, what + "[" + std::to_string(i) + "]");
}
std::vector<double> at(const std::vector<double>& x, const std::vector<std::size_t>& index) {
  std::vector<double> out;
  for (const auto i : index) out.push_back(x[i]);
  return out;
}

TEST(Goldens, SedAndWeightsOfTheReferenceGalaxy) {
  NEED_GOLDENS();
  const Goldens& g = Goldens::get();
  const SfhTable table(g.t, g.grid.lg_age_gyr);
  const RestSed sed = rest_sed(g.grid, table, g.sfr, g.lgmet, g.scatter, g.t_obs);
  expect_close(sed.mass, g.json["m_obs_msun"], k_value, 0, "mass");
  expect_all(at(sed.sed, g.wave_index()), g.json["rest_sed_lsun_per_hz"], k_value, 0, "sed");
  expect_all(sed.age_weights, g.json["age_weights"], k_value, k_atol, "age weights");
  expect_all(sed.lgmet_weights, g.json["lgmet_weights"], k_value, k_atol, "metallicity weights");
  expect_all(age_edges(g.grid.lg_age_gyr), g.json["lg_age_bin_edges"], k_value, 0, "age edges");
  expect_all(metallicity_edges(g.grid.lgmet), g.json["lgmet_bin_edges"], k_value, 0, "metallicity edges");
  EXPECT_EQ(sed.flags, 0);
}

TEST(Goldens, DerivativesOfTheReferenceGalaxy) {
  NEED_GOLDENS();
  const Goldens& g = Goldens::get();
  const SfhTable table(g.t, g.grid.lg_age_gyr);
  const auto index = g.wave_index();
  for (std::size_t k = 0; k < index.size(); ++k) {
    std::vector<double> pick(g.grid.n_wave(), 0.0);
    pick[index[k]] = 1;
    const auto d = rest_sed_vjp(g.grid, table, g.sfr, g.lgmet, g.scatter, g.t_obs, pick);
    expect_close(d.lgmet, g.json["d_rest_sed_d_lgmet"][k], k_slope, 0, "lgmet");
    expect_close(d.lgmet_scatter, g.json["d_rest_sed_d_lgmet_scatter"][k], k_slope, 0, "scatter");
    expect_close(d.t_obs, g.json["d_rest_sed_d_t_obs"][k], k_slope, 0, "t_obs");
    expect_all(d.sfr, g.json["d_rest_sed_d_sfr_all"][k], k_slope, 0, "sfr");
  }
}

TEST(Goldens, MetallicityHistory) {
  NEED_GOLDENS();
  const Goldens& g = Goldens::get();
  const SfhTable table(g.t, g.grid.lg_age_gyr);
  const auto lgmet = test::linspace(-3, -2, 100);
  const RestSed sed = rest_sed(g.grid, table, g.sfr, lgmet, 0.2, g.t_obs);
  const auto& json = g.json["met_table"];
  expect_all(at(sed.sed, g.wave_index()), json["rest_sed_lsun_per_hz"], k_value, 0, "sed");
  EXPECT_EQ(sed.lgmet_weights_at_age.rows(), json["lgmet_weights_shape"][0]);
  EXPECT_EQ(sed.lgmet_weights_at_age.cols(), json["lgmet_weights_shape"][1]);
  const auto index = g.wave_index();
  for (std::size_t k = 0; k < index.size(); ++k) {
    std::vector<double> pick(g.grid.n_wave(), 0.0);
    pick[index[k]] = 1;
    const auto d = rest_sed_vjp(g.grid, table, g.sfr, lgmet, 0.2, g.t_obs, pick);
    expect_close(d.lgmet_scatter, json["d_rest_sed_d_scatter"][k], k_slope, 0, "scatter");
    for (const char* at_time : {"10", "50", "75"})
      expect_close(d.lgmet_table[std::stoul(at_time)], json["d_rest_sed_d_lgmet_table"][at_time][k], k_slope, 0,
                   "lgmet table");
    for (const char* at_time : {"10", "50", "78"})
      expect_close(d.sfr[std::stoul(at_time)], json["d_rest_sed_d_sfr"][at_time][k], k_slope, 0, "sfr");
  }
}

TEST(Goldens, QuenchedGalaxyAndEdgeCases) {
  NEED_GOLDENS();
  const Goldens& g = Goldens::get();
  const SfhTable table(g.t, g.grid.lg_age_gyr);
  std::vector<double> sfr;
  for (std::size_t i = 0; i < g.t.size(); ++i)
    sfr.push_back((20 * std::exp(-std::pow((g.t[i] - 4) / 2.5, 2)) + 0.3) * (i >= 60 ? 0.05 : 1));
  const auto& json = g.json["quenched_case"];
  const RestSed sed = rest_sed(g.grid, table, sfr, -1.8, 0.1, 8.3);
  expect_close(sed.mass, json["m_obs_msun"], k_value, 0, "mass");
  expect_all(at(sed.sed, g.wave_index()), json["rest_sed_lsun_per_hz"], k_value, 0, "sed");
  expect_all(sed.age_weights, json["age_weights"], k_value, k_atol, "age weights");

  const auto& edge = g.json["edge_cases"];
  const RestSed poor = rest_sed(g.grid, table, g.sfr, -5, 0.2, g.t_obs);
  EXPECT_EQ(poor.lgmet_weights.front(), edge["lgmet_minus5_weights_first"].get<double>());
  // The file does not name the scatter of this case; any below 0.08 puts the whole distribution into the end bin.
  const RestSed rich = rest_sed(g.grid, table, g.sfr, -1.3, 0.05, g.t_obs);
  EXPECT_EQ(rich.lgmet_weights.back(), edge["lgmet_minus1p3_weights_last"].get<double>());
  EXPECT_EQ(rich.flags, k_clipped);
  std::vector<double> all(g.grid.n_wave(), 1.0);
  EXPECT_EQ(rest_sed_vjp(g.grid, table, g.sfr, -1.3, 0.05, g.t_obs, all).lgmet,
            edge["d_sed_d_lgmet_at_minus1p3"][0].get<double>());
  EXPECT_EQ(rest_sed_vjp(g.grid, table, g.sfr, -5, 0.2, g.t_obs, all).lgmet,
            edge["d_sed_d_lgmet_outside"][0].get<double>());
  const RestSed late = rest_sed(g.grid, table, g.sfr, g.lgmet, g.scatter, 14.5);
  expect_close(late.mass, edge["m_obs_at_t_obs_14p5"], k_value, 0, "mass after the table");
}

TEST(Goldens, BurstWeights) {
  NEED_GOLDENS();
  const Goldens& g = Goldens::get();
  const auto& json = g.json["burst_weights"];
  const std::size_t n = g.grid.n_age();
  std::vector<double> pure(n), peak(n), max(n);
  burst_weights({-3, 5.5, 7}, g.grid.lg_age_gyr, pure, peak, max);
  expect_all(pure, json["pure"], k_value, k_atol, "pure");
  expect_all(peak, json["d_pure_d_lgyr_peak"], k_slope, 1e-14, "peak");
  expect_all(max, json["d_pure_d_lgyr_max"], k_slope, 1e-14, "max");
}

TEST(Goldens, DustLaws) {
  NEED_GOLDENS();
  const Goldens& g = Goldens::get();
  const auto& json = g.json["dust"];
  for (const auto& [name, law] : {std::pair{"calzetti00", DustLaw::calzetti00},
                                  {"salim18", DustLaw::salim18},
                                  {"noll09", DustLaw::noll09},
                                  {"triweight_floor", DustLaw::smooth}}) {
    const auto& want = json[name];
    Dust dust{.law = law, .av = json["av"]};
    if (want.contains("plaw_slope")) dust.slope = want["plaw_slope"];
    if (want.contains("uv_bump_ampl")) dust.bump = want["uv_bump_ampl"];
    if (want.contains("ftrans_floor")) dust.floor = want["ftrans_floor"];
    const std::vector<double> wave{json["wave_angstrom"][0].get<double>() * 1e-4,
                                   json["wave_angstrom"][1].get<double>() * 1e-4};
    std::vector<double> f(2), av(2), slope(2), bump(2);
    DustScreen(wave, law).transmission(dust, f, av, slope, bump);
    expect_all(f, want["ftrans"], k_value, 0, name);
    expect_all(av, want["d_ftrans_d_av"], k_slope, 0, name);
    if (want.contains("d_ftrans_d_plaw_slope")) expect_all(slope, want["d_ftrans_d_plaw_slope"], k_slope, 0, name);
    if (want.contains("d_ftrans_d_uv_bump_ampl")) expect_all(bump, want["d_ftrans_d_uv_bump_ampl"], k_slope, 0, name);
    const std::vector<double> many = want["ftrans_at"]["wave_micron"];
    std::vector<double> at_many(many.size());
    DustScreen(many, law).transmission(dust, at_many);
    expect_all(at_many, want["ftrans_at"]["ftrans"], k_value, 0, name);
  }
}

TEST(Goldens, Cosmology) {
  NEED_GOLDENS();
  const auto& json = Goldens::get().json["cosmology"];
  expect_close(dsps_age_today(), json["age_at_z0_gyr"], k_value, 0, "today");
  for (std::size_t i = 0; i < 4; ++i) {
    const double z = json["z"][i];
    expect_close(dsps_age(z).value, json["age_at_z_gyr"][i], k_value, 0, "age");
    expect_close(dsps_age(z).slope, json["d_age_d_z"][i], k_slope, 0, "age slope");
    expect_close(dsps_distance_modulus(z).value, json["distance_modulus"][i], k_value, 0, "modulus");
    expect_close(dsps_distance_modulus(z).slope, json["d_distance_modulus_d_z"][i], k_slope, 0, "modulus slope");
    expect_close(dsps_luminosity_distance(z).value, json["luminosity_distance_mpc"][i], k_value, 0, "distance");
    expect_close(dsps_lookback_time(z).value, json["lookback_gyr"][i], k_value, 0, "lookback");
  }
}

TEST(Goldens, MassMetallicityAndSurvivingMass) {
  NEED_GOLDENS();
  const auto& json = Goldens::get().json;
  const auto& relation = json["umzr"];
  for (std::size_t i = 0; i < relation["lgmet"].size(); ++i)
    expect_close(mass_metallicity(relation["logsm_t"][i][0], relation["logsm_t"][i][1]), relation["lgmet"][i], k_value,
                 0, "metallicity");
  const auto& mass = json["surviving_mass"];
  for (std::size_t i = 0; i < mass["lg_age_yr"].size(); ++i) {
    expect_close(surviving_mass_fraction(mass["lg_age_yr"][i]), mass["chabrier"][i], k_value, 0, "chabrier");
    expect_close(surviving_mass_fraction(mass["lg_age_yr"][i], Imf::salpeter), mass["salpeter"][i], k_value, 0,
                 "salpeter");
  }
}

TEST(Goldens, ABatchGivesTheSameSeds) {
  NEED_GOLDENS();
  const Goldens& g = Goldens::get();
  const StarSynthesis synthesis(g.grid.lgmet, g.grid.lg_age_gyr, g.t, g.grid.flux);
  StarInputs in;
  in.sfr = Matrix<double>(8, g.t.size());
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t k = 0; k < g.t.size(); ++k)
      in.sfr(i, k) = g.sfr[k] * std::exp(0.1 * static_cast<double>(i * k % 7));
    in.t_obs.push_back(11 - 0.3 * static_cast<double>(i));
    in.lgmet.push_back(-2 - 0.35 * static_cast<double>(i));
    in.lgmet_scatter.push_back(0.2 + 0.05 * static_cast<double>(i));
  }
  Matrix<double> sed(8, g.grid.n_wave());
  std::vector<std::int32_t> flags(8);
  std::vector<double> mass(8);
  WorkerPool pool(1);
  synthesis.synthesise(in, sed.view(), flags, mass, pool);
  for (std::size_t i = 0; i < 8; ++i) {
    const RestSed one =
        rest_sed(g.grid, synthesis.table(), in.sfr.row(i), in.lgmet[i], in.lgmet_scatter[i], in.t_obs[i]);
    EXPECT_EQ(one.flags, flags[i]);
    for (std::size_t k = 0; k < g.grid.n_wave(); k += 97) expect_close(sed(i, k), one.sed[k], 1e-12, 0, "batch");
  }
}

}  // namespace
}  // namespace starglow
