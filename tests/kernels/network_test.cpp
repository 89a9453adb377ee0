#include "kernels/network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "support/every_isa.hpp"
#include "support/slow_network.hpp"

namespace starglow {
namespace {

struct Case {
  NetworkShape shape;
  std::size_t n;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto activation : {Activation::selu, Activation::polyswish, Activation::silu})
    for (const std::vector<std::int32_t>& sizes :
         {std::vector<std::int32_t>{12, 64, 128, 64, 1}, {13, 64, 64, 8}, {3, 5, 11}, {1, 1}, {2, 7, 7, 7, 7, 7, 7, 3}})
      for (const std::size_t n : {0U, 1U, 7U, 15U, 16U, 17U, 130U}) all.push_back({{sizes, activation}, n});
  return all;
}

template <class T>
std::vector<T> random_numbers(std::size_t n, double sd, std::int64_t id) {
  const RandomObject random(7, Stream::training, id);
  std::vector<T> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<T>(sd * random.normal(0, static_cast<std::uint32_t>(i)));
  return out;
}

// Weights as large as those of a real network: sums of the widest layer are of order one.
double scale_of(const NetworkShape& shape) {
  return 1.0 / std::sqrt(static_cast<double>(*std::max_element(shape.sizes.begin(), shape.sizes.end())));
}

using test::for_each_isa;

template <class T>
class NetworkTest : public ::testing::Test {
 public:
  static constexpr double k_tolerance = sizeof(T) == 4 ? 4e-6 : 1e-13;
};
using Numbers = ::testing::Types<float, double>;
TYPED_TEST_SUITE(NetworkTest, Numbers);

TYPED_TEST(NetworkTest, ForwardEqualsTheFormula) {
  using T = TypeParam;
  for_each_isa([] {
    kernels::Scratch<T> scratch;
    for (const auto& [shape, n] : cases()) {
      const auto params = random_numbers<T>(shape.n_params(), scale_of(shape), 1);
      const auto x = random_numbers<T>(n * shape.n_in(), 1.0, 2);
      const kernels::Network<T> net(shape, std::span<const T>(params));
      std::vector<T> y(n * shape.n_out(), T(-99));
      net.forward({x.data(), n, shape.n_in()}, {y.data(), n, shape.n_out()}, scratch);
      for (std::size_t g = 0; g < n; ++g) {
        const std::vector<double> row(x.begin() + static_cast<std::ptrdiff_t>(g * shape.n_in()),
                                      x.begin() + static_cast<std::ptrdiff_t>((g + 1) * shape.n_in()));
        const auto slow = slow::network<double, T>(shape, params, row);
        for (std::size_t o = 0; o < shape.n_out(); ++o)
          ASSERT_NEAR(static_cast<double>(y[g * shape.n_out() + o]), slow[o],
                      TestFixture::k_tolerance * (1 + std::fabs(slow[o])));
      }
    }
  });
}

TYPED_TEST(NetworkTest, GradientsEqualDifferencesOfTheFormula) {
  using T = TypeParam;
  for_each_isa([] {
    kernels::Scratch<T> scratch;
    for (const auto& [shape, n] : cases()) {
      if (n == 0 || n > 17 || shape.n_params() > 9000) continue;
      const auto params = random_numbers<T>(shape.n_params(), scale_of(shape), 3);
      const auto x = random_numbers<T>(n * shape.n_in(), 1.0, 4);
      const auto dy = random_numbers<T>(n * shape.n_out(), 1.0, 5);
      const kernels::Network<T> net(shape, std::span<const T>(params));
      std::vector<T> y(n * shape.n_out()), y2(y), y3(y), dx(n * shape.n_in()), jac(n * shape.n_in() * shape.n_out());
      std::vector<T> d_params(shape.n_params(), T(0));
      const MatrixView<const T> xv(x.data(), n, shape.n_in()), dyv(dy.data(), n, shape.n_out());
      net.jacobian(xv, {y.data(), n, shape.n_out()}, {jac.data(), n, shape.n_in() * shape.n_out()}, scratch);
      net.vjp(xv, dyv, {y2.data(), n, shape.n_out()}, {dx.data(), n, shape.n_in()}, scratch);
      net.forward_keep(xv, {y3.data(), n, shape.n_out()}, scratch);
      net.backward(dyv, d_params, scratch);
      EXPECT_EQ(y, y2);

      // Several reverse passes at once: dy, nothing, and one output alone, against products with the Jacobian.
      const std::size_t rows = 3, n_out = shape.n_out(), n_in = shape.n_in();
      std::vector<T> dys(n * rows * n_out, T(0)), dxs(n * rows * n_in, T(-99));
      for (std::size_t g = 0; g < n; ++g) {
        std::copy_n(dy.begin() + static_cast<std::ptrdiff_t>(g * n_out), n_out,
                    dys.begin() + static_cast<std::ptrdiff_t>(g * rows * n_out));
        dys[(g * rows + 2) * n_out + g % n_out] = T(1.5);
      }
      net.vjps(xv, {dys.data(), n, rows * n_out}, {dxs.data(), n, rows * n_in}, scratch);
      for (std::size_t g = 0; g < n; ++g)
        for (std::size_t row = 0; row < rows; ++row)
          for (std::size_t i = 0; i < n_in; ++i) {
            double want = 0, size = 0.1;  // sums inside the network are of order one
            for (std::size_t o = 0; o < n_out; ++o) {
              const double term = static_cast<double>(dys[(g * rows + row) * n_out + o]) *
                                  static_cast<double>(jac[(g * n_out + o) * n_in + i]);
              want += term;
              size += std::fabs(term);
            }
            ASSERT_NEAR(static_cast<double>(dxs[(g * rows + row) * n_in + i]), want, TestFixture::k_tolerance * size);
          }

      const auto loss = [&, shape_ = shape](const std::vector<double>& p) {
        double sum = 0;
        for (std::size_t g = 0; g < n; ++g) {
          const std::vector<double> row(x.begin() + static_cast<std::ptrdiff_t>(g * shape_.n_in()),
                                        x.begin() + static_cast<std::ptrdiff_t>((g + 1) * shape_.n_in()));
          const auto out = slow::network<double, double>(shape_, p, row);
          for (std::size_t o = 0; o < out.size(); ++o) sum += out[o] * static_cast<double>(dy[g * out.size() + o]);
        }
        return sum;
      };
      std::vector<double> p(params.begin(), params.end());
      const double h = 1e-5, tolerance = sizeof(T) == 4 ? 2e-4 : 1e-7;
      for (std::size_t k = 0; k < p.size(); k += 1 + p.size() / 150) {
        const double keep = p[k];
        p[k] = keep + h;
        const double up = loss(p);
        p[k] = keep - h;
        const double down = loss(p);
        p[k] = keep;
        const double slope = (up - down) / (2 * h);
        ASSERT_NEAR(static_cast<double>(d_params[k]), slope, tolerance * (1 + std::fabs(slope))) << "parameter " << k;
      }
      for (std::size_t g = 0; g < n; ++g)
        for (std::size_t i = 0; i < shape.n_in(); ++i) {
          std::vector<double> row(x.begin() + static_cast<std::ptrdiff_t>(g * shape.n_in()),
                                  x.begin() + static_cast<std::ptrdiff_t>((g + 1) * shape.n_in()));
          const double keep = row[i];
          row[i] = keep + h;
          const auto up = slow::network<double, T>(shape, params, row);
          row[i] = keep - h;
          const auto down = slow::network<double, T>(shape, params, row);
          double sum = 0;
          for (std::size_t o = 0; o < shape.n_out(); ++o) {
            const double slope = (up[o] - down[o]) / (2 * h);
            sum += slope * static_cast<double>(dy[g * shape.n_out() + o]);
            ASSERT_NEAR(static_cast<double>(jac[(g * shape.n_out() + o) * shape.n_in() + i]), slope,
                        tolerance * (1 + std::fabs(slope)));
          }
          ASSERT_NEAR(static_cast<double>(dx[g * shape.n_in() + i]), sum, tolerance * (1 + std::fabs(sum)));
        }
    }
  });
}

TYPED_TEST(NetworkTest, AGalaxyDoesNotDependOnItsPlaceAndNaNStaysInItsRow) {
  using T = TypeParam;
  for_each_isa([] {
    for (const auto activation : {Activation::selu, Activation::polyswish, Activation::silu}) {
      const NetworkShape shape{{12, 64, 10}, activation};
      const auto params = random_numbers<T>(shape.n_params(), 0.3, 6);
      const kernels::Network<T> net(shape, std::span<const T>(params));
      kernels::Scratch<T> scratch;
      const std::size_t n = 150;
      auto x = random_numbers<T>(n * 12, 1.0, 8);
      std::vector<T> all(n * 10), one(10);
      net.forward({x.data(), n, 12}, {all.data(), n, 10}, scratch);
      for (std::size_t g = 0; g < n; ++g) {
        net.forward({x.data() + g * 12, 1, 12}, {one.data(), 1, 10}, scratch);
        for (std::size_t o = 0; o < 10; ++o) ASSERT_EQ(one[o], all[g * 10 + o]) << g;
      }
      x[5 * 12 + 3] = std::numeric_limits<T>::quiet_NaN();
      std::vector<T> with_nan(n * 10);
      net.forward({x.data(), n, 12}, {with_nan.data(), n, 10}, scratch);
      for (std::size_t g = 0; g < n; ++g)
        for (std::size_t o = 0; o < 10; ++o) {
          if (g == 5)
            ASSERT_TRUE(std::isnan(with_nan[g * 10 + o])) << to_string(activation);
          else
            ASSERT_EQ(with_nan[g * 10 + o], all[g * 10 + o]);
        }
    }
  });
}

TEST(Kernels, InstructionSetsAgree) {
  const NetworkShape shape{{12, 64, 128, 64, 1}, Activation::selu};
  const auto params = random_numbers<float>(shape.n_params(), 0.1, 9);
  const std::size_t n = 500;
  const auto x = random_numbers<float>(n * 12, 1.0, 10);
  std::vector<std::vector<float>> results;
  for_each_isa([&] {
    const kernels::Network<float> net(shape, std::span<const float>(params));
    kernels::Scratch<float> scratch;
    results.emplace_back(n);
    net.forward({x.data(), n, 12}, {results.back().data(), n, 1}, scratch);
  });
  for (const auto& result : results)
    for (std::size_t g = 0; g < n; ++g) {
      const double ew = std::sinh(static_cast<double>(result[g])),
                   first = std::sinh(static_cast<double>(results[0][g]));
      EXPECT_NEAR(ew, first, 2e-6 * std::fabs(first) + 1e-6);
    }
}

// Distance in units of the last place of the true value (given with more digits).
template <class T>
double ulps(T got, long double truth) {
  if (std::isnan(truth)) return std::isnan(got) ? 0 : 1e30;
  const T rounded = static_cast<T>(truth);
  if (std::isinf(rounded) || std::isinf(got)) return got == rounded ? 0 : 1e30;
  const T next = std::nextafter(std::fabs(rounded), std::numeric_limits<T>::infinity());
  const long double unit = static_cast<long double>(next) - static_cast<long double>(std::fabs(rounded));
  return static_cast<double>(std::fabs(static_cast<long double>(got) - truth) / unit);
}

TYPED_TEST(NetworkTest, ExpIsWithinTwoUlpOverTheWholeRange) {
  using T = TypeParam;
  for_each_isa([] {
    std::vector<T> x;
    const T lo = sizeof(T) == 4 ? T(-105) : T(-750), hi = sizeof(T) == 4 ? T(90) : T(712);
    for (int i = 0; i <= 400000; ++i) x.push_back(lo + (hi - lo) * static_cast<T>(i) / T(400000));
    for (int e = -40; e < 0; ++e)
      for (const T s : {T(1), T(-1)}) x.push_back(s * static_cast<T>(std::ldexp(1.1, e)));
    for (const T v : {T(0), T(-0.0), std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity(),
                      std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::max(),
                      std::numeric_limits<T>::lowest(), std::numeric_limits<T>::denorm_min()})
      x.push_back(v);
    std::vector<T> y(x.size());
    kernels::ops<T>(kernels::active()).exp(x.data(), y.data(), x.size());
    double worst = 0;
    T at = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double u = ulps(y[i], std::exp(static_cast<long double>(x[i])));
      if (u > worst) {
        worst = u;
        at = x[i];
      }
    }
    EXPECT_LE(worst, 2.0) << "at " << at;
  });
}

