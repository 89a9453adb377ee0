#include "starglow/stars/star_bands.hpp"

#include <gtest/gtest.h>

#include <complex>

#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/spectra/side_bands.hpp"
#include "support/every_isa.hpp"
#include "support/expect_derivative.hpp"
#include "support/goldens.hpp"
#include "support/ssp_writer.hpp"

namespace starglow {
namespace {

using test::Goldens;

struct Galaxy {
  std::vector<double> sfr;
  double t_obs = 11, lgmet = -2, scatter = 0.2;
  Burst burst{};
  Dust dust{};
};

StarInputs inputs(const std::vector<Galaxy>& galaxies) {
  StarInputs in;
  in.sfr = Matrix<double>(galaxies.size(), galaxies.front().sfr.size());
  for (std::size_t i = 0; i < galaxies.size(); ++i) {
    std::copy(galaxies[i].sfr.begin(), galaxies[i].sfr.end(), in.sfr.row(i).begin());
    in.t_obs.push_back(galaxies[i].t_obs);
    in.lgmet.push_back(galaxies[i].lgmet);
    in.lgmet_scatter.push_back(galaxies[i].scatter);
    in.burst.push_back(galaxies[i].burst);
  }
  return in;
}
std::vector<Dust> dusts(const std::vector<Galaxy>& galaxies) {
  std::vector<Dust> out;
  for (const auto& g : galaxies) out.push_back(g.dust);
  return out;
}

std::vector<double> times() { return test::linspace(0.1, 13.8, 60); }

// Galaxies of all kinds on any grid, from a sine of their number.
std::vector<Galaxy> variety(std::size_t n, const SspGrid& grid, const std::vector<double>& t) {
  std::vector<Galaxy> out;
  const auto wobble = [](std::size_t i, int k) { return std::sin(1.7 * static_cast<double>(i * 13 + 1) * (k + 0.31)); };
  for (std::size_t i = 0; i < n; ++i) {
    Galaxy g;
    for (const double x : t)
      g.sfr.push_back((1.2 + wobble(i, 1)) * x * std::exp(-x / (3 + 2 * wobble(i, 2))) * (1 + 0.3 * std::sin(5 * x)));
    g.t_obs = 11 + 2.5 * wobble(i, 3);
    g.lgmet =
        0.5 * (grid.lgmet.front() + grid.lgmet.back()) + 0.45 * (grid.lgmet.back() - grid.lgmet.front()) * wobble(i, 4);
    g.scatter = 0.25 + 0.15 * wobble(i, 5);
    g.burst = {-2 + 0.9 * wobble(i, 6), 6.4 + 0.7 * wobble(i, 7), 8.2 + 0.5 * wobble(i, 8)};
    g.dust = {.law = DustLaw::salim18,
              .av = 1 + 0.9 * wobble(i, 9),
              .slope = -0.3 + 0.4 * wobble(i, 10),
              .bump_from_slope = true};
    out.push_back(g);
  }
  return out;
}

// The slow way: whole spectrum, dust at each wavelength, then the mean of 1 A samples or of a side band.
std::vector<double> slow_light(const SspGrid& grid, const std::vector<double>& t, const Galaxy& g) {
  const SfhTable table(t, grid.lg_age_gyr);
  AgeWeights age;
  age_weights(table, g.sfr, g.t_obs, age);
  std::vector<double> b(grid.n_age()), met(grid.n_met());
  burst_weights(g.burst, grid.lg_age_gyr, b);
  metallicity_weights(metallicity_edges(grid.lgmet), g.lgmet, g.scatter, met);
  const double f = g.burst.fraction();
  std::vector<double> f_lambda(grid.n_wave(), 0.0);
  for (std::size_t m = 0; m < grid.n_met(); ++m)
    for (std::size_t a = 0; a < grid.n_age(); ++a)
      for (std::size_t i = 0; i < grid.n_wave(); ++i)
        f_lambda[i] += age.mass * met[m] * (f * b[a] + (1 - f) * age.weights[a]) * grid.spectrum(m, a)[i];
  for (std::size_t i = 0; i < grid.n_wave(); ++i) {
    const double k = dust_k(g.dust.law, grid.wave[i] * 1e-4, g.dust.slope, g.dust.amplitude());
    f_lambda[i] *= std::pow(10.0, -0.4 * g.dust.av * k / 4.05) * 2.99792458e18 / (grid.wave[i] * grid.wave[i]);
  }
  std::vector<double> out;
  for (std::size_t band = 0; band < k_n_bands; ++band) {
    double sum = 0;
    for (int k = 0; k < 300; ++k) {
      const double x = band_lo(band) + k;
      std::size_t i = 0;
      while (i + 2 < grid.n_wave() && grid.wave[i + 1] <= x) ++i;
      sum += f_lambda[i] + (x - grid.wave[i]) / (grid.wave[i + 1] - grid.wave[i]) * (f_lambda[i + 1] - f_lambda[i]);
    }
    out.push_back(sum / 300);
  }
  for (std::size_t line = 0; line < k_n_lines; ++line)
    out.push_back(side_band_continuum(grid.wave, f_lambda, static_cast<Line>(line)));
  return out;
}

void expect_relative(std::span<const double> got, std::span<const double> want, double tolerance, const char* what) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_LE(std::fabs(got[i] - want[i]), tolerance * std::fabs(want[i]))
        << what << " " << i << ": " << got[i] << " " << want[i];
}

TEST(StarBands, ExactDustIsTheSlowWayAndNodesAreWithinTheirBound) {
  const SspGrid grid = test::small_grid(3, 8, 451);  // 10 A
  const auto t = times();
  const auto galaxies = variety(40, grid, t);
  CompactOptions exact;
  exact.dust = DustQuadrature::exact;
  const StarBands slow_dust(compact(grid, exact), t, DustLaw::salim18), fast(compact(grid), t, DustLaw::salim18);
  WorkerPool pool(2);
  const StarLight a = slow_dust.light(inputs(galaxies), dusts(galaxies), pool);
  const StarLight b = fast.light(inputs(galaxies), dusts(galaxies), pool);
  for (std::size_t i = 0; i < galaxies.size(); ++i) {
    const auto want = slow_light(grid, t, galaxies[i]);
    expect_relative(a.light.row(i), want, 2e-12, "exact");
    expect_relative(b.light.row(i), want, 4e-6, "nodes");
    EXPECT_EQ(a.flags[i], 0);
  }
}

// The error of interpolating f at n Chebyshev nodes of an interval of width h is at most 2 (h/4)^n max |f^(n)| / n!.
// The derivative is taken of the laws' formulae with complex wavelengths, by Cauchy's integral over a circle, and its
// maximum over the interval and a box of parameters.
TEST(StarBands, TheErrorBoundOfTheDustNodesIsProven) {
  using Complex = std::complex<double>;
  const auto k_of = [](DustLaw law, Complex l, bool blue, double slope, double bump) {
    const Complex y = 1.0 / l;
    const Complex k0 = blue ? 2.659 * (-2.156 + 1.509 * y - 0.198 * y * y + 0.011 * y * y * y) + 4.05
                            : 2.659 * (-1.857 + 1.040 * y) + 4.05;
    const Complex w = l * l * 0.035 * 0.035, off = l * l - 0.2175 * 0.2175;
    const Complex drude = bump * w / (off * off + w), power = std::pow(l / 0.55, slope);
    return law == DustLaw::salim18 ? k0 * power + drude : (k0 + drude) * power;
  };
  struct Piece {
    double lo, hi;
    std::size_t nodes;
  };
  std::vector<Piece> pieces;
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    const double lo = band_lo(b), hi = band_hi(b);
    if (lo < 6300 && hi > 6300) {
      pieces.push_back({lo, 6300, 5});
      pieces.push_back({6300, hi, 5});
    } else {
      pieces.push_back({lo, hi, 5});
    }
  }
  for (const auto& line : k_lines) {
    const SideBands& w = line.side_bands;
    pieces.push_back({w.blue_lo, w.blue_hi, 3});
    pieces.push_back({w.red_lo, w.red_hi, 3});
  }
  double worst = 0;
  for (const auto& piece : pieces)
    for (const double av : {0.5, 1.5, 3.0})
      for (const double slope : {-1.2, -0.4, 0.0, 0.4})
        for (const auto law : {DustLaw::salim18, DustLaw::noll09}) {
          const double bump = 0.85 - 1.9 * slope;
          const double centre = 0.5e-4 * (piece.lo + piece.hi), half = 0.5e-4 * (piece.hi - piece.lo);
          const auto transmission = [&](Complex l) {
            return std::exp(-0.4 * std::log(10.0) * av / 4.05 * k_of(law, l, piece.hi <= 6300, slope, bump));
          };
          const auto n = static_cast<double>(piece.nodes);
          const double radius = 0.25 * centre;
          double largest = 0;
          for (int x = -10; x <= 10; ++x) {
            Complex sum = 0;
            for (int k = 0; k < 64; ++k) {
              const Complex turn = std::exp(Complex(0, 2 * M_PI * k / 64));
              sum += transmission(centre + half * x / 10 + radius * turn) * std::pow(turn, -n);
            }
            largest = std::max(largest, std::abs(sum) / 64 / std::pow(radius, n));
          }
          worst = std::max(worst, 2 * std::pow(half / 2, n) * largest / std::abs(transmission(centre)));
        }
  EXPECT_LT(worst, 4e-6);  // relative to the transmission at the centre
  RecordProperty("worst_relative_bound", std::to_string(worst * 1e6) + "e-6");
}

