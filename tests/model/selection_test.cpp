#include "starglow/model/selection.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

std::size_t index(Line line) { return static_cast<std::size_t>(line); }

TEST(Selection, ReadsItsOwnText) {
  for (const char* text : {"HBETA,OIII_5007,HALPHA,NII_6584 > 0", "SNR(HALPHA,HBETA) > 3",
                           "HALPHA > 2.5 and SNR(OIII_5007) > 5", "HALPHA > -1"}) {
    const Selection s = Selection::parse(text);
    EXPECT_EQ(s.text(), text);
    EXPECT_EQ(Selection::parse(s.text()).cuts, s.cuts);
  }
  EXPECT_TRUE(Selection::parse("  ").empty());
  EXPECT_EQ(Selection::parse(" HALPHA ,HBETA>0 ").text(), "HALPHA,HBETA > 0");
}

TEST(Selection, RefusesWhatItCannotUnderstand) {
  for (const char* text : {"HALPHA", "HALPHA > ", "HALPHA > x", "HALPHA > nan", "HALFA > 0", "HALPHA < 0", "> 0",
                           "HALPHA,HALPHA > 0", "HALPHA > 0 and", "SNR(HALPHA > 0", "HALPHA > 0 and HALPHA > 1"})
    EXPECT_THROW((void)Selection::parse(text), Error) << text;
}

// Against counting: noise added to intrinsic EWs, the cut applied to the sum.
TEST(Selection, ProbabilityIsTheFractionThatPasses) {
  std::array<double, k_n_lines> ew{5, .3, .8, .4, 1.2, .5, 3, 1.5, 1, .8}, sigma{};
  sigma.fill(0.7);
  sigma[index(Line::OIII_4959)] = 0.7 / 3.161;
  for (const char* text : {"HBETA,OIII_5007,HALPHA,NII_6584 > 0", "SNR(HALPHA) > 3 and HBETA > 0.5",
                           "OIII_4959,OIII_5007 > 0.2", "SNR(OIII_4959) > 1"}) {
    const Selection s = Selection::parse(text);
    const RandomObject random(3, Stream::label_noise, 7);
    constexpr std::uint32_t n = 200000;
    double passed = 0;
    for (std::uint32_t k = 0; k < n; ++k) {
      bool all = true;
      for (const auto& cut : s.cuts) {
        const bool weak = cut.line == index(Line::OIII_4959);
        const std::size_t strong = weak ? index(Line::OIII_5007) : cut.line;
        double y = ew[strong] + sigma[strong] * random.normal(k, static_cast<std::uint32_t>(strong));
        if (weak) y /= 3.161;
        all = all && y > (cut.snr ? cut.limit * sigma[cut.line] : cut.limit);
      }
      passed += all ? 1.0 : 0.0;
    }
    const double p = passed / n;
    EXPECT_NEAR(std::exp(s.log_probability(ew, sigma)), p, 4 * std::sqrt(p * (1 - p) / n)) << text;
  }
}

TEST(Selection, DrawsAreWeighedOneByOne) {
  const Selection s = Selection::parse("HBETA,HALPHA > 0");
  std::vector<double> sigma(k_n_lines, 0.5), ew(k_n_lines), out(3);
  std::vector<float> draws(k_n_lines * 3);
  for (std::size_t k = 0; k < draws.size(); ++k) draws[k] = 0.05F * static_cast<float>(k);
  s.probabilities(draws, sigma, out);
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t line = 0; line < k_n_lines; ++line) ew[line] = static_cast<double>(draws[line * 3 + k]);
    EXPECT_NEAR(out[k], std::exp(s.log_probability(ew, sigma)), 1e-12);
  }
  s.probabilities(draws, sigma, out, index(Line::HALPHA));
  for (std::size_t k = 0; k < 3; ++k)
    EXPECT_NEAR(out[k], normal_cdf(static_cast<double>(draws[index(Line::HBETA) * 3 + k]) / 0.5), 1e-12);
  sigma[index(Line::HBETA)] = 0;
  s.probabilities(draws, sigma, out);
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_TRUE(line_cuts(s, sigma).empty());
}

TEST(Selection, LogarithmInTheFarTail) {
  EXPECT_NEAR(log_normal_cdf(-29.999999), log_normal_cdf(-30.000001), 1e-4);
  EXPECT_NEAR(log_normal_cdf(-40), -804.608442013754, 1e-6);
  EXPECT_NEAR(log_normal_cdf(1), std::log(0.841344746068543), 1e-14);
}

}  // namespace
}  // namespace starglow
