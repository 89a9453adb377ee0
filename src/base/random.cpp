#include "starglow/base/random.hpp"

#include <cmath>
#include <limits>
#include <numbers>

namespace starglow {
namespace {

// Rational approximations of AS 241 (PPND16); coefficients as published.
double central(double q) {
  const double r = 0.180625 - q * q;
  const double num = (((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r +
                          45921.953931549871457) *
                             r +
                         13731.693765509461125) *
                            r +
                        1971.5909503065514427) *
                           r +
                       133.14166789178437745) *
                          r +
                      3.387132872796366608);
  const double den = (((((((5226.495278852545925 * r + 28729.085735721942674) * r + 39307.89580009271061) * r +
                          21213.794301586595867) *
                             r +
                         5394.1960214247511077) *
                            r +
                        687.1870074920579083) *
                           r +
                       42.313330701600911252) *
                          r +
                      1.0);
  return q * num / den;
}

// Quantile of the lower tail, p <= 0.075; r = sqrt(-log p).
double tail(double p) {
  double r = std::sqrt(-std::log(p));
  double num, den;
  if (r <= 5.0) {
    r -= 1.6;
    num = (((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r +
               1.27045825245236838258) *
                  r +
              3.64784832476320460504) *
                 r +
             5.7694972214606914055) *
                r +
            4.6303378461565452959) *
               r +
           1.42343711074968357734);
    den = (((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r +
               0.14810397642748007459) *
                  r +
              0.68976733498510000455) *
                 r +
             1.6763848301838038494) *
                r +
            2.05319162663775882187) *
               r +
           1.0);
  } else {
    r -= 5.0;
    num = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r +
               0.026532189526576123093) *
                  r +
              0.29656057182850489123) *
                 r +
             1.7848265399172913358) *
                r +
            5.4637849111641143699) *
               r +
           6.6579046435011037772);
    den = (((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r +
               7.868691311456132591e-4) *
                  r +
              0.0148753612908506148525) *
                 r +
             0.13692988092273580531) *
                r +
            0.59983220655588793769) *
               r +
           1.0);
  }
  return -num / den;
}

}  // namespace

double normal_quantile(double p) noexcept {
  if (!(p >= 0.0 && p <= 1.0)) return std::numeric_limits<double>::quiet_NaN();
  if (p == 0.0) return -std::numeric_limits<double>::infinity();
  if (p == 1.0) return std::numeric_limits<double>::infinity();
  const double q = p - 0.5;
  if (std::fabs(q) <= 0.425) return central(q);
  return q < 0 ? tail(p) : -tail(1.0 - p);
}

double normal_cdf(double x) noexcept { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double normal_density(double x) noexcept { return std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi); }

double normal(std::uint32_t word) noexcept {
  const double p = (static_cast<double>(word & 0x7FFFFFFFu) + 0.5) * 0x1p-32;  // in (0, 1/2)
  const double lower = p >= 0.075 ? central(p - 0.5) : tail(p);
  return (word >> 31) != 0 ? -lower : lower;
}

RandomObject::RandomObject(std::uint64_t seed, Stream stream, std::int64_t id) noexcept {
  const auto bits = static_cast<std::uint64_t>(id);
  const Words stream_key = threefry2x32({static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
                                        {static_cast<std::uint32_t>(stream), 0});
  key_ = threefry2x32(stream_key, {static_cast<std::uint32_t>(bits >> 32), static_cast<std::uint32_t>(bits)});
}

double RandomObject::normal(std::uint32_t draw, std::uint32_t lane) const noexcept {
  return starglow::normal(words(draw, lane)[0]);
}

double RandomObject::uniform(std::uint32_t draw, std::uint32_t lane) const noexcept {
  return starglow::uniform(words(draw, lane)[0]);
}

std::int64_t object_id(std::int64_t targetid, std::string_view survey, std::string_view program) noexcept {
  while (!survey.empty() && survey.back() == ' ') survey.remove_suffix(1);
  while (!program.empty() && program.back() == ' ') program.remove_suffix(1);
  if (survey.empty() && program.empty()) return targetid;
  std::uint64_t h = 0xCBF29CE484222325u;  // FNV-1a, 64 bit
  const auto eat = [&h](std::string_view text) {
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  };
  eat(survey);
  eat("/");
  eat(program);
  return static_cast<std::int64_t>(splitmix64(static_cast<std::uint64_t>(targetid) ^ h));
}

}  // namespace starglow
