// The fit of starlight: what it can make it finds, and where it stops nothing leads further down.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "starglow/files/starlight.hpp"
#include "starglow/spectra/continuum_fit.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_pixels = 4600;
constexpr double k_z = 0.1, k_light = 299792.458;

double wave(std::size_t i) { return 3750.0 + 0.8 * static_cast<double>(i); }

// Template k of the shipped set at a rest wavelength, broadened by the ladder's step `sigma`; linear in ln(wave).
double at(const TemplateSet& t, std::size_t k, std::size_t sigma, double rest) {
  const double x = (std::log(rest) - t.log_first()) / t.log_step();
  const auto cell = static_cast<std::size_t>(x);
  const double f = x - static_cast<double>(cell);
  const float* p = t.at_sigma(sigma) + cell * t.stride() + k;
  return (1 - f) * static_cast<double>(p[0]) + f * static_cast<double>(p[t.stride()]);
}

struct Case {
  std::vector<double> wave, flux, ivar;
  std::vector<std::uint8_t> use;
  SpectrumView view() const {
    SpectrumView s;
    s.wave_obs = wave;
    s.flux = flux;
    s.ivar = ivar;
    s.z = k_z;
    return s;
  }
};

// An old and a young population behind dust, without noise; windows of +-1650 km/s around two lines are not used.
Case dusty(const TemplateSet& t, std::size_t old_one, std::size_t young, double share, double slope) {
  Case c;
  for (std::size_t i = 0; i < k_pixels; ++i) {
    const double rest = wave(i) / (1 + k_z), x = (rest - 5000) / 1600;
    c.wave.push_back(wave(i));
    c.flux.push_back((share * at(t, old_one, 2, rest) + (1 - share) * at(t, young, 2, rest)) *
                     (1 + slope * x - 0.3 * slope * x * x));
    c.ivar.push_back(900);  // S/N about 30 a pixel
    const bool window = std::fabs(rest / 4862.71 - 1) * k_light < 1650 || std::fabs(rest / 6564.6 - 1) * k_light < 1650;
    c.use.push_back(window ? 0 : 1);
  }
  return c;
}

TEST(Continuum, PopulationsBehindDustAreFoundUnderTheLinesToo) {
  const TemplateSet t = shipped_templates();
  for (const double slope : {-0.4, 0.0, 0.4, 0.6})
    for (const std::size_t young : {0U, 3U, 9U}) {
      const Case c = dusty(t, 1, young, 0.6, slope);
      const ContinuumFit fit = fit_continuum(c.view(), t, c.use);
      ASSERT_TRUE(fit.good);
      double worst = 0, sum = 0;
      std::size_t n = 0;
      for (std::size_t i = 0; i < k_pixels; ++i) {
        if (c.wave[i] < fit.polynomial_from || c.wave[i] > fit.polynomial_to) continue;
        const double off = fit.model[i] / c.flux[i] - 1;
        if (c.use[i] == 0) worst = std::max(worst, std::fabs(off));
        sum += off * off;
        ++n;
      }
      EXPECT_LT(worst, 0.005) << "slope " << slope << ", population " << young;
      EXPECT_LT(std::sqrt(sum / static_cast<double>(n)), 0.005) << "slope " << slope << ", population " << young;
    }
}

