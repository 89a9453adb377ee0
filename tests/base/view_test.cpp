#include "starglow/base/view.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace starglow {
namespace {

TEST(Matrix, IsAlignedAndRowMajor) {
  Matrix<float> m(3, 5, 2.0F);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(m.data()) % 64, 0U);
  m(1, 4) = 7.0F;
  EXPECT_EQ(m.data()[9], 7.0F);
  EXPECT_EQ(m.row(1)[4], 7.0F);
  EXPECT_TRUE(Matrix<float>(0, 12).empty());
}

TEST(Matrix, LiesOnLargePagesWhenItIsLarge) {
  const Matrix<double> m(1000, 1000, 3.0);  // 8 MB
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(m.data()) % (std::size_t{2} << 20U), 0U);
  EXPECT_EQ(m(999, 999), 3.0);
  const Matrix<double> copy = m;
  EXPECT_EQ(copy(500, 1), 3.0);
}

TEST(MatrixView, SlicesAndStrides) {
  Matrix<double> m(4, 6);
  for (std::size_t i = 0; i < 24; ++i) m.data()[i] = static_cast<double>(i);
  const MatrixView<const double> part(m.data() + 1, 4, 2, 6);
  EXPECT_EQ(part(2, 1), 14.0);
  EXPECT_EQ(part.slice_rows(2, 2)(0, 1), 14.0);
  const MatrixView<const double> converted = m.view();
  EXPECT_EQ(converted.row(3)[5], 23.0);
}

}  // namespace
}  // namespace starglow
