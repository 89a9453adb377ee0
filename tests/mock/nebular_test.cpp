#include "starglow/mock/nebular.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "starglow/stars/universe.hpp"

namespace starglow {
namespace {

constexpr std::size_t at(Line line) { return static_cast<std::size_t>(line); }
using Row = std::array<double, k_n_lines>;

Row typical() {
  Row ew{};
  ew.fill(1);
  ew[at(Line::OII_DOUBLET)] = 30, ew[at(Line::HGAMMA)] = 4, ew[at(Line::HBETA)] = 9, ew[at(Line::OIII_5007)] = 8;
  ew[at(Line::OIII_4959)] = 2.6, ew[at(Line::HALPHA)] = 40, ew[at(Line::NII_6584)] = 12, ew[at(Line::NII_6548)] = 4;
  ew[at(Line::SII_6716)] = 7, ew[at(Line::SII_6731)] = 5;
  return ew;
}
double ratio(const Row& ew, Line over, Line under) { return std::log10(ew[at(over)] / ew[at(under)]); }

TEST(Nebular, TheTrackIsThatOfTheStacks) {
  // Curti et al. 2017 at 12 + log O/H = 8.69: their constant terms; at 8.2 and 8.5 by hand from their coefficients.
  const auto solar = nebular_track(8.69, 0);
  EXPECT_NEAR(solar.nii_halpha, -0.489, 1e-12);
  EXPECT_NEAR(solar.oiii_hbeta, -0.277, 1e-12);
  const double x = 8.2 - 8.69;
  EXPECT_NEAR(nebular_track(8.2, 0).nii_halpha,
              -0.489 + 1.513 * x - 2.554 * x * x - 5.293 * x * x * x - 2.867 * x * x * x * x, 1e-12);
  EXPECT_NEAR(nebular_track(8.2, 0).oiii_hbeta, -0.277 - 3.549 * x - 3.593 * x * x - 0.981 * x * x * x, 1e-12);
  for (double oxygen = 8.0; oxygen < 8.8; oxygen += 0.1) {
    EXPECT_LT(nebular_track(oxygen, 0).nii_halpha, nebular_track(oxygen + 0.05, 0).nii_halpha);
    EXPECT_GE(nebular_track(oxygen, 2).oiii_hbeta, nebular_track(oxygen, 0.5).oiii_hbeta);
  }
  EXPECT_EQ(nebular_track(9.5, 0).nii_halpha, nebular_track(8.85, 0).nii_halpha);
}

TEST(Nebular, LinesOfStarFormationLieOnTheTrackBehindTheGasDust) {
  Row continuum{};
  continuum.fill(2);
  for (const double av : {0.0, 0.5, 1.0, 2.0}) {
    for (const GasCurve curve : {GasCurve::calzetti, GasCurve::milky_way}) {
      GasOptions gas;
      gas.curve = curve;
      Row ew = typical();
      hold_to_gas(ew, ew, {8.6, 0.1, av, 60, continuum}, gas);
      // 0.285 and 0.241 dex a magnitude of the stars' Av (docs/stars.md)
      const double slope = curve == GasCurve::calzetti ? 0.285 : 0.241;
      EXPECT_NEAR(ratio(ew, Line::HALPHA, Line::HBETA), std::log10(2.86) + slope * av, 0.002 * av + 1e-9);
      EXPECT_EQ(ew[at(Line::HALPHA)], 40);
      const auto track = nebular_track(8.6, 0.1);
      EXPECT_NEAR(ratio(ew, Line::NII_6584, Line::HALPHA), track.nii_halpha, 0.01);
      EXPECT_NEAR(ratio(ew, Line::NII_6584, Line::NII_6548), std::log10(3.0), 1e-9);
      const auto dust = [&](Line l) { return 0.4 * gas_attenuation(k_lines[at(l)].wave_vac, av, gas); };
      EXPECT_NEAR(ratio(ew, Line::OIII_5007, Line::HBETA), track.oiii_hbeta + dust(Line::HBETA) - dust(Line::OIII_5007),
                  0.02);
    }
  }
  double low = 0, high = 0;
  for (const double oxygen : {8.0, 8.95}) {  // metallicity has a hold
    Row ew = typical();
    hold_to_gas(ew, ew, {oxygen, 0.1, 0.5, 60, continuum}, {});
    (oxygen < 8.5 ? low : high) = ratio(ew, Line::NII_6584, Line::HALPHA);
  }
  EXPECT_GT(high - low, 0.3);
}

TEST(Nebular, OtherGasKeepsItsMetalLines) {
  Row continuum{};
  continuum.fill(1);
  const Row before = typical();
  Row weak = before;
  hold_to_gas(weak, before, {8.3, 0.1, 0, 2, continuum}, {});  // Halpha of hardly any young stars
  EXPECT_DOUBLE_EQ(weak[at(Line::NII_6584)], before[at(Line::NII_6584)]);
  Row agn = before;
  agn[at(Line::NII_6584)] = 60, agn[at(Line::OIII_5007)] = 60;
  const Row nucleus = agn;
  hold_to_gas(agn, before, {8.3, 0.1, 0, 60, continuum}, {});
  EXPECT_NEAR(agn[at(Line::NII_6584)] / nucleus[at(Line::NII_6584)], 1, 1e-6);
}

TEST(Nebular, NoDecrementBelowCaseB) {
  Row continuum{}, ew = typical();
  continuum.fill(1);
  ew[at(Line::HBETA)] = 20;
  hold_decrement(ew, continuum);
  EXPECT_NEAR(ew[at(Line::HALPHA)] / ew[at(Line::HBETA)], k_least_decrement, 1e-12);
  ew[at(Line::HBETA)] = 10;
  hold_decrement(ew, continuum);
  EXPECT_EQ(ew[at(Line::HBETA)], 10);
}

}  // namespace
}  // namespace starglow
