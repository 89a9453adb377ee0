#include "files/fits/fits_guard.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>

#include "starglow/base/error.hpp"
#include "starglow/files/table.hpp"
#include "support/shared_data.hpp"

namespace starglow::files {
namespace {

using test::TempFolder;

std::string card(const std::string& text) {
  std::string out = text;
  out.resize(80, ' ');
  return out;
}
std::string keyword(const std::string& key, const std::string& value) {
  std::string name = key;
  name.resize(8, ' ');
  return card(name + "= " + std::string(value.size() < 20 ? 20 - value.size() : 0, ' ') + value);
}
std::string block(const std::vector<std::string>& cards, bool end = true) {
  std::string out;
  for (const auto& c : cards) out += c;
  if (end) out += card("END");
  out.resize((out.size() + 2879) / 2880 * 2880, ' ');
  return out;
}
std::string primary() { return block({keyword("SIMPLE", "T"), keyword("BITPIX", "8"), keyword("NAXIS", "0")}); }

// A table of one column of doubles and three rows; cards can be replaced.
std::string table(const std::map<std::string, std::string>& change = {}, std::size_t data = 24) {
  std::vector<std::pair<std::string, std::string>> cards{{"XTENSION", "'BINTABLE'"},
                                                         {"BITPIX", "8"},
                                                         {"NAXIS", "2"},
                                                         {"NAXIS1", "8"},
                                                         {"NAXIS2", "3"},
                                                         {"PCOUNT", "0"},
                                                         {"GCOUNT", "1"},
                                                         {"TFIELDS", "1"},
                                                         {"TTYPE1", "'Z       '"},
                                                         {"TFORM1", "'1D      '"},
                                                         {"EXTNAME", "'GALAXIES'"}};
  std::vector<std::string> lines;
  for (auto& [key, value] : cards) {
    const auto found = change.find(key);
    if (found != change.end() && found->second.empty()) continue;
    lines.push_back(keyword(key, found == change.end() ? value : found->second));
  }
  for (const auto& [key, value] : change)
    if (key == "THEAP") lines.push_back(keyword(key, value));
  std::string body(data, '\0');
  body.resize((data + 2879) / 2880 * 2880, '\0');
  return block(lines) + body;
}

void expect_refused(const std::string& bytes, const std::string& says) {
  const TempFolder folder;
  const auto path = folder / "bad.fits";
  test::write_all(path, bytes);
  try {
    guard_fits(path);
    FAIL() << "accepted: " << says;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    EXPECT_NE(std::string(e.what()).find(says), std::string::npos) << e.what();
  }
  EXPECT_THROW(TableReader{path}, Error);
}

TEST(FitsGuard, AcceptsAGoodFile) {
  const TempFolder folder;
  test::write_all(folder / "good.fits", primary() + table());
  const auto summary = guard_fits(folder / "good.fits");
  ASSERT_EQ(summary.hdus.size(), 2U);
  EXPECT_EQ(summary.hdus[1].extname, "GALAXIES");
  EXPECT_EQ(summary.hdus[1].data_bytes, 24U);
  EXPECT_EQ(TableReader(folder / "good.fits").rows(), 3U);
}

TEST(FitsGuard, RefusesWhatCannotBe) {
  const struct {
    const char* what;
    std::string bytes;
    const char* says;
  } cases[]{
      {"empty", "", "2880 bytes"},
      {"no FITS", std::string(5760, 'x'), "END card"},
      {"not SIMPLE", block({keyword("SIMPLF", "T"), keyword("BITPIX", "8"), keyword("NAXIS", "0")}),
       "begins with SIMPLE"},
      {"no END", block({keyword("SIMPLE", "T"), keyword("BITPIX", "8")}, false), "cut short in a header"},
      {"binary header", block({keyword("SIMPLE", "T"), std::string(80, '\x01')}), "not printable"},
      {"NAXIS 999", block({keyword("SIMPLE", "T"), keyword("BITPIX", "8"), keyword("NAXIS", "999")}), "NAXIS = 999"},
      {"BITPIX 7", block({keyword("SIMPLE", "T"), keyword("BITPIX", "7"), keyword("NAXIS", "0")}), "BITPIX = 7"},
      {"NAXIS2 2^62", primary() + table({{"NAXIS2", "4611686018427387904"}}), "NAXIS2"},
      {"rows beyond the end", primary() + table({{"NAXIS2", "1000000"}}), "bytes by its headers"},
      {"negative rows", primary() + table({{"NAXIS2", "-3"}}), "NAXIS2 = -3"},
      {"rows overflow", primary() + table({{"NAXIS1", "1152921504606846976"}, {"NAXIS2", "1152921504606846976"}}),
       "impossible size"},
      {"zero width", primary() + table({{"TFORM1", "'0D      '"}}), "sum of the column widths"},
      {"odd format", primary() + table({{"TFORM1", "'1Y      '"}}), "TFORM1 = 1Y"},
      {"huge repeat", primary() + table({{"TFORM1", "'99999999999999999999D'"}}), "column format"},
      {"no TFORM", primary() + table({{"TFORM1", ""}}), "no TFORM1"},
      {"TFIELDS 5000", primary() + table({{"TFIELDS", "5000"}}), "TFIELDS = 5000"},
      {"odd XTENSION", primary() + table({{"XTENSION", "'FOREIGN '"}}), "unknown type"},
      {"negative PCOUNT", primary() + table({{"PCOUNT", "-1"}}), "PCOUNT = -1"},
      {"heap outside", primary() + table({{"THEAP", "99999"}}), "THEAP"},
      {"words for numbers", primary() + table({{"NAXIS2", "three"}}), "a whole number"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    expect_refused(c.bytes, c.says);
  }
}

TEST(FitsGuard, AnEndlessHeaderEnds) {
  std::string bytes;
  for (int i = 0; i < 2100; ++i) bytes += block(std::vector<std::string>(36, card("COMMENT x")), false);
  bytes.replace(0, 80, keyword("SIMPLE", "T"));
  expect_refused(bytes, "endless header");
}

TEST(FitsGuard, BytesBehindTheLastHduAreOnlyAWarning) {
  const TempFolder folder;
  test::write_all(folder / "a.fits", primary() + table() + "junk");
  const auto summary = guard_fits(folder / "a.fits");
  ASSERT_EQ(summary.warnings.size(), 1U);
  EXPECT_NE(summary.warnings[0].find("4 bytes"), std::string::npos);
}

TEST(FitsGuard, EveryTruncationIsAnErrorOrHarmless) {
  const std::string whole = primary() + table();
  const TempFolder folder;
  const auto path = folder / "cut.fits";
  int accepted = 0;
  for (std::size_t n = 0; n < whole.size(); n += 37) {
    test::write_all(path, whole.substr(0, n));
    try {
      TableReader reader(path);
      ++accepted;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input) << n;
    }
  }
  EXPECT_EQ(accepted, 0);  // the fill of the last block belongs to the file
}

TEST(FitsGuard, WhatIsNoRegularFileIsSaid) {
  const TempFolder folder;
  EXPECT_THROW(guard_fits(folder / "absent"), Error);
  EXPECT_THROW(guard_fits(folder.path()), Error);
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(guard_fits(folder / "pipe"), Error);  // and does not wait for a writer
}

}  // namespace
}  // namespace starglow::files
