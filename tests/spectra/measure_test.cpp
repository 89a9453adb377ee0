// Separation and measurement, against slow twins and spectra whose truth is known.
#include "starglow/spectra/measure.hpp"
#include "starglow/files/starlight.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "spectra/nnls.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/random.hpp"
#include "starglow/spectra/extinction.hpp"
#include "starglow/spectra/merge.hpp"
#include "starglow/spectra/side_bands.hpp"

namespace starglow {
namespace {

const double k_nan = std::nan("");

// A deterministic normal number of (a, b): Box-Muller of two hashed fractions.
double noise(std::uint64_t a, std::uint64_t b) {
  const auto fraction = [](std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return (static_cast<double>((x ^ (x >> 31)) >> 11) + 0.5) / 9007199254740992.0;
  };
  const double u = fraction(a * 2654435761ULL + b * 40503ULL + 1), v = fraction(a * 97ULL + b * 7919ULL + 5);
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

// Smooth light with two absorptions, on the survey's grid.
double starlight(double wave_rest) {
  const double t = (wave_rest - 5000) / 1000;
  const double dip = std::exp(-0.5 * std::pow((wave_rest - 5175) / 12, 2)),
               dip2 = std::exp(-0.5 * std::pow((wave_rest - 4305) / 10, 2));
  return 3 + 0.4 * t - 0.1 * t * t - 0.3 * dip - 0.4 * dip2;
}

TemplateSet two_templates() {
  const double first = std::log(3335.0), step = 1e-4;
  Matrix<double> rows(2, 7800);
  for (std::size_t i = 0; i < rows.cols(); ++i) {
    const double w = std::exp(first + step * static_cast<double>(i));
    rows(0, i) = starlight(w);
    rows(1, i) = std::pow(w / 5500, -2);
  }
  return {rows, first, step};
}

struct Truth {
  std::vector<double> wave, flux, ivar;
  double z = 0.1, sigma_v = 120;
  SpectrumView view() const {
    SpectrumView s;
    s.wave_obs = wave;
    s.flux = flux;
    s.ivar = ivar;
    s.z = z;
    s.ebv = 0.1;
    return s;
  }
};

// Lines of the given EWs (A), painted by the formula, pixel by pixel; noise of `sd` when positive.
Truth spectrum(const std::array<double, k_n_all_lines>& ew, double z, double sigma_v, double sd, std::uint64_t seed) {
  Truth t;
  t.z = z;
  t.sigma_v = sigma_v;
  std::vector<double> rest, light;
  for (std::size_t i = 0; i < k_n_desi_pixels; ++i) {
    t.wave.push_back(desi_wave(i));
    rest.push_back(desi_wave(i) / (1 + z));
    light.push_back(starlight(rest.back()));
  }
  t.flux = light;
  for (std::size_t line = 0; line < k_n_all_lines; ++line) {
    const double flux = ew[line] * (1 + z) * side_band_continuum(rest, light, static_cast<Line>(line));
    const std::vector<std::pair<double, double>> parts =
        line == 0 ? std::vector<std::pair<double, double>>{{3727.10, 0.45}, {3729.86, 0.55}}
                  : std::vector<std::pair<double, double>>{{k_all_lines[line].wave_vac, 1.0}};
    for (const auto& [wave, share] : parts) {
      const double mu = wave * (1 + z), s = mu * sigma_v / 299792.458;
      const auto cdf = [&](double x) { return 0.5 * std::erfc((mu - x) / (s * std::numbers::sqrt2)); };
      for (std::size_t i = 0; i < t.wave.size(); ++i)
        t.flux[i] += share * flux * (cdf(t.wave[i] + 0.4) - cdf(t.wave[i] - 0.4)) / 0.8;
    }
  }
  t.ivar.assign(t.wave.size(), sd > 0 ? 1 / (sd * sd) : 1e6);
  if (sd > 0)
    for (std::size_t i = 0; i < t.wave.size(); ++i) t.flux[i] += sd * noise(seed, i);
  return t;
}

constexpr std::array<double, k_n_all_lines> k_ten{30, 4, 10, 20 / 2.993, 20, 12 / 3.049, 40, 12, 7, 5};
constexpr std::array<double, k_n_all_lines> k_ew{30, 4, 10, 20 / 2.993, 20, 12 / 3.049, 40, 12, 7, 5, 6, 5, 3, 2, 4};

TEST(Nnls, AgreesWithASlowSearch) {
  // Projected gradient with tiny steps, to convergence.
  constexpr std::size_t n = 5, m = 12;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<double> a(n * n, 0.0), b(n, 0.0), w(n), slow(n, 0.0);
    for (std::size_t r = 0; r < m; ++r) {
      std::array<double, n> x{};
      for (std::size_t i = 0; i < n; ++i) x[i] = noise(seed, r * n + i) + 0.5;
      const double y = noise(seed + 100, r);
      for (std::size_t i = 0; i < n; ++i) {
        b[i] += x[i] * y;
        for (std::size_t j = 0; j < n; ++j) a[i * n + j] += x[i] * x[j];
      }
    }
    solve_nnls(a, b, w);
    for (int step = 0; step < 200000; ++step)
      for (std::size_t i = 0; i < n; ++i) {
        double g = b[i];
        for (std::size_t j = 0; j < n; ++j) g -= a[i * n + j] * slow[j];
        slow[i] = std::max(0.0, slow[i] + 0.2 * g / a[i * n + i]);
      }
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(w[i], slow[i], 1e-6) << seed;
  }
}

TEST(Extinction, FollowsTheTableOfFitzpatrick) {
  // A/E(B-V) at the table's own wavelengths, times the recalibration of the map.
  EXPECT_NEAR(milky_way_extinction(6000), 0.86 * 2.688, 2e-3);
  EXPECT_NEAR(milky_way_extinction(5470), 0.86 * 3.055, 2e-3);
  EXPECT_NEAR(milky_way_extinction(4670), 0.86 * 3.806, 2e-3);
  EXPECT_NEAR(milky_way_extinction(4110), 0.86 * 4.315, 2e-3);
  EXPECT_NEAR(milky_way_transmission(5470, 0.1), std::pow(10, -0.04 * 0.86 * 3.055), 1e-4);
  EXPECT_EQ(milky_way_transmission(5000, 0), 1.0);
  for (double w = 3600; w < 9800; w += 10) EXPECT_GT(milky_way_extinction(w), milky_way_extinction(w + 10));
}

TEST(Merge, OverlapsAreWeightedAndBadPixelsAreNoData) {
  std::vector<double> wb, wr;
  for (int i = 0; i < 20; ++i) wb.push_back(5784 + 0.8 * i);
  for (int i = 0; i < 20; ++i) wr.push_back(5792 + 0.8 * i);
  std::vector<float> fb(20, 2.0F), fr(20, 4.0F), ib(20, 1.0F), ir(20, 3.0F);
  std::vector<std::int32_t> mask(20, 0);
  fb[12] = std::nanf("");
  ib[13] = -1.0F;
  mask[14] = 4;
  ir[0] = 0;
  Spectra s;
  s.wave_obs = Matrix<double>(1, k_n_desi_pixels);
  s.flux = s.ivar = Matrix<double>(1, k_n_desi_pixels);
  s.mask = Matrix<std::int32_t>(1, k_n_desi_pixels);
  const std::size_t ob = desi_offset(wb, "b"), orr = desi_offset(wr, "r");
  EXPECT_EQ(ob, 2730U);
  EXPECT_EQ(orr, 2740U);
  EXPECT_EQ(merge_camera({wb, fb, ib, mask, {}}, ob, s, 0), 2U);
  EXPECT_EQ(merge_camera({wr, fr, ir, {}, {}}, orr, s, 0), 0U);
  EXPECT_EQ(s.flux(0, 2731), 2.0);
  EXPECT_EQ(s.ivar(0, 2731), 1.0);
  EXPECT_EQ(s.flux(0, 2740), 2.0);  // red has no information there
  EXPECT_EQ(s.flux(0, 2741), (2.0 + 3 * 4.0) / 4);
  EXPECT_EQ(s.ivar(0, 2741), 4.0);
  for (const std::size_t i : {12U, 13U, 14U}) {
    EXPECT_EQ(s.flux(0, 2730 + i), 4.0);
    EXPECT_EQ(s.ivar(0, 2730 + i), 3.0);
    EXPECT_EQ(s.mask(0, 2730 + i), 0);
  }
  EXPECT_EQ(s.ivar(0, 100), 0.0);
  wb[5] += 0.1;
  EXPECT_THROW(desi_offset(wb, "b"), Error);
  EXPECT_THROW(desi_offset(std::vector<double>{3000.0, 3000.8}, "b"), Error);
}

TEST(Bands, K24IsAPlainMeanWithStraightLinesUnderEmission) {
  const Truth clean = spectrum({}, 0.1, 120, 0, 0), lines = spectrum(k_ten, 0.1, 50, 0, 0);
  const auto a = measure_bands_k24(clean.view()), b = measure_bands_k24(lines.view());
  for (std::size_t band = 0; band < k_n_bands; ++band) {
    double sum = 0;
    int n = 0;
    for (std::size_t i = 0; i < clean.wave.size(); ++i) {
      const double rest = clean.wave[i] / 1.1;
      if (rest >= band_lo(band) && rest < band_hi(band)) sum += clean.flux[i], ++n;
    }
    EXPECT_NEAR(a.flux[band], sum / n, 3e-4 * a.flux[band]);  // straight lines follow smooth light
    EXPECT_NEAR(a.good_pixels[band], n, 1);                   // an edge may round to either side
    EXPECT_LE(a.ivar[band], 1.001e6 * a.good_pixels[band]);   // pixels under a straight line have the noise of its ends
    EXPECT_GE(a.ivar[band], 0.5e6 * a.good_pixels[band]);
    EXPECT_NEAR(b.flux[band], a.flux[band], 2e-3 * a.flux[band]) << band;  // lines of 50 km/s stay in +-5 A
  }
  EXPECT_NEAR(a.ivar[0], 1e6 * a.good_pixels[0], 1);  // no line there
  // An absorption stays: dig a hole at Hbeta.
  Truth hole = clean;
  for (std::size_t i = 0; i < hole.wave.size(); ++i)
    if (std::fabs(hole.wave[i] / 1.1 - 4862.7) < 4) hole.flux[i] -= 1;
  EXPECT_LT(measure_bands_k24(hole.view()).flux[4], a.flux[4] - 0.02);
}

TEST(Bands, WhatIsMissingIsNan) {
  Truth t = spectrum(k_ew, 0.1, 120, 0, 0);
  for (std::size_t i = 0; i < t.wave.size(); ++i) {
    const double rest = t.wave[i] / 1.1;
    if (rest > 4000 && rest < 4170) t.ivar[i] = 0;
    if (rest > 5200 && rest < 5500) t.flux[i] = k_nan;
  }
  for (const auto& m :
       {measure_bands_k24(t.view()), measure_bands_robust(t.view(), std::vector<double>(t.wave.size(), 3.0))}) {
    EXPECT_TRUE(std::isnan(m.flux[2]));
    EXPECT_TRUE(std::isnan(m.flux[6]));
    EXPECT_EQ(m.ivar[2], 0);
    EXPECT_EQ(m.good_pixels[6], 0);
    EXPECT_TRUE(std::isfinite(m.flux[3]));
  }
  t.z = 0.5;  // bands 10 and 11 run off the red end
  EXPECT_TRUE(std::isnan(measure_bands_k24(t.view()).flux[11]));
}

TEST(Bands, RobustDoesNotSeeTheLines) {
  const TemplateSet templates = two_templates();
  const auto of = [&](double scale) {
    auto ew = k_ten;
    for (auto& e : ew) e *= scale;
    return measure_spectrum(spectrum(ew, 0.1, 400, 0.3, 3).view(), templates,
                            {.recipe = MaskRecipe::robust, .lines = false})
        .bands;
  };
  const auto none = of(0), one = of(1), three = of(3);
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    EXPECT_NEAR(one.flux[b], none.flux[b], 1e-5 * none.flux[b]);
    EXPECT_NEAR(three.flux[b], none.flux[b], 3e-5 * none.flux[b]);
  }
}

TEST(Measure, FindsWhatWasPainted) {
  const TemplateSet templates = two_templates();
  for (const double sigma : {60.0, 150.0, 380.0})
    for (const double z : {0.02, 0.2, 0.44}) {
      const Measurement m = measure_spectrum(spectrum(k_ew, z, sigma, 0, 0).view(), templates);
      for (std::size_t line = 0; line < k_n_all_lines; ++line) {
        EXPECT_NEAR(m.ew[line], k_ew[line], 0.02 * k_ew[line] + 0.05) << line << ' ' << sigma << ' ' << z;
        EXPECT_NEAR(m.sigma_v[line], sigma, 0.05 * sigma);
        EXPECT_GT(m.ew_ivar[line], 0);
        EXPECT_NEAR(m.ew_limit[line], m.ew[line] + 1.645 / std::sqrt(m.ew_ivar[line]), 1e-3);
      }
      // At z = 0.44 two fifths of the last band are there: not enough.
      EXPECT_EQ(m.flags, z == 0.44 ? k_band_missing : 0);
    }
}

TEST(Measure, ErrorsAreThoseOfTheNoise) {
  // Standard deviation of (EW - truth) / error over realisations, per line, and its mean.
  const TemplateSet templates = two_templates();
  std::array<double, k_n_all_lines> sum{}, squares{};
  constexpr int n = 60;
  for (int k = 0; k < n; ++k) {
    const Measurement m =
        measure_spectrum(spectrum(k_ew, 0.15, 140, 1.0, static_cast<std::uint64_t>(k) + 10).view(), templates);
    for (std::size_t line = 0; line < k_n_all_lines; ++line) {
      const double pull = (m.ew[line] - k_ew[line]) * std::sqrt(m.ew_ivar[line]);
      sum[line] += pull / n;
      squares[line] += pull * pull / n;
    }
  }
  double all = 0;
  for (std::size_t line = 0; line < k_n_all_lines; ++line) {
    EXPECT_LT(std::fabs(sum[line]), 4.0 / std::sqrt(n)) << line;
    all += squares[line] / k_n_all_lines;
  }
  EXPECT_NEAR(std::sqrt(all), 1.0, 0.15);
}

TEST(Measure, FurtherLinesLeaveTheTenAsTheyAre) {
  // With and without light in the further lines, whose pixels no other line sees: the same numbers, but for [OIII]
  // 4363, which is fitted beside Hgamma.
  const TemplateSet templates = two_templates();
  std::array<double, k_n_all_lines> ten = k_ew;
  for (std::size_t line = k_n_lines; line < k_n_all_lines; ++line)
    if (!k_all_lines[line].own_shape) ten[line] = 0;
  const Measurement a = measure_spectrum(spectrum(k_ew, 0.1, 130, 0, 0).view(), templates),
                    b = measure_spectrum(spectrum(ten, 0.1, 130, 0, 0).view(), templates);
  for (std::size_t line = 0; line < k_n_lines; ++line) EXPECT_NEAR(a.ew[line], b.ew[line], 2e-3) << line;
  for (std::size_t line = k_n_lines; line < k_n_all_lines; ++line)
    EXPECT_NEAR(b.ew[line], ten[line], 0.05 + 0.02 * ten[line]) << k_all_lines[line].name;
}

TEST(Measure, ALineOffTheSpectrumHasNoNumberAndTheTenAloneRaiseTheFlag) {
  const TemplateSet templates = two_templates();
  Truth t = spectrum(k_ew, 0.02, 120, 0, 0);
  const auto neon = find_any_line("NEIII_3869");
  ASSERT_TRUE(neon);
  for (std::size_t i = 0; i < t.wave.size(); ++i)
    if (std::fabs(t.wave[i] / 1.02 - 3869.86) < 8) t.ivar[i] = 0;
  const Measurement m = measure_spectrum(t.view(), templates);
  EXPECT_EQ(m.ew_ivar[*neon], 0);
  EXPECT_TRUE(std::isnan(m.ew[*neon]) && std::isnan(m.sigma_v[*neon]));
  EXPECT_EQ(m.flags & k_line_outside, 0);
}

TEST(Measure, SideBandMethodIntegratesTheLine) {
  const Truth t = spectrum({30, 4, 10, 0, 20, 0, 40, 0, 0, 0}, 0.1, 100, 0, 0);
  for (const Line line : {Line::OII_DOUBLET, Line::HBETA, Line::OIII_5007, Line::HALPHA}) {
    const auto e = side_band_ew(t.view(), line);
    EXPECT_NEAR(e.ew, k_ew[static_cast<std::size_t>(line)], 0.02 * e.ew + 0.1);
    EXPECT_GT(e.variance, 0);
  }
  // No emission, an absorption: counted with its sign.
  Truth hole = spectrum({}, 0.1, 100, 0, 0);
  for (std::size_t i = 0; i < hole.wave.size(); ++i)
    if (std::fabs(hole.wave[i] / 1.1 - 4862.7) < 4) hole.flux[i] *= 0.5;
  EXPECT_NEAR(side_band_ew(hole.view(), Line::HBETA).ew, -4.0, 0.4);
}

TEST(Measure, DataThatAreMissingAreFlaggedNotThrown) {
  const TemplateSet templates = two_templates();
  Truth t = spectrum(k_ew, 0.1, 120, 0.3, 1);
  SpectrumView s = t.view();
  s.z = k_nan;
  EXPECT_EQ(measure_spectrum(s, templates).flags, k_nonfinite);
  s.z = -0.01;
  EXPECT_NE(measure_spectrum(s, templates).flags & k_z_range, 0);
  const std::vector<double> zero(t.wave.size(), 0.0), negative(t.wave.size(), -1.0), nans(t.wave.size(), k_nan);
  for (const auto* bad : {&zero, &negative, &nans}) {
    s = t.view();
    s.ivar = *bad;
    const Measurement m = measure_spectrum(s, templates);
    EXPECT_NE(m.flags & k_band_missing, 0);
    EXPECT_NE(m.flags & k_poor_continuum, 0);
    for (std::size_t line = 0; line < k_n_lines; ++line) EXPECT_EQ(m.ew_ivar[line], 0);
    for (const double f : m.bands.flux) EXPECT_TRUE(std::isnan(f));
  }
  for (std::size_t i = 0; i < t.wave.size(); ++i)
    if (std::fabs(t.wave[i] / 1.1 - 6564.6) < 25) t.ivar[i] = 0;  // a gap over Halpha
  const Measurement gap = measure_spectrum(t.view(), templates);
  EXPECT_NE(gap.flags & k_line_outside, 0);
  EXPECT_EQ(gap.ew_ivar[6], 0);
  EXPECT_TRUE(std::isnan(gap.ew[6]));
  EXPECT_NEAR(gap.ew[4], 20, 1);
  s = t.view();
  s.ebv = k_nan;
  EXPECT_EQ(measure_spectrum(s, templates, {.deredden = true}).flags, k_nonfinite);
}

TEST(Measure, DereddeningScalesBandsAndKeepsEws) {
  const TemplateSet templates = two_templates();
  const Truth t = spectrum(k_ew, 0.1, 120, 0, 0);
  const Measurement raw = measure_spectrum(t.view(), templates),
                    clean = measure_spectrum(t.view(), templates, {.deredden = true});
  EXPECT_NEAR(clean.bands.flux[5] / raw.bands.flux[5], 1 / milky_way_transmission(5050 * 1.1, 0.1), 2e-3);
  for (std::size_t line = 0; line < k_n_lines; ++line)
    EXPECT_NEAR(clean.ew[line], raw.ew[line], 0.02 * raw.ew[line] + 0.05);
}

TEST(Measure, AnyThreadsGiveTheSameBits) {
  const TemplateSet templates = two_templates();
  Spectra s;
  constexpr std::size_t n = 9;
  s.wave_obs = Matrix<double>(1, k_n_desi_pixels);
  s.flux = s.ivar = Matrix<double>(n, k_n_desi_pixels);
  for (std::size_t g = 0; g < n; ++g) {
    const Truth t = spectrum(k_ew, 0.05 * static_cast<double>(g), 120, 0.5, g);
    for (std::size_t i = 0; i < k_n_desi_pixels; ++i) {
      s.wave_obs(0, i) = t.wave[i];
      s.flux(g, i) = t.flux[i];
      s.ivar(g, i) = t.ivar[i];
    }
    s.z.push_back(t.z);
  }
  WorkerPool one(1), two(2), seven(7);
  const auto a = measure(s, templates, one), b = measure(s, templates, two), c = measure(s, templates, seven);
  for (std::size_t g = 0; g < n; ++g)
    for (const auto* other : {&b[g], &c[g]}) {
      EXPECT_EQ(std::memcmp(&a[g].bands, &other->bands, sizeof a[g].bands), 0);
      EXPECT_EQ(std::memcmp(&a[g].ew, &other->ew, sizeof a[g].ew), 0);
      EXPECT_EQ(std::memcmp(&a[g].ew_ivar, &other->ew_ivar, sizeof a[g].ew_ivar), 0);
    }
}

TEST(Templates, ShippedOnesAreWholeAndBadOnesRefused) {
  const TemplateSet shipped = shipped_templates();
  EXPECT_EQ(shipped.count(), 16U);
  EXPECT_LT(std::exp(shipped.log_first()), k_fit_from);
  EXPECT_GT(std::exp(shipped.log_first() + shipped.log_step() * static_cast<double>(shipped.pixels() - 1)), k_fit_to);
  Matrix<double> rows(1, 500, 1.0);
  EXPECT_NO_THROW(TemplateSet(rows, 8.1, 1e-3));
  EXPECT_THROW(TemplateSet(rows, 8.1, 0.5), Error);
  rows(0, 7) = k_nan;
  EXPECT_THROW(TemplateSet(rows, 8.1, 1e-3), Error);
  EXPECT_THROW(TemplateSet(Matrix<double>(1, 500, 0.0), 8.1, 1e-3), Error);
  EXPECT_THROW(TemplateSet(Matrix<double>(33, 500, 1.0), 8.1, 1e-3), Error);
}

}  // namespace
}  // namespace starglow
