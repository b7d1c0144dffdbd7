#pragma once
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "load.h"

// The names of a document that somebody asked for, as a tree; each node has a place for its value.

namespace millrace {

struct Node;

/// One name under a node. Names of up to 16 bytes are equal when these numbers are.
struct NameEntry {
  /// The first and the last eight bytes; of a shorter name all bytes, twice.
  uint64_t first = 0, last = 0;
  /// No name is as long as that of an empty entry.
  size_t length = ~size_t(0);
  Node *node = nullptr;

  bool equals(const NameEntry &other) const {
    return !((first ^ other.first) | (last ^ other.last) | (length ^ other.length));
  }
};

/// `available` bytes may be read at `p`. Whatever the length, the usual case takes no branch: the lengths of names
/// follow no pattern a processor could predict.
[[gnu::always_inline]] inline NameEntry makeNameEntry(const uint8_t *p, size_t length, size_t available) {
  static constexpr uint64_t masks[9] = {
      0, 0xff, 0xffff, 0xff'ffff, 0xffff'ffff, 0xff'ffff'ffff, 0xffff'ffff'ffff, 0xff'ffff'ffff'ffff, ~uint64_t(0)};
  if (__builtin_expect(available < 8, 0)) return NameEntry{loadTail(p, length), loadTail(p, length), length, nullptr};
  const uint64_t mask = masks[length < 8 ? length : 8];
  const size_t lastAt = length < 8 ? 0 : length - 8;
  return NameEntry{load8(p) & mask, load8(p + lastAt) & mask, length, nullptr};
}

struct Node {
  std::string name;
  /// The place of its value among the slots of a document.
  size_t slot = 0;
  /// 1 to 10 for a field of the envelope, else 0.
  uint8_t field = 0;
  std::vector<std::unique_ptr<Node>> children;

  /// The child of that name, or null. `available` bytes may be read at `p`.
  [[gnu::always_inline]] inline const Node *find(const uint8_t *p, size_t length, size_t available) const {
    const NameEntry wanted = makeNameEntry(p, length, available);
    const NameEntry &entry = table[home(wanted)];
    if (!entry.equals(wanted)) return nullptr;
    return __builtin_expect(length <= 16, 1) ? entry.node : entry.node->amongTwins(p);
  }

  /// The child of that name, added with the next slot when it is new.
  Node *add(const std::string &childName, size_t &slots) {
    const auto *p = reinterpret_cast<const uint8_t *>(childName.data());
    if (!children.empty()) {
      if (const Node *found = find(p, childName.size(), childName.size())) return const_cast<Node *>(found);
    }
    children.push_back(std::make_unique<Node>());
    Node *child = children.back().get();
    child->name = childName;
    child->slot = slots++;
    rebuild();
    return child;
  }

 private:
  /// Every entry is at home: factors are tried until no two meet. Each number of an entry has one of its own: whatever
  /// two entries differ in, nearly all factors tell them apart, while no fixed sum of the numbers would.
  std::vector<NameEntry> table;
  uint64_t factor = 0, lastFactor = 0, lengthFactor = 0;
  unsigned shift = 63;
  /// Another long name with the same first and last bytes.
  Node *twin = nullptr;

  [[gnu::always_inline]] inline size_t home(const NameEntry &entry) const {
    return size_t((entry.first + entry.last * lastFactor + entry.length * lengthFactor) * factor >> shift);
  }

  [[gnu::noinline]] const Node *amongTwins(const uint8_t *p) const {
    for (const Node *node = this; node; node = node->twin) {
      if (memcmp(node->name.data(), p, node->name.size()) == 0) return node;
    }
    return nullptr;
  }

  void rebuild() {
    std::vector<NameEntry> entries;
    for (const auto &child : children) {
      const size_t length = child->name.size();
      NameEntry entry = makeNameEntry(reinterpret_cast<const uint8_t *>(child->name.data()), length, length);
      entry.node = child.get();
      child->twin = nullptr;
      for (NameEntry &other : entries) {
        if (!entry.equals(other)) continue;
        child->twin = other.node;
        other.node = child.get();
        entry.node = nullptr;
        break;
      }
      if (entry.node) entries.push_back(entry);
    }
    unsigned bits = 3;
    while (size_t(1) << bits < entries.size() * 2) ++bits;
    uint64_t state = 0x9e3779b97f4a7c15;
    const auto next = [&state] { return state = state * 0xd1342543de82ef95 + 2, state ^ state >> 32; };
    for (unsigned tries = 1;; ++tries) {
      lastFactor = next();
      lengthFactor = next();
      factor = next() | 1;
      if (place(entries, bits)) return;
      if (tries % 64 != 0) continue;
      // n names need about n * n / 16 places; a search that goes on far beyond that will never end.
      if (++bits > 30) abort();
    }
  }

  bool place(const std::vector<NameEntry> &entries, unsigned bits) {
    shift = 64 - bits;
    table.assign(size_t(1) << bits, NameEntry{});
    for (const NameEntry &entry : entries) {
      NameEntry &there = table[home(entry)];
      if (there.node) return false;
      there = entry;
    }
    return true;
  }
};

}  // namespace millrace
