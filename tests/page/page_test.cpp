#include "starglow/page/page.hpp"
#include "starglow/files/models.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "files/models/safetensors.hpp"
#include "page/page_bundle.hpp"
#include "starglow/base/error.hpp"
#include "starglow/model/population.hpp"

using namespace starglow;
using testing::HasSubstr;

namespace {

// The slow twin: a half-precision number from its parts.
double from_half(std::uint16_t bits) {
  const int exponent = bits >> 10U & 31U, mantissa = bits & 1023U;
  const double size =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1 + static_cast<double>(mantissa) / 1024, exponent - 15);
  return (bits & 0x8000U) != 0 ? -size : size;
}

PageContent content_of(std::size_t n) {
  WorkerPool pool(1);
  PageContent c;
  c.title = "mock";
  c.galaxies = shipped_population().sample(1, 1, n, pool);
  c.prediction = Model::shipped().predict(c.galaxies, pool);
  c.map = principal_map(c.galaxies);
  return c;
}

files::SafeTensors parse(const std::string& bytes) {
  return files::parse_safetensors({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()}, "page");
}

std::string find(const std::map<std::string, std::string>& files, const std::string& end) {
  for (const auto& [name, bytes] : files)
    if (name.ends_with(end)) return bytes;
  return "";
}

}  // namespace

TEST(Half, EveryFiniteNumberComesBack) {
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    if ((bits >> 10U & 31U) == 31U) continue;
    const auto half = static_cast<std::uint16_t>(bits);
    EXPECT_EQ(files::to_half(static_cast<float>(from_half(half))), half);
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  for (std::uint16_t bits = 0; bits < 0x7BFFU; ++bits) {
    const double low = from_half(bits), high = from_half(static_cast<std::uint16_t>(bits + 1)),
                 middle = (low + high) / 2;
    const std::uint16_t even = bits % 2 == 0 ? bits : static_cast<std::uint16_t>(bits + 1);
    ASSERT_EQ(files::to_half(static_cast<float>(middle)), even);
    ASSERT_EQ(files::to_half(std::nextafterf(static_cast<float>(middle), 0.0F)), bits);
    ASSERT_EQ(files::to_half(std::nextafterf(static_cast<float>(middle), 1e9F)), bits + 1);
  }
  EXPECT_EQ(from_half(files::to_half(1e30F)), 65504);
  EXPECT_EQ(from_half(files::to_half(-std::numeric_limits<float>::infinity())), -65504);
  EXPECT_EQ(files::to_half(std::numeric_limits<float>::quiet_NaN()) & 0x7E00, 0x7E00);
}

