#pragma once
#include <vector>

#include "hashes.h"

// The keys of users and events, eight rows at a time: one SipHash is a chain in which every step waits for the one
// before, and eight of them side by side take little longer.

namespace millrace {

/// Collects what keys are made of and writes each key to its place, at the latest in `finish`.
class Identities {
 public:
  Identities() : room(lanes * stride) {}

  /// `userKey` becomes the identity of the user, `eventKey` that of the length of the user in four bytes, the user, and
  /// the id.
  void add(
      const uint8_t *user, uint32_t userLength, const uint8_t *id, uint32_t idLength, DecoderKey &userKey,
      DecoderKey &eventKey);
  /// Writes the keys that are not yet written.
  void finish();

 private:
  static constexpr size_t lanes = 8;
  // Longer texts take their time. Eight bytes more than the texts are read, and not used.
  static constexpr size_t stride = 256, longest = stride - 8;

  struct Pending {
    uint64_t userLength;
    uint64_t eventLength;
    DecoderKey *userKey;
    DecoderKey *eventKey;
  };

  std::vector<uint8_t> room;
  Pending pending[lanes];
  size_t count = 0;
};

}  // namespace millrace
