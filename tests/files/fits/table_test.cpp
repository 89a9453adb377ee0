#include "starglow/files/table.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"
#include "support/shared_data.hpp"

namespace starglow {
namespace {

using test::TempFolder;

const std::vector<std::int64_t> k_ids{
    (1LL << 53) - 1, (1LL << 53) + 1, std::numeric_limits<std::int64_t>::max(), 0, -5, 39627776344457978};

std::vector<ColumnInfo> columns() {
  return {{"TARGETID", 'K', 1, ""},
          {"SURVEY", 'A', 6, ""},
          {"Z", 'D', 1, ""},
          {"BAND_FLUX", 'D', 12, "1e-17 erg s-1 cm-2 Angstrom-1"},
          {"HALPHA_EW", 'E', 1, "Angstrom"},
          {"HALPHA_EW_IVAR", 'E', 1, "Angstrom-2"},
          {"FLAGS", 'J', 1, ""}};
}

void write_example(const std::filesystem::path& path, std::size_t chunk, std::size_t n = 6,
                   const std::string& flux_unit = "1e-17 erg s-1 cm-2 Angstrom-1") {
  Conventions conventions;
  conventions.aperture = "fibre";
  conventions.mwcorr = "F";
  auto specs = columns();
  specs[3].unit = flux_unit;
  TableWriter writer(path, specs, conventions);
  for (std::size_t first = 0; first < n; first += chunk) {
    const std::size_t count = std::min(chunk, n - first);
    std::vector<std::int64_t> ids;
    std::vector<std::string> survey;
    std::vector<double> z, flux;
    std::vector<float> ew, ivar;
    std::vector<std::int32_t> flags;
    for (std::size_t i = first; i < first + count; ++i) {
      ids.push_back(k_ids[i % k_ids.size()]);
      survey.push_back(i % 2 == 0 ? "sv3" : "main");
      z.push_back(0.1 * static_cast<double>(i));
      for (int b = 0; b < 12; ++b)
        flux.push_back(i == 2 && b == 5   ? std::nan("")
                       : i == 3 && b == 0 ? std::numeric_limits<double>::infinity()
                                          : static_cast<double>(i) + 0.01 * b);
      ew.push_back(static_cast<float>(i) * 1.5F);
      ivar.push_back(i == 4 ? 0.0F : 2.0F);
      flags.push_back(static_cast<std::int32_t>(i));
    }
    writer.write("TARGETID", first, std::span<const std::int64_t>(ids));
    writer.write("SURVEY", first, std::span<const std::string>(survey));
    writer.write("Z", first, std::span<const double>(z));
    writer.write("BAND_FLUX", first, std::span<const double>(flux));
    writer.write("HALPHA_EW", first, std::span<const float>(ew));
    writer.write("HALPHA_EW_IVAR", first, std::span<const float>(ivar));
    writer.write("FLAGS", first, std::span<const std::int32_t>(flags));
  }
  writer.commit({});
}

// What is compared between runs: all but the last HDU, PROVENANCE, which holds the time.
std::string numbers_of(const std::filesystem::path& path) {
  const std::string bytes = test::read_all(path);
  return bytes.substr(0, bytes.rfind("XTENSION"));
}

TEST(Table, RoundTripKeepsEveryValue) {
  const TempFolder folder;
  write_example(folder / "t.fits", 100);
  const TableReader reader(folder / "t.fits");
  EXPECT_EQ(reader.rows(), 6U);
  EXPECT_EQ(reader.conventions().aperture, "fibre");
  EXPECT_EQ(reader.conventions().mwcorr, "F");
  EXPECT_EQ(reader.conventions().vacuum, "T");
  EXPECT_EQ(reader.conventions().maskrule, "unknown");
  const Galaxies g = reader.read(0, 6);
  EXPECT_EQ(g.targetid, k_ids);
  EXPECT_EQ(g.survey[1], "main");
  EXPECT_TRUE(std::isnan(g.band_flux(2, 5)));
  EXPECT_TRUE(std::isinf(g.band_flux(3, 0)));
  EXPECT_EQ(g.band_flux(5, 11), 5.11);
  EXPECT_EQ(g.ew(3, 6), 4.5F);
  EXPECT_TRUE(std::isnan(g.ew(3, 0)));  // a column that the table does not have
  EXPECT_EQ(g.ew_ivar(3, 0), 0.0F);
  EXPECT_EQ(g.flags[5], 5);
}

TEST(Table, ChunksOfAnySizeWriteAndReadTheSame) {
  const TempFolder folder;
  write_example(folder / "all.fits", 100000, 5000);
  const Galaxies all = read_table(folder / "all.fits");
  for (const std::size_t chunk : {1U, 7U, 4096U}) {
    write_example(folder / ("c" + std::to_string(chunk)), chunk, 5000);
    EXPECT_EQ(numbers_of(folder / ("c" + std::to_string(chunk))), numbers_of(folder / "all.fits")) << chunk;
    const TableReader reader(folder / "all.fits");
    for (std::size_t first = 0; first < 300; first += chunk) {
      const Galaxies part = reader.read(first, std::min<std::size_t>(chunk, 5000 - first));
      for (std::size_t i = 0; i < part.n; ++i) {
        ASSERT_EQ(part.targetid[i], all.targetid[first + i]);
        ASSERT_EQ(part.z[i], all.z[first + i]);
      }
    }
  }
}

// Columns may come one after the other over all rows, in ranges of different sizes, out of order, and in another type
// than the column's: the numbers and their checksum are those of whole rows.
TEST(Table, RowsThatComeInPiecesAreTheSameTable) {
  const TempFolder folder;
  const std::vector<ColumnInfo> specs{
      {"TARGETID", 'K', 1, ""}, {"SURVEY", 'A', 5, ""}, {"Z", 'D', 1, ""}, {"FLAGS", 'J', 1, ""}};
  std::vector<std::int64_t> id;
  std::vector<std::string> survey;
  std::vector<double> z;
  std::vector<std::int32_t> flags;
  std::vector<float> narrow;
  constexpr std::size_t n = 1003;
  for (std::size_t i = 0; i < n; ++i) {
    id.push_back(static_cast<std::int64_t>(i) - 500);
    survey.emplace_back(i % 3 == 0 ? "sv" : "a long name");
    narrow.push_back(static_cast<float>(i) * 0.5F);
    z.push_back(static_cast<double>(narrow.back()));
    flags.push_back(static_cast<std::int32_t>(i % 7));
  }
  const auto part = [](const auto& all, std::size_t first, std::size_t count) {
    return std::span(all).subspan(first, count);
  };
  const auto write = [&](const char* name, auto order) {
    TableWriter writer(folder / name, specs, {});
    order(writer);
    writer.commit({});
    return numbers_of(folder / name);
  };
  const std::string whole = write("whole", [&](TableWriter& w) {
    for (std::size_t first = 0; first < n; first += 100) {
      const std::size_t count = std::min<std::size_t>(100, n - first);
      w.write("FLAGS", first, part(flags, first, count));
      w.write("TARGETID", first, part(id, first, count));
      w.write("Z", first, part(z, first, count));
      w.write("SURVEY", first, part(survey, first, count));
    }
  });
  const std::string columns_first = write("columns", [&](TableWriter& w) {
    w.write("TARGETID", 0, part(id, 0, n));
    for (std::size_t first = 0; first < n; first += 59) {
      const std::size_t count = std::min<std::size_t>(59, n - first);
      w.write("Z", first, part(z, first, count));
    }
    w.write("SURVEY", 0, part(survey, 0, n));
    w.write("FLAGS", 0, part(flags, 0, 1));
    w.write("FLAGS", 1, part(flags, 1, n - 1));
  });
  const std::string backwards = write("backwards", [&](TableWriter& w) {
    for (const std::size_t first : {std::size_t{500}, std::size_t{0}}) {
      const std::size_t count = first == 0 ? 500 : n - 500;
      w.write("TARGETID", first, part(id, first, count));
      w.write("Z", first, part(narrow, first, count));  // float into a column of doubles
      w.write("SURVEY", first, part(survey, first, count));
      w.write("FLAGS", first, part(flags, first, count));
    }
  });
  EXPECT_EQ(whole, columns_first);
  EXPECT_EQ(whole, backwards);
  const TableReader reader(folder / "whole");  // verifies the checksums
  EXPECT_EQ(reader.read_integers("TARGETID", 0, n), id);
}

TEST(Table, AVectorInPlaceOfANumberIsRefused) {
  const TempFolder folder;
  for (const char* column : {"TARGETID", "Z", "FLAGS"}) {
    const std::vector<ColumnInfo> specs{{column, column[0] == 'Z' ? 'D' : 'K', 2, ""}};
    TableWriter(folder / column, specs, {}).commit({});
    EXPECT_THROW(TableReader(folder / column), Error) << column;
  }
}

TEST(Table, WithoutCommitNothingIsLeft) {
  const TempFolder folder;
  {
    TableWriter writer(folder / "t.fits", columns(), {});
  }
  EXPECT_EQ(folder.files(), 0U);
  write_example(folder / "t.fits", 10);
  EXPECT_THROW(TableWriter(folder / "t.fits", columns(), {}), Error);
  EXPECT_EQ(folder.files(), 1U);
}

TEST(Table, AFlippedBitIsFound) {
  const TempFolder folder;
  write_example(folder / "t.fits", 10);
  std::string bytes = test::read_all(folder / "t.fits");
  const std::size_t data = bytes.find("END", bytes.find("GALAXIES"));
  bytes[(data / 2880 + 1) * 2880 + 40] ^= 1;
  test::write_all(folder / "t.fits", bytes);
  try {
    TableReader reader(folder / "t.fits");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    EXPECT_NE(std::string(e.what()).find("DATASUM"), std::string::npos);
  }
}

TEST(Table, AFlippedBitAnywhereInATableOfOursIsFound) {
  const TempFolder folder;
  write_example(folder / "t.fits", 10);
  const std::string good = test::read_all(folder / "t.fits");
  ASSERT_NO_THROW(TableReader(folder / "t.fits"));
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at < good.size(); at += 61) places.push_back(at);
  // The cards by which a sum, an HDU or the file itself is known.
  for (const char* card : {"CHECKSUM=", "DATASUM =", "XTENSION=", "CREATOR =", "EXTNAME ="})
    for (std::size_t at = good.find(card); at != std::string::npos; at = good.find(card, at + 1))
      for (std::size_t i = 0; i < 9; ++i) places.push_back(at + i);
  for (const std::size_t at : places)
    for (const int bit : {1, 32}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ bit);
      test::write_all(folder / "t.fits", bad);
      EXPECT_THROW(TableReader(folder / "t.fits"), Error) << "bit " << bit << " of byte " << at;
    }
}

