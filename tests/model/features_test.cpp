#include "starglow/model/features.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "starglow/base/cosmology.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "support/expect_derivative.hpp"

namespace starglow {
namespace {

const std::vector<double> k_flux{1.0, 1.3, 1.5, 1.6, 1.55, 1.7, 1.72, 1.8, 1.75, 1.9, 1.85, 1.95};

TEST(Features, AreRatiosThenLuminosityThenRedshift) {
  std::vector<double> x(13);
  compute_features({true, true}, k_flux, 0.2, x);
  for (std::size_t i = 0; i < 11; ++i) EXPECT_NEAR(x[i], std::log10(k_flux[i + 1] / k_flux[i]), 1e-15);
  EXPECT_EQ(x[11], log_lum(k_flux[9], 0.2));
  EXPECT_EQ(x[12], 0.2);
  compute_features({false, false}, k_flux, std::nan(""), std::span(x).first(11));
  EXPECT_NEAR(x[0], std::log10(1.3), 1e-15);
}

TEST(Features, DerivativesOfEveryRecipe) {
  for (const bool lum : {false, true})
    for (const bool with_z : {false, true}) {
      const FeatureRecipe recipe{lum, with_z};
      test::Operation op;
      op.value = [&](const test::Vector& flux) {
        test::Vector x(recipe.size());
        compute_features(recipe, flux, 0.15, x);
        return x;
      };
      op.jacobian = [&](const test::Vector& flux) {
        test::Vector jac;
        for (std::size_t j = 0; j < recipe.size(); ++j) {
          test::Vector d(recipe.size(), 0.0), row(k_n_bands);
          d[j] = 1;
          features_vjp(recipe, flux, d, row);
          jac.insert(jac.end(), row.begin(), row.end());
        }
        return jac;
      };
      op.twin = [&](const std::vector<test::Dual>& flux) {
        std::vector<test::Dual> x;
        for (std::size_t i = 0; i + 1 < k_n_bands; ++i) x.push_back(log10(flux[i + 1] / flux[i]));
        const double d = luminosity_distance(0.15);
        if (lum) x.push_back(log10(flux[9] * (1.15 * d * d)));
        if (with_z) x.push_back(0.15);
        return x;
      };
      test::DerivativeOptions options;
      options.check_nan = false;  // z has no derivative here, and NaN bands never reach this function
      test::expect_derivative(op, k_flux, options);
    }
}

TEST(Features, NamesReadBack) {
  for (const bool lum : {false, true})
    for (const bool z : {false, true})
      EXPECT_EQ(FeatureRecipe::parse(FeatureRecipe{lum, z}.name()), (FeatureRecipe{lum, z}));
  EXPECT_THROW(FeatureRecipe::parse("colours"), Error);
}

TEST(BandFlags, MissingNegativeAndInfinite) {
  auto flux = k_flux;
  EXPECT_EQ(band_flags(flux, {}), 0);
  flux[3] = std::nan("");
  EXPECT_EQ(band_flags(flux, {}), k_band_missing);
  flux[3] = -1;
  EXPECT_EQ(band_flags(flux, {}), k_band_missing | k_negative_band);
  flux[3] = 0;
  EXPECT_EQ(band_flags(flux, {}), k_band_missing | k_negative_band);
  flux[3] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(band_flags(flux, {}), k_nonfinite);
  std::vector<double> ivar(12, 1.0);
  EXPECT_EQ(band_flags(k_flux, ivar), 0);
  for (const double bad : {0.0, -1.0, std::nan("")}) {
    ivar[0] = bad;
    EXPECT_EQ(band_flags(k_flux, ivar), k_band_missing);
  }
}

}  // namespace
}  // namespace starglow
