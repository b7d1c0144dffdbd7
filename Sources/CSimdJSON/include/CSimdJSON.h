#pragma once
#include <stddef.h>
#include <stdint.h>

// JSON records to columns, and bodies to the records in them. The C face of decode.cpp and parts.cpp; only Sources/Events
// includes it.

#ifdef __cplusplus
extern "C" {
#endif

/// The twin of Basics.ByteRange: same fields, same layout.
typedef struct {
  uint32_t offset;
  uint32_t length;
  uint32_t fullLength;
} DecoderRange;

/// The twin of Basics.Key128.
typedef struct {
  uint64_t high;
  uint64_t low;
} DecoderKey;

/// The twin of Events.TextRef; only texts of projected columns have a hash.
typedef struct {
  const uint8_t *_Nonnull start;
  uint32_t length;
  uint32_t hash;
} DecoderText;

/// Where the rows go; every column holds as many rows as are decoded. `values` holds one pointer per projected column:
/// to DecoderText for text, to 16-byte aligned 128-bit signed integers for numbers. `unusable` holds one counter per
/// projected column.
typedef struct {
  uint8_t *_Nonnull status;
  uint8_t *_Nonnull detail;
  int64_t *_Nonnull time;
  DecoderKey *_Nonnull userKey;
  DecoderKey *_Nonnull eventKey;
  uint32_t *_Nonnull check;
  uint32_t *_Nonnull partitionHash;
  DecoderText *_Nonnull eventID;
  DecoderText *_Nonnull user;
  DecoderText *_Nonnull eventType;
  void *_Nonnull const *_Nonnull values;
  int64_t *_Nonnull unusable;
} DecoderColumns;

/// Kinds of projected columns, as in Events.Projection.Kind.
enum { DECODER_TEXT = 0, DECODER_SCALED = 1, DECODER_EXACT = 2 };

typedef struct Decoder Decoder;

/// Aborts the process when there is no memory for its half megabyte.
Decoder *_Nonnull decoder_create(void);
void decoder_destroy(Decoder *_Nonnull decoder);

/// Adds the next column. `names` are `depth` names one after the other, `lengths` bytes each. `scale` is for
/// DECODER_SCALED, 0 to 9.
void decoder_add_column(
    Decoder *_Nonnull decoder, const uint8_t *_Nullable names, const uint32_t *_Nonnull lengths, uint32_t depth,
    uint32_t kind, uint32_t scale);

/// Decodes `count` records. No byte outside the ranges is read. Texts point into `bytes` or into memory of the decoder;
/// the latter lives until the next call.
void decoder_decode(
    Decoder *_Nonnull decoder, const uint8_t *_Nonnull bytes, const DecoderRange *_Nonnull ranges, size_t count,
    const DecoderColumns *_Nonnull columns);

/// A member of an object: its name without the quotes and its value, places in the bytes it was found in. `kind` is the
/// first byte of the value, '0' for every number.
typedef struct {
  uint32_t name;
  uint32_t nameLength;
  uint32_t value;
  uint32_t valueLength;
  uint8_t kind;
} PartsMember;

/// Finds the members of the object that is all of `bytes`, white space around it aside. What stands inside of values is not
/// looked at beyond strings and brackets. The elements of the array under the name `wanted` are found on the way, objects
/// or not; `elementCount` becomes -1 where there is no such array, and the last of several counts.
///
/// Returns how many members there are, and -1 when this is no object. Counts beyond the capacities are those capacities
/// and one: then not all was looked at.
ptrdiff_t parts_members(
    const uint8_t *_Nonnull bytes, size_t length, PartsMember *_Nonnull members, size_t memberCapacity,
    const uint8_t *_Nullable wanted, size_t wantedLength, DecoderRange *_Nullable elements, size_t elementCapacity,
    ptrdiff_t *_Nonnull elementCount);

/// Finds the lines that hold more than white space. As many as `capacity` and one when there are more.
size_t parts_lines(const uint8_t *_Nonnull bytes, size_t length, DecoderRange *_Nonnull lines, size_t capacity);

/// Kafka's murmur2 (its DefaultPartitioner), before the sign bit is dropped.
uint32_t decoder_murmur2(const uint8_t *_Nullable bytes, size_t length);

/// SipHash-2-4 with 128 bits of output; `high` is the first eight bytes of the reference output, little-endian.
DecoderKey decoder_siphash128(uint64_t key0, uint64_t key1, const uint8_t *_Nullable bytes, size_t length);

/// The hash that `DecoderText.hash` carries.
uint32_t decoder_text_hash(const uint8_t *_Nullable bytes, size_t length);

#ifdef __cplusplus
}
#endif
