#ifndef CCHECKSUM_H
#define CCHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// CRC-32C (Castagnoli) of `length` bytes, continued from `crc`, which is 0 for the first bytes. Uses the processor's
// instruction where there is one.
uint32_t checksum_crc32c(uint32_t crc, const void *data, size_t length);

// The same as on a processor without wide carry-less multiplication, and by tables only; for tests.
uint32_t checksum_crc32c_unfolded(uint32_t crc, const void *data, size_t length);
uint32_t checksum_crc32c_portable(uint32_t crc, const void *data, size_t length);

#endif
