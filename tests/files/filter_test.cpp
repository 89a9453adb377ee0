#include <gtest/gtest.h>

#include <cmath>

#include "starglow/base/error.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/spectra/filter.hpp"
#include "support/shared_data.hpp"

namespace starglow {
namespace {

using test::TempFolder;
using test::write_all;

TEST(FilterFile, ReadsTextInItsUnit) {
  const TempFolder folder;
  write_all(folder / "a.txt", "# wavelength [nm]  transmission\n500 0\n510 0.5\n# in between\n520, 0.25\n530\t0\n");
  const Filter f = load_filter(folder / "a.txt");
  EXPECT_EQ(f.name(), "a");
  EXPECT_EQ(f.lo(), 5000);
  EXPECT_EQ(f.hi(), 5300);
  EXPECT_DOUBLE_EQ(f.at(5150), 0.375);
  write_all(folder / "b.txt", "5000 0\n5100 0.5\n5200 0\n");
  EXPECT_EQ(load_filter(folder / "b.txt", "Angstrom").hi(), 5200);
  EXPECT_EQ(load_filter(folder / "b.txt", "nm").hi(), 52000);
}

TEST(FilterFile, ReadsEcsvWithItsColumnsInAnyOrder) {
  const TempFolder folder;
  write_all(folder / "f.ecsv",
            "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: response, datatype: float64}\n"
            "# - {name: wavelength, unit: micron, datatype: float64}\n# meta: !!omap\n# - {band_name: r}\n"
            "response wavelength\n0 0.50\n0.5 0.51\n0 0.52\n");
  EXPECT_NEAR(load_filter(folder / "f.ecsv").hi(), 5200, 1e-9);
}

TEST(FilterFile, RefusesWhatItCannotUnderstand) {
  const TempFolder folder;
  const std::string ecsv = "# %ECSV 1.0\n# - {name: wavelength, datatype: float64}\n# - {name: response}\n";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"5000 0\n5100 1\n", "unit"},
      {"# [nm]\n500 0\n510 x\n", "line 3"},
      {"# [nm]\n500\n", "line 2"},
      {"# [nm]\n", "no rows"},
      {"# [nm]\n500 0\n499 1\n", "point 1"},
      {"# [nm]\n500 0\n510 1.5\n", "impossible"},
      {"# [nm]\n500 0\n510 nan\n", "impossible"},
      {ecsv + "wavelength response\n500 0\n510 1\n", "unit"},
      {"# %ECSV 1.0\n# - {name: wavelength, unit: Hz}\nwavelength response\n500 0\n510 1\n", "Hz"},
      {"# %ECSV 1.0\n# - {name: wavelength, unit: nm}\nwavelength flux\n500 0\n510 1\n", "columns"},
      {std::string("\x89HDF\r\n\x1a\n") + "rubbish", "HDF5"},
      {"", "no rows"},
  };
  for (const auto& [content, word] : cases) {
    write_all(folder / "bad.txt", content);
    try {
      (void)load_filter(folder / "bad.txt");
      ADD_FAILURE() << content;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input) << content;
      EXPECT_NE(std::string(e.what()).find(word), std::string::npos) << e.what();
    }
  }
  write_all(folder / "a.txt", "# wavelength [nm]\n500 0\n510 0.5\n520 0\n");
  EXPECT_THROW((void)load_filter(folder / "a.txt", "micron"), Error);  // the file says nm
  EXPECT_THROW((void)load_filter(folder / "a.txt", "parsec"), Error);
  EXPECT_THROW((void)load_filter(folder / "none.txt"), Error);
}

TEST(FilterFile, PivotsOfPublishedFilters) {
  // Fukugita-like SDSS r 6166 A (Doi et al. 2010), LSST r near 6220 A, DECam r near 6420 A: nm and A are told apart.
  for (const auto& [file, pivot] :
       {std::pair{"sdss2010-r", 6166.0}, std::pair{"lsst2023-r", 6220.0}, std::pair{"decam2014-r", 6420.0}}) {
    const auto path = test::shared_file("filters/" + std::string(file) + ".ecsv");
    STARGLOW_NEED_SHARED(path);
    EXPECT_NEAR(load_filter(path).pivot(), pivot, 40) << file;
  }
}

}  // namespace
}  // namespace starglow
