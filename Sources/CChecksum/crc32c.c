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

#include <nmmintrin.h>

static uint32_t long_lane[4][256], short_lane[4][256];
static int has_instruction;

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

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t start, const uint8_t *next, size_t length) {
  uint64_t crc = ~start;
  crc = three_lanes(crc, &next, &length, LONG_LANE, long_lane);
  crc = three_lanes(crc, &next, &length, SHORT_LANE, short_lane);
  for (; length >= 8; length -= 8, next += 8) crc = _mm_crc32_u64(crc, word(next));
  for (; length > 0; length--) crc = _mm_crc32_u8((uint32_t)crc, *next++);
  return ~(uint32_t)crc;
}

__attribute__((constructor)) static void prepare(void) {
  make_byte_tables();
  has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) {
    make_lane(long_lane, LONG_LANE);
    make_lane(short_lane, SHORT_LANE);
  }
}

uint32_t checksum_crc32c(uint32_t crc, const void *data, size_t length) {
  return has_instruction ? by_instruction(crc, data, length) : checksum_crc32c_portable(crc, data, length);
}

#else

__attribute__((constructor)) static void prepare(void) { make_byte_tables(); }

uint32_t checksum_crc32c(uint32_t crc, const void *data, size_t length) {
  return checksum_crc32c_portable(crc, data, length);
}

#endif
