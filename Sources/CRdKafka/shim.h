#include <librdkafka/rdkafka.h>
// The mock cluster: for tests only.
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <string.h>

// rd_kafka_producev is variadic, and the union of rd_kafka_produceva has no labels that Swift could use. The key and the
// value are copied; `stamp`, when there is one, becomes the header `millrace-appended-at`.
static inline rd_kafka_resp_err_t kafka_produce(rd_kafka_t *handle, rd_kafka_topic_t *topic, int32_t partition,
                                                const void *key, size_t key_bytes, const void *value,
                                                size_t value_bytes, const char *stamp, size_t stamp_bytes,
                                                void *request) {
  rd_kafka_vu_t arguments[7];
  memset(arguments, 0, sizeof arguments);
  arguments[0].vtype = RD_KAFKA_VTYPE_RKT;
  arguments[0].u.rkt = topic;
  arguments[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  arguments[1].u.i32 = partition;
  arguments[2].vtype = RD_KAFKA_VTYPE_VALUE;
  arguments[2].u.mem.ptr = (void *)value;
  arguments[2].u.mem.size = value_bytes;
  arguments[3].vtype = RD_KAFKA_VTYPE_KEY;
  arguments[3].u.mem.ptr = (void *)key;
  arguments[3].u.mem.size = key_bytes;
  arguments[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  arguments[4].u.i = RD_KAFKA_MSG_F_COPY;
  arguments[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  arguments[5].u.ptr = request;
  arguments[6].vtype = RD_KAFKA_VTYPE_HEADER;
  arguments[6].u.header.name = "millrace-appended-at";
  arguments[6].u.header.val = stamp;
  arguments[6].u.header.size = (ssize_t)stamp_bytes;
  rd_kafka_error_t *error = rd_kafka_produceva(handle, arguments, stamp ? 7 : 6);
  if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  return code;
}

// As kafka_produce, but to the partition that the topic's partitioner says, with headers of any kind, and without a value (a
// tombstone) when `value` is NULL. The headers are librdkafka's afterwards, also after an error.
static inline rd_kafka_resp_err_t kafka_upsert(rd_kafka_t *handle, rd_kafka_topic_t *topic, const void *key,
                                               size_t key_bytes, const void *value, size_t value_bytes,
                                               rd_kafka_headers_t *headers, void *request) {
  rd_kafka_vu_t arguments[6];
  memset(arguments, 0, sizeof arguments);
  arguments[0].vtype = RD_KAFKA_VTYPE_RKT;
  arguments[0].u.rkt = topic;
  arguments[1].vtype = RD_KAFKA_VTYPE_VALUE;
  arguments[1].u.mem.ptr = (void *)value;
  arguments[1].u.mem.size = value_bytes;
  arguments[2].vtype = RD_KAFKA_VTYPE_KEY;
  arguments[2].u.mem.ptr = (void *)key;
  arguments[2].u.mem.size = key_bytes;
  arguments[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  arguments[3].u.i = RD_KAFKA_MSG_F_COPY;
  arguments[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
  arguments[4].u.ptr = request;
  arguments[5].vtype = RD_KAFKA_VTYPE_HEADERS;
  arguments[5].u.headers = headers;
  rd_kafka_error_t *error = rd_kafka_produceva(handle, arguments, 6);
  if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  rd_kafka_headers_destroy(headers);
  return code;
}

// Kafka's partitioner, which ignores everything but the key and the count.
static inline int32_t kafka_partition(const void *key, size_t key_bytes, int32_t partitions) {
  return rd_kafka_msg_partitioner_murmur2(NULL, key, key_bytes, partitions, NULL, NULL);
}