TEST(Table, AChangedTableWithoutItsSumsIsRead) {
  const TempFolder folder;
  write_example(folder / "t.fits", 10);
  std::string bytes = test::read_all(folder / "t.fits");
  for (const std::string card : {"CHECKSUM=", "DATASUM ="})
    for (std::size_t at = bytes.find(card); at != std::string::npos; at = bytes.find(card, at + 1))
      bytes.replace(at, 9, "COMMENT  ");
  test::write_all(folder / "t.fits", bytes);
  EXPECT_NO_THROW(TableReader(folder / "t.fits"));
}

TEST(Table, WrongUnitsLengthsAndTypesAreRefused) {
  const TempFolder folder;
  EXPECT_NO_THROW(write_example(folder / "ok.fits", 10, 3, "10**-17 Angstrom-1 cm-2 erg s-1"));
  EXPECT_NO_THROW(TableReader(folder / "ok.fits"));
  write_example(folder / "nu.fits", 10, 3, "erg s-1 cm-2 Hz-1");
  EXPECT_THROW(TableReader(folder / "nu.fits"), Error);
  write_example(folder / "none.fits", 10, 3, "");
  EXPECT_EQ(TableReader(folder / "none.fits").notes().size(), 1U);
  const auto refused = [&](const std::vector<ColumnInfo>& specs, const std::string& says) {
    {
      TableWriter writer(folder / "bad.fits", specs, {}, true);
      writer.commit({});
    }
    try {
      TableReader reader(folder / "bad.fits");
      FAIL() << says;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      EXPECT_NE(std::string(e.what()).find(says), std::string::npos) << e.what();
    }
  };
  refused({{"BAND_FLUX", 'D', 11, ""}}, "expected 12");
  refused({{"TARGETID", 'D', 1, ""}}, "2^53");
  refused({{"HALPHA_EW", 'E', 1, "km/s"}}, "Angstrom");
  refused({{"HALPHA_EW", 'E', 3, "Angstrom"}}, "one number a row");
  refused({{"Z", 'D', 1, ""}, {"Z", 'D', 1, ""}}, "two columns");
  refused({{"targetid", 'K', 1, ""}, {"TargetID", 'K', 1, ""}}, "upper and lower case");
}

