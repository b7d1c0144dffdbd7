#include "identities.h"

using namespace millrace;

namespace {

typedef uint64_t Eight __attribute__((vector_size(64)));

#if defined(__x86_64__) && defined(__linux__)
#define MILLRACE_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MILLRACE_CLONES
#endif

/// The identities of eight texts; of each, eight bytes more than the longest of them has can be read.
MILLRACE_CLONES void eightIdentities(const uint8_t *const *texts, const uint64_t *lengths, uint64_t *high, uint64_t *low) {
  Eight v0, v1, v2, v3, length, m;
  memcpy(&length, lengths, sizeof length);
  uint64_t longest = 0;
  for (int i = 0; i < 8; ++i) longest = lengths[i] > longest ? lengths[i] : longest;
  const Eight zero{};
  v0 = zero + (identityKey0 ^ 0x736f6d6570736575);
  v1 = zero + (identityKey1 ^ 0x646f72616e646f6d ^ 0xee);
  v2 = zero + (identityKey0 ^ 0x6c7967656e657261);
  v3 = zero + (identityKey1 ^ 0x7465646279746573);
  const uint64_t words = longest / 8 + 1;
  // The words of the texts, then the two halves of the result.
  for (uint64_t step = 0; step < words + 2; ++step) {
    const Eight before0 = v0, before1 = v1, before2 = v2, before3 = v3;
    int rounds = 4;
    if (step < words) {
      rounds = 2;
      for (int i = 0; i < 8; ++i) m[i] = load8(texts[i] + step * 8);
      // The last word has 0 to 7 bytes, and the length.
      const Eight rest = length - step * 8;
      const Eight isFull = Eight(rest >= 8);
      m &= isFull | ((zero + 1) << ((rest & 7) * 8)) - 1;
      m |= ~isFull & length << 56;
      v3 ^= m;
    } else if (step == words) {
      v2 ^= 0xee;
    } else {
      v1 ^= 0xdd;
    }
    for (int i = 0; i < rounds; ++i) {
      v0 += v1; v1 = (v1 << 13 | v1 >> 51) ^ v0; v0 = v0 << 32 | v0 >> 32;
      v2 += v3; v3 = (v3 << 16 | v3 >> 48) ^ v2;
      v0 += v3; v3 = (v3 << 21 | v3 >> 43) ^ v0;
      v2 += v1; v1 = (v1 << 17 | v1 >> 47) ^ v2; v2 = v2 << 32 | v2 >> 32;
    }
    if (step < words) {
      v0 ^= m;
      const Eight isOver = Eight(length < zero + step * 8);
      v0 = (before0 & isOver) | (v0 & ~isOver);
      v1 = (before1 & isOver) | (v1 & ~isOver);
      v2 = (before2 & isOver) | (v2 & ~isOver);
      v3 = (before3 & isOver) | (v3 & ~isOver);
    } else {
      const Eight half = v0 ^ v1 ^ v2 ^ v3;
      memcpy(step == words ? high : low, &half, sizeof half);
    }
  }
}

}  // namespace

void Identities::add(
    const uint8_t *user, uint32_t userLength, const uint8_t *id, uint32_t idLength, DecoderKey &userKey,
    DecoderKey &eventKey) {
  const size_t length = 4 + size_t(userLength) + idLength;
  const bool isLong = length > longest;
  if (isLong && room.size() < lanes * stride + length) room.resize(lanes * stride + length);
  uint8_t *const text = room.data() + (isLong ? lanes : count) * stride;
  memcpy(text, &userLength, 4);
  memcpy(text + 4, user, userLength);
  memcpy(text + 4 + userLength, id, idLength);
  if (isLong) {
    userKey = identity(user, userLength);
    eventKey = identity(text, length);
    return;
  }
  pending[count++] = Pending{userLength, length, &userKey, &eventKey};
  if (count == lanes) finish();
}

void Identities::finish() {
  if (count == 0) return;
  const uint8_t *texts[lanes];
  uint64_t lengths[lanes], high[lanes], low[lanes];
  for (const bool isUser : {true, false}) {
    for (size_t i = 0; i < lanes; ++i) {
      texts[i] = room.data() + i * stride + (isUser ? 4 : 0);
      lengths[i] = i >= count ? 0 : isUser ? pending[i].userLength : pending[i].eventLength;
    }
    eightIdentities(texts, lengths, high, low);
    for (size_t i = 0; i < count; ++i) *(isUser ? pending[i].userKey : pending[i].eventKey) = DecoderKey{high[i], low[i]};
  }
  count = 0;
}
