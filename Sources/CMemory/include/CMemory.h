#ifndef CMEMORY_H
#define CMEMORY_H

#include <stddef.h>

// mremap(2), which Swift cannot call because it is variadic: the mapping with another size, perhaps elsewhere; NULL when there
// is no memory.
void *memory_remap(void *memory, size_t old_bytes, size_t new_bytes);

// Asks for the cache line of an address, and does not wait for it.
static inline void memory_prefetch(const void *address) { __builtin_prefetch(address); }

#endif
