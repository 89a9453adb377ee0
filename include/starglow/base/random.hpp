#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

namespace starglow {

/// Counter-based random numbers: Threefry2x32-20 (Salmon et al. 2011, SC11; also JAX's generator). A number depends on
/// (seed, stream, id, draw, lane) alone, so it is the same for any thread, chunk, file order, machine or language.
///
///   stream key = threefry({seed low, seed high}, {stream, 0})
///   object key = threefry(stream key, {id high, id low})        id = object_id(TARGETID, SURVEY, PROGRAM)
///   two words  = threefry(object key, {draw, lane})
///
/// Everything is made of 32-bit words, so that JAX without x64 and JavaScript get the same bits.
using Words = std::array<std::uint32_t, 2>;

constexpr Words threefry2x32(Words key, Words counter) noexcept {
  const std::uint32_t k0 = key[0], k1 = key[1], k2 = 0x1BD11BDAu ^ key[0] ^ key[1];
  std::uint32_t x0 = counter[0] + k0, x1 = counter[1] + k1;
  const auto mix = [&](int rotation) {
    x0 += x1;
    x1 = std::rotl(x1, rotation) ^ x0;
  };
  // Written out, five times four rounds: as a loop over tables it took three times the instructions.
  const auto even = [&] { mix(13), mix(15), mix(26), mix(6); };
  const auto odd = [&] { mix(17), mix(29), mix(16), mix(24); };
  const auto inject = [&](std::uint32_t a, std::uint32_t b, std::uint32_t count) { x0 += a, x1 += b + count; };
  even(), inject(k1, k2, 1);
  odd(), inject(k2, k0, 2);
  even(), inject(k0, k1, 3);
  odd(), inject(k1, k2, 4);
  even(), inject(k2, k0, 5);
  return {x0, x1};
}

/// What the numbers are for; the same (id, draw, lane) of two streams are independent.
enum class Stream : std::uint32_t {
  intrinsic = 0,       ///< draws of the intrinsic lines
  label_noise = 1,     ///< measurement noise of EWs
  spectrum_noise = 2,  ///< noise of painted spectra
  population = 3,      ///< synthetic galaxies
  training = 4,        ///< initial weights, batch order
  bootstrap = 5,       ///< resampling in `evaluate`
};

/// Uniform in (0, 1), exactly (word + 1/2) / 2^32.
constexpr double uniform(std::uint32_t word) noexcept { return (static_cast<double>(word) + 0.5) * 0x1p-32; }

/// Standard normal of one word by the inverse cumulative distribution, Wichura 1988 (Applied Statistics 37, 477),
/// algorithm AS 241, routine PPND16, applied to the lower tail: the top bit is the sign and the tail probability is
/// (low 31 bits + 1/2) / 2^32, which float32 holds to full relative accuracy. Error < 1e-15 relative. |value| < 6.34.
double normal(std::uint32_t word) noexcept;

/// Standard normal quantile of probability p in (0, 1), AS 241; +-infinity at 0 and 1, NaN outside.
double normal_quantile(double p) noexcept;

/// Standard normal distribution function and density.
double normal_cdf(double x) noexcept;
double normal_density(double x) noexcept;

/// The numbers of one object in one stream.
class RandomObject {
 public:
  RandomObject(std::uint64_t seed, Stream stream, std::int64_t id) noexcept;
  Words words(std::uint32_t draw, std::uint32_t lane) const noexcept { return threefry2x32(key_, {draw, lane}); }
  /// One normal a lane: the first word of (draw, lane).
  double normal(std::uint32_t draw, std::uint32_t lane) const noexcept;
  double uniform(std::uint32_t draw, std::uint32_t lane) const noexcept;
  Words key() const noexcept { return key_; }

 private:
  Words key_;
};

/// SplitMix64 (Steele, Lea & Flood 2014): the project's hash of a 64-bit id.
constexpr std::uint64_t splitmix64(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// Cross-validation fold of a galaxy: splitmix64(TARGETID) mod n_folds. Used for every split of the project.
constexpr unsigned fold_of(std::int64_t targetid, unsigned n_folds = 5) noexcept {
  return static_cast<unsigned>(splitmix64(static_cast<std::uint64_t>(targetid)) % n_folds);
}

/// Id that the random numbers are keyed by: TARGETID itself, or, where a table has SURVEY and PROGRAM (TARGETID alone
/// repeats over surveys), TARGETID mixed with the FNV-1a hash of "SURVEY/PROGRAM" (trailing blanks removed).
std::int64_t object_id(std::int64_t targetid, std::string_view survey = {}, std::string_view program = {}) noexcept;

}  // namespace starglow
