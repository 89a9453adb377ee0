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
  compute_features({InputSet::of(k_input_log_lum, k_input_z)}, k_flux, 0.2, x);
  for (std::size_t i = 0; i < 11; ++i) EXPECT_NEAR(x[i], std::log10(k_flux[i + 1] / k_flux[i]), 1e-15);
  EXPECT_EQ(x[11], log_lum(k_flux[9], 0.2));
  EXPECT_EQ(x[12], 0.2);
  compute_features({InputSet()}, k_flux, std::nan(""), std::span(x).first(11));
  EXPECT_NEAR(x[0], std::log10(1.3), 1e-15);
}

TEST(Features, DerivativesOfEveryRecipe) {
  for (const bool lum : {false, true})
    for (const bool with_z : {false, true}) {
      const FeatureRecipe recipe{(lum ? InputSet::of(k_input_log_lum) : InputSet()) |
                                 (with_z ? InputSet::of(k_input_z) : InputSet())};
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
  for (const char* inputs : {"", "log_lum", "z", "log_lum,z", "d4000", "log_lum,d4000", "log_lum,z,d4000"})
    for (const bool masks : {false, true}) {
      const FeatureRecipe recipe{InputSet::parse(inputs), masks};
      EXPECT_EQ(recipe.inputs.names(), inputs);
      EXPECT_EQ(FeatureRecipe::parse(recipe.name()), recipe);
    }
  EXPECT_EQ((FeatureRecipe{InputSet::parse("z,log_lum"), true}.name()), "adjacent_log_ratios+log_lum+z+masks");
  for (const char* bad :
       {"colours", "adjacent_log_ratios+", "adjacent_log_ratios+mass", "adjacent_log_ratios+z+log_lum",
        "adjacent_log_ratios+z+z", "adjacent_log_ratios+masks+z", "adjacent_log_ratiosz", "masks", ""})
    EXPECT_THROW(FeatureRecipe::parse(bad), Error) << bad;
  EXPECT_THROW(InputSet::parse("z,mass"), Error);
  EXPECT_THROW(InputSet::parse("z,"), Error);
}

TEST(Features, ColumnsOfTheTableFollow) {
  const std::size_t d4000 = input_index("d4000");
  const FeatureRecipe recipe{InputSet::of(k_input_log_lum, k_input_z, d4000), true};
  Galaxies g;
  g.n = 4;
  EXPECT_TRUE(std::isnan(column_input(g, 0, d4000)));
  g.inputs = Matrix<double>(4, k_n_column_inputs, std::nan(""));
  g.inputs(0, 0) = 1.4;
  g.inputs(1, 0) = -2;  // no break
  g.inputs(2, 0) = std::numeric_limits<double>::infinity();
  EXPECT_EQ(column_input(g, 0, d4000), 1.4);
  for (const std::size_t row : {1U, 2U, 3U}) {
    EXPECT_TRUE(std::isnan(column_input(g, row, d4000)));
    EXPECT_EQ(lacking_columns(g, row, recipe.inputs), InputSet::of(d4000));
  }
  EXPECT_TRUE(lacking_columns(g, 0, recipe.inputs).empty());
  EXPECT_TRUE(lacking_columns(g, 1, InputSet::of(k_input_z)).empty());
  std::vector<double> x(recipe.size()), without(recipe.size());
  const auto columns = column_inputs(g, 0);
  compute_features(recipe, {k_flux, 0.2, true, columns}, x);
  EXPECT_EQ(x[recipe.at(d4000)], 1.4);
  EXPECT_EQ(x[recipe.at_mask(d4000)], 0.0);
  EXPECT_EQ(recipe.at_mask(d4000), recipe.size() - 1);
  compute_features(recipe, k_flux, 0.2, without);
  EXPECT_TRUE(std::isnan(without[recipe.at(d4000)]));
  EXPECT_EQ(without[recipe.at_mask(d4000)], -1.0);
  for (std::size_t i = 0; i < recipe.size(); ++i)
    if (i != recipe.at(d4000) && i != recipe.at_mask(d4000)) {
      EXPECT_EQ(x[i], without[i]) << i;
    }
}

TEST(Features, DerivativeByRedshift) {
  const FeatureRecipe recipe{InputSet::of(k_input_log_lum, k_input_z), false, 0.1, 0.3};
  for (const double z : {0.05, 0.2, 0.4}) {
    constexpr double step = 1e-5;
    std::vector<double> low(recipe.size()), high(recipe.size()), d(recipe.size());
    compute_features(recipe, k_flux, z - step, low);
    compute_features(recipe, k_flux, z + step, high);
    for (std::size_t i = 0; i < recipe.size(); ++i) {
      std::fill(d.begin(), d.end(), 0.0);
      d[i] = 1;
      EXPECT_NEAR(features_vjp_z(recipe, z, d), (high[i] - low[i]) / (2 * step), 1e-6) << z << ' ' << i;
    }
  }
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