TEST(StarBands, BandsOfTheReferenceGalaxies) {
  if (!Goldens::there()) GTEST_SKIP() << "no shared data here: " << test::shared_file("dsps/goldens.json");
  const Goldens& g = Goldens::get();
  CompactOptions options;
  options.dust = DustQuadrature::exact;
  const StarBands bands(compact(g.grid, options), g.t, DustLaw::salim18);
  WorkerPool pool(1);
  const auto colours = [](std::span<const double> light) {
    std::vector<double> out;
    for (std::size_t b = 0; b + 1 < k_n_bands; ++b) out.push_back(std::log10(light[b + 1] / light[b]));
    return out;
  };
  const auto check = [&](const std::vector<double>& got, const nlohmann::json& want, double relative, double absolute,
                         const std::string& what) {
    ASSERT_EQ(got.size(), want.size()) << what;
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_LE(std::fabs(got[i] - want[i].get<double>()), relative * std::fabs(want[i].get<double>()) + absolute)
          << what << " " << i << ": " << got[i] << " " << want[i];
  };
  const auto head = [](const Matrix<double>& m) {
    return std::vector<double>(m.row(0).begin(), m.row(0).begin() + 12);
  };
  Galaxy plain{g.sfr};
  const StarJacobian jac = bands.jacobian(inputs({plain}), dusts({plain}), pool, true);
  const auto light = head(bands.light(inputs({plain}), dusts({plain}), pool).light);
  check(light, g.json["colours"]["bins_flambda_lsun_per_angstrom"], 1e-12, 0, "bins");
  check(head(jac.at.light), g.json["colours"]["bins_flambda_lsun_per_angstrom"], 1e-12, 0, "bins of the jacobian");
  check(colours(light), g.json["colours"]["colours"], 1e-12, 1e-14, "colours");
  const auto d_log = [&](const StarJacobian& j, std::size_t parameter) {
    std::vector<double> out;
    for (std::size_t b = 0; b < k_n_bands; ++b)
      out.push_back(j.d_parameters(0, b * k_n_star_parameters + parameter) / j.at.light(0, b) / std::log(10.0));
    return out;
  };
  const auto d_colours = [](const std::vector<double>& d) {
    std::vector<double> out;
    for (std::size_t b = 0; b + 1 < k_n_bands; ++b) out.push_back(d[b + 1] - d[b]);
    return out;
  };
  const auto& want = g.json["colours"];
  // A colour's slope is a difference of two slopes of order 1: 1e-8 of those.
  check(d_colours(d_log(jac, 0)), want["d_colours_d_lgmet"], 1e-8, 0, "lgmet");
  check(d_colours(d_log(jac, 1)), want["d_colours_d_scatter"], 1e-8, 0, "scatter");
  check(d_colours(d_log(jac, 8)), want["d_colours_d_t_obs"], 1e-8, 0, "t_obs");
  for (const char* at_time : {"10", "50", "78"}) {
    std::vector<double> d;
    for (std::size_t b = 0; b < k_n_bands; ++b)
      d.push_back(jac.d_sfr(0, b * g.t.size() + std::stoul(at_time)) / jac.at.light(0, b) / std::log(10.0));
    check(d_colours(d), want["d_colours_d_sfr"][at_time], 1e-8, 0, "sfr");
  }
  for (const char* name : {"burst_dust_case", "burst_no_dust_case"}) {
    const auto& json = g.json[name];
    const auto& p = json["parameters"];
    Galaxy galaxy{g.sfr, g.t_obs, p["lgmet"], p["lgmet_scatter"], {p["lgfburst"], p["lgyr_peak"], p["lgyr_max"]}, {}};
    galaxy.dust = {.law = DustLaw::salim18, .av = p["av"], .slope = p["dust_delta"], .bump_from_slope = true};
    const StarJacobian at = bands.jacobian(inputs({galaxy}), dusts({galaxy}), pool);
    check(head(at.at.light), json["bins_flambda_lsun_per_angstrom"], 1e-12, 0, name);
    check(colours(at.at.light.row(0)), json["colours"], 1e-12, 1e-14, name);
    const std::array<const char*, 8> names{"lgmet", "lgmet_scatter", "av",        "dust_delta",
                                           "",      "lgfburst",      "lgyr_peak", "lgyr_max"};
    for (std::size_t k = 0; k < names.size(); ++k) {
      if (*names[k] == 0) continue;
      const auto d = d_log(at, k);
      check(d, json["d_log10_bins"][names[k]], 1e-8, 0, names[k]);
      check(d_colours(d), json["d_colours"][names[k]], 1e-8, 0, names[k]);
    }
  }
}

