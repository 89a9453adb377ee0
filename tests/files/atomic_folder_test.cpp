#include "files/atomic_folder.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "starglow/base/error.hpp"
#include "support/shared_data.hpp"

namespace starglow::files {
namespace {

using test::TempFolder;

TEST(AtomicFolder, AppearsWholeAtCommit) {
  const TempFolder folder;
  {
    AtomicFolder out(folder / "a/b/site/");
    out.write("figures/one.json", "1");
    out.write("index.html", "page");
    EXPECT_FALSE(std::filesystem::exists(folder / "a/b/site"));
    out.commit();
  }
  EXPECT_EQ(test::read_all(folder / "a/b/site/figures/one.json"), "1");
  EXPECT_EQ(test::read_all(folder / "a/b/site/index.html"), "page");
  EXPECT_FALSE(std::filesystem::exists(folder / "a/b/.site.part"));
}

TEST(AtomicFolder, WithoutCommitNothingIsLeft) {
  const TempFolder folder;
  {
    AtomicFolder out(folder / "a/b/site");
    out.write("deep/er/one", "1");
  }
  EXPECT_EQ(folder.files(), 0U);
}

TEST(AtomicFolder, WhatElseIsInTheFolderStays) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "site");
  test::write_all(folder / "site/mine", "mine");
  test::write_all(folder / "site/page", "old");
  {
    AtomicFolder out(folder / "site");
    out.write("page", "new");
    EXPECT_EQ(test::read_all(folder / "site/page"), "old");
    out.commit();
  }
  EXPECT_EQ(test::read_all(folder / "site/mine"), "mine");
  EXPECT_EQ(test::read_all(folder / "site/page"), "new");
  EXPECT_EQ(folder.files(), 1U);
}

TEST(AtomicFolder, OneWriterAtATimeAndTheLeftoversOfAKilledOneGo) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / ".site.part/figures");  // of a process that was killed
  test::write_all(folder / ".site.part/figures/old", "old");
  AtomicFolder out(folder / "site");
  try {
    const AtomicFolder second(folder / "site");
    FAIL() << "two writers";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
  }
  out.write("page", "new");
  out.commit();
  EXPECT_EQ(test::read_all(folder / "site/page"), "new");
  EXPECT_FALSE(std::filesystem::exists(folder / "site/figures"));
}

TEST(AtomicFolder, AFileOrALinkInTheWayIsNotWrittenThrough) {
  const TempFolder folder;
  test::write_all(folder / "site", "a file");
  EXPECT_THROW(AtomicFolder{folder / "site"}, Error);
  std::filesystem::create_directories(folder / "elsewhere");
  test::write_all(folder / "elsewhere/precious", "precious");
  std::filesystem::create_directory_symlink("elsewhere", folder / ".other.part");
  EXPECT_THROW(AtomicFolder{folder / "other"}, Error);
  EXPECT_EQ(test::read_all(folder / "elsewhere/precious"), "precious");
  EXPECT_EQ(test::read_all(folder / "site"), "a file");
}

}  // namespace
}  // namespace starglow::files
