#pragma once
#include <memory>
#include <vector>

#include "walk.h"

// Records of one kind look alike: the same names in the same order, values of the same kinds. What the walk over one of them
// found is kept as its shape; of the next one, only what can differ is looked at.

namespace millrace {

/// A usable document by the first bytes of its tokens, and where in it is what somebody asks for.
class Shape {
 public:
  /// More tokens are no shape.
  static constexpr size_t mostTokens = 512;

  /// A precondition: the walk found the document usable, it has no backslash, and not more than `mostTokens`.
  Shape(const uint8_t *bytes, size_t length, const Outline &outline, const Node &root, size_t slotCount);

  /// Fills the slots if the document is of this shape, as the walk would; else they are void.
  ///
  /// A precondition: the outline is that of these bytes, has no backslash, and its strings are whole.
  bool read(const uint8_t *bytes, size_t length, const Outline &outline, Slot *slots) const;

  /// Some slot was found twice, or there are too many of them: such documents are not read here.
  bool isForWalk() const { return mustWalk; }
  size_t byteCount() const;

 private:
  /// A name in an object of which somebody asks for names.
  struct Name {
    /// Its first 16 bytes with the quote behind it, as far as they go; of a longer one its first 16.
    uint64_t first, second;
    uint16_t length;
    uint16_t token;
    /// Of its value, if that is a text that somebody asks for; else the last slot, which nobody reads.
    uint16_t slot;
    bool isText;
  };

  /// What is needed where the bytes are others.
  struct Meaning {
    const Node *object;
    const Node *child;
    /// Where all bytes of a long name are.
    size_t text;
  };

  /// A value that is no text: it is asked for, or its bytes have to be looked at.
  struct Value {
    uint16_t slot;
    uint16_t token;
    Kind kind;
  };

  std::vector<uint8_t> kinds;
  std::vector<Slot> filled;
  std::vector<Name> names;
  std::vector<Meaning> meanings;
  std::vector<Value> values;
  std::vector<uint8_t> texts;
  bool mustWalk = false;

  /// Reads on from `next`, and leaves it behind the value.
  void learn(const uint8_t *bytes, size_t length, const Outline &outline, size_t &next, const Node *target);
  void learnName(const uint8_t *bytes, size_t length, const Outline &outline, size_t next, const Node &object);
  uint16_t take(const Node *target, Kind kind);
  bool meansTheSame(size_t index, const uint8_t *p, const uint8_t *end, const uint8_t *close) const;
};

/// The shapes that come often.
class Shapes {
 public:
  Shapes() : entries(new Entry[entryCount]) {}

  /// As `Walk::run`, which is asked whenever no shape answers. The last of the walk's slots is for what nobody reads.
  Rejection read(const uint8_t *bytes, size_t length, const Outline &outline, const Node &root, Walk &walk);

  /// What is asked for has changed.
  void forget();

 private:
  static constexpr size_t setCount = 128, ways = 2, entryCount = setCount * ways;
  /// All shapes together: a stream of documents that differ must not take more.
  static constexpr size_t room = 256 << 10;

  /// Of the kinds of document that meet here, one of which many come: by the vote of R. S. Boyer and J. S. Moore ("MJRTY - A
  /// Fast Majority Vote Algorithm"). Learnt when it comes for the second time.
  struct Entry {
    uint64_t hash = 0;
    /// How many more came of it than of others; 0: of none.
    uint32_t lead = 0;
    std::unique_ptr<Shape> shape;
  };

  // What comes no longer makes room within so many others.
  static constexpr uint32_t largestLead = 64;
  std::unique_ptr<Entry[]> entries;
  size_t used = 0;

  static uint64_t hash(const Outline &outline);
  void drop(Entry &entry);
  void note(
      Entry *set, uint64_t hash, const uint8_t *bytes, size_t length, const Outline &outline, const Node &root,
      size_t slotCount);
};

}  // namespace millrace