TEST(Continuum, NothingLeadsFurtherDown) {
  // The slopes of chi2 by each weight and each order of the polynomial, from the model's definition.
  const TemplateSet t = shipped_templates();
  Case c = dusty(t, 1, 9, 0.7, 0.5);
  for (std::size_t i = 0; i < k_pixels; ++i) c.flux[i] += 0.03 * std::sin(12.9898 * static_cast<double>(i * i % 1009));
  const ContinuumFit fit = fit_continuum(c.view(), t, c.use);
  ASSERT_TRUE(fit.good);
  ASSERT_EQ(fit.polynomial.size(), 7U);
  std::size_t sigma = 0;
  while (TemplateSet::k_sigma[sigma] != fit.sigma_v) ++sigma;
  std::vector<double> by_weight(t.count(), 0.0), by_order(fit.polynomial.size(), 0.0), weight_norm = by_weight,
                                                                                       order_norm = by_order;
  double light = 0, residual = 0;
  for (std::size_t i = 0; i < k_pixels; ++i) {
    if (c.use[i] == 0 || !std::isfinite(fit.model[i])) continue;
    const double x = 2 * (c.wave[i] - fit.polynomial_from) / (fit.polynomial_to - fit.polynomial_from) - 1;
    double polynomial = 1, composite = 0;
    for (std::size_t j = 0; j < fit.polynomial.size(); ++j)
      polynomial += fit.polynomial[j] * std::legendre(static_cast<unsigned>(j + 1), x);
    const double rest = c.wave[i] / (1 + k_z) / (1 + fit.v_shift / k_light);
    for (std::size_t k = 0; k < t.count(); ++k) composite += fit.weights[k] * at(t, k, sigma, rest);
    ASSERT_NEAR(composite * polynomial, fit.model[i], 1e-9 * fit.model[i]);
    const double r = c.flux[i] - fit.model[i];
    residual += c.ivar[i] * r * r;
    light += c.ivar[i] * composite * composite;
    for (std::size_t k = 0; k < t.count(); ++k) {
      const double d = polynomial * at(t, k, sigma, rest);
      by_weight[k] += c.ivar[i] * r * d;
      weight_norm[k] += c.ivar[i] * d * d;
    }
    for (std::size_t j = 0; j < by_order.size(); ++j) {
      const double d = composite * std::legendre(static_cast<unsigned>(j + 1), x);
      by_order[j] += c.ivar[i] * r * d;
      order_norm[j] += c.ivar[i] * d * d;
    }
  }
  // A slope over (norm x residual) is the cosine between what is left and that direction.
  for (std::size_t k = 0; k < t.count(); ++k) {
    const double cosine = by_weight[k] / std::sqrt(weight_norm[k] * residual);
    EXPECT_LT(cosine, 5e-3) << k;
    EXPECT_TRUE(!(fit.weights[k] > 0) || cosine > -5e-3) << k << " " << cosine;
  }
  for (std::size_t j = 0; j < by_order.size(); ++j) {
    const double pulled = by_order[j] - 1e-4 * light * fit.polynomial[j];
    EXPECT_LT(std::fabs(pulled) / std::sqrt(order_norm[j] * residual), 5e-3) << j;
  }
}

TEST(Continuum, ASecondFitKeepsShiftAndWidth) {
  const TemplateSet t = shipped_templates();
  const Case c = dusty(t, 1, 3, 0.5, 0.3);
  const ContinuumFit first = fit_continuum(c.view(), t, c.use);
  const std::vector<std::uint8_t> all(k_pixels, 1);
  const ContinuumFit second = fit_continuum(c.view(), t, all, &first);
  ASSERT_TRUE(first.good && second.good);
  EXPECT_EQ(second.v_shift, first.v_shift);
  EXPECT_EQ(second.sigma_v, first.sigma_v);
  EXPECT_EQ(second.polynomial_from, first.polynomial_from);
  EXPECT_GT(second.pixels, first.pixels);
  EXPECT_LT(second.chi2 / static_cast<double>(second.pixels), 1e-2);
}

TEST(Continuum, WithoutPixelsOrLightThereIsNoAnswer) {
  const TemplateSet t = shipped_templates();
  Case c = dusty(t, 1, 3, 0.5, 0.3);
  EXPECT_FALSE(fit_continuum(c.view(), t, std::vector<std::uint8_t>(k_pixels, 0)).good);
  SpectrumView nowhere = c.view();
  nowhere.z = std::nan("");
  EXPECT_FALSE(fit_continuum(nowhere, t, c.use).good);
  for (auto& f : c.flux) f = -f;
  const ContinuumFit dark = fit_continuum(c.view(), t, c.use);
  EXPECT_FALSE(dark.good);
  EXPECT_TRUE(std::isnan(dark.model[k_pixels / 2]));
}

TEST(ChooseTemplates, TheEdgesOfAConeAreChosenAndNoMixture) {
  // Three rows that no sum of others makes, and six sums of them.
  constexpr std::size_t k_n = 400;
  Matrix<double> rows(9, k_n);
  const double shares[6][3] = {{0.5, 0.3, 0.2}, {0.1, 0.8, 0.1}, {0.3, 0.3, 0.4},
                               {0.7, 0.3, 0},   {0, 0.5, 0.5},   {0.4, 0, 0.6}};
  for (std::size_t i = 0; i < k_n; ++i) {
    const double x = static_cast<double>(i) / k_n;
    rows(2, i) = 2 - 1.5 * x;
    rows(5, i) = 0.3 + 2 * x * x;
    rows(7, i) = 0.5 + std::sin(9 * x) * std::sin(9 * x);
    for (std::size_t r = 0, at = 0; r < 9; ++r) {
      if (r == 2 || r == 5 || r == 7) continue;
      rows(r, i) = shares[at][0] * rows(2, i) + shares[at][1] * rows(5, i) + shares[at][2] * rows(7, i);
      ++at;
    }
  }
  auto chosen = choose_templates(rows, 3);
  EXPECT_EQ(chosen.front(), 2U);  // the bluest
  std::sort(chosen.begin(), chosen.end());
  EXPECT_EQ(chosen, (std::vector<std::size_t>{2, 5, 7}));
  EXPECT_EQ(choose_templates(rows, 99).size(), 9U);
  EXPECT_TRUE(choose_templates(Matrix<double>(0, 5), 3).empty());
}

}  // namespace
}  // namespace starglow
