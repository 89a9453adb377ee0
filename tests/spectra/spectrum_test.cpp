#include "starglow/spectra/spectrum.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

TEST(Spectrum, GridOfTheSurvey) {
  EXPECT_EQ(desi_wave(0), 3600.0);
  EXPECT_NEAR(desi_wave(k_n_desi_pixels - 1), 9824.0, 1e-9);
}

TEST(Spectrum, BatchWithOneGridOrOneGridAGalaxy) {
  Spectra s;
  s.wave_obs = Matrix<double>(1, 3);
  s.flux = Matrix<double>(2, 3, 1.0);
  s.flux(1, 2) = 7;
  s.targetid = {(1LL << 53) + 1, -3};
  s.z = {0.1, 0.2};
  EXPECT_EQ(s.view(1).flux[2], 7);
  EXPECT_EQ(s.view(0).targetid, (1LL << 53) + 1);
  EXPECT_EQ(s.view(1).wave_obs.data(), s.wave_obs.data());
  EXPECT_TRUE(s.view(1).ivar.empty());
  EXPECT_TRUE(std::isnan(s.view(1).ebv));
  s.wave_obs = Matrix<double>(2, 3);
  EXPECT_EQ(s.view(1).wave_obs.data(), s.wave_obs.data() + 3);
}

TEST(Spectrum, WavelengthsAreCheckedPixelByPixel) {
  const auto message = [](std::vector<double> wave) -> std::string {
    try {
      check_wavelengths(wave, "spectrum 7");
      return "";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      return e.what();
    }
  };
  EXPECT_EQ(message({1, 2, 3}), "");
  EXPECT_NE(message({0, 2, 3}).find("pixel 0"), std::string::npos);
  EXPECT_NE(message({1, 2, 2}).find("pixel 2"), std::string::npos);
  EXPECT_NE(message({3, 2, 1}).find("descending"), std::string::npos);
  EXPECT_NE(message({1, std::nan(""), 3}).find("pixel 1"), std::string::npos);
  EXPECT_NE(message({1, std::numeric_limits<double>::infinity()}).find("spectrum 7"), std::string::npos);
}

TEST(Spectrum, InstrumentSigmaIsTheSecondMomentOfAColumn) {
  constexpr std::size_t n = 40;
  std::vector<float> r(k_n_diagonals * n, 0.0F);
  for (std::size_t k = 0; k < k_n_diagonals; ++k)
    for (std::size_t j = 5; j < n; ++j) {
      const double x = static_cast<double>(k) - 5;
      r[k * n + j] = static_cast<float>(std::exp(-x * x / (2 * 1.2 * 1.2)));
    }
  const auto sigma = instrument_sigma(r, n, 0.8);
  EXPECT_NEAR(sigma[20], 0.8 * 1.2, 2e-3);
  EXPECT_EQ(sigma[0], sigma[5]);  // columns without light take their neighbour's
  EXPECT_TRUE(std::isnan(instrument_sigma(std::vector<float>(k_n_diagonals * n, 0.0F), n, 0.8)[3]));
}

}  // namespace
}  // namespace starglow
