#pragma once
#include "include/CSimdJSON.h"
#include "load.h"

namespace millrace {

inline uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

/// Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", reference code, 16-byte output.
struct SipHash {
  uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1; v1 = rotate(v1, 13) ^ v0; v0 = rotate(v0, 32);
    v2 += v3; v3 = rotate(v3, 16) ^ v2;
    v0 += v3; v3 = rotate(v3, 21) ^ v0;
    v2 += v1; v1 = rotate(v1, 17) ^ v2; v2 = rotate(v2, 32);
  }

  void word(uint64_t m) {
    v3 ^= m;
    round();
    round();
    v0 ^= m;
  }

  uint64_t finish() {
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

inline DecoderKey sipHash128(uint64_t key0, uint64_t key1, const uint8_t *p, size_t length) {
  SipHash state{
      key0 ^ 0x736f6d6570736575, key1 ^ 0x646f72616e646f6d ^ 0xee, key0 ^ 0x6c7967656e657261, key1 ^ 0x7465646279746573};
  size_t rest = length;
  for (; rest >= 8; p += 8, rest -= 8) state.word(load8(p));
  state.word(loadTail(p, rest) | uint64_t(length) << 56);
  state.v2 ^= 0xee;
  const uint64_t high = state.finish();
  state.v1 ^= 0xdd;
  return DecoderKey{high, state.finish()};
}

/// The keys, the bytes "millrace events ", are part of the format of stored state: others make every user unknown.
constexpr uint64_t identityKey0 = 0x656361726c6c696d, identityKey1 = 0x2073746e65766520;

inline DecoderKey identity(const uint8_t *p, size_t length) { return sipHash128(identityKey0, identityKey1, p, length); }

inline uint32_t murmur2(const uint8_t *p, size_t length) {
  const uint32_t m = 0x5bd1e995;
  uint32_t h = 0x9747b28c ^ uint32_t(length);
  for (; length >= 4; p += 4, length -= 4) {
    uint32_t k = load4(p) * m;
    k ^= k >> 24;
    h = h * m ^ k * m;
  }
  if (length > 0) h = (h ^ uint32_t(loadTail(p, length))) * m;
  h = (h ^ h >> 13) * m;
  return h ^ h >> 15;
}

inline uint64_t fold(uint64_t a, uint64_t b) {
  const unsigned __int128 product = (unsigned __int128)a * b;
  return uint64_t(product) ^ uint64_t(product >> 64);
}

/// A 32-bit hash for dictionaries and checks; it never depends on a process or a machine. `isPreceded` says that the
/// eight bytes before `p` may be read: then the last bytes, of which no processor could predict how many there are, need
/// no branch.
inline uint32_t hash32(const uint8_t *p, size_t length, uint64_t start = 0, bool isPreceded = false) {
  uint64_t h = start ^ (uint64_t(length) + 1) * 0x9e3779b97f4a7c15;
  for (; length >= 8; p += 8, length -= 8) h = fold(h ^ load8(p), 0xa0761d6478bd642f) + 0x589965cc75374cc3;
  const uint64_t tail = isPreceded ? load8(p + length - 8) >> 8 >> (56 - 8 * length) : loadTail(p, length);
  h = fold(h ^ tail, 0xe7037ed1a0b428db);
  return uint32_t(h ^ h >> 32);
}

}  // namespace millrace
