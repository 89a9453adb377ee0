#pragma once
// The one harness for derivatives: a Jacobian made by hand is compared with dual numbers of a slow twin and with
// central differences of the value, and must treat NaN and bad arguments as the value does.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <typeinfo>
#include <vector>

#include "support/dual.hpp"

namespace starglow::test {

using Vector = std::vector<double>;

/// A differentiable operation from n numbers to m. `jacobian` gives m x n numbers, output-major.
struct Operation {
  std::function<Vector(const Vector&)> value;
  std::function<Vector(const Vector&)> jacobian;
  std::function<std::vector<Dual>(const std::vector<Dual>&)> twin;  ///< the formula in any number type; may be empty
};

struct DerivativeOptions {
  double tolerance = 1e-8;             ///< against dual numbers, relative to 1 + |slope|
  double difference_tolerance = 1e-6;  ///< against central differences
  double step = 1e-6;                  ///< relative to 1 + |x|
  bool check_nan = true;
};

/// "" when all is well, else what differs. A string, so that the harness itself can be tested on wrong derivatives.
inline std::string compare_derivative(const Operation& op, const Vector& x, const DerivativeOptions& o = {}) {
  const auto outcome = [](const auto& f, const Vector& at) -> std::string {
    try {
      (void)f(at);
      return "";
    } catch (const std::exception& e) {
      return typeid(e).name();
    }
  };
  const std::string thrown = outcome(op.value, x);
  if (thrown != outcome(op.jacobian, x)) return "value and jacobian do not throw alike";
  if (!thrown.empty()) return "";
  const Vector y = op.value(x), jac = op.jacobian(x);
  if (jac.size() != x.size() * y.size()) return "the jacobian has a wrong size";
  const auto report = [&](const char* what, std::size_t out, std::size_t in, double got, double want) {
    return std::string(what) + ": d out[" + std::to_string(out) + "] / d x[" + std::to_string(in) + "] is " +
           std::to_string(got) + ", not " + std::to_string(want);
  };
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (op.twin) {
      std::vector<Dual> dual(x.begin(), x.end());
      dual[i].d = 1.0;
      const auto slopes = op.twin(dual);
      for (std::size_t j = 0; j < y.size(); ++j) {
        if (!(std::fabs(slopes[j].v - y[j]) <= o.tolerance * (1 + std::fabs(y[j])))) return "value and twin differ";
        const double got = jac[j * x.size() + i];
        if (!(std::fabs(got - slopes[j].d) <= o.tolerance * (1 + std::fabs(slopes[j].d))))
          return report("dual numbers", j, i, got, slopes[j].d);
      }
    }
    Vector up = x, down = x;
    const double h = o.step * (1 + std::fabs(x[i]));
    up[i] += h;
    down[i] -= h;
    const Vector yu = op.value(up), yd = op.value(down);
    for (std::size_t j = 0; j < y.size(); ++j) {
      const double slope = (yu[j] - yd[j]) / (up[i] - down[i]), got = jac[j * x.size() + i];
      if (!(std::fabs(got - slope) <= o.difference_tolerance * (1 + std::fabs(slope))))
        return report("central differences", j, i, got, slope);
    }
    if (!o.check_nan) continue;
    Vector bad = x;
    bad[i] = std::numeric_limits<double>::quiet_NaN();
    if (outcome(op.value, bad) != outcome(op.jacobian, bad)) return "value and jacobian do not throw alike for NaN";
    if (!outcome(op.value, bad).empty()) continue;
    const Vector y_nan = op.value(bad), jac_nan = op.jacobian(bad);
    for (std::size_t j = 0; j < y.size(); ++j) {
      bool any = false;
      for (std::size_t k = 0; k < x.size(); ++k) any = any || std::isnan(jac_nan[j * x.size() + k]);
      if (std::isnan(y_nan[j]) && !any) return "a value is NaN and its derivatives are not";
    }
  }
  return "";
}

inline void expect_derivative(const Operation& op, const Vector& x, const DerivativeOptions& o = {}) {
  EXPECT_EQ(compare_derivative(op, x, o), "");
}

}  // namespace starglow::test
