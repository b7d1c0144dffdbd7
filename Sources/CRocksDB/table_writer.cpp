#include "CRocksDB.h"

#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <cstring>
#include <memory>

using rocksdb::Slice;
using rocksdb::Status;

struct table_writer {
  std::unique_ptr<rocksdb::SstFileWriter> writer;
};

static void note(const Status &status, char **error) {
  if (!status.ok() && !*error) *error = strdup(status.ToString().c_str());
}

table_writer *table_writer_create(
    const char *path, bool direct, size_t block_bytes, double filter_bits, unsigned format_version, char **error) {
  rocksdb::BlockBasedTableOptions table;
  table.block_size = block_bytes;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(filter_bits));
  table.format_version = format_version;
  table.no_block_cache = true;
  rocksdb::Options options;
  options.compression = rocksdb::kNoCompression;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb::EnvOptions files;
  files.use_mmap_writes = false;
  files.use_direct_writes = direct;
  auto writer = std::make_unique<rocksdb::SstFileWriter>(files, options, nullptr, /*invalidate_page_cache=*/false);
  const Status status = writer->Open(path);
  note(status, error);
  return status.ok() ? new table_writer{std::move(writer)} : nullptr;
}

void table_writer_put(
    table_writer *writer, const char *key, size_t key_length, const char *value, size_t value_length, char **error) {
  note(writer->writer->Put(Slice(key, key_length), Slice(value, value_length)), error);
}

void table_writer_merge(
    table_writer *writer, const char *key, size_t key_length, const char *value, size_t value_length, char **error) {
  note(writer->writer->Merge(Slice(key, key_length), Slice(value, value_length)), error);
}

void table_writer_delete(table_writer *writer, const char *key, size_t key_length, char **error) {
  note(writer->writer->Delete(Slice(key, key_length)), error);
}

void table_writer_delete_range(
    table_writer *writer, const char *start, size_t start_length, const char *end, size_t end_length, char **error) {
  note(writer->writer->DeleteRange(Slice(start, start_length), Slice(end, end_length)), error);
}

void table_writer_finish(table_writer *writer, char **error) { note(writer->writer->Finish(), error); }

void table_writer_destroy(table_writer *writer) { delete writer; }
