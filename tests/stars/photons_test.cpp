#include "starglow/stars/photons.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

const double k_solar = std::log10(0.0190);

std::vector<double> times() {  // 10 Myr apart, 1 Myr in the last 400 before 10 Gyr
  std::vector<double> t;
  for (int k = 1; k <= 960; ++k) t.push_back(0.01 * k);
  for (int k = 1; k <= 400; ++k) t.push_back(9.6 + 0.001 * k);
  t.push_back(10.5);
  return t;
}

StarInputs history(const std::vector<double>& t, const std::function<double(double)>& rate, double lgmet = k_solar) {
  StarInputs in;
  in.sfr = Matrix<double>(1, t.size());
  for (std::size_t k = 0; k < t.size(); ++k) in.sfr(0, k) = rate(t[k]);
  in.t_obs = {10.0};
  in.lgmet = {lgmet};
  in.lgmet_scatter = {0.02};
  return in;
}

StarBudget budget_of(const StarInputs& in, PhotonGrid grid = photon_grid()) {
  WorkerPool pool(1);
  return StarPhotons(std::move(grid), times()).budget(in, pool);
}

TEST(Photons, OfConstantStarFormation) {
  const auto b = budget_of(history(times(), [](double) { return 3.0; }));
  EXPECT_NEAR(b.sfr10[0], 3, 0.01);
  EXPECT_NEAR(b.sfr100[0], 3, 0.01);
  EXPECT_NEAR(b.mass[0], 3e10, 1e8);
  EXPECT_GT(b.surviving[0], 0.5 * b.mass[0]);
  EXPECT_LT(b.surviving[0], 0.75 * b.mass[0]);
  // FSPS 2, solar: log L(Halpha)/SFR = 41.24 from its own spectra at 0.025 dex in age.
  EXPECT_NEAR(std::log10(halpha_case_b(b.photons[0], {}) / 3), 41.244, 0.01);
  EXPECT_DOUBLE_EQ(halpha_case_b(1e53, {.f_esc = 0.5, .f_dust = 0.5}), 0.25 * 1.37e41);
}

TEST(Photons, EndWithStarFormation) {
  const double before = budget_of(history(times(), [](double) { return 1.0; })).photons[0];
  double last = before;
  for (const double ago : {0.01, 0.03, 0.1}) {
    const auto b = budget_of(history(times(), [&](double t) { return t > 10 - ago + 1e-6 ? 0.0 : 1.0; }));
    EXPECT_LT(b.photons[0], 0.05 * before) << ago;
    EXPECT_LT(b.photons[0], last) << ago;
    EXPECT_LT(b.sfr10[0], 0.06) << ago;
    last = b.photons[0];
  }
  // What is left are hot old stars.
  EXPECT_GT(last, 1e50 * 0.3);
  EXPECT_LT(last, 1e51);
}

TEST(Photons, FallWithMetallicity) {
  const auto q = [](double lgmet) { return budget_of(history(times(), [](double) { return 1.0; }, lgmet)).photons[0]; };
  EXPECT_NEAR(std::log10(q(k_solar - 0.95) / q(k_solar)), 0.39 * 0.95 - 0.127 * 0.95 * 0.95, 0.01);
  EXPECT_LT(q(k_solar + 0.3), q(k_solar));
}

SspGrid flat_grid(double first_age, double first_wave) {
  SspGrid g;
  g.lgmet = {-2};
  for (int k = 0; k < 40; ++k) g.lg_age_gyr.push_back(first_age + 0.1 * k);
  for (double w = first_wave; w < 3000; w *= 1.02) g.wave.push_back(w);
  g.flux = Matrix<double>(40, g.n_wave());
  for (std::size_t a = 0; a < 40; ++a)
    for (std::size_t k = 0; k < g.n_wave(); ++k) g.flux(a, k) = 1e-15 * g.wave[k];  // L_nu / lambda is flat
  return g;
}

TEST(Photons, OfAGridsOwnSpectra) {
  const PhotonGrid own = photon_grid(flat_grid(-3.5, 95));
  EXPECT_TRUE(own.own);
  EXPECT_NEAR(own.rate(7, 0), 1e-15 * 3.828e33 / 6.62607015e-27 * (911.753 - 95), 1e-9 * own.rate(7, 0));
  EXPECT_FALSE(photon_grid(flat_grid(-2.3, 95)).own);   // no stars below 5 Myr
  EXPECT_FALSE(photon_grid(flat_grid(-3.5, 150)).own);  // no light below 150 A
  EXPECT_FALSE(photon_grid().own);
  EXPECT_FALSE(photon_grid().source.empty());
}

TEST(Photons, SlopesAreThoseOfTheValue) {
  std::vector<double> t;
  for (int k = 1; k <= 138; ++k) t.push_back(0.1 * k);
  const StarPhotons photons(photon_grid(), t);
  WorkerPool pool(1);
  StarInputs in = history(t, [](double x) { return x * std::exp(-x / 3) + 0.2; }, -1.9);
  in.t_obs = {9.9873};
  in.lgmet_scatter = {0.2};
  const auto slope = photons.slopes(in.sfr.row(0), in.lgmet[0], in.lgmet_scatter[0], in.t_obs[0]);
  const double at = photons.budget(in, pool).photons[0];
  const auto check = [&](double& x, double step, double got) {
    const double before = x;
    x = before + step;
    const double up = photons.budget(in, pool).photons[0];
    x = before - step;
    const double down = photons.budget(in, pool).photons[0];
    x = before;
    const double want = (up - down) / (2 * step);
    EXPECT_NEAR(got, want, 1e-6 * (std::fabs(want) + at));
  };
  check(in.lgmet[0], 1e-5, slope.lgmet);
  check(in.lgmet_scatter[0], 1e-5, slope.lgmet_scatter);
  check(in.t_obs[0], 3e-5, slope.t_obs);  // smaller steps drown in the rounding of logarithms of masses
  for (const std::size_t k : {5U, 50U, 97U, 98U, 99U}) check(in.sfr(0, k), 1e-4 * in.sfr(0, k), slope.sfr[k]);
}

TEST(GasDust, GivesThePublishedDecrements) {
  const auto decrement = [](const GasOptions& gas) {
    return 0.4 * (gas_attenuation(4862.7, 1, gas) - gas_attenuation(6564.6, 1, gas));
  };
  EXPECT_NEAR(decrement({}), 0.285, 0.005);
  EXPECT_NEAR(decrement({.curve = GasCurve::milky_way}), 0.241, 0.005);
  EXPECT_NEAR(decrement({.dust_factor = 1}), 0.285 / 2.27, 0.005);
  EXPECT_EQ(gas_attenuation(6564.6, -1, {}), 0);
  EXPECT_THROW(GasOptions{.f_esc = 1.1}.check(), Error);
  EXPECT_THROW(GasOptions{.f_dust = -0.1}.check(), Error);
  EXPECT_THROW(GasOptions{.dust_factor = -1}.check(), Error);
  EXPECT_EQ(parse_gas_curve("milky_way"), GasCurve::milky_way);
  EXPECT_THROW((void)parse_gas_curve("smc"), Error);
}

}  // namespace
}  // namespace starglow
