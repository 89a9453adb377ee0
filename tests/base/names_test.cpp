#include <gtest/gtest.h>

#include <set>

#include "starglow/base/flags.hpp"
#include "starglow/base/galaxies.hpp"
#include "starglow/base/lines.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

TEST(Lines, AreFoundByTheirCatalogueNames) {
  for (std::size_t i = 0; i < k_n_lines; ++i) EXPECT_EQ(find_line(k_lines[i].name), i);
  EXPECT_FALSE(find_line("HALPHA "));
  EXPECT_FALSE(find_line(""));
}

TEST(Lines, OfTheTableAreFoundTooAndNamedOnce) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < k_n_all_lines; ++i) {
    EXPECT_EQ(find_any_line(k_all_lines[i].name), i);
    names.insert(k_all_lines[i].name);
    EXPECT_EQ(find_line(k_all_lines[i].name).has_value(), i < k_n_lines);
  }
  EXPECT_EQ(names.size(), k_n_all_lines);
}

TEST(Lines, TheTableGivesTheListsOfBefore) {
  EXPECT_EQ(k_n_lines, 10U);
  EXPECT_EQ(k_independent_lines, (std::array<std::size_t, 8>{0, 1, 2, 4, 6, 7, 8, 9}));
  ASSERT_EQ(k_doublets.size(), 2U);
  EXPECT_TRUE(k_doublets[0].weak == Line::OIII_4959 && k_doublets[0].strong == Line::OIII_5007);
  EXPECT_TRUE(k_doublets[1].weak == Line::NII_6548 && k_doublets[1].strong == Line::NII_6584);
  EXPECT_EQ(k_doublets[0].flux_ratio, 2.993);
  EXPECT_EQ(k_doublets[1].flux_ratio, 3.049);
  std::size_t balmer = 0;
  for (std::size_t i = 0; i < k_n_lines; ++i) balmer += k_lines[i].balmer ? i : 0;
  EXPECT_EQ(balmer, 1U + 2 + 6);
}

TEST(Lines, LieInOrderInsideTheBands) {
  for (std::size_t i = 1; i < k_n_lines; ++i) EXPECT_GT(k_lines[i].wave_vac, k_lines[i - 1].wave_vac);
  EXPECT_GT(k_lines[0].wave_vac, band_lo(0));
  EXPECT_LT(k_lines[9].wave_vac, band_hi(k_n_bands - 1));
  EXPECT_EQ(band_hi(k_n_bands - 1), 7000.0);
  for (const auto& line : k_lines) EXPECT_NEAR(line.wave_vac, line.wave_mask_k24, 0.5) << line.name;
}

TEST(Lines, IndependentOnesAreAllButTheWeakDoubletMembers) {
  std::set<std::size_t> all(k_independent_lines.begin(), k_independent_lines.end());
  for (const auto& doublet : k_doublets) {
    EXPECT_EQ(all.count(static_cast<std::size_t>(doublet.weak)), 0U);
    EXPECT_EQ(all.count(static_cast<std::size_t>(doublet.strong)), 1U);
    all.insert(static_cast<std::size_t>(doublet.weak));
  }
  EXPECT_EQ(all.size(), k_n_lines);
}

TEST(Flags, NamesAndBits) {
  EXPECT_EQ(flag_names(0), "0");
  EXPECT_EQ(flag_names(k_band_missing | k_no_answer), "BAND_MISSING|NO_ANSWER");
  std::int32_t before = 0;
  for (const auto& flag : k_flags) {
    EXPECT_EQ(flag.bit & (flag.bit - 1), 0) << flag.name;  // one bit
    EXPECT_GT(flag.bit, before) << flag.name;
    before = flag.bit;
  }
}

TEST(Flags, AreCountedByRowAndByBit) {
  FlagCounts counts;
  EXPECT_EQ(counts.text(), "");
  const std::int32_t first[]{0, k_z_range, k_z_range | k_no_answer}, more[]{0};
  counts.add(first);
  counts.add(more);
  EXPECT_EQ(counts.rows(), 4U);
  EXPECT_EQ(counts.flagged(), 2U);
  EXPECT_EQ(counts.fatal(), 1U);
  EXPECT_EQ(counts.text(), "2 Z_RANGE, 1 NO_ANSWER");
}

TEST(Folds, AreTheHashOfTheContract) {
  // splitmix64 of 0, 1 and 2 by the published reference algorithm (first outputs of the generator with those states).
  EXPECT_EQ(splitmix64(0), 0xE220A8397B1DCDAFU);
  std::array<int, 5> counts{};
  for (std::int64_t id = 39627000000000000; id < 39627000000010000; ++id) ++counts[fold_of(id)];
  for (const int n : counts) EXPECT_NEAR(n, 2000, 200);
  EXPECT_EQ(fold_of(-1), fold_of(-1));
}

TEST(Galaxies, SelectRowsKeepsOrderAndAbsentColumns) {
  Galaxies g;
  g.n = 3;
  g.targetid = {5, 6, 7};
  g.band_flux = Matrix<double>(3, 12);
  g.band_flux(2, 11) = 4.0;
  const std::size_t rows[]{2, 0, 2};
  const Galaxies picked = select_rows(g, rows);
  EXPECT_EQ(picked.targetid, (std::vector<std::int64_t>{7, 5, 7}));
  EXPECT_EQ(picked.band_flux(2, 11), 4.0);
  EXPECT_TRUE(picked.z.empty());
}

}  // namespace
}  // namespace starglow