TEST(StarBands, DerivativesByParametersAndRates) {
  const SspGrid grid = test::small_grid(3, 8, 120);
  const auto t = test::linspace(0.5, 13.5, 9);
  const StarBands bands(compact(grid), t, DustLaw::salim18);
  WorkerPool pool(1);
  const auto galaxy = [&](const test::Vector& x) {
    Galaxy g{{x.begin() + 9, x.end()}, x[8], x[0], x[1], {x[5], x[6], x[7]}, {}};
    g.dust = {.law = DustLaw::salim18, .av = x[2], .slope = x[3], .bump = x[4]};
    return g;
  };
  const auto logs = [](std::span<const double> light) {
    test::Vector out;
    for (const double l : light) out.push_back(std::log(l));
    return out;
  };
  test::Operation op;
  op.value = [&](const test::Vector& x) {
    return logs(bands.light(inputs({galaxy(x)}), dusts({galaxy(x)}), pool).light.row(0));
  };
  op.jacobian = [&](const test::Vector& x) {
    const StarJacobian j = bands.jacobian(inputs({galaxy(x)}), dusts({galaxy(x)}), pool, true);
    test::Vector out;
    for (std::size_t o = 0; o < k_n_star_outputs; ++o) {
      for (std::size_t k = 0; k < 9; ++k) out.push_back(j.d_parameters(0, o * 9 + k) / j.at.light(0, o));
      for (std::size_t k = 0; k < t.size(); ++k) out.push_back(j.d_sfr(0, o * t.size() + k) / j.at.light(0, o));
    }
    return out;
  };
  test::DerivativeOptions o;
  o.step = 1e-5;
  o.difference_tolerance = 1e-6;
  test::expect_derivative(op, {-2.2, 0.3, 0.8, -0.3, 1.1, -1.5, 6.9, 8.3, 11.3, 1, 2, 4, 3, 5, 2, 1, 0.5, 0.7}, o);
  test::expect_derivative(op, {-2.6, 0.5, 0.1, 0.2, 0.4, -1.1, 7.2, 8.7, 9.1, 0.2, 1, 1, 7, 2, 9, 4, 3, 0.1}, o);
}