TEST(Kernels, SeluKeepsSmallNegativeNumbers) {
  for_each_isa([] {
    const NetworkShape shape{{1, 1, 1}, Activation::selu};
    const std::vector<float> identity{1, 0, 1, 0};
    const kernels::Network<float> net(shape, std::span<const float>(identity));
    kernels::Scratch<float> scratch;
    for (const float x : {-1e-30F, -1e-10F, -1e-7F, -1e-4F, -0.3F, -20.0F, -200.0F}) {
      float y = 0;
      net.forward({&x, 1, 1}, {&y, 1, 1}, scratch);
      const double truth = 1.0507009873554805 * 1.6732632423543772 * std::expm1(static_cast<double>(x));
      EXPECT_NEAR(static_cast<double>(y) / truth, 1.0, 5e-7) << x;
    }
  });
}

TEST(Kernels, UnknownInstructionSetIsAUsageError) {
  try {
    kernels::select_isa("x86-64-v9");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(e.what()).find("one of"), std::string::npos);
  }
}

TEST(Kernels, ShapesOutOfRangeAreRefused) {
  EXPECT_THROW((NetworkShape{{12}, Activation::selu}.check()), Error);
  EXPECT_THROW((NetworkShape{{12, 0, 1}, Activation::selu}.check()), Error);
  EXPECT_THROW((NetworkShape{{12, 5000, 1}, Activation::selu}.check()), Error);
  EXPECT_THROW((NetworkShape{{1, 1, 1, 1, 1, 1, 1, 1, 1}, Activation::selu}.check()), Error);
  EXPECT_EQ((NetworkShape{{12, 64, 128, 64, 1}, Activation::selu}.n_params()), 17473U);
}

}  // namespace
}  // namespace starglow
