#include "starglow/files/spectra_file.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"
#include "support/shared_data.hpp"

namespace starglow {
namespace {

using test::read_all;
using test::TempFolder;
using test::write_all;

constexpr std::size_t k_pixels = 50;

Spectra example(std::size_t first, std::size_t n, bool one_grid) {
  Spectra s;
  s.wave_obs = Matrix<double>(one_grid ? 1 : n, k_pixels);
  for (std::size_t i = 0; i < s.wave_obs.rows(); ++i)
    for (std::size_t j = 0; j < k_pixels; ++j)
      s.wave_obs(i, j) = 5000 + 0.8 * static_cast<double>(j) + (one_grid ? 0 : static_cast<double>(first + i));
  for (auto* plane : {&s.flux, &s.ivar, &s.continuum, &s.lines}) *plane = Matrix<double>(n, k_pixels);
  s.mask = Matrix<std::int32_t>(n, k_pixels);
  s.resolution = Matrix<float>(n, k_n_diagonals * k_pixels);
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = static_cast<double>(first + i);
    for (std::size_t j = 0; j < k_pixels; ++j) {
      s.flux(i, j) = row + 0.25 * static_cast<double>(j);
      s.ivar(i, j) = 4;
      s.continuum(i, j) = row;
      s.lines(i, j) = 0.25 * static_cast<double>(j);
      s.mask(i, j) = static_cast<std::int32_t>((first + i) * j % 7);
    }
    for (std::size_t k = 0; k < s.resolution.cols(); ++k)
      s.resolution(i, k) = static_cast<float>(row) + static_cast<float>(k);
    s.targetid.push_back((std::int64_t{1} << 53) + 1 + static_cast<std::int64_t>(first + i));
    s.z.push_back(0.1 + row / 100);
    s.flags.push_back(static_cast<std::int32_t>(first + i));
    s.ebv.push_back(0.01 * row);
  }
  return s;
}

SpectraLayout layout(std::size_t n, bool one_grid) {
  return {.rows = n,
          .pixels = k_pixels,
          .one_grid = one_grid,
          .planes = {.ivar = true, .mask = true, .continuum = true, .lines = true, .resolution = true},
          .columns = {{"TARGETID", 'K', 1, ""}, {"Z", 'D', 1, ""}, {"EBV", 'D', 1, "mag"}, {"FLAGS", 'J', 1, ""}}};
}

void write_example(const std::filesystem::path& path, std::size_t n, std::size_t chunk, bool one_grid = true) {
  SpectraFileWriter out(path, layout(n, one_grid), {.mwcorr = "F"});
  for (std::size_t first = 0; first < n; first += chunk)
    out.write(first, example(first, std::min(chunk, n - first), one_grid));
  out.commit({});
}

// Bytes before the HDU that may differ between equal runs.
std::string numbers_of(const std::filesystem::path& path) {
  const std::string all = read_all(path);
  return all.substr(0, all.find("'PROVENANCE'"));
}

TEST(SpectraFile, ReadsWhatItWrote) {
  for (const bool one_grid : {true, false}) {
    const TempFolder folder;
    write_example(folder / "s.fits", 11, 4, one_grid);
    const SpectraFileReader in(folder / "s.fits");
    EXPECT_EQ(in.rows(), 11U);
    EXPECT_EQ(in.pixels(), k_pixels);
    EXPECT_EQ(in.one_grid(), one_grid);
    EXPECT_EQ(in.table().conventions().mwcorr, "F");
    EXPECT_TRUE(in.notes().empty());
    const Spectra got = in.read(3, 5, true), want = example(3, 5, one_grid);
    EXPECT_TRUE(std::ranges::equal(got.wave_obs.flat(), want.wave_obs.flat()));
    EXPECT_TRUE(std::ranges::equal(got.flux.flat(), want.flux.flat()));
    EXPECT_TRUE(std::ranges::equal(got.ivar.flat(), want.ivar.flat()));
    EXPECT_TRUE(std::ranges::equal(got.continuum.flat(), want.continuum.flat()));
    EXPECT_TRUE(std::ranges::equal(got.lines.flat(), want.lines.flat()));
    EXPECT_TRUE(std::ranges::equal(got.mask.flat(), want.mask.flat()));
    EXPECT_TRUE(std::ranges::equal(got.resolution.flat(), want.resolution.flat()));
    EXPECT_EQ(got.targetid, want.targetid);
    EXPECT_EQ(got.z, want.z);
    EXPECT_EQ(got.ebv, want.ebv);
    EXPECT_EQ(got.flags, want.flags);
    EXPECT_THROW((void)in.read(10, 2), Error);
  }
}

TEST(SpectraFile, BytesDoNotDependOnTheChunk) {
  const TempFolder folder;
  write_example(folder / "a.fits", 9, 1);
  write_example(folder / "b.fits", 9, 7);
  write_example(folder / "c.fits", 9, 4096);
  EXPECT_EQ(numbers_of(folder / "a.fits"), numbers_of(folder / "b.fits"));
  EXPECT_EQ(numbers_of(folder / "a.fits"), numbers_of(folder / "c.fits"));
}

TEST(SpectraFile, NoInformationIsReadAsZeroIvar) {
  const TempFolder folder;
  Spectra s = example(0, 1, true);
  s.ivar(0, 3) = -2;
  s.ivar(0, 4) = std::nan("");
  s.ivar(0, 5) = HUGE_VAL;
  s.flux(0, 6) = std::nan("");
  {
    SpectraFileWriter out(folder / "s.fits", layout(1, true), {});
    out.write(0, s);
    out.commit({});
  }
  const Spectra got = SpectraFileReader(folder / "s.fits").read(0, 1);
  EXPECT_EQ(got.ivar(0, 3) + got.ivar(0, 4) + got.ivar(0, 5), 0);
  EXPECT_EQ(got.ivar(0, 6), 4);
  EXPECT_TRUE(std::isnan(got.flux(0, 6)));
}

TEST(SpectraFile, FileAppearsWholeOrNotAtAll) {
  const TempFolder folder;
  {
    SpectraFileWriter out(folder / "s.fits", layout(2, true), {});
  }
  EXPECT_EQ(folder.files(), 0U);
  write_example(folder / "s.fits", 2, 2);
  EXPECT_THROW(SpectraFileWriter(folder / "s.fits", layout(2, true), {}), Error);
  EXPECT_EQ(folder.files(), 1U);
}

std::string refusal(const std::filesystem::path& path) {
  try {
    const SpectraFileReader in(path);
    (void)in.read(0, in.rows());
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    return e.what();
  }
  return "";
}

TEST(SpectraFile, TruncatedOrFlippedIsRefused) {
  const TempFolder folder;
  write_example(folder / "s.fits", 2, 2);
  const std::string good = read_all(folder / "s.fits");
  for (std::size_t bytes = 100; bytes < good.size(); bytes += 4567) {
    write_all(folder / "t.fits", good.substr(0, bytes));
    EXPECT_NE(refusal(folder / "t.fits"), "") << bytes;
  }
  // A flipped bit in the data of each image.
  for (const char* name : {"'WAVE", "'FLUX", "'IVAR", "'MASK", "'CONTINUUM", "'LINES", "'RESOLUTION"}) {
    std::string bad = good;
    const auto at = good.find(std::string("EXTNAME = ") + name);
    ASSERT_NE(at, std::string::npos) << name;
    bad[(at / 2880 + 1) * 2880 + 5] = static_cast<char>(bad[(at / 2880 + 1) * 2880 + 5] ^ 4);
    write_all(folder / "f.fits", bad);
    EXPECT_NE(refusal(folder / "f.fits").find("changed after it was written"), std::string::npos) << name;
  }
}

TEST(SpectraFile, OtherShapesUnitsGridsAndFilesAreRefused) {
  const TempFolder folder;
  write_example(folder / "s.fits", 2, 2);
  const std::string good = read_all(folder / "s.fits");
  // Without the checksums, what a changed card says is what counts.
  const auto changed = [&](const std::string& from, const std::string& to, std::size_t behind = 0) {
    std::string bad = good;
    for (const char* key : {"CHECKSUM=", "DATASUM ="})
      for (auto at = bad.find(key); at != std::string::npos; at = bad.find(key, at)) bad.replace(at, 9, "HISTORY  ");
    const auto at = bad.find(from, behind);
    EXPECT_NE(at, std::string::npos) << from;
    bad.replace(at, to.size(), to);
    write_all(folder / "c.fits", bad);
    return refusal(folder / "c.fits");
  };
  EXPECT_EQ(changed("'WAVE", "'WAVE"), "");
  EXPECT_NE(changed("'WAVE    '", "'WAVX    '").find("no file of spectra"), std::string::npos);
  EXPECT_NE(changed("'Angstrom'", "'Hz'      ").find("another unit"), std::string::npos);
  EXPECT_NE(changed("'10**-17 erg s-1 cm-2 Angstrom-1'", "'10**-17 erg s-1 cm-2 Hz-1      '", good.find("'FLUX"))
                .find("another unit"),
            std::string::npos);
  const auto wave = (good.find("EXTNAME = 'WAVE") / 2880 + 1) * 2880;
  EXPECT_NE(changed(good.substr(wave, 8), std::string(8, '\0'), wave).find("pixel 0"), std::string::npos);
  EXPECT_NE(changed(good.substr(wave + 80, 8), good.substr(wave + 72, 8), wave + 80).find("pixel 10"),
            std::string::npos);
  write_all(folder / "n.fits", "no FITS");
  EXPECT_NE(refusal(folder / "n.fits"), "");
  EXPECT_NE(refusal(folder / "none.fits"), "");
}

}  // namespace
}  // namespace starglow
