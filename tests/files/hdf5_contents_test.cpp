// HDF5 read in a process of its own, by stand-ins for the program that misbehave as the library may.
#include "files/hdf5_contents.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>

#include "starglow/base/error.hpp"
#include "starglow/stars/ssp.hpp"
#include "support/shared_data.hpp"
#include "support/ssp_writer.hpp"

namespace starglow::files {
namespace {

using test::TempFolder;
constexpr std::array<std::string_view, 1> k_names{"ssp_wave"};

struct Program {
  explicit Program(const std::filesystem::path& path) { set_hdf5_program(path); }
  ~Program() { set_hdf5_program({}); }
};

void script(const std::filesystem::path& path, const std::string& body) {
  test::write_all(path, "#!/bin/sh\n" + body + "\n");
  chmod(path.c_str(), 0755);
}

std::string refusal(const std::filesystem::path& path, ErrorKind kind) {
  try {
    (void)Hdf5Contents(path, k_names);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(Hdf5Contents, ACrashOfTheLibraryIsATypedError) {
  const TempFolder folder;
  test::Hdf5Writer(folder / "g.h5").grid(test::small_grid());
  const Program program(folder / "stand-in");
  for (const auto& [body, says] : std::array<std::pair<const char*, const char*>, 5>{{
           {"kill -SEGV $$", "signal 11"},
           {"kill -ABRT $$", "signal 6"},
           {"kill -XCPU $$", "too long"},
           {"exit 3", "ended unexpectedly"},
           {"echo nonsense", "no safetensors"},
       }}) {
    script(folder / "stand-in", body);
    EXPECT_NE(refusal(folder / "g.h5", ErrorKind::input).find(says), std::string::npos) << body;
  }
  std::filesystem::remove(folder / "stand-in");
  (void)refusal(folder / "g.h5", ErrorKind::output);  // no such program
}

TEST(Hdf5Contents, ADatasetThatGrowsTooMuchIsRefused) {
  const TempFolder folder;
  {
    const hid_t file = H5Fcreate((folder / "bomb.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const std::array<hsize_t, 1> size{std::uint64_t{1} << 29}, chunk{1 << 16};
    const hid_t space = H5Screate_simple(1, size.data(), nullptr), list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 1, chunk.data());
    H5Pset_deflate(list, 9);
    H5Dclose(H5Dcreate2(file, "ssp_wave", H5T_IEEE_F64LE, space, H5P_DEFAULT, list, H5P_DEFAULT));
    H5Pclose(list);
    H5Sclose(space);
    H5Fclose(file);
  }
  EXPECT_NE(refusal(folder / "bomb.h5", ErrorKind::input).find("becomes too large when unpacked"), std::string::npos);
}

TEST(Hdf5Contents, TextsAndNumbersComeBack) {
  const TempFolder folder;
  {
    test::Hdf5Writer out(folder / "g.h5");
    out.axis("ssp_wave", {1, 2.5, 1e300});
    out.texts("ssp_emline_name", {"a:b", "", "12:34\n"}, true);
  }
  constexpr std::array<std::string_view, 3> names{"ssp_wave", "ssp_emline_name", "absent"};
  const Hdf5Contents file(folder / "g.h5", names);
  EXPECT_EQ(file.doubles("ssp_wave"), (std::vector<double>{1, 2.5, 1e300}));
  EXPECT_EQ(file.texts("ssp_emline_name"), (std::vector<std::string>{"a:b", "", "12:34\n"}));
  EXPECT_EQ(file.shape("ssp_emline_name"), (std::vector<std::uint64_t>{3}));
  EXPECT_FALSE(file.has("absent"));
  EXPECT_THROW((void)file.doubles("absent"), Error);
  EXPECT_THROW((void)file.doubles("ssp_emline_name"), Error);
  EXPECT_THROW((void)file.texts("ssp_wave"), Error);
}

}  // namespace
}  // namespace starglow::files
