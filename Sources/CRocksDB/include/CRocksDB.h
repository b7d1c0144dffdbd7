#ifndef CROCKSDB_H
#define CROCKSDB_H

#include <rocksdb/c.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// A table that is written key by key, for rocksdb_ingest_external_file. RocksDB's own C functions for it write through the page
// cache only, which costs a copy and, on fresh memory, several times that.
typedef struct table_writer table_writer;

// direct: past the page cache, which not every file system can. block_bytes, filter_bits and format_version are those of the store.
// NULL and *error (for rocksdb_free) when the file cannot be made.
table_writer *table_writer_create(
    const char *path, bool direct, size_t block_bytes, double filter_bits, unsigned format_version, char **error);
// Keys in ascending order, each once.
void table_writer_put(
    table_writer *writer, const char *key, size_t key_length, const char *value, size_t value_length, char **error);
void table_writer_merge(
    table_writer *writer, const char *key, size_t key_length, const char *value, size_t value_length, char **error);
void table_writer_delete(table_writer *writer, const char *key, size_t key_length, char **error);
// start <= key < end, of what the store held before: keys of this table stay. In any order.
void table_writer_delete_range(
    table_writer *writer, const char *start, size_t start_length, const char *end, size_t end_length, char **error);
// Everything is on the disk afterwards.
void table_writer_finish(table_writer *writer, char **error);
void table_writer_destroy(table_writer *writer);

// What reads of this thread want of values that RocksDB merges for them; NULL, as on RocksDB's own threads: all of it. RocksDB hands
// a merge operator nothing of whoever reads.
void merge_set_wanted(const void *parts);
const void *merge_wanted(void);

#ifdef __cplusplus
}
#endif

#endif
