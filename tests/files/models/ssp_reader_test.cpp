#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "starglow/base/cosmology.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/stars/ssp.hpp"
#include "support/shared_data.hpp"
#include "support/ssp_writer.hpp"

namespace starglow {
namespace {

std::string refusal(const std::filesystem::path& path) {
  try {
    (void)read_ssp(path);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    return e.what();
  }
  return "";
}

TEST(SspReader, ReadsWhatWasWritten) {
  const test::TempFolder folder;
  for (const std::size_t n_met : {1U, 2U, 3U}) {
    const SspGrid grid = test::small_grid(n_met);
    test::Hdf5Writer(folder / "g.h5").grid(grid);
    const SspGrid back = read_ssp(folder / "g.h5");
    EXPECT_EQ(back.lgmet, grid.lgmet);
    EXPECT_EQ(back.lg_age_gyr, grid.lg_age_gyr);
    EXPECT_EQ(back.wave, grid.wave);
    EXPECT_TRUE(std::equal(grid.flux.flat().begin(), grid.flux.flat().end(), back.flux.flat().begin()));
    EXPECT_TRUE(back.line_name.empty());
  }
}

TEST(SspReader, LinesComeInErgWithBothKindsOfText) {
  const test::TempFolder folder;
  const SspGrid grid = test::small_grid();
  for (const bool variable : {false, true}) {
    {
      test::Hdf5Writer out(folder / "g.h5");
      out.grid(grid);
      out.texts("ssp_emline_name", {"Ba_alpha_6563", "O_III_5007"}, variable);
      out.axis("ssp_emline_wave", {6564.6, 5008.24});
      std::vector<double> light(3 * 6 * 2);
      for (std::size_t i = 0; i < light.size(); ++i) light[i] = static_cast<double>(i);
      out.numbers("ssp_emline_luminosity", light, {3, 6, 2});
    }
    const SspGrid back = read_ssp(folder / "g.h5");
    EXPECT_THAT(back.line_name, testing::ElementsAre("Ba_alpha_6563", "O_III_5007"));
    EXPECT_DOUBLE_EQ(back.line_luminosity(2 * 6 + 5, 1), 35 * k_lsun_erg_s);
  }
}

TEST(SspReader, WrongFilesAreRefusedWithAWord) {
  const test::TempFolder folder;
  const auto with = [&](const std::function<void(SspGrid&)>& change) {
    SspGrid grid = test::small_grid();
    change(grid);
    test::Hdf5Writer(folder / "g.h5").grid(grid);
    return refusal(folder / "g.h5");
  };
  EXPECT_THAT(with([](auto& g) { g.flux(1, 2) = std::numeric_limits<double>::quiet_NaN(); }),
              testing::HasSubstr("metallicity 0, age 1, column 2"));
  EXPECT_THAT(with([](auto& g) { g.flux(1, 2) = -1e-20; }), testing::HasSubstr("no light can have"));
  EXPECT_THAT(with([](auto& g) { std::swap(g.wave[3], g.wave[4]); }), testing::HasSubstr("ssp_wave does not ascend"));
  EXPECT_THAT(with([](auto& g) { g.lgmet[1] = g.lgmet[0]; }), testing::HasSubstr("ssp_lgmet does not ascend"));
  EXPECT_THAT(with([](auto& g) { g.lg_age_gyr[0] = std::numeric_limits<double>::infinity(); }),
              testing::HasSubstr("ssp_lg_age_gyr is not finite"));
  EXPECT_THAT(with([](auto& g) {
                for (double& w : g.wave) w -= 4000;
              }),
              testing::HasSubstr("not a wavelength"));
  for (const char* name : {"ssp_lgmet", "ssp_lg_age_gyr", "ssp_wave", "ssp_flux"}) {
    test::Hdf5Writer(folder / "g.h5").grid(test::small_grid(), name);
    EXPECT_THAT(refusal(folder / "g.h5"), testing::HasSubstr("has no dataset '" + std::string(name)));
  }
  {
    test::Hdf5Writer out(folder / "g.h5");
    out.grid(test::small_grid(), "ssp_flux");
    out.numbers("ssp_flux", std::vector<double>(720, 1.0), {6, 3, 40});
  }
  EXPECT_THAT(refusal(folder / "g.h5"), testing::HasSubstr("6 x 3 x 40"));
  {
    test::Hdf5Writer out(folder / "g.h5");
    out.grid(test::small_grid(), "ssp_wave");
    out.texts("ssp_wave", std::vector<std::string>(40, "a"), true);
  }
  EXPECT_THAT(refusal(folder / "g.h5"), testing::HasSubstr("contains no numbers"));
  EXPECT_THAT(refusal(folder / "absent.h5"), testing::HasSubstr("no such file"));
  EXPECT_THAT(refusal(folder.path()), testing::HasSubstr("a folder"));
}

TEST(SspReader, AFileCutAtAnyPlaceIsRefused) {
  const test::TempFolder folder;
  test::Hdf5Writer(folder / "g.h5").grid(test::small_grid());
  const auto size = std::filesystem::file_size(folder / "g.h5");
  for (std::uintmax_t keep = 0; keep < size; keep += 97) {
    std::filesystem::copy_file(folder / "g.h5", folder / "cut.h5", std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(folder / "cut.h5", keep);
    EXPECT_NE(refusal(folder / "cut.h5"), "") << keep;
  }
}

TEST(SspReader, ExternalLinksAreNotFollowed) {
  const test::TempFolder folder;
  test::Hdf5Writer(folder / "other.h5").grid(test::small_grid());
  test::Hdf5Writer(folder / "g.h5").grid(test::small_grid(), "ssp_flux");
  const hid_t file = H5Fopen((folder / "g.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  H5Lcreate_external("other.h5", "ssp_flux", file, "ssp_flux", H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(file);
  EXPECT_THAT(refusal(folder / "g.h5"), testing::HasSubstr("external link"));
}

TEST(SspReader, TheGridsOfTheSharedFolder) {
  struct Case {
    const char* name;
    std::size_t met, age, wave;
  };
  for (const Case& c : {Case{"ssp_bc03_mpajhu.h5", 4, 10, 5969}, Case{"ssp_ckc14z_solar.h5", 1, 16, 46122}}) {
    const auto path = test::shared_file(std::string("ssp/") + c.name);
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no shared data here: " << path;
    const SspGrid grid = read_ssp(path);
    EXPECT_EQ(grid.n_met(), c.met);
    EXPECT_EQ(grid.n_age(), c.age);
    EXPECT_EQ(grid.n_wave(), c.wave);
    EXPECT_FALSE(has_nebular_lines(grid)) << nebular_halpha_ew(grid);
  }
}

}  // namespace
}  // namespace starglow
