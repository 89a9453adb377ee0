#include "starglow/spectra/paint.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "support/expect_derivative.hpp"

namespace starglow {
namespace {

const RandomObject k_random(7, Stream::training, 1);

std::vector<double> linear_grid(std::size_t n, double start, double step) {
  std::vector<double> wave(n);
  for (std::size_t i = 0; i < n; ++i) wave[i] = start + step * static_cast<double>(i);
  return wave;
}
std::vector<double> log_grid(std::size_t n, double start, double end) {
  std::vector<double> wave(n);
  for (std::size_t i = 0; i < n; ++i)
    wave[i] = start * std::pow(end / start, static_cast<double>(i) / static_cast<double>(n - 1));
  return wave;
}
double total(const PixelGrid& grid, const std::vector<double>& pixels) {
  double sum = 0;
  for (std::size_t i = 0; i < grid.size(); ++i) sum += pixels[i] * grid.width(i);
  return sum;
}

// The slow twin: the mean of a Gaussian over a pixel as a difference of the library's erfc, on the side where it is
// small.
double pixel_mean(const PixelGrid& grid, std::size_t i, const Profile& p) {
  const double a = (grid.lo(i) - p.wave) / p.sigma, b = (grid.hi(i) - p.wave) / p.sigma, r = std::sqrt(0.5);
  const double share =
      a > 0 ? 0.5 * (std::erfc(a * r) - std::erfc(b * r)) : 0.5 * (std::erfc(-b * r) - std::erfc(-a * r));
  return p.flux * share / grid.width(i);
}

TEST(Profile, EqualsErfcOnEveryPixel) {
  for (const auto& wave : {linear_grid(300, 5000, 0.8), log_grid(300, 4900, 5300), linear_grid(40, 4000, 50)}) {
    const PixelGrid grid = PixelGrid::from_centres(wave);
    for (std::uint32_t k = 0; k < 50; ++k) {
      const Profile p{5000 + 200 * k_random.uniform(k, 0), 8 * k_random.uniform(k, 1) + 0.02, 3.0};
      std::vector<double> pixels(grid.size());
      add_lines(grid, std::span(&p, 1), pixels);
      for (std::size_t i = 0; i < grid.size(); ++i)
        ASSERT_NEAR(pixels[i] * grid.width(i), pixel_mean(grid, i, p) * grid.width(i), 3e-15) << k << " " << i;
    }
  }
}

TEST(Profile, KeepsTheFluxAtAnyPhaseAndWidth) {
  // 0.8 A, logarithmic, and a coarse grid of 312 points; widths 0.05 to 20 pixels; 1000 phases each.
  for (const auto& wave : {linear_grid(7781, 3600, 0.8), log_grid(4600, 3600, 9800), log_grid(312, 2000, 20000)}) {
    const PixelGrid grid = PixelGrid::from_centres(wave);
    std::vector<double> pixels(grid.size());
    for (std::uint32_t k = 0; k < 1000; ++k) {
      const std::size_t at =
          grid.size() / 3 + static_cast<std::size_t>(0.3 * static_cast<double>(grid.size()) * k_random.uniform(k, 2));
      const double width = grid.width(at);
      const Profile p{grid.lo(at) + width * k_random.uniform(k, 3),
                      width * 0.05 * std::pow(400.0, k_random.uniform(k, 4)), 1.0};
      std::fill(pixels.begin(), pixels.end(), 0.0);
      add_lines(grid, std::span(&p, 1), pixels);
      if (footprint(grid, p).first == 0 || footprint(grid, p).first + footprint(grid, p).count == grid.size()) continue;
      ASSERT_NEAR(total(grid, pixels), 1.0, 1e-12) << k;
    }
  }
}

TEST(Profile, PartOfALineOnTheEdgeKeepsThatPart) {
  const PixelGrid grid = PixelGrid::from_centres(linear_grid(100, 5000, 1));
  const Profile p{grid.front(), 2.0, 4.0};
  std::vector<double> pixels(grid.size());
  add_lines(grid, std::span(&p, 1), pixels);
  EXPECT_NEAR(total(grid, pixels), 2.0, 1e-14);
  const Profile off{4900, 2.0, 4.0};
  const auto before = pixels;
  add_lines(grid, std::span(&off, 1), pixels);
  EXPECT_EQ(pixels, before);
}

TEST(Profile, SpikeFallsIntoItsPixelOrHalfIntoEach) {
  const PixelGrid grid = PixelGrid::from_edges(std::vector<double>{10, 11, 12, 14});
  std::vector<double> pixels(3);
  const Profile inside{11.5, 0, 1}, edge{12, 0, 1};
  add_lines(grid, std::span(&inside, 1), pixels);
  EXPECT_EQ(pixels, (std::vector<double>{0, 1, 0}));
  add_lines(grid, std::span(&edge, 1), pixels);
  EXPECT_EQ(pixels, (std::vector<double>{0, 1.5, 0.25}));
}

TEST(Profile, WhatIsNotFiniteIsNaNAndNegativeWidthsAreRefused) {
  const PixelGrid grid = PixelGrid::from_centres(linear_grid(10, 5000, 1));
  for (const Profile& p : {Profile{std::nan(""), 1, 1}, Profile{5005, HUGE_VAL, 1}, Profile{5005, 1, std::nan("")}}) {
    std::vector<double> pixels(10), d_pixels(10);
    add_lines(grid, std::span(&p, 1), pixels);
    const Profile d{1, 1, 1};
    add_lines_jvp(grid, std::span(&p, 1), std::span(&d, 1), d_pixels);
    for (std::size_t i = 0; i < 10; ++i) EXPECT_TRUE(std::isnan(pixels[i]) && std::isnan(d_pixels[i]));
  }
  std::vector<double> pixels(10);
  const Profile negative{5005, -1, 1};
  EXPECT_THROW(add_lines(grid, std::span(&negative, 1), pixels), Error);
  EXPECT_THROW(add_lines(grid, {}, std::span(pixels).first(9)), Error);
}

TEST(PixelGrid, NamesThePixelThatIsWrong) {
  const auto message = [](std::vector<double> wave) {
    try {
      (void)PixelGrid::from_centres(wave);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      return std::string(e.what());
    }
    return std::string("nothing");
  };
  EXPECT_NE(message({5000, 5001, 5001, 5002}).find("pixel 2"), std::string::npos);
  EXPECT_NE(message({5000, 4999}).find("pixel 1"), std::string::npos);
  EXPECT_NE(message({0, 1}).find("pixel 0"), std::string::npos);
  EXPECT_NE(message({1, std::nan("")}).find("pixel 1"), std::string::npos);
  EXPECT_NE(message({1}).find("too short"), std::string::npos);
}

TEST(PixelGrid, FindsTheCellOfAnyGrid) {
  for (const auto& wave :
       {linear_grid(7781, 3600, 0.8), log_grid(500, 3600, 9800), std::vector<double>{1, 2, 4, 8, 9}}) {
    const PixelGrid grid = PixelGrid::from_centres(wave);
    for (std::size_t i = 0; i < grid.size(); ++i) {
      EXPECT_EQ(grid.find(grid.lo(i)), i);
      EXPECT_EQ(grid.find(std::nextafter(grid.hi(i), 0)), i);
    }
    EXPECT_EQ(grid.find(grid.back()), grid.size());
    EXPECT_EQ(grid.find(0.5 * grid.front()), 0U);
    EXPECT_EQ(grid.find(std::nan("")), 0U);
  }
}

LineLight example_light() {
  LineLight light;
  light.z = 0.1;
  for (std::size_t l = 0; l < k_n_lines; ++l) {
    light.strength[l] = 5 + 3 * static_cast<double>(l);
    light.continuum[l] = 2 + 0.1 * static_cast<double>(l);
    light.sigma_v[l] = 80 + 10 * static_cast<double>(l);
  }
  return light;
}
const PixelGrid& desi_like() {
  static const PixelGrid grid = PixelGrid::from_centres(linear_grid(4600, 3900, 0.8));
  return grid;
}

TEST(Paint, FluxOfTenLinesIsEwTimesContinuum) {
  const LineLight light = example_light();
  std::vector<double> pixels(desi_like().size());
  paint(desi_like(), light, pixels);
  double want = 0;
  for (std::size_t l = 0; l < k_n_lines; ++l) {
    if (l == 3)
      want += 1.1 * light.strength[4] * light.continuum[4] / 2.993;
    else if (l == 5)
      want += 1.1 * light.strength[7] * light.continuum[7] / 3.049;
    else
      want += 1.1 * light.strength[l] * light.continuum[l];
  }
  EXPECT_NEAR(total(desi_like(), pixels), want, 1e-11 * want);
  // The partners from their own strengths, when that is asked for.
  const auto own = line_fluxes(light, {.atomic_doublets = false});
  EXPECT_DOUBLE_EQ(own[3], 1.1 * light.strength[3] * light.continuum[3]);
}

TEST(Paint, IsLinearAndZeroLeavesTheBytes) {
  LineLight a = example_light(), b = a, sum = a;
  for (std::size_t l = 0; l < k_n_lines; ++l) {
    b.strength[l] = 2.5 * static_cast<double>(l) - 3;
    sum.strength[l] = a.strength[l] + b.strength[l];
  }
  std::vector<double> pa(desi_like().size(), 1.0), pb(desi_like().size(), 0.5), ps(desi_like().size(), 1.5);
  paint(desi_like(), a, pa);
  paint(desi_like(), b, pb);
  paint(desi_like(), sum, ps);
  for (std::size_t i = 0; i < ps.size(); ++i) ASSERT_NEAR(pa[i] + pb[i], ps[i], 1e-13 * (1 + std::fabs(ps[i])));
  LineLight none = a;
  none.strength = {};
  none.continuum.fill(std::nan(""));  // no line, whatever is known of its continuum
  std::vector<double> pixels(desi_like().size());
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = i % 3 == 0 ? -0.0 : k_random.normal(0, static_cast<std::uint32_t>(i));
  const auto before = pixels;
  paint(desi_like(), none, pixels);
  EXPECT_EQ(std::memcmp(pixels.data(), before.data(), pixels.size() * sizeof(double)), 0);
}

TEST(Paint, LuminosityEqualsFluxAtItsDistance) {
  LineLight light = example_light(), flux = light;
  const double cm = luminosity_distance(light.z) * k_cm_per_mpc;
  for (std::size_t l = 0; l < k_n_lines; ++l) {
    light.strength[l] = 1e40 * static_cast<double>(l + 1);
    flux.strength[l] = light.strength[l] / (4 * M_PI * cm * cm) * 1e17;
  }
  const auto a = line_fluxes(light, {.strength = Strength::luminosity}),
             b = line_fluxes(flux, {.strength = Strength::flux});
  for (std::size_t l = 0; l < k_n_lines; ++l) EXPECT_NEAR(a[l] / b[l], 1, 1e-13);
}

TEST(Paint, DoubletOfOxygenFollowsDensity) {
  EXPECT_NEAR(oii_flux_ratio(0), 1.4579, 1e-4);
  EXPECT_NEAR(oii_flux_ratio(1e9), 0.3771, 1e-5);
  EXPECT_NEAR(oii_flux_ratio(100), PaintOptions{}.oii_ratio, 1e-4);
  EXPECT_TRUE(std::isnan(oii_flux_ratio(-1)));
  // The inverse for [SII]: 0.4315 (2107 + n)/(627.1 + n).
  for (const double n : {3.0, 100.0, 2000.0})
    EXPECT_NEAR(sii_electron_density(0.4315 * (2107 + n) / (627.1 + n)), n, 1e-8 * n);
  EXPECT_EQ(sii_electron_density(2.0), 1);
  EXPECT_EQ(sii_electron_density(0.1), 1e5);
  LineLight light = example_light();
  const auto p = line_profiles(desi_like(), light, {.oii_ratio = 0.8});
  EXPECT_NEAR(p[1].flux / p[0].flux, 0.8, 1e-14);
  EXPECT_NEAR(p[1].flux + p[0].flux, 1.1 * light.strength[0] * light.continuum[0], 1e-12);
}

TEST(Paint, InstrumentsWiden) {
  const LineLight light = example_light();
  const auto alone = line_profiles(desi_like(), light),
             r = line_profiles(desi_like(), light, {}, {.resolving_power = 3000});
  std::vector<double> sigma(desi_like().size());
  for (std::size_t i = 0; i < sigma.size(); ++i)
    sigma[i] = 0.5 * (desi_like().lo(i) + desi_like().hi(i)) / (3000 * 2.3548200450309493);
  const auto s = line_profiles(desi_like(), light, {}, {.sigma = sigma});
  for (std::size_t c = 0; c < k_n_painted_components; ++c) {
    const double instrument = alone[c].wave / 3000 / 2.3548200450309493;
    EXPECT_NEAR(r[c].sigma, std::hypot(alone[c].sigma, instrument), 1e-12);
    EXPECT_NEAR(s[c].sigma, r[c].sigma, 1e-12);
  }
  std::vector<double> pixels(desi_like().size());
  EXPECT_THROW(paint(desi_like(), light, pixels, {}, {.resolving_power = 3000, .sigma = sigma}), Error);
  EXPECT_THROW(paint(desi_like(), light, pixels, {}, {.sigma = std::span(sigma).first(5)}), Error);
  Matrix<float> wrong(11, 5);
  EXPECT_THROW(paint(desi_like(), light, pixels, {}, {.matrix = wrong}), Error);
}

Matrix<float> example_matrix(std::size_t n) {
  Matrix<float> m(11, n);
  for (std::size_t k = 0; k < 11; ++k)
    for (std::size_t j = 0; j < n; ++j)
      m(k, j) = static_cast<float>(
          std::exp(-0.5 * std::pow((static_cast<double>(k) - 5.1) / (1.2 + 1e-4 * static_cast<double>(j)), 2)) / 3.1);
  return m;
}

TEST(Paint, MatrixOfElevenDiagonalsIsAMatrixProduct) {
  const PixelGrid grid = PixelGrid::from_centres(linear_grid(400, 5300, 0.8));
  const Matrix<float> m = example_matrix(grid.size());
  const LineLight light = example_light();
  std::vector<double> sharp(grid.size()), got(grid.size()), want(grid.size());
  paint(grid, light, sharp);
  paint(grid, light, got, {}, {.matrix = m});
  // M[j - off, j] = R[k, j], off = 5 - k, as a full matrix.
  for (std::size_t i = 0; i < grid.size(); ++i)
    for (std::size_t k = 0; k < 11; ++k) {
      const auto j = static_cast<std::ptrdiff_t>(i) + 5 - static_cast<std::ptrdiff_t>(k);
      if (j >= 0 && j < static_cast<std::ptrdiff_t>(grid.size()))
        want[i] += static_cast<double>(m(k, static_cast<std::size_t>(j))) * sharp[static_cast<std::size_t>(j)];
    }
  for (std::size_t i = 0; i < grid.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-13);
}

// Derivatives of all pixels with respect to strengths, continua, z and widths.
constexpr std::size_t k_inputs = 3 * k_n_lines + 1;
LineLight unpack(const test::Vector& x) {
  LineLight light;
  for (std::size_t l = 0; l < k_n_lines; ++l) {
    light.strength[l] = x[l];
    light.continuum[l] = x[k_n_lines + l];
    light.sigma_v[l] = 100 * x[2 * k_n_lines + l];
  }
  light.z = x[3 * k_n_lines] / 10;
  return light;
}

void check_derivatives(const PaintOptions& options, const Instrument& instrument, const PixelGrid& grid, double scale) {
  const auto value = [&](const test::Vector& x) {
    test::Vector out(grid.size());
    paint(grid, unpack(x), out, options, instrument);
    for (double& v : out) v *= scale;
    return out;
  };
  const auto forward = [&](const test::Vector& x) {
    test::Vector jac(grid.size() * k_inputs);
    for (std::size_t i = 0; i < k_inputs; ++i) {
      test::Vector direction(k_inputs);
      direction[i] = 1;
      test::Vector column(grid.size());
      paint_jvp(grid, unpack(x), unpack(direction), column, options, instrument);
      for (std::size_t j = 0; j < grid.size(); ++j) jac[j * k_inputs + i] = scale * column[j];
    }
    return jac;
  };
  const auto reverse = [&](const test::Vector& x) {
    test::Vector jac(grid.size() * k_inputs);
    for (std::size_t j = 0; j < grid.size(); ++j) {
      test::Vector direction(grid.size());
      direction[j] = scale;
      const LineLight g = paint_vjp(grid, unpack(x), direction, options, instrument);
      double* row = jac.data() + j * k_inputs;
      for (std::size_t l = 0; l < k_n_lines; ++l) {
        row[l] = g.strength[l];
        row[k_n_lines + l] = g.continuum[l];
        row[2 * k_n_lines + l] = 100 * g.sigma_v[l];
      }
      row[3 * k_n_lines] = g.z / 10;
    }
    return jac;
  };
  test::Vector x(k_inputs);
  for (std::size_t l = 0; l < k_n_lines; ++l) {
    x[l] = 5 + static_cast<double>(l);
    x[k_n_lines + l] = 1 + 0.1 * static_cast<double>(l);
    x[2 * k_n_lines + l] = 2 + 0.1 * static_cast<double>(l);
  }
  x[3 * k_n_lines] = 1.0;  // z = 0.1
  // Pixels of tens of Angstrom keep the third derivatives small enough for differences of 1e-6.
  test::expect_derivative({value, forward, {}}, x);
  test::expect_derivative({value, reverse, {}}, x);
}

TEST(Paint, DerivativesEqualDifferences) {
  const PixelGrid grid = PixelGrid::from_centres(linear_grid(60, 4050, 60));
  const std::vector<double> wave = linear_grid(grid.size(), 4050, 60);
  std::vector<double> sigma(grid.size());
  for (std::size_t i = 0; i < sigma.size(); ++i) sigma[i] = 3 + 0.02 * static_cast<double>(i);
  const Matrix<float> m = example_matrix(grid.size());
  check_derivatives({}, {}, grid, 1);
  check_derivatives({.strength = Strength::flux, .oii_ratio = 0.7, .atomic_doublets = false}, {.resolving_power = 500},
                    grid, 1);
  check_derivatives({.strength = Strength::luminosity}, {.sigma = sigma}, grid, 1e38);
  check_derivatives({}, {.matrix = m}, grid, 1);
}

}  // namespace
}  // namespace starglow
