#include "starglow/mock/star_lines.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/starlight.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "starglow/base/error.hpp"
#include "starglow/stars/star_population.hpp"
#include "support/expect_derivative.hpp"

namespace starglow {
namespace {

TEST(StarLines, SlopesThroughTheNetworkAreThoseOfTheValues) {
  std::vector<double> t;
  for (int i = 0; i < 8; ++i) t.push_back(0.5 + 1.9 * i);
  const StarBands bands(compact(shipped_ssp()), t, DustLaw::salim18);
  const Model model = Model::shipped();
  WorkerPool pool(1);
  Conventions conventions;
  conventions.aperture = "fibre";
  const auto lines = [&](const test::Vector& x, bool derivatives) {
    StarInputs in;
    in.sfr = Matrix<double>(1, t.size());
    for (std::size_t k = 0; k < t.size(); ++k) in.sfr(0, k) = x[10 + k];
    in.lgmet = {x[0]};
    in.lgmet_scatter = {x[1]};
    in.burst = {{x[5], x[6], x[7]}};
    in.t_obs = {x[8]};
    const std::vector<Dust> dust{{DustLaw::salim18, x[2], x[3], x[4], 0, false}};
    const std::vector<double> z{x[9]};
    return star_lines(bands, model, in, dust, z, conventions, pool, derivatives);
  };
  test::Operation op;
  op.value = [&](const test::Vector& x) {
    const StarLines s = lines(x, false);
    test::Vector out(s.ew.row(0).begin(), s.ew.row(0).end());
    for (const double l : s.luminosity.row(0)) out.push_back(l * 1e-40);
    return out;
  };
  op.jacobian = [&](const test::Vector& x) {
    const StarLines s = lines(x, true);
    test::Vector out;
    for (const auto* pair : {&s, &s}) {
      const bool lum = !out.empty();
      const auto& by = lum ? pair->d_luminosity : pair->d_ew;
      const auto& by_sfr = lum ? pair->d_luminosity_d_sfr : pair->d_ew_d_sfr;
      for (std::size_t l = 0; l < k_n_lines; ++l) {
        for (std::size_t k = 0; k < k_n_star_line_slopes; ++k)
          out.push_back(by(0, l * k_n_star_line_slopes + k) * (lum ? 1e-40 : 1));
        for (std::size_t k = 0; k < t.size(); ++k) out.push_back(by_sfr(0, l * t.size() + k) * (lum ? 1e-40 : 1));
      }
    }
    return out;
  };
  test::DerivativeOptions o;
  o.step = 1e-5;
  o.difference_tolerance = 2e-4;  // the slope by z is itself a difference
  o.check_nan = false;
  test::expect_derivative(op, {-1.85, 0.2, 0.6, -0.2, 1.1, -2.1, 7.4, 8.6, 11.2, 0.15, 2, 9, 8, 6, 5, 4, 3, 2}, o);
}

TEST(StarLines, RedshiftsAreOneAGalaxy) {
  std::vector<double> t{0.5, 5, 12};
  const StarBands bands(compact(shipped_ssp()), t, DustLaw::salim18);
  WorkerPool pool(1);
  StarInputs in;
  in.sfr = Matrix<double>(1, 3, 1.0);
  in.lgmet = {-1.9};
  in.lgmet_scatter = {0.2};
  in.t_obs = {11};
  EXPECT_THROW((void)star_lines(bands, Model::shipped(), in, {}, {}, {}, pool), Error);
}

}  // namespace
}  // namespace starglow
