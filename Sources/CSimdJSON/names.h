#pragma once
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
  size_t length = 0;
  Node *node = nullptr;
};

/// `available` bytes may be read at `p`. Whatever the length, the usual case takes no branch: the lengths of names
/// follow no pattern a processor could predict.
inline NameEntry makeNameEntry(const uint8_t *p, size_t length, size_t available) {
  if (available < 8) return NameEntry{loadTail(p, length), loadTail(p, length), length, nullptr};
  const uint64_t mask = ~uint64_t(0) >> (length < 8 ? 64 - 8 * length : 0) & -uint64_t(length != 0);
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
    if (!(filter >> filterBit(p, length) & 1)) return nullptr;
    const NameEntry wanted = makeNameEntry(p, length, available);
    const NameEntry *const entries = table.data();
    for (size_t i = home(wanted);; i = (i + 1) & mask) {
      const NameEntry &entry = entries[i];
      if (!entry.node) return nullptr;
      if (entry.first != wanted.first || entry.last != wanted.last || entry.length != length) continue;
      if (length <= 16 || memcmp(entry.node->name.data(), p, length) == 0) return entry.node;
    }
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
  /// Open addressing, at most a quarter full, so that a name nobody asked for mostly meets an empty entry.
  std::vector<NameEntry> table;
  size_t mask = 0;
  /// A bit for each pair of length and last letter there is: most names nobody asked for end here.
  uint64_t filter = 0;

  static unsigned filterBit(const uint8_t *p, size_t length) {
    return unsigned(length * 7 + (length ? p[length - 1] : 0)) & 63;
  }

  size_t home(const NameEntry &entry) const {
    return size_t((entry.first + entry.last * 3 + entry.length) * 0x9e3779b97f4a7c15 >> 32) & mask;
  }

  void rebuild() {
    size_t size = 8;
    while (size < children.size() * 4) size *= 2;
    table.assign(size, NameEntry{});
    mask = size - 1;
    filter = 0;
    for (const auto &child : children) {
      const size_t length = child->name.size();
      NameEntry entry = makeNameEntry(reinterpret_cast<const uint8_t *>(child->name.data()), length, length);
      entry.node = child.get();
      filter |= uint64_t(1) << filterBit(reinterpret_cast<const uint8_t *>(child->name.data()), length);
      size_t i = home(entry);
      while (table[i].node) i = (i + 1) & mask;
      table[i] = entry;
    }
  }
};

}  // namespace millrace
