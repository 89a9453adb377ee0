// SHA-256 in ordinary words: the schedule four words at a time, the rounds one by one.
#include <bit>
#include <cstring>

#include "base/processor.hpp"
#include "base/sha256_blocks.hpp"

namespace starglow::sha {
namespace {

using Word = std::uint32_t;
typedef Word Four __attribute__((vector_size(16)));

#define STARGLOW_INLINE inline __attribute__((always_inline))

STARGLOW_INLINE Four turned(Four x, int by) { return (x >> by) | (x << (32 - by)); }
STARGLOW_INLINE Word turned(Word x, int by) { return (x >> by) | (x << (32 - by)); }

// Sixteen words of a block, big-endian, then 48 more: w[t] = w[t-16] + s0(w[t-15]) + w[t-7] + s1(w[t-2]). Each gets its
// round constant.
STARGLOW_INLINE void schedule(const unsigned char* p, Word* sums) {
  Four w[4];
  const auto put = [&](std::size_t group, Four x) {
    Four k;
    std::memcpy(&k, k_round.data() + 4 * group, sizeof k);
    k += x;
    std::memcpy(sums + 4 * group, &k, sizeof k);
  };
  for (std::size_t g = 0; g < 4; ++g) {
    Word words[4];
    std::memcpy(words, p + 16 * g, sizeof words);
    if constexpr (std::endian::native == std::endian::little)
      for (Word& word : words) word = __builtin_bswap32(word);
    std::memcpy(&w[g], words, sizeof words);
    put(g, w[g]);
  }
#pragma GCC unroll 12
  for (std::size_t g = 4; g < 16; ++g) {
    const Four a = w[g % 4], b = w[(g + 1) % 4], c = w[(g + 2) % 4], d = w[(g + 3) % 4];
    const Four back15 = __builtin_shufflevector(a, b, 1, 2, 3, 4), back7 = __builtin_shufflevector(c, d, 1, 2, 3, 4);
    const auto s1 = [](Four x) __attribute__((always_inline)) { return turned(x, 17) ^ turned(x, 19) ^ (x >> 10); };
    const Four zero{};
    // The second pair of words needs the first.
    Four now = a + back7 + (turned(back15, 7) ^ turned(back15, 18) ^ (back15 >> 3));
    now += s1(__builtin_shufflevector(d, zero, 2, 3, 4, 5));
    now += s1(__builtin_shufflevector(zero, now, 0, 1, 4, 5));
    w[g % 4] = now;
    put(g, now);
  }
}

// One round; what moves is which letter a word is, not the word. `bc`: b ^ c of this round; it becomes a ^ b, which is
// the next round's.
STARGLOW_INLINE void take_round(Word a, Word b, Word& d, Word e, Word f, Word g, Word& h, Word& bc, Word sum) {
  h += sum + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + (((f ^ g) & e) ^ g);
  d += h;
  const Word ab = a ^ b;
  h += (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((ab & bc) ^ b);
  bc = ab;
}

STARGLOW_INLINE void take_blocks(State& state, const unsigned char* p, std::size_t n) {
  alignas(16) Word sums[64];
  for (; n > 0; --n, p += 64) {
    schedule(p, sums);
    Word a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    Word bc = b ^ c;
    for (const Word* s = sums; s != sums + 64; s += 8) {
      take_round(a, b, d, e, f, g, h, bc, s[0]);
      take_round(h, a, c, d, e, f, g, bc, s[1]);
      take_round(g, h, b, c, d, e, f, bc, s[2]);
      take_round(f, g, a, b, c, d, e, bc, s[3]);
      take_round(e, f, h, a, b, c, d, bc, s[4]);
      take_round(d, e, g, h, a, b, c, bc, s[5]);
      take_round(c, d, f, g, h, a, b, bc, s[6]);
      take_round(b, c, e, f, g, h, a, bc, s[7]);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
  }
}

}  // namespace

void blocks_portable(State& state, const unsigned char* p, std::size_t n) noexcept { take_blocks(state, p, n); }

#if defined(__x86_64__)
namespace {
__attribute__((target("avx2,bmi,bmi2"))) void blocks_avx2(State& state, const unsigned char* p,
                                                          std::size_t n) noexcept {
  take_blocks(state, p, n);
}
}  // namespace

Blocks blocks_in_words() noexcept {
  const X86Features& processor = x86_features();
  return processor.avx2 && processor.bmi ? blocks_avx2 : blocks_portable;
}
#else
Blocks blocks_in_words() noexcept { return blocks_portable; }
#endif

}  // namespace starglow::sha
