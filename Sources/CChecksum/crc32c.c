#include "CChecksum.h"

#include <string.h>

#define POLYNOMIAL 0x82f63b78u

// One instruction takes three cycles but can start every cycle, so long input is summed as three lanes side by side and
// joined with tables that say what a lane of zero bytes does to a sum.
#define LONG_LANE 4096
#define SHORT_LANE 256

static uint32_t byte_table[8][256];

static void make_byte_tables(void) {
  for (uint32_t n = 0; n < 256; n++) {
    uint32_t crc = n;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
    byte_table[0][n] = crc;
  }
  for (uint32_t n = 0; n < 256; n++)
    for (int k = 1; k < 8; k++)
      byte_table[k][n] = byte_table[0][byte_table[k - 1][n] & 0xff] ^ (byte_table[k - 1][n] >> 8);
}

uint32_t checksum_crc32c_portable(uint32_t crc, const void *data, size_t length) {
  const uint8_t *next = data;
  crc = ~crc;
  for (; length >= 8; length -= 8, next += 8) {
    uint32_t low = crc ^ ((uint32_t)next[0] | (uint32_t)next[1] << 8 | (uint32_t)next[2] << 16 | (uint32_t)next[3] << 24);
    crc = byte_table[7][low & 0xff] ^ byte_table[6][low >> 8 & 0xff] ^ byte_table[5][low >> 16 & 0xff] ^
          byte_table[4][low >> 24] ^ byte_table[3][next[4]] ^ byte_table[2][next[5]] ^ byte_table[1][next[6]] ^
          byte_table[0][next[7]];
  }
  for (; length > 0; length--) crc = byte_table[0][(crc ^ *next++) & 0xff] ^ (crc >> 8);
  return ~crc;
}

#if defined(__x86_64__)

#include <immintrin.h>

static uint32_t long_lane[4][256], short_lane[4][256];
static int has_instruction, has_folding;

__attribute__((target("sse4.2"))) static void make_lane(uint32_t table[4][256], size_t lane) {
  uint32_t basis[32];
  for (int bit = 0; bit < 32; bit++) {
    uint64_t crc = 1u << bit;
    for (size_t i = 0; i < lane; i += 8) crc = _mm_crc32_u64(crc, 0);
    basis[bit] = (uint32_t)crc;
  }
  for (int k = 0; k < 4; k++)
    for (int n = 0; n < 256; n++) {
      table[k][n] = 0;
      for (int bit = 0; bit < 8; bit++)
        if (n >> bit & 1) table[k][n] ^= basis[k * 8 + bit];
    }
}

static uint32_t over_lane(uint32_t table[4][256], uint64_t crc) {
  return table[0][crc & 0xff] ^ table[1][crc >> 8 & 0xff] ^ table[2][crc >> 16 & 0xff] ^ table[3][crc >> 24 & 0xff];
}

static uint64_t word(const uint8_t *bytes) {
  uint64_t value;
  memcpy(&value, bytes, 8);
  return value;
}

__attribute__((target("sse4.2"))) static uint64_t three_lanes(
    uint64_t crc, const uint8_t **data, size_t *length, size_t lane, uint32_t table[4][256]) {
  const uint8_t *next = *data;
  while (*length >= lane * 3) {
    uint64_t second = 0, third = 0;
    for (const uint8_t *end = next + lane; next < end; next += 8) {
      crc = _mm_crc32_u64(crc, word(next));
      second = _mm_crc32_u64(second, word(next + lane));
      third = _mm_crc32_u64(third, word(next + lane * 2));
    }
    crc = over_lane(table, crc) ^ second;
    crc = over_lane(table, crc) ^ third;
    next += lane * 2;
    *length -= lane * 3;
  }
  *data = next;
  return crc;
}

// Where 512 bits multiply without carry at once, 256 bytes are folded onto the 256 behind them: 16 bytes are a polynomial, which
// a distance of D bits multiplies by x^D, and modulo the CRC's own both halves of that are a product of 64 by 32 bits. What
// is left of 16 bytes the instruction above sums. The method: Gopal et al., "Fast CRC Computation for Generic Polynomials
// Using PCLMULQDQ Instruction", Intel, 2009.
#define FOLDED 256

// For a distance in bits: x^(D+32) for the half that comes first, x^(D-32) for the other, both modulo the polynomial, with the
// bit order reversed, in which a product is one bit short.
static uint64_t fold_2048[2], fold_512[2], fold_384[2], fold_256[2], fold_128[2];

static uint64_t power(int exponent) {
  uint32_t value = 0x80000000u;
  for (; exponent > 0; exponent--) value = value & 1 ? (value >> 1) ^ POLYNOMIAL : value >> 1;
  return (uint64_t)value << 1;
}