TEST(StarBands, TheReversePassIsTheJacobianTransposed) {
  const SspGrid grid = test::small_grid(3, 8, 120);
  const auto t = test::linspace(0.5, 13.5, 9);
  CompactOptions options;
  options.photometry = true;
  options.photometry_lo = 3100;
  options.photometry_hi = 7000;
  options.photometry_step = 0.05;
  const StarBands bands(compact(grid, options), t, DustLaw::noll09);
  WorkerPool pool(1);
  auto galaxies = variety(3, grid, t);
  for (auto& g : galaxies) g.dust.law = DustLaw::noll09;
  const auto in = inputs(galaxies);
  const auto dust = dusts(galaxies);
  const StarJacobian j = bands.jacobian(in, dust, pool, true);
  Matrix<double> cotangent(3, k_n_star_outputs);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t o = 0; o < k_n_star_outputs; ++o) cotangent(i, o) = std::cos(static_cast<double>(i * 31 + o));
  const auto back = bands.vjp(in, dust, cotangent, {}, pool);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t k = 0; k < 9; ++k) {
      double sum = 0, scale = 0;
      for (std::size_t o = 0; o < k_n_star_outputs; ++o) {
        sum += cotangent(i, o) * j.d_parameters(i, o * 9 + k);
        scale += std::fabs(cotangent(i, o) * j.d_parameters(i, o * 9 + k));
      }
      EXPECT_NEAR(back.parameters(i, k), sum, 1e-12 * scale) << k_star_parameter_names[k];
    }
    for (std::size_t k = 0; k < t.size(); ++k) {
      double sum = 0, scale = 0;
      for (std::size_t o = 0; o < k_n_star_outputs; ++o) {
        sum += cotangent(i, o) * j.d_sfr(i, o * t.size() + k);
        scale += std::fabs(cotangent(i, o) * j.d_sfr(i, o * t.size() + k));
      }
      EXPECT_NEAR(back.sfr(i, k), sum, 1e-11 * scale);
    }
  }
  // The photometry's nodes: against differences.
  const std::size_t n_node = bands.compact().photometry_count;
  Matrix<double> weights(3, n_node);
  for (std::size_t k = 0; k < n_node; ++k) weights(1, k) = std::sin(0.3 * static_cast<double>(k));
  const auto total = [&](const std::vector<Galaxy>& g) {
    const StarLight light = bands.light(inputs(g), dusts(g), pool, true);
    double sum = 0;
    for (std::size_t k = 0; k < n_node; ++k) sum += weights(1, k) * light.photometry(1, k);
    return sum;
  };
  const auto gradient = bands.vjp(in, dust, {}, weights, pool);
  auto up = galaxies, down = galaxies;
  up[1].lgmet += 1e-5, down[1].lgmet -= 1e-5;
  EXPECT_NEAR(gradient.parameters(1, 0), (total(up) - total(down)) / 2e-5, 1e-5 * std::fabs(gradient.parameters(1, 0)));
  up = galaxies, down = galaxies;
  up[1].dust.av += 1e-5, down[1].dust.av -= 1e-5;
  EXPECT_NEAR(gradient.parameters(1, 2), (total(up) - total(down)) / 2e-5, 1e-5 * std::fabs(gradient.parameters(1, 2)));
  EXPECT_EQ(gradient.parameters(0, 0), 0.0);
}

