#include "starglow/files/columns.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

TEST(Columns, AreNamedOnceAndKnownByName) {
  std::set<std::string_view> names;
  for (const auto& facts : galaxy_columns()) {
    EXPECT_TRUE(names.insert(facts.name).second) << facts.name;
    EXPECT_EQ(column(facts.name).name, facts.name);
  }
  EXPECT_EQ(column("BAND_FLUX").repeat, static_cast<std::int64_t>(k_n_bands));
  EXPECT_TRUE(column("Z").is_real());
  EXPECT_TRUE(column("SURVEY").is_text());
  EXPECT_THROW((void)column("z"), Error);
  EXPECT_THROW((void)line_columns("_ew"), Error);
}

TEST(Columns, OfLinesFollowTheTableOfLines) {
  const auto ten = line_columns("_EW_DRAW", k_lines, 8);
  ASSERT_EQ(ten.size(), k_n_lines);
  EXPECT_EQ(ten[6].name, "HALPHA_EW_DRAW");
  EXPECT_EQ(ten[6].repeat, 8);
  EXPECT_EQ(ten[6].unit, "Angstrom");
  const auto all = line_columns("_FLUX", k_all_lines);
  ASSERT_EQ(all.size(), k_n_all_lines);
  EXPECT_EQ(all.back().name, std::string(k_all_lines.back().name) + "_FLUX");
}

TEST(Columns, StandInTheDocuments) {
  std::string text;
  for (const char* page : {"tables.md", "spectra.md", "stars.md", "map.md", "data-model.md"}) {
    const std::ifstream file(std::string(STARGLOW_SOURCE_DIR "/docs/") + page);
    std::ostringstream all;
    all << file.rdbuf();
    text += all.str();
  }
  for (const auto& facts : galaxy_columns()) EXPECT_NE(text.find(facts.name), std::string::npos) << facts.name;
  for (const auto& facts : line_column_facts()) EXPECT_NE(text.find(facts.name), std::string::npos) << facts.name;
}

TEST(Columns, SayWhatTheyAre) {
  for (const auto& facts : galaxy_columns()) {
    EXPECT_FALSE(facts.about.empty()) << facts.name;
    EXPECT_LE(facts.about.size(), 68U) << facts.name;  // one card of FITS
    EXPECT_EQ(about_column(facts.name), facts.about);
  }
  for (const auto& facts : line_column_facts())
    for (const auto& line : k_all_lines)
      EXPECT_LE(about_column(std::string(line.name) + std::string(facts.name)).size(), 68U) << facts.name;
  EXPECT_EQ(about_column("HALPHA_FLUX"), "Halpha: flux, narrow line");
  EXPECT_EQ(about_column("HALPHA_NOTHING"), "");
}

TEST(DataModel, IsThePageInTheDocuments) {
  const char* path = STARGLOW_SOURCE_DIR "/docs/data-model.md";
  if (std::getenv("STARGLOW_WRITE_PAGES") != nullptr) std::ofstream(path) << data_model_page();
  const std::ifstream file(path);
  std::ostringstream all;
  all << file.rdbuf();
  EXPECT_EQ(all.str(), data_model_page()) << "STARGLOW_WRITE_PAGES=1 ctest -R DataModel writes it again";
}

}  // namespace
}  // namespace starglow
