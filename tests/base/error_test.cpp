#include "starglow/base/error.hpp"

#include <gtest/gtest.h>

#include <string>

namespace starglow {
namespace {

TEST(Error, MessageHasWhatSeenWantedRemedy) {
  const Error e(ErrorKind::input, "no bands", {"0", "12", "Run prep first."});
  EXPECT_STREQ(e.what(), "no bands; found 0; expected 12. Run prep first.");
  EXPECT_EQ(e.kind(), ErrorKind::input);
  EXPECT_EQ(e.detail().wanted, "12");
  EXPECT_NE(std::string(e.where().file_name()).find("error_test"), std::string::npos);
}

TEST(Error, EmptyPartsAreLeftOut) { EXPECT_STREQ(Error(ErrorKind::model, "other kind").what(), "other kind"); }

TEST(Error, ExitCodesOfTheContract) {
  EXPECT_EQ(exit_code(ErrorKind::usage), 2);
  EXPECT_EQ(exit_code(ErrorKind::input), 3);
  EXPECT_EQ(exit_code(ErrorKind::numeric), 4);
  EXPECT_EQ(exit_code(ErrorKind::output), 5);
  EXPECT_EQ(exit_code(ErrorKind::model), 6);
  EXPECT_EQ(to_string(ErrorKind::numeric), "numeric");
}

}  // namespace
}  // namespace starglow
