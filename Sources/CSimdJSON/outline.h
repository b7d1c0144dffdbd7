#pragma once
#include <simdjson.h>

#include <memory>

#include "load.h"

// The first pass over a document: where its tokens are. It is simdjson's first stage made for this decoder, which also
// wants the first byte of every token beside its place; where the processor lacks the instructions, simdjson's own runs.

namespace millrace {

/// The tokens of a document: every `{}[]:,` outside strings, every opening quote, and the first byte of everything else
/// that follows white space, a quote or one of those. So whatever is between a token and the next is white space, if the
/// token's own end is checked.
struct Outline {
  /// Where each token begins; behind the last token the length of the document, or 65,535 if that is less.
  const uint16_t *places = nullptr;
  /// The first byte of each token, '0' for any number and 't' for `false`, too; behind the last token eight times 0, which
  /// begins none.
  const uint8_t *kinds = nullptr;
  size_t count = 0;
  /// Whether there is a backslash anywhere.
  bool hasBackslash = false;
  /// Whether every string ends and none holds a control character.
  bool stringsAreWhole = false;
  bool isUTF8 = false;
};

/// Makes outlines, one behind the other in memory of its own.
class Outliner {
 public:
  /// No document may be longer.
  static constexpr size_t maximumLength = 65'536;

  Outliner();
  /// Makes room; outlines made so far are void.
  void clear() { used = 0; }
  /// Whether there is room for one more.
  bool hasRoom() const { return roomCount - used >= maximumLength + slack; }
  Outline read(const uint8_t *bytes, size_t length) { return (this->*reader)(bytes, length); }

 private:
  /// What one block of 64 bytes tells the next.
  struct Carry {
    /// The first byte follows a backslash that is not itself escaped.
    uint64_t escaped = 0;
    /// All ones inside a string.
    uint64_t inString = 0;
    /// The byte before belongs to a number or literal.
    uint64_t scalar = 0;
    uint64_t backslashes = 0;
    uint64_t controls = 0;
    /// Where the blocks with a byte above 127 begin: around them everything is ASCII.
    size_t firstHigh = ~size_t(0);
    size_t lastHigh = 0;
  };

  // What is written may reach two blocks beyond the last token.
  static constexpr size_t slack = 128;
  static constexpr size_t roomCount = 2 * (maximumLength + slack);
  std::unique_ptr<uint16_t[]> placeRoom;
  std::unique_ptr<uint8_t[]> kindRoom;
  size_t used = 0;
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
  Outline (Outliner::*reader)(const uint8_t *, size_t) = nullptr;

  Outline readBySimdJSON(const uint8_t *bytes, size_t length);
  Outline finish(const uint8_t *bytes, size_t length, size_t count, const Carry &carry);
  Outline keep(Outline outline, size_t length);
#if defined(__x86_64__)
  Outline readByAVX2(const uint8_t *bytes, size_t length);
  Outline readByAVX512(const uint8_t *bytes, size_t length);
#endif
};

}  // namespace millrace
