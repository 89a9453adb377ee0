#include "files/atomic_file.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <functional>

#include "starglow/base/error.hpp"
#include "support/shared_data.hpp"

namespace starglow::files {
namespace {

using test::TempFolder;

ErrorKind kind_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorKind::numeric;
}

TEST(AtomicFile, NothingThatLiesBesideTheOutputIsWrittenThrough) {
  for (const bool hard : {false, true})
    for (const char* name : {".out.lock", ".out.part"}) {
      const TempFolder folder;
      test::write_all(folder / "precious", "precious");
      if (hard)
        std::filesystem::create_hard_link(folder / "precious", folder / name);
      else
        std::filesystem::create_symlink("precious", folder / name);
      try {
        AtomicFile file(folder / "out", false);
        file.write("hello");
        file.commit();
        EXPECT_EQ(test::read_all(folder / "out"), "hello");
      } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::output) << e.what();
        EXPECT_FALSE(std::filesystem::exists(folder / "out"));
      }
      EXPECT_EQ(test::read_all(folder / "precious"), "precious") << name << " " << hard;
    }
  const TempFolder folder;
  ASSERT_EQ(mkfifo((folder / ".out.lock").c_str(), 0600), 0);
  EXPECT_EQ(kind_of([&] { AtomicFile(folder / "out", false); }), ErrorKind::output);
}

TEST(AtomicFile, AppearsWholeAtCommit) {
  const TempFolder folder;
  const auto path = folder / "a name [with] blanks.txt";
  {
    AtomicFile file(path, false);
    file.write("hello");
    EXPECT_FALSE(std::filesystem::exists(path));
    file.commit();
  }
  EXPECT_EQ(test::read_all(path), "hello");
  EXPECT_EQ(folder.files(), 1U);
}

TEST(AtomicFile, WithoutCommitTheOldFileStaysAndNothingIsLeft) {
  const TempFolder folder;
  test::write_all(folder / "x", "old");
  {
    AtomicFile(folder / "x", true).write("new");
  }
  EXPECT_EQ(test::read_all(folder / "x"), "old");
  EXPECT_EQ(folder.files(), 1U);
}

TEST(AtomicFile, RefusesAnExistingFileFoldersAndMissingFolders) {
  const TempFolder folder;
  test::write_all(folder / "x", "old");
  EXPECT_EQ(kind_of([&] { AtomicFile(folder / "x", false); }), ErrorKind::usage);
  EXPECT_EQ(kind_of([&] { AtomicFile(folder.path(), true); }), ErrorKind::output);
  EXPECT_EQ(kind_of([&] { AtomicFile(folder / "no/such/folder/x", true); }), ErrorKind::output);
  EXPECT_EQ(kind_of([&] { AtomicFile("/dev/full", true); }), ErrorKind::output);
  EXPECT_EQ(test::read_all(folder / "x"), "old");
  EXPECT_EQ(folder.files(), 1U);
}

TEST(AtomicFile, ASecondWriterIsToldWhoHoldsIt) {
  const TempFolder folder;
  AtomicFile first(folder / "x", false);
  try {
    AtomicFile second(folder / "x", false);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(e.what()).find("process " + std::to_string(getpid())), std::string::npos) << e.what();
  }
  first.write("one");
  first.commit();
}

TEST(AtomicFile, AStaleLockIsNoObstacle) {
  const TempFolder folder;
  test::write_all(folder / ".x.lock", "999999");  // its process is gone, and its lock with it
  test::write_all(folder / ".x.part", "rubbish");
  AtomicFile file(folder / "x", false);
  file.write("new");
  file.commit();
  EXPECT_EQ(test::read_all(folder / "x"), "new");
}

TEST(AtomicFile, AFullDiskIsAnOutputErrorAndLeavesTheOldFile) {
  const TempFolder folder;
  test::write_all(folder / "x", "old");
  // A size limit on files stands in for a full disk: the system refuses the write half way.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const ErrorKind kind = kind_of([&] {
    AtomicFile file(folder / "x", true);
    file.write(std::string(100000, 'n'));
  });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(kind, ErrorKind::output);
  EXPECT_EQ(test::read_all(folder / "x"), "old");
  EXPECT_EQ(folder.files(), 1U);
}

TEST(AtomicFile, ALinkIsFollowed) {
  const TempFolder folder;
  test::write_all(folder / "real", "old");
  std::filesystem::create_symlink(folder / "real", folder / "link");
  {
    AtomicFile file(folder / "link", true);
    file.write("new");
    file.commit();
  }
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(test::read_all(folder / "real"), "new");
}

}  // namespace
}  // namespace starglow::files
