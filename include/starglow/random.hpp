#pragma once
#include <array>
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
  constexpr std::array<std::uint32_t, 8> rotations{13, 15, 26, 6, 17, 29, 16, 24};
  const std::array<std::uint32_t, 3> ks{key[0], key[1], 0x1BD11BDAu ^ key[0] ^ key[1]};
  std::uint32_t x0 = counter[0] + ks[0], x1 = counter[1] + ks[1];
  for (std::uint32_t round = 0; round < 20; ++round) {
    const std::uint32_t r = rotations[round % 8];
    x0 += x1;
    x1 = (x1 << r) | (x1 >> (32 - r));
    x1 ^= x0;
    if (round % 4 == 3) {
      const std::uint32_t j = round / 4 + 1;
      x0 += ks[j % 3];
      x1 += ks[(j + 1) % 3] + j;
    }
  }
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
