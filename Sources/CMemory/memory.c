#define _GNU_SOURCE
#include "CMemory.h"
#include <sys/mman.h>

void *memory_remap(void *memory, size_t old_bytes, size_t new_bytes) {
  void *moved = mremap(memory, old_bytes, new_bytes, MREMAP_MAYMOVE);
  return moved == MAP_FAILED ? NULL : moved;
}
