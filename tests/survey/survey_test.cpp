#include "starglow/survey/survey.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "starglow/base/error.hpp"

namespace starglow::survey {
namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path = fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  void touch(const fs::path& name) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name) << "no FITS";
  }
};

TEST(SurveyPlan, PairsFilesNamesPartsAndListsWhatCannotBeRead) {
  const Folder tree;
  tree.touch("healpix/main/bright/1/100/coadd-main-bright-100.fits");
  tree.touch("healpix/main/bright/1/100/redrock-main-bright-100.fits");
  tree.touch("tiles/1/coadd-0-1-thru20210101.fits.gz");
  tree.touch("tiles/2/redrock-0-1-thru20210101.fits");
  tree.touch("plates/0280/spec-0280-51612-0117.fits");
  tree.touch("plates/0280/spec-0280-51612-0118.fits");
  tree.touch("readme.txt");
  const Plan plan = make_plan(tree.path, {});
  ASSERT_EQ(plan.parts.size(), 4U);
  EXPECT_EQ(plan.parts[0].name, "main-bright-100");
  EXPECT_EQ(plan.parts[0].survey, "main");
  EXPECT_EQ(plan.parts[0].program, "bright");
  EXPECT_THAT(plan.parts[0].problem, testing::Not(testing::IsEmpty()));  // no FITS file at all
  EXPECT_EQ(plan.parts[1].name, "spec-0280");
  EXPECT_EQ(plan.parts[1].rows, 2U);
  EXPECT_EQ(plan.parts[1].broken.size(), 2U);  // both: so the part cannot be read
  EXPECT_THAT(plan.parts[1].problem, testing::Not(testing::IsEmpty()));
  EXPECT_THAT(plan.parts[2].problem, testing::HasSubstr("no redrock-"));
  EXPECT_THAT(plan.parts[3].problem, testing::HasSubstr("no coadd-"));
  EXPECT_NE(plan.parts[2].name, plan.parts[3].name);
  EXPECT_EQ(plan.unreadable(), 4U);
  EXPECT_EQ(plan.rows(), 0U);
}

TEST(SurveyPlan, TakesOneOfTwoFilesOfTheSameSpectra) {
  const Folder tree;
  for (const char* name : {"coadd-1.fits", "coadd-1.fits.gz", "zbest-1.fits", "redrock-1.fits", "coadd-2.fits"})
    tree.touch(name);
  tree.touch("zbest-2.fits");
  const Plan plan = make_plan(tree.path, {});
  ASSERT_EQ(plan.parts.size(), 2U);
  EXPECT_THAT(plan.parts[0].inputs, testing::ElementsAre("coadd-1.fits", "redrock-1.fits"));
  EXPECT_THAT(plan.parts[1].inputs, testing::ElementsAre("coadd-2.fits", "zbest-2.fits"));
  EXPECT_THAT(plan.passed_over,
              testing::ElementsAre(testing::HasSubstr("coadd-1.fits.gz"), testing::HasSubstr("zbest-1.fits")));
}

TEST(SurveyPlan, IsReadAsItWasWritten) {
  const Folder tree, run;
  tree.touch("a/spec-1.fits");
  const Plan plan = make_plan(tree.path, {});
  save_plan(plan, run.path / "out", false);
  const Plan again = load_plan(run.path / "out");
  ASSERT_EQ(again.parts.size(), 1U);
  EXPECT_EQ(again.parts[0].name, plan.parts[0].name);
  EXPECT_EQ(again.parts[0].inputs, plan.parts[0].inputs);
  EXPECT_EQ(again.parts[0].problem, plan.parts[0].problem);
  EXPECT_THROW(save_plan(plan, run.path / "out", false), Error);
  std::ofstream(run.path / "out" / "survey.json") << "{";
  EXPECT_THROW(load_plan(run.path / "out"), Error);
}

TEST(SurveyPlan, LeavesOutOtherSurveysByTheirNames) {
  const Folder tree;
  tree.touch("coadd-main-bright-1.fits");
  tree.touch("coadd-sv3-dark-1.fits");
  Selection want;
  want.survey = "sv3";
  const Plan plan = make_plan(tree.path, want);
  ASSERT_EQ(plan.parts.size(), 1U);
  EXPECT_EQ(plan.parts[0].name, "sv3-dark-1");
  want.survey = "sv1";
  EXPECT_THROW(make_plan(tree.path, want), Error);
}

TEST(SurveySettings, EachOneIsInTheText) {
  const RunSettings none;
  std::vector<RunSettings> others(7);
  others[0].selection.targetids = {1};
  others[1].selection.survey = "main";
  others[2].selection.program = "dark";
  others[3].selection.spectype = "QSO";
  others[4].selection.min_deltachi2 = 25;
  others[5].measure.recipe = MaskRecipe::robust;
  others[6].measure.deredden = true;
  for (const auto& other : others) EXPECT_NE(other.text(), none.text());
  RunSettings chunk;
  chunk.chunk = 7;  // changes no number
  EXPECT_EQ(chunk.text(), none.text());
}

}  // namespace
}  // namespace starglow::survey