TEST(Table, EveryNumericTypeReadsAsNumbers) {
  const TempFolder folder;
  {
    TableWriter writer(folder / "t.fits",
                       {{"Z", 'E', 1, ""},
                        {"BAND_FLUX", 'J', 12, ""},
                        {"TARGETID", 'J', 1, ""},
                        {"HALPHA_EW", 'D', 1, "Angstrom"},
                        {"HALPHA_EW_IVAR", 'I', 1, ""}},
                       {});
    const std::vector<double> z{0.25}, ew{12.5}, ivar{3}, flux(12, 7.0);
    const std::vector<std::int64_t> id{12};
    writer.write("Z", 0, std::span<const double>(z));
    writer.write("BAND_FLUX", 0, std::span<const double>(flux));
    writer.write("TARGETID", 0, std::span<const std::int64_t>(id));
    writer.write("HALPHA_EW", 0, std::span<const double>(ew));
    writer.write("HALPHA_EW_IVAR", 0, std::span<const double>(ivar));
    writer.commit({});
  }
  const Galaxies g = read_table(folder / "t.fits");
  EXPECT_EQ(g.z[0], 0.25);
  EXPECT_EQ(g.band_flux(0, 11), 7.0);
  EXPECT_EQ(g.targetid[0], 12);
  EXPECT_EQ(g.ew(0, 6), 12.5F);
  EXPECT_EQ(g.ew_ivar(0, 6), 3.0F);
}

