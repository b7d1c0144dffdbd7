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
  uint64_t first = 0, last = 0;
  size_t length = 0;
  Node *node = nullptr;
};

inline NameEntry makeNameEntry(const uint8_t *p, size_t length) {
  if (length >= 8) return NameEntry{load8(p), load8(p + length - 8), length, nullptr};
  return NameEntry{loadTail(p, length), 0, length, nullptr};
}

struct Node {
  std::string name;
  /// The place of its value among the slots of a document.
  size_t slot = 0;
  /// 1 to 10 for a field of the envelope, else 0.
  uint8_t field = 0;
  std::vector<std::unique_ptr<Node>> children;

  /// The child of that name, or null.
  const Node *find(const uint8_t *p, size_t length) const {
    const NameEntry wanted = makeNameEntry(p, length);
    for (size_t i = home(wanted);; i = (i + 1) & (table.size() - 1)) {
      const NameEntry &entry = table[i];
      if (!entry.node) return nullptr;
      if (entry.first != wanted.first || entry.last != wanted.last || entry.length != length) continue;
      if (length <= 16 || memcmp(entry.node->name.data(), p, length) == 0) return entry.node;
    }
  }

  /// The child of that name, added with the next slot when it is new.
  Node *add(const std::string &childName, size_t &slots) {
    const auto *p = reinterpret_cast<const uint8_t *>(childName.data());
    if (!children.empty()) {
      if (const Node *found = find(p, childName.size())) return const_cast<Node *>(found);
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

  size_t home(const NameEntry &entry) const {
    const uint64_t mixed = (entry.first ^ (entry.last << 7 | entry.last >> 57) ^ entry.length) * 0x9e3779b97f4a7c15;
    return size_t(mixed >> 32) & (table.size() - 1);
  }

  void rebuild() {
    size_t size = 8;
    while (size < children.size() * 4) size *= 2;
    table.assign(size, NameEntry{});
    for (const auto &child : children) {
      NameEntry entry = makeNameEntry(reinterpret_cast<const uint8_t *>(child->name.data()), child->name.size());
      entry.node = child.get();
      size_t i = home(entry);
      while (table[i].node) i = (i + 1) & (size - 1);
      table[i] = entry;
    }
  }
};

}  // namespace millrace
