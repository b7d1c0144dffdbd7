#define _GNU_SOURCE
#include "CMemory.h"
#include <malloc.h>
#include <sys/mman.h>

void *memory_remap(void *memory, size_t old_bytes, size_t new_bytes) {
  void *moved = mremap(memory, old_bytes, new_bytes, MREMAP_MAYMOVE);
  return moved == MAP_FAILED ? NULL : moved;
}

void memory_keep_freed(int block_bytes, int kept_bytes) {
  mallopt(M_MMAP_THRESHOLD, block_bytes);
  mallopt(M_TRIM_THRESHOLD, kept_bytes);
}
