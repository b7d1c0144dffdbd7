#include "shapes.h"

#include <array>

using namespace millrace;

namespace {

/// Of the value that begins with this token.
Kind valueKind(uint8_t token) {
  switch (token) {
    case '"': return Kind::text;
    case '{': return Kind::object;
    case '[': return Kind::array;
    case '0': return Kind::number;
    case 'n': return Kind::null;
    default: return Kind::boolean;
  }
}

/// The bytes of a name of this length and of the quote behind it, among the 16 that are loaded.
struct Masks {
  uint64_t first, second;
};

constexpr auto masks = [] {
  std::array<Masks, 17> masks{};
  for (size_t i = 0; i < 17; ++i) {
    const size_t bytes = i + 1 < 16 ? i + 1 : 16;
    masks[i].first = bytes < 8 ? (uint64_t(1) << bytes * 8) - 1 : ~uint64_t(0);
    masks[i].second = bytes <= 8 ? 0 : bytes < 16 ? (uint64_t(1) << (bytes - 8) * 8) - 1 : ~uint64_t(0);
  }
  return masks;
}();

[[gnu::always_inline]] inline const Masks &masksOf(size_t length) { return masks[length < 16 ? length : 16]; }

}  // namespace

Shape::Shape(const uint8_t *bytes, size_t length, const Outline &outline, const Node &root, size_t slotCount)
    : kinds(outline.kinds, outline.kinds + outline.count), filled(slotCount, Slot{nullptr, 0, Kind::absent}) {
  size_t next = 0;
  learn(bytes, length, outline, next, &root);
}

/// The slot of the value that comes next.
uint16_t Shape::take(const Node *target, Kind kind) {
  const size_t place = target ? target->slot : filled.size() - 1;
  mustWalk |= place > UINT16_MAX || (target && filled[place].kind != Kind::absent);
  if (target) filled[place].kind = kind;
  return uint16_t(place);
}

void Shape::learn(const uint8_t *bytes, size_t length, const Outline &outline, size_t &next, const Node *target) {
  const size_t token = next++;
  const Kind kind = valueKind(outline.kinds[token]);
  if (kind == Kind::text) return;
  const uint16_t slot = take(target, kind);
  const bool isContainer = kind == Kind::object || kind == Kind::array;
  if (target || !isContainer) values.push_back(Value{slot, uint16_t(token), kind});
  if (!isContainer) return;
  const Node *const object = kind == Kind::object && target && !target->children.empty() ? target : nullptr;
  const uint8_t close = kind == Kind::object ? '}' : ']';
  if (outline.kinds[next] == close) {
    ++next;
    return;
  }
  do {
    const Node *child = nullptr;
    if (kind == Kind::object) {
      if (object) {
        learnName(bytes, length, outline, next, *object);
        child = meanings.back().child;
      }
      next += 2;
    }
    learn(bytes, length, outline, next, child);
  } while (outline.kinds[next++] != close);
}

void Shape::learnName(
    const uint8_t *bytes, size_t length, const Outline &outline, size_t next, const Node &object) {
  const uint8_t *const p = bytes + outline.places[next] + 1;
  const auto available = size_t(bytes + length - p);
  const auto size = size_t(Walk::closingQuote(bytes + outline.places[next + 1]) - p);
  uint8_t bytesOfName[16] = {};
  memcpy(bytesOfName, p, size < 16 ? size + 1 : 16);
  const Node *const child = object.find(p, size, available);
  const bool isText = child && outline.kinds[next + 2] == '"';
  names.push_back(Name{
      load8(bytesOfName), load8(bytesOfName + 8), uint16_t(size), uint16_t(next),
      take(isText ? child : nullptr, Kind::text), isText});
  meanings.push_back(Meaning{&object, child, texts.size()});
  if (size >= 16) texts.insert(texts.end(), p, p + size + 1);
}

/// Whether a name is at least another one that is asked for under the same node, or that nobody asks for either.
[[gnu::noinline]] bool Shape::meansTheSame(
    size_t index, const uint8_t *p, const uint8_t *end, const uint8_t *close) const {
  const Meaning &meaning = meanings[index];
  return meaning.object->find(p, size_t(close - p), size_t(end - p)) == meaning.child;
}

