#include "starglow/base/line_set.hpp"

#include <gtest/gtest.h>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

TEST(LineSet, StandardIsTheTen) {
  const LineSet& ten = LineSet::standard();
  EXPECT_EQ(ten.size(), k_n_lines);
  EXPECT_TRUE(ten.is_standard());
  EXPECT_TRUE(std::ranges::equal(ten.independent(), k_independent_lines));
  EXPECT_EQ(ten.width(), k_n_lines);
  EXPECT_EQ(ten.slots(), LineSlots{});
  EXPECT_EQ(LineSet(), ten);
  EXPECT_EQ(LineSet::parse(ten.names()), ten);
}

TEST(LineSet, IsSortedAndKnowsItsPlaces) {
  const LineSet four = LineSet::parse("HEI_5876,HALPHA,HBETA,OIII_5007");
  EXPECT_EQ(four.names(), "HBETA,OIII_5007,HALPHA,HEI_5876");
  EXPECT_EQ(four.independent().size(), 4U);
  EXPECT_EQ(four.width(), k_n_all_lines);
  EXPECT_FALSE(four.is_standard());
  EXPECT_EQ(four.slots(), (LineSlots{4, 2, LineSlots::k_none}));
  EXPECT_TRUE(four.has(line_index("HEI_5876")));
  EXPECT_FALSE(four.has(line_index("NII_6584")));
  EXPECT_EQ(four.infos()[3].name, "HEI_5876");
  const LineSet pair = LineSet::parse("SII_6731,SII_6716,OIII_4959,OIII_5007");
  EXPECT_EQ(pair.independent().size(), 3U);  // 4959 follows 5007
  EXPECT_EQ(pair.slots(), (LineSlots{3, LineSlots::k_none, 1}));
  EXPECT_EQ(pair.width(), k_n_lines);
  EXPECT_EQ(LineSet::parse("SII_6716").slots().sii, LineSlots::k_none);
}

TEST(LineSet, RefusesWhatNoModelCanHave) {
  for (const char* bad : {"", "HALPHA,", "HALPHA,HALPHA", "HALFA", "halpha", "OIII_4959", "NII_6548,HALPHA"})
    EXPECT_THROW((void)LineSet::parse(bad), Error) << bad;
  EXPECT_THROW(LineSet(std::vector<std::size_t>{}), Error);
}

TEST(LineSet, HasPlacesForEightOrForAll) {
  EXPECT_EQ(LineSet().slots().places(), 8U);
  EXPECT_EQ(LineSet::parse("HALPHA").slots().places(), 8U);
  EXPECT_EQ(LineSet::parse("HGAMMA,HBETA,OIII_5007,HALPHA,NII_6584,SII_6716,SII_6731,HEI_5876").slots().places(), 8U);
  const LineSet nine = LineSet::parse("OII_DOUBLET,HGAMMA,HBETA,OIII_5007,HALPHA,NII_6584,SII_6716,SII_6731,HEI_5876");
  EXPECT_EQ(nine.slots().places(), k_most_independent_lines);
  EXPECT_EQ(nine.slots().sii, 6);
  std::vector<std::size_t> every;
  for (std::size_t line = 0; line < k_n_all_lines; ++line) every.push_back(line);
  EXPECT_EQ(LineSet(every).independent().size(), k_n_all_lines - k_n_doublets);
}

}  // namespace
}  // namespace starglow
