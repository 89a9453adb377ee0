#include <gtest/gtest.h>

#include <stdexcept>

#include "support/expect_derivative.hpp"

namespace starglow::test {
namespace {

Operation good() {
  return {[](const Vector& x) { return Vector{x[0] * x[1], std::exp(x[0])}; },
          [](const Vector& x) { return Vector{x[1], x[0], std::exp(x[0]), 0.0 * x[1]}; },
          [](const std::vector<Dual>& x) { return std::vector<Dual>{x[0] * x[1], exp(x[0])}; }};
}

TEST(DerivativeHarness, AcceptsARightJacobian) { expect_derivative(good(), {0.3, -2.0}); }

TEST(DerivativeHarness, RefusesAWrongSlope) {
  Operation op = good();
  op.jacobian = [](const Vector& x) { return Vector{x[1], x[0] * 1.001, std::exp(x[0]), 0.0}; };
  EXPECT_NE(compare_derivative(op, {0.3, -2.0}), "");
  op.twin = nullptr;
  EXPECT_NE(compare_derivative(op, {0.3, -2.0}), "");
}

TEST(DerivativeHarness, RefusesAWrongTwinSizeNaNOrThrow) {
  Operation op = good();
  op.twin = [](const std::vector<Dual>& x) { return std::vector<Dual>{x[0] * x[1], x[0]}; };
  EXPECT_EQ(compare_derivative(op, {0.3, -2.0}), "value and twin differ");
  op = good();
  op.jacobian = [](const Vector&) { return Vector{1.0}; };
  EXPECT_EQ(compare_derivative(op, {0.3, -2.0}), "the jacobian has a wrong size");
  op = good();
  op.jacobian = [](const Vector& x) {
    return std::isnan(x[0]) ? Vector(4, 0.0) : Vector{x[1], x[0], std::exp(x[0]), 0.0};
  };
  EXPECT_EQ(compare_derivative(op, {0.3, -2.0}), "a value is NaN and its derivatives are not");
  op = good();
  op.value = [](const Vector&) -> Vector { throw std::domain_error("x"); };
  EXPECT_EQ(compare_derivative(op, {0.3, -2.0}), "value and jacobian do not throw alike");
}

}  // namespace
}  // namespace starglow::test