TEST(Base64, AgreesWithTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[]{{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"}};
  for (const auto& [text, wanted] : vectors) EXPECT_EQ(files::base64(text), wanted);
  EXPECT_EQ(files::base64(std::string("\xff\xfe\xfd", 3)), "//79");
}

// Ascii85's digits ("Man " is 9jqo^ there), moved from '!' on to '(' on.
TEST(Base85, AgreesWithAscii85AndNeverWritesALessThan) {
  const auto moved = [](std::string text) {
    for (char& c : text) c = c + 7 == '<' ? '}' : static_cast<char>(c + 7);
    return text;
  };
  EXPECT_EQ(files::base85(""), "");
  EXPECT_EQ(files::base85("Man "), moved("9jqo^"));
  EXPECT_EQ(files::base85("Man is"), moved("9jqo^Bla"));
  EXPECT_EQ(files::base85("M"), moved("9`"));
  EXPECT_EQ(files::base85(std::string("\xff\xff\xff\xff", 4)), moved("s8W-!"));
  EXPECT_EQ(files::base85(std::string(4, '\0')), "(((((");
  std::string all;
  for (int i = 0; i < 65536; ++i) (all += static_cast<char>(i & 255)) += static_cast<char>(i >> 8);
  const std::string text = files::base85(all);
  EXPECT_EQ(text.size(), all.size() / 4 * 5);
  EXPECT_EQ(text.find_first_of("<&'\" \n"), std::string::npos);
}

TEST(PrincipalMap, BrightnessMovesNothingAndMissingBandsCountAsTheMean) {
  Galaxies g = content_of(300).galaxies;
  const PageMap before = principal_map(g);
  for (std::size_t b = 0; b < k_n_bands; ++b) g.band_flux(7, b) *= 100;
  EXPECT_NEAR(static_cast<double>(principal_map(g).xy(7, 0)), static_cast<double>(before.xy(7, 0)), 1e-5);
  for (std::size_t b = 0; b < k_n_bands; ++b) g.band_flux(9, b) = std::numeric_limits<double>::quiet_NaN();
  g.band_flux(11, 4) = -1;
  const PageMap map = principal_map(g);
  EXPECT_TRUE(std::isnan(map.xy(9, 0)) && std::isnan(map.xy(9, 1)));
  EXPECT_TRUE(std::isfinite(map.xy(11, 0)));
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t b = 0; b < k_n_bands; ++b) g.band_flux(i, b) = 0;
  EXPECT_THROW((void)principal_map(g), Error);
}

TEST(Page, KeepsIdsAndNumbersAndNamesItsDataByTheirContent) {
  PageContent c = content_of(50);
  c.galaxies.targetid[0] = std::numeric_limits<std::int64_t>::max();
  c.galaxies.targetid[1] = -3;
  c.columns.push_back({"FLAG_COUNT", "", std::vector<float>(50, 2049.0F), true});  // no half-precision number
  c.columns.push_back({"SLOPE", "dex", std::vector<float>(50, 0.1F)});
  const auto files = page_files(c, Model::shipped());
  const auto data = parse(find(files, "galaxies.safetensors"));
  std::vector<std::int64_t> ids(50);
  std::memcpy(ids.data(), data.get("TARGETID", {50}).bytes.data(), 400);
  EXPECT_EQ(ids, c.galaxies.targetid);
  EXPECT_EQ(data.get("column:FLAG_COUNT", {50}).dtype, "F32");
  EXPECT_EQ(data.get("column:SLOPE", {50}).dtype, "F16");
  EXPECT_EQ(data.get("HALPHA_EW_PREDICTED", {50}).floats()[3], static_cast<float>(c.prediction.ew(3, 6)));
  EXPECT_THAT(data.text("page"), HasSubstr("\"measured\":false"));
  EXPECT_EQ(files, page_files(c, Model::shipped()));
  c.galaxies.targetid[1] = -4;
  const auto other = page_files(c, Model::shipped());
  const auto name = [](const auto& all) { return std::prev(all.find("index.html"))->first; };
  EXPECT_NE(name(files), name(other));
}

TEST(Page, HalvesTheParametersAlone) {
  const Model model = Model::shipped();
  const auto whole = parse(page_model(model, false)), half = parse(page_model(model, true));
  const auto params = whole.get("full.params", {0, 0}).floats();
  const auto& small = half.get("full.params", {0, 0});
  ASSERT_EQ(small.dtype, "F16");
  ASSERT_EQ(small.bytes.size(), 2 * params.size());
  for (std::size_t i = 0; i < params.size(); i += 97) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, small.bytes.data() + 2 * i, 2);
    EXPECT_NEAR(from_half(bits), static_cast<double>(params[i]),
                5e-4 * std::fabs(static_cast<double>(params[i])) + 3e-8);
  }
  EXPECT_EQ(whole.get("full.x_mean", {0, 0}).bytes, half.get("full.x_mean", {0, 0}).bytes);
}

TEST(Page, EscapesTitlesAndRefusesWhatOneFileCannotHold) {
  PageContent c = content_of(20);
  c.title = "</title><script>alert(1)</script>{{script}}";
  const std::string html = page_single_file(c, Model::shipped());
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)"));
  EXPECT_THAT(html, testing::Not(HasSubstr("<script>alert(1)")));
  c.spectra.records.resize(k_page_single_spectra + 1);
  EXPECT_THROW((void)page_single_file(c, Model::shipped()), Error);
  c.spectra.records.clear();
  c.galaxies.n = k_page_single_max + 1;
  EXPECT_THROW((void)page_single_file(c, Model::shipped()), Error);
}
