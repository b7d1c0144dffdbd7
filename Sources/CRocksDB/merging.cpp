#include "CRocksDB.h"

static thread_local const void *wanted = nullptr;

void merge_set_wanted(const void *parts) { wanted = parts; }

const void *merge_wanted(void) { return wanted; }
