#pragma once
#include <cstdint>
#include <cstring>

// Loads that never touch a byte outside the text: what follows a record is not ours to read. The formats assume a
// little-endian machine, as does every platform Swift runs on.

namespace millrace {

inline uint64_t load8(const uint8_t *p) {
  uint64_t value;
  memcpy(&value, p, 8);
  return value;
}

inline uint32_t load4(const uint8_t *p) {
  uint32_t value;
  memcpy(&value, p, 4);
  return value;
}

/// The `n` < 8 bytes at `p` as a little-endian number.
inline uint64_t loadTail(const uint8_t *p, size_t n) {
  if (n >= 4) return uint64_t(load4(p)) | uint64_t(load4(p + n - 4)) << ((n - 4) * 8);
  if (n == 0) return 0;
  return uint64_t(p[0]) | uint64_t(p[n / 2]) << (n / 2 * 8) | uint64_t(p[n - 1]) << ((n - 1) * 8);
}

}  // namespace millrace