TEST(StarBands, EqualForAnyThreadsChunksAndNeighboursAndInstructionSetsAgree) {
  const SspGrid grid = test::small_grid(7, 8, 200);
  const auto t = times();
  const auto galaxies = variety(230, grid, t);
  const auto in = inputs(galaxies);
  const auto dust = dusts(galaxies);
  WorkerPool one(1), many(5);
  std::vector<StarLight> by_isa;
  test::for_each_isa([&] {
    const StarBands bands(compact(grid), t, DustLaw::salim18);
    const StarLight a = bands.light(in, dust, one), b = bands.light(in, dust, many);
    EXPECT_TRUE(std::equal(a.light.flat().begin(), a.light.flat().end(), b.light.flat().begin()));
    const StarLight alone = bands.light(inputs({galaxies[117]}), dusts({galaxies[117]}), one);
    for (std::size_t o = 0; o < k_n_star_outputs; ++o) EXPECT_EQ(alone.light(0, o), a.light(117, o));
    by_isa.push_back(a);
  });
  for (const auto& other : by_isa)
    for (std::size_t i = 0; i < galaxies.size(); ++i)
      for (std::size_t o = 0; o < k_n_star_outputs; ++o)
        EXPECT_NEAR(other.light(i, o), by_isa[0].light(i, o), 1e-12 * by_isa[0].light(i, o));
}

