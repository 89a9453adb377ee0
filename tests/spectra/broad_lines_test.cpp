// Broad Balmer lines beside narrow ones, painted by the formula; indices against slow sums.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "spectra/normal_table.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/random.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/spectra/air.hpp"
#include "starglow/spectra/indices.hpp"
#include "starglow/spectra/measure.hpp"

namespace starglow {
namespace {

constexpr double k_c = 299792.458;

struct Truth {
  std::vector<double> wave, flux, ivar;
  double z = 0.1;
  SpectrumView view() const {
    SpectrumView s;
    s.wave_obs = wave;
    s.flux = flux;
    s.ivar = ivar;
    s.z = z;
    s.ebv = 0;
    return s;
  }
};

void add(Truth& t, double rest, double flux, double sigma_v, double shift = 0) {
  const double mu = rest * (1 + t.z) * (1 + shift / k_c), s = mu * sigma_v / k_c;
  const auto cdf = [&](double x) { return 0.5 * std::erfc((mu - x) / (s * std::numbers::sqrt2)); };
  for (std::size_t i = 0; i < t.wave.size(); ++i)
    t.flux[i] += flux * (cdf(t.wave[i] + 0.4) - cdf(t.wave[i] - 0.4)) / 0.8;
}

// Two of the shipped templates, narrow lines of 120 km/s, broad lines of `broad` (1e-17 erg/s/cm2 in Halpha).
Truth spectrum(double z, double broad, double sigma_v, double noise, std::int64_t seed) {
  static const TemplateSet templates = shipped_templates();
  Truth t;
  t.z = z;
  const RandomObject random(1, Stream::spectrum_noise, seed);
  for (std::size_t i = 0; i < k_n_desi_pixels; ++i) {
    t.wave.push_back(desi_wave(i));
    const double x = (std::log(desi_wave(i) / (1 + z)) - templates.log_first()) / templates.log_step();
    const auto cell = static_cast<std::size_t>(std::clamp(x, 0.0, static_cast<double>(templates.pixels() - 1)));
    const float* of = templates.at_sigma(2) + cell * templates.stride();
    t.flux.push_back(0.7 * static_cast<double>(of[2]) + 0.5 * static_cast<double>(of[9]));
  }
  t.ivar.assign(t.wave.size(), 1 / (noise * noise));
  for (const auto& [rest, flux] : std::vector<std::pair<double, double>>{{6564.6, 30},
                                                                         {6585.273, 12},
                                                                         {6549.861, 12 / 3.049},
                                                                         {4862.71, 10},
                                                                         {4341.692, 5},
                                                                         {5008.24, 20},
                                                                         {4960.295, 20 / 2.993},
                                                                         {6718.294, 8},
                                                                         {6732.674, 6}})
    add(t, rest, flux, 120);
  if (broad > 0) {
    add(t, 6564.6, broad, sigma_v, 100);
    add(t, 4862.71, broad / 3, sigma_v, 100);
    add(t, 4341.692, broad / 7, sigma_v, 100);
  }
  for (std::size_t i = 0; i < t.wave.size(); ++i) t.flux[i] += noise * random.normal(0, static_cast<std::uint32_t>(i));
  return t;
}

TEST(BroadLines, AreFoundAndTheNarrowOnesKeepTheirFlux) {
  const TemplateSet templates = shipped_templates();
  constexpr auto halpha = line_index("HALPHA"), hbeta = line_index("HBETA"), oiii = line_index("OIII_5007");
  for (const double sigma : {650.0, 1500.0, 3000.0}) {
    const Measurement m = measure_spectrum(spectrum(0.15, 400, sigma, 0.1, 1).view(), templates);
    EXPECT_NE(m.flags & k_broad_line, 0) << sigma;
    EXPECT_NEAR(m.broad.sigma_v, sigma, 0.06 * sigma);
    EXPECT_NEAR(m.broad.v_shift, 100, 60);
    EXPECT_NEAR(m.broad.flux[halpha], 400, 24) << sigma;
    EXPECT_NEAR(m.broad.flux[hbeta], 400.0 / 3, 12) << sigma;
    EXPECT_GT(m.broad.log_odds, 10);
    EXPECT_GT(m.broad.ew[halpha], 0);
    EXPECT_NEAR(m.flux[halpha], 30, 1.5) << sigma;
    EXPECT_NEAR(m.flux[oiii], 20, 0.6);
    EXPECT_NEAR(m.sigma_v[oiii], 120, 6);
    EXPECT_TRUE(std::isnan(m.broad.flux[oiii]));
    EXPECT_EQ(m.broad.flux_ivar[oiii], 0);
  }
}

TEST(BroadLines, AreNotSeenWhereThereAreNone) {
  const TemplateSet templates = shipped_templates();
  for (std::int64_t seed = 1; seed <= 12; ++seed) {
    const Measurement m =
        measure_spectrum(spectrum(0.1, 0, 0, 0.05 * static_cast<double>(seed), seed).view(), templates);
    EXPECT_EQ(m.flags & k_broad_line, 0) << seed;
    EXPECT_TRUE(std::isnan(m.broad.sigma_v));
    EXPECT_TRUE(std::isnan(m.broad.flux[line_index("HALPHA")]));
  }
}

TEST(BroadLines, WithoutPixelsThereAreNone) {
  Truth t = spectrum(0.1, 0, 0, 0.1, 1);
  std::fill(t.ivar.begin(), t.ivar.end(), 0.0);
  const Measurement m = measure_spectrum(t.view(), shipped_templates());
  EXPECT_EQ(m.flags & k_broad_line, 0);
  EXPECT_TRUE(std::isnan(m.break_4000.value));
  EXPECT_TRUE(std::isnan(m.snr));
}

TEST(Indices, AreTheSumsOfTheirDefinitions) {
  // A slow twin: the integrals over a fine grid of straight lines between the pixels' centres.
  const Truth t = spectrum(0.12, 0, 0, 1e-3, 3);
  const std::vector<double> none(t.wave.size(), 0.0);
  const std::vector<std::uint8_t> good(t.wave.size(), 1);
  const auto mean = [&](double lo, double hi, const auto& of) {
    constexpr int n = 20000;
    double sum = 0;
    for (int k = 0; k < n; ++k) {
      const double wave = (vacuum_of_air(lo) + (k + 0.5) / n * (vacuum_of_air(hi) - vacuum_of_air(lo))) * (1 + t.z);
      const auto i = static_cast<std::size_t>((wave - 3600) / 0.8 + 0.5);  // its pixel
      sum += of(wave, t.flux[i]) / n;
    }
    return sum;
  };
  const auto f_nu = [](double wave, double flux) { return wave * wave * flux; };
  const Index d4000 = break_4000(t.view(), none, none, good);
  EXPECT_NEAR(d4000.value, mean(4000, 4100, f_nu) / mean(3850, 3950, f_nu), 1e-3);
  EXPECT_GT(d4000.value, 1.0);
  const auto plain = [](double, double flux) { return flux; };
  const double left = mean(4041.60, 4081.50, plain), right = mean(4128.50, 4161.00, plain);
  const double at_left = vacuum_of_air(0.5 * (4041.60 + 4081.50)), at_right = vacuum_of_air(0.5 * (4128.50 + 4161.00));
  const double wanted = 38.75 * mean(4083.50, 4122.25, [&](double wave, double flux) {
                          const double share = (wave / (1 + t.z) - at_left) / (at_right - at_left);
                          return 1 - flux / (left + share * (right - left));
                        });
  const Index hdelta = lick_hdelta(t.view(), none, none, good, 0);
  EXPECT_NEAR(hdelta.value, wanted, 0.02);
}

TEST(Indices, ErrorsAreThoseOfTheNoise) {
  const Truth clean = spectrum(0.12, 0, 0, 1e-3, 3);
  const std::vector<double> none(clean.wave.size(), 0.0);
  const std::vector<std::uint8_t> good(clean.wave.size(), 1);
  const Index d0 = break_4000(clean.view(), none, none, good), h0 = lick_hdelta(clean.view(), none, none, good, 0);
  double squares_d = 0, squares_h = 0;
  constexpr int n = 300;
  for (int k = 0; k < n; ++k) {
    Truth t = clean;
    const RandomObject random(2, Stream::spectrum_noise, k);
    for (std::size_t i = 0; i < t.wave.size(); ++i) {
      t.flux[i] += 0.1 * random.normal(0, static_cast<std::uint32_t>(i));
      t.ivar[i] = 100;
    }
    const Index d = break_4000(t.view(), none, none, good), h = lick_hdelta(t.view(), none, none, good, 0);
    squares_d += (d.value - d0.value) * (d.value - d0.value) / d.variance / n;
    squares_h += (h.value - h0.value) * (h.value - h0.value) / h.variance / n;
  }
  EXPECT_NEAR(std::sqrt(squares_d), 1, 0.13);  // 3 / sqrt(2 n)
  EXPECT_NEAR(std::sqrt(squares_h), 1, 0.13);
}

TEST(Indices, MissingPixelsAreStarlightAndMissingWindowsAreNoNumber) {
  Truth t = spectrum(0.12, 0, 0, 1e-3, 3);
  const std::vector<double> none(t.wave.size(), 0.0), starlight = t.flux;
  std::vector<std::uint8_t> good(t.wave.size(), 1);
  const double whole = break_4000(t.view(), none, starlight, good).value;
  for (std::size_t i = 0; i < t.wave.size(); ++i)
    if (t.wave[i] > 3870 * 1.12 && t.wave[i] < 3900 * 1.12) {
      good[i] = 0;
      t.flux[i] = std::nan("");
    }
  EXPECT_NEAR(break_4000(t.view(), none, starlight, good).value, whole, 1e-9);
  for (std::size_t i = 0; i < t.wave.size(); ++i)
    if (t.wave[i] > 3850 * 1.12 && t.wave[i] < 3930 * 1.12) good[i] = 0;
  EXPECT_TRUE(std::isnan(break_4000(t.view(), none, starlight, good).value));
  t.z = 2;  // off the red end? 4100 A x 3 is beyond 9824 A
  EXPECT_TRUE(std::isnan(break_4000(t.view(), none, starlight, good).value));
}

TEST(NormalTable, IsTheNormalDistribution) {
  const NormalTable& table = normal_table();
  for (double x = -7.99; x < 7.99; x += 0.0137) {
    const auto both = table.both(x);
    EXPECT_NEAR(both.cdf, normal_cdf(x), 1e-15);
    EXPECT_NEAR(both.density, normal_density(x), 3e-14);
    EXPECT_EQ(both.cdf, table(x));
  }
}

}  // namespace
}  // namespace starglow
