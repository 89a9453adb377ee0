// The fit of lines takes its components from the table of lines.
#include <gtest/gtest.h>

#include "spectra/line_components.hpp"

namespace starglow::line_fit {
namespace {

TEST(LineTable, GivesTheComponentsOfTheJointFit) {
  // Wavelength, number of the flux, share, Balmer, group; written down apart from the table.
  constexpr std::array<Component, 18> k_wanted{{
      {3727.10, 0, 1, false, 0},
      {3729.86, 1, 1, false, 0},
      {4341.692, 2, 1, true, 1},
      {4364.436, 3, 1, false, 1},
      {4862.71, 4, 1, true, 2},
      {4960.295, 5, 1 / 2.993, false, 3},
      {5008.240, 5, 1, false, 3},
      {6549.861, 7, 1 / 3.049, false, 4},
      {6564.60, 6, 1, true, 4},
      {6585.273, 7, 1, false, 4},
      {6718.294, 8, 1, false, 5},
      {6732.674, 9, 1, false, 5},
      {4341.692, 10, 1, true, 1, true},
      {4862.71, 11, 1, true, 2, true},
      {6564.60, 12, 1, true, 4, true},
      {4341.692, 13, 1, true, 1, false, true},
      {4862.71, 14, 1, true, 2, false, true},
      {6564.60, 15, 1, true, 4, false, true},
  }};
  ASSERT_EQ(k_components.size(), k_wanted.size());
  for (std::size_t c = 0; c < k_wanted.size(); ++c) {
    const Component &a = k_components[c], &b = k_wanted[c];
    EXPECT_TRUE(a.wave == b.wave && a.flux == b.flux && a.share == b.share && a.balmer == b.balmer &&
                a.group == b.group && a.stellar == b.stellar && a.broad == b.broad)
        << c;
  }
  EXPECT_EQ(k_n_flux, 16U);
  EXPECT_EQ(k_n_groups, 6U);
}

}  // namespace
}  // namespace starglow::line_fit