TEST(StarBands, BadGalaxiesAreFlaggedAndTheOthersAnswered) {
  const SspGrid grid = test::small_grid(3, 8, 120);
  const auto t = times();
  const StarBands bands(compact(grid), t, DustLaw::salim18);
  WorkerPool pool(1);
  std::vector<Galaxy> galaxies = variety(10, grid, t);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  galaxies[1].t_obs = 0.05;  // before the table
  galaxies[2].t_obs = 15;    // behind it
  galaxies[3].lgmet = 0.3;   // outside the grid
  galaxies[4].scatter = 0;
  galaxies[5].sfr[7] = -3;
  galaxies[6].sfr[7] = nan;
  std::fill(galaxies[7].sfr.begin(), galaxies[7].sfr.end(), 0.0);
  galaxies[8].dust.av = -1;
  galaxies[9].dust.av = nan;
  const StarLight light = bands.light(inputs(galaxies), dusts(galaxies), pool);
  const StarJacobian j = bands.jacobian(inputs(galaxies), dusts(galaxies), pool, true);
  const std::vector<std::int32_t> want{0,         k_nonfinite, k_clipped, k_clipped, k_nonfinite,
                                       k_clipped, k_nonfinite, k_clipped, k_clipped, k_nonfinite};
  for (std::size_t i = 0; i < galaxies.size(); ++i) {
    EXPECT_EQ(light.flags[i], want[i]) << i;
    EXPECT_EQ(j.at.flags[i], want[i]) << i;
    for (std::size_t o = 0; o < k_n_star_outputs; ++o) {
      EXPECT_EQ(std::isnan(light.light(i, o)), (want[i] & k_nonfinite) != 0) << i;
      EXPECT_EQ(std::isnan(j.d_parameters(i, o * 9)), (want[i] & k_nonfinite) != 0) << i;
    }
  }
  EXPECT_THROW(SfhTable(std::vector<double>{1, 2}, grid.lg_age_gyr), Error);
  EXPECT_THROW(SfhTable(std::vector<double>{1, 2, 2}, grid.lg_age_gyr), Error);
  EXPECT_THROW(SfhTable(std::vector<double>{0.001, 2, 3}, grid.lg_age_gyr), Error);
  galaxies[0].dust.law = DustLaw::noll09;
  EXPECT_THROW(bands.light(inputs(galaxies), dusts(galaxies), pool), Error);
}

TEST(RestSed, DustByAgeAttenuatesEachAgeByItself) {
  const SspGrid grid = test::small_grid(3, 8, 60);
  const auto t = times();
  const SfhTable table(t, grid.lg_age_gyr);
  const std::vector<double> sfr(t.size(), 1.0);
  const RestSed sed = rest_sed(grid, table, sfr, -2.4, 0.3, 11);
  Dust dust{.law = DustLaw::noll09, .slope = -0.2, .bump = 1};
  const auto same = attenuated_by_age(grid, sed, dust, std::vector<double>(8, 0.7));
  for (std::size_t i = 0; i < same.size(); ++i) {
    const double k = dust_k(DustLaw::noll09, grid.wave[i] * 1e-4, -0.2, 1);
    EXPECT_NEAR(same[i], sed.sed[i] * std::pow(10.0, -0.4 * 0.7 * k / 4.05), 1e-13 * sed.sed[i]);
  }
  // diffsky's rule: more than 1 mag on the young, little on the old
  std::vector<double> av;
  for (const double age : grid.lg_age_gyr) av.push_back(dust_av_at_age(-1.5, 3, age));
  EXPECT_GT(av.front(), 1);
  EXPECT_NEAR(av.back(), std::log1p(std::exp(-1.5)), 1e-6);
  const auto young = attenuated_by_age(grid, sed, dust, av);
  for (std::size_t i = 0; i < 60; i += 7) {
    double want = 0;
    for (std::size_t m = 0; m < 3; ++m)
      for (std::size_t a = 0; a < 8; ++a)
        want += sed.mass * sed.weights(m, a) * grid.spectrum(m, a)[i] *
                std::pow(10.0, -0.4 * av[a] * dust_k(DustLaw::noll09, grid.wave[i] * 1e-4, -0.2, 1) / 4.05);
    EXPECT_NEAR(young[i], want, 1e-12 * want);
  }
  EXPECT_THROW((void)attenuated_by_age(grid, sed, dust, std::vector<double>(3)), Error);
}

TEST(StarBands, BandsOutsideTheGridAreMissing) {
  SspGrid grid = test::small_grid(3, 8, 120);
  for (double& w : grid.wave) w += 500;  // from 3500 A
  const auto t = times();
  const StarBands bands(compact(grid), t, DustLaw::salim18);
  WorkerPool pool(1);
  const auto galaxies = variety(1, grid, t);
  const StarLight light = bands.light(inputs(galaxies), dusts(galaxies), pool);
  EXPECT_TRUE(std::isnan(light.light(0, 0)));
  EXPECT_TRUE(std::isfinite(light.light(0, 1)));
  EXPECT_EQ(light.flags[0], 0);
}

}  // namespace
}  // namespace starglow
