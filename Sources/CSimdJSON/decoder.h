#pragma once
#include "hashes.h"
#include "identities.h"
#include "outline.h"
#include "shapes.h"
#include "times.h"

// What one batch of records is decoded with: the names asked for and all memory, kept from batch to batch.

namespace millrace {

/// The fields of the envelope; `detail` of a rejected row is one of these, or `noField`.
enum Field : uint8_t {
  noField = 0,
  eventID = 1,
  eventType = 2,
  userID = 3,
  anonymousID = 4,
  sessionID = 5,
  timestamp = 6,
  device = 7,
  geo = 8,
  page = 9,
  properties = 10,
};

struct Column {
  size_t slot;
  uint32_t kind;
  uint32_t scale;
  /// `user_id` as a column is the user, whichever field named it.
  bool isUser;
};

/// Memory for texts without their escapes. Chunks never move, so a text stays where it is until `clear`.
class Arena {
 public:
  void clear() {
    chunk = 0;
    used = 0;
  }

  /// Room for up to `maximumLength` bytes; what was really used is told to `commit`.
  uint8_t *reserve(size_t bytes) {
    if (chunks.empty() || chunkSize - used < bytes) {
      if (!chunks.empty()) ++chunk;
      if (chunk == chunks.size()) chunks.push_back(std::make_unique<uint8_t[]>(chunkSize));
      used = 0;
    }
    return chunks[chunk].get() + used;
  }

  void commit(size_t bytes) { used += bytes; }

 private:
  static constexpr size_t chunkSize = 16 * maximumLength;
  std::vector<std::unique_ptr<uint8_t[]>> chunks;
  size_t chunk = 0;
  size_t used = 0;
};

}  // namespace millrace

struct Decoder {
  // Nothing throws but a lack of memory, and that ends the process, as it does in Swift.
  Decoder() noexcept;
  void addColumn(const uint8_t *names, const uint32_t *lengths, uint32_t depth, uint32_t kind, uint32_t scale) noexcept;
  void decode(const uint8_t *bytes, const DecoderRange *ranges, size_t count, const DecoderColumns &out) noexcept;

 private:
  millrace::Node root;
  size_t slotCount = 0;
  std::vector<millrace::Column> columns;
  static constexpr size_t outlinesAhead = 16;
  millrace::Outliner outliner;
  millrace::Outline outlines[outlinesAhead];
  millrace::Walk walk;
  millrace::Shapes shapes;
  /// The record in hand.
  millrace::Slot record;
  millrace::Arena arena;
  millrace::Identities identities;
  millrace::KnownDate date;

  millrace::Slot &field(millrace::Field field) { return walk.slots[field]; }
  size_t readOutlines(const uint8_t *bytes, const DecoderRange *ranges, size_t row, size_t count);
  millrace::Rejection readDocument(const millrace::Outline &outline, const uint8_t *bytes, const DecoderRange &range);
  void readTexts();
  millrace::Rejection readEnvelope(millrace::Field &detail, int64_t &time);
  bool isPreceded(const millrace::Slot &slot) const;
  static DecoderText withoutHash(const millrace::Slot &slot);
  DecoderText text(const millrace::Slot &slot);
  void writeIdentity(size_t row, const DecoderColumns &out);
  void writeColumns(size_t row, const DecoderColumns &out);
  void writeMissing(size_t row, const DecoderColumns &out);
};