bool Shape::read(const uint8_t *bytes, size_t length, const Outline &outline, Slot *slots) const {
  if (mustWalk || outline.count != kinds.size() || memcmp(outline.kinds, kinds.data(), kinds.size())) return false;
  const uint8_t *const end = bytes + length;
  const uint16_t *const places = outline.places;
  memcpy(static_cast<void *>(slots), filled.data(), filled.size() * sizeof(Slot));
  const Name *const first = names.data();
  const size_t count = names.size();
  for (size_t i = 0; i < count; ++i) {
    const Name &name = first[i];
    const uint16_t *const at = places + name.token;
    const uint8_t *const p = bytes + at[0] + 1;
    const Masks &mask = masksOf(name.length);
    const bool isSame =
        end - p >= 16 && !(((load8(p) ^ name.first) & mask.first) | ((load8(p + 8) ^ name.second) & mask.second)) &&
        (name.length < 16 ||
         (size_t(end - p) > name.length && !memcmp(p, texts.data() + meanings[i].text, size_t(name.length) + 1)));
    if (__builtin_expect(!isSame, 0) && !meansTheSame(i, p, end, Walk::closingQuote(bytes + at[1]))) return false;
    const uint8_t *close = bytes + at[3] - 1;
    if (__builtin_expect(name.isText & (*close != '"'), 0)) close = Walk::closingQuote(close + 1);
    // Where the value is no text this is wrong, and nobody reads it.
    Slot &slot = slots[name.slot];
    slot.start = bytes + at[2] + 1;
    slot.length = uint32_t(close - slot.start);
  }
  for (const Value &value : values) {
    const uint8_t *const p = bytes + places[value.token];
    const uint8_t *close = p + 1;
    if (value.kind == Kind::number) {
      close = numberEnd(p, end);
    } else if (value.kind == Kind::boolean || value.kind == Kind::null) {
      close = Walk::literalEnd(p, end);
    }
    if (__builtin_expect(!close, 0)) return false;
    slots[value.slot].start = p;
    slots[value.slot].length = uint32_t(close - p);
  }
  return true;
}

size_t Shape::byteCount() const {
  return sizeof(Shape) + kinds.size() + filled.size() * sizeof(Slot) + names.size() * (sizeof(Name) + sizeof(Meaning)) +
         values.size() * sizeof(Value) + texts.size();
}

/// A sum of products: no step waits for the one before. Its upper half is good.
uint64_t Shapes::hash(const Outline &outline) {
  static constexpr auto factors = [] {
    std::array<uint64_t, Shape::mostTokens / 8 + 1> factors{};
    uint64_t state = 0x9e3779b97f4a7c15;
    for (uint64_t &factor : factors) {
      state = state * 0xd1342543de82ef95 + 2;
      factor = (state ^ state >> 32) | 1;
    }
    return factors;
  }();
  uint64_t sum = outline.count * 0x2545f4914f6cdd1d;
  // Behind the last token there are eight times 0.
  for (size_t i = 0; i < outline.count; i += 8) sum += load8(outline.kinds + i) * factors[i / 8];
  return sum ^ sum >> 32;
}

void Shapes::drop(Entry &entry) {
  if (entry.shape) used -= entry.shape->byteCount();
  entry.shape.reset();
}

void Shapes::forget() {
  for (size_t i = 0; i < entryCount; ++i) {
    drop(entries[i]);
    entries[i].lead = 0;
  }
}

/// Another usable document of this hash was left to the walk.
void Shapes::note(
    Entry *set, uint64_t hash, const uint8_t *bytes, size_t length, const Outline &outline, const Node &root,
    size_t slotCount) {
  Entry *least = set;
  for (Entry *entry = set; entry != set + ways; ++entry) {
    if (entry->lead < least->lead) least = entry;
    if (entry->lead == 0 || entry->hash != hash) continue;
    if (entry->shape) {
      if (entry->shape->isForWalk()) return;
      // Names that mean something else make another shape of the same tokens.
      continue;
    }
    if (used >= room) return;
    entry->shape = std::make_unique<Shape>(bytes, length, outline, root, slotCount);
    used += entry->shape->byteCount();
    return;
  }
  if (least->lead > 0) {
    --least->lead;
    return;
  }
  drop(*least);
  least->hash = hash;
  least->lead = 1;
}

Rejection Shapes::read(
    const uint8_t *bytes, size_t length, const Outline &outline, const Node &root, Walk &walk) {
  if (outline.hasBackslash || outline.count > Shape::mostTokens) return walk.run(bytes, length, outline, root);
  const uint64_t hash = Shapes::hash(outline);
  Entry *const set = entries.get() + hash % setCount * ways;
  for (Entry *entry = set; entry != set + ways; ++entry) {
    if (entry->hash != hash || !entry->shape) continue;
    if (!entry->shape->read(bytes, length, outline, walk.slots.data())) continue;
    entry->lead = std::min(entry->lead + 1, largestLead);
    walk.repeated = 0;
    walk.hasEscapes = false;
    return usable;
  }
  const Rejection rejection = walk.run(bytes, length, outline, root);
  if (rejection == usable) note(set, hash, bytes, length, outline, root, walk.slots.size());
  return rejection;
}