TEST(Table, GzipIsReadAndBombsAreRefused) {
  const TempFolder folder;
  write_example(folder / "t.fits", 10);
  const auto zip = [](const std::filesystem::path& path, const std::string& bytes) {
    gzFile out = gzopen(path.c_str(), "wb9");
    gzwrite(out, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(out);
  };
  zip(folder / "t.fits.gz", test::read_all(folder / "t.fits"));
  EXPECT_EQ(read_table(folder / "t.fits.gz").targetid, k_ids);
  zip(folder / "bomb.fits.gz", std::string(64 << 20, '\0'));
  try {
    TableReader reader(folder / "bomb.fits.gz");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("grows too much"), std::string::npos) << e.what();
  }
  const std::string whole = test::read_all(folder / "t.fits.gz");
  test::write_all(folder / "cut.fits.gz", whole.substr(0, whole.size() / 2));
  EXPECT_THROW(TableReader(folder / "cut.fits.gz"), Error);
}

TEST(Table, RowsOutsideAndAbsentColumnsAreErrors) {
  const TempFolder folder;
  write_example(folder / "t.fits", 10);
  const TableReader reader(folder / "t.fits");
  EXPECT_THROW(reader.read(0, 7), Error);
  EXPECT_THROW(reader.read(7, 0), Error);
  EXPECT_THROW(reader.read_column("NOPE", 0, 1), Error);
  EXPECT_THROW(reader.read_column("SURVEY", 0, 1), Error);
  EXPECT_TRUE(reader.has_column("halpha_ew"));
}

TEST(Table, TheRealTable) {
  const auto path = test::shared_file("desi_bgs/desi_edr_bgs.fits");
  STARGLOW_NEED_SHARED(path);
  const TableReader reader(path);
  EXPECT_EQ(reader.rows(), 4000U);
  EXPECT_EQ(reader.conventions().maskrule, "k24");
  const Galaxies g = reader.read(0, 4000);
  EXPECT_EQ(g.targetid[0], 39628368152363023);
  EXPECT_EQ(g.z[0], 0.14022831109931774);
  std::array<int, k_n_lines> unlabelled{};
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line) unlabelled[line] += g.ew_ivar(i, line) > 0 ? 0 : 1;
  EXPECT_EQ(unlabelled, (std::array<int, k_n_lines>{116, 880, 0, 875, 0, 232, 0, 0, 146, 263}));
}

}  // namespace
}  // namespace starglow
