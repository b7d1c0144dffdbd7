// Counts what a process asks of the heap. Preloaded into it by scripts/costs; at the end of the process the file named by
// COUNTED_ALLOCATIONS has allocations and bytes asked for.
//
// The Swift runtime, RocksDB and simdjson all end in these functions, so nothing in the process escapes. A realloc is an
// allocation: it may move, and a loop that grows something is what is looked for. What C++ makes is counted here, too: tcmalloc
// has an operator new that does not call malloc, and whether it or the standard library's is found first is the linker's affair.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_ulong allocations, bytes;

static void count(size_t size) {
  atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&bytes, size, memory_order_relaxed);
}

// The function of this name that the process would have without this library. Two threads that look it up find the same.
#define NEXT(name) \
  ({ \
    static _Atomic(__typeof__(&name)) next; \
    if (!atomic_load_explicit(&next, memory_order_relaxed)) \
      atomic_store_explicit(&next, (__typeof__(&name))dlsym(RTLD_NEXT, #name), memory_order_relaxed); \
    atomic_load_explicit(&next, memory_order_relaxed); \
  })

void *malloc(size_t size) {
  count(size);
  return NEXT(malloc)(size);
}

void *calloc(size_t number, size_t size) {
  count(number * size);
  return NEXT(calloc)(number, size);
}

void *realloc(void *old, size_t size) {
  count(size);
  return NEXT(realloc)(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count(size);
  return NEXT(aligned_alloc)(alignment, size);
}

int posix_memalign(void **made, size_t alignment, size_t size) {
  count(size);
  return NEXT(posix_memalign)(made, alignment, size);
}

void *memalign(size_t alignment, size_t size) {
  count(size);
  return NEXT(memalign)(alignment, size);
}

// operator new and new[] of C++: plain, with std::nothrow, and with an alignment. Nothing here lacks memory.
typedef struct { char none; } Nothrow;
void *_Znwm(size_t size) { return malloc(size); }
void *_Znam(size_t size) { return malloc(size); }
void *_ZnwmRKSt9nothrow_t(size_t size, const Nothrow *nothrow) { return malloc(size); }
void *_ZnamRKSt9nothrow_t(size_t size, const Nothrow *nothrow) { return malloc(size); }
void *_ZnwmSt11align_val_t(size_t size, size_t alignment) { return memalign(alignment, size); }
void *_ZnamSt11align_val_t(size_t size, size_t alignment) { return memalign(alignment, size); }

// The program ends with _exit, which runs no destructors.
void _exit(int code) {
  const char *path = getenv("COUNTED_ALLOCATIONS");
  if (path) {
    char text[96];
    int length = snprintf(text, sizeof text, "%lu %lu\n", atomic_load(&allocations), atomic_load(&bytes));
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || write(file, text, (size_t)length) != length) abort();
    close(file);
  }
  NEXT(_exit)(code);
  __builtin_unreachable();
}