static void make_fold(uint64_t fold[2], int distance) {
  fold[0] = power(distance + 32);
  fold[1] = power(distance - 32);
}

__attribute__((target("avx512f,vpclmulqdq"))) static inline __m512i folded(__m512i sum, __m512i next, __m512i by) {
  __m512i low = _mm512_clmulepi64_epi128(sum, by, 0x00), high = _mm512_clmulepi64_epi128(sum, by, 0x11);
  return _mm512_ternarylogic_epi64(low, high, next, 0x96);
}

__attribute__((target("pclmul,sse4.2"))) static inline __m128i folded_part(__m128i sum, __m128i next, const uint64_t by[2]) {
  __m128i factors = _mm_loadu_si128((const __m128i *)by);
  __m128i low = _mm_clmulepi64_si128(sum, factors, 0x00), high = _mm_clmulepi64_si128(sum, factors, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("avx512f,vpclmulqdq"))) static inline __m512i factors(const uint64_t by[2]) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)by));
}

// Of a whole number of pieces of FOLDED bytes, at least one.
__attribute__((target("avx512f,vpclmulqdq,pclmul,sse4.2"))) static uint64_t by_folding(
    uint64_t crc, const uint8_t *next, size_t length) {
  __m512i sums[4];
  for (int i = 0; i < 4; i++) sums[i] = _mm512_loadu_si512(next + 64 * i);
  sums[0] = _mm512_xor_si512(sums[0], _mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)crc)));
  __m512i by = factors(fold_2048);
  for (const uint8_t *end = next + length; (next += FOLDED) < end;)
    for (int i = 0; i < 4; i++) sums[i] = folded(sums[i], _mm512_loadu_si512(next + 64 * i), by);
  by = factors(fold_512);
  __m512i sum = sums[0];
  for (int i = 1; i < 4; i++) sum = folded(sum, sums[i], by);
  __m128i last = _mm512_extracti32x4_epi32(sum, 3);
  last = folded_part(_mm512_extracti32x4_epi32(sum, 2), last, fold_128);
  last = folded_part(_mm512_extracti32x4_epi32(sum, 1), last, fold_256);
  last = folded_part(_mm512_castsi512_si128(sum), last, fold_384);
  crc = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(last));
  return _mm_crc32_u64(crc, (uint64_t)_mm_extract_epi64(last, 1));
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(
    uint32_t start, const uint8_t *next, size_t length, int folds) {
  uint64_t crc = ~start;
  if (folds && length >= FOLDED) {
    size_t whole = length & ~(size_t)(FOLDED - 1);
    crc = by_folding(crc, next, whole);
    next += whole;
    length -= whole;
  }
  crc = three_lanes(crc, &next, &length, LONG_LANE, long_lane);
  crc = three_lanes(crc, &next, &length, SHORT_LANE, short_lane);
  for (; length >= 8; length -= 8, next += 8) crc = _mm_crc32_u64(crc, word(next));
  for (; length > 0; length--) crc = _mm_crc32_u8((uint32_t)crc, *next++);
  return ~(uint32_t)crc;
}

__attribute__((constructor)) static void prepare(void) {
  make_byte_tables();
  has_instruction = __builtin_cpu_supports("sse4.2");
  has_folding = has_instruction && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq") &&
                __builtin_cpu_supports("pclmul");
  if (has_folding) {
    make_fold(fold_2048, 2048);
    make_fold(fold_512, 512);
    make_fold(fold_384, 384);
    make_fold(fold_256, 256);
    make_fold(fold_128, 128);
  }
  if (has_instruction) {
    make_lane(long_lane, LONG_LANE);
    make_lane(short_lane, SHORT_LANE);
  }
}

uint32_t checksum_crc32c(uint32_t crc, const void *data, size_t length) {
  return has_instruction ? by_instruction(crc, data, length, has_folding) : checksum_crc32c_portable(crc, data, length);
}

uint32_t checksum_crc32c_unfolded(uint32_t crc, const void *data, size_t length) {
  return has_instruction ? by_instruction(crc, data, length, 0) : checksum_crc32c_portable(crc, data, length);
}

#else

__attribute__((constructor)) static void prepare(void) { make_byte_tables(); }

uint32_t checksum_crc32c(uint32_t crc, const void *data, size_t length) {
  return checksum_crc32c_portable(crc, data, length);
}

uint32_t checksum_crc32c_unfolded(uint32_t crc, const void *data, size_t length) {
  return checksum_crc32c_portable(crc, data, length);
}

#endif
