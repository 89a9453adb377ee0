#include "files/unit_text.hpp"

#include <gtest/gtest.h>

namespace starglow::files {
namespace {

TEST(UnitText, SpellingsOfOneUnitAgree) {
  const UnitText wanted = parse_unit("1e-17 erg s-1 cm-2 Angstrom-1");
  ASSERT_TRUE(wanted.understood);
  EXPECT_NEAR(wanted.log10_factor, -17, 1e-12);
  for (const char* text : {"10**-17 Angstrom-1 cm-2 erg s-1", "10**-17 erg/(s cm2 Angstrom)", "1E-17 erg/s/cm2/A",
                           "1e-17 erg s^-1 cm^-2 AA^-1", "10^(-17) erg.s**-1.cm**(-2).Angstrom**-1",
                           "1e-17*erg/s/cm^2/angstrom", "10^-17 erg / (cm^2 s A)"})
    EXPECT_EQ(parse_unit(text).powers, wanted.powers) << text;
}

TEST(UnitText, OtherUnitsDiffer) {
  for (const char* text :
       {"erg s-1 cm-2 Angstrom-1", "1e-17 erg s-1 cm-2 Hz-1", "1e-17 W m-2 nm-1", "nanomaggies", "1e-17 erg/s/cm2/nm"})
    EXPECT_FALSE(parse_unit(text) == parse_unit("1e-17 erg s-1 cm-2 Angstrom-1")) << text;
}

TEST(UnitText, NonsenseIsNotUnderstood) {
  for (const char* text : {"(((((((((((((", "erg**", "erg^(", "10**", "1e-17 erg/(s cm2", "\xff", "erg)", "erg s--1",
                           "erg**100", "A999999999 A999999999 A999999999", "erg**99999999999"})
    EXPECT_FALSE(parse_unit(text).understood) << text;
}

}  // namespace
}  // namespace starglow::files
