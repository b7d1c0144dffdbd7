#pragma once
#include "escapes.h"
#include "names.h"
#include "numbers.h"
#include "outline.h"

// One pass over a document: the whole grammar of RFC 8259 is checked, and the values of named nodes are kept.

namespace millrace {

/// The longest record, in bytes; also the deepest nesting the walk could ever meet.
constexpr size_t maximumLength = Outliner::maximumLength;
/// Containers inside each other, the document itself included.
constexpr size_t maximumDepth = 64;

/// The raw values of Events.Rejection.
enum Rejection : uint8_t {
  usable = 0,
  tooLarge = 1,
  invalidUTF8 = 2,
  invalidJSON = 3,
  notAnObject = 4,
  tooDeep = 5,
  repeatedField = 6,
  missingEventID = 7,
  eventIDTooLong = 8,
  missingEventType = 9,
  missingUser = 10,
  missingTimestamp = 11,
  wrongType = 12,
  invalidTimestamp = 13,
};

enum class Kind : uint8_t { absent, null, text, escapedText, number, boolean, object, array };

/// The value of a node: for text what stands between the quotes, for numbers and booleans the token.
struct Slot {
  const uint8_t *start;
  uint32_t length;
  Kind kind;
};

struct Walk {
  std::vector<Slot> slots;
  /// A bit for each field of the envelope that occurred more than once.
  uint32_t repeated = 0;
  /// Whether the document has a backslash anywhere.
  bool hasEscapes = false;

  Walk() : isObject(maximumLength + 1), unescapedName(maximumLength) {}

  /// A precondition: the outline is that of these bytes, and their strings are whole.
  Rejection run(const uint8_t *bytes, size_t length, const Outline &outline, const Node &root);

  /// The closing quote of the string that is followed by white space up to `next`.
  [[gnu::always_inline]] static inline const uint8_t *closingQuote(const uint8_t *next) {
    const uint8_t *p = next - 1;
    if (__builtin_expect(*p != '"', 0)) p = quoteBefore(p);
    return p;
  }

  /// The end of the literal that starts at `p`, or null when it is none.
  static const uint8_t *literalEnd(const uint8_t *p, const uint8_t *end) {
    if (end - p < 4) return nullptr;
    const uint32_t four = load4(p);
    if (four == 0x65757274 || four == 0x6c6c756e) {  // true, null
      p += 4;
    } else if (end - p >= 5 && four == 0x736c6166 && p[4] == 'e') {  // false
      p += 5;
    } else {
      return nullptr;
    }
    return isBoundary(p, end) ? p : nullptr;
  }

 private:
  std::vector<uint8_t> isObject;
  std::vector<uint8_t> unescapedName;
  const Node *nodes[maximumDepth + 1];

  [[gnu::always_inline]] inline void keep(const Node &node, const uint8_t *start, size_t length, Kind kind) {
    Slot &slot = slots.data()[node.slot];
    if (__builtin_expect(slot.kind != Kind::absent, 0)) repeat(node);
    slot.start = start;
    slot.length = uint32_t(length);
    slot.kind = kind;
  }

  [[gnu::noinline]] void repeat(const Node &node) {
    if (node.field) repeated |= 1u << node.field;
    forget(node);
  }

  /// The last of repeated names wins, together with everything below it.
  void forget(const Node &node) {
    for (const auto &child : node.children) {
      slots[child->slot].kind = Kind::absent;
      forget(*child);
    }
  }

  [[gnu::noinline]] const Node *findEscaped(const Node &node, const uint8_t *start, const uint8_t *close) {
    uint8_t *const unescaped = unescapedName.data();
    const auto length = size_t(unescape(start, close, unescaped) - unescaped);
    return node.find(unescaped, length, length);
  }

  [[gnu::noinline]] static const uint8_t *quoteBefore(const uint8_t *p) {
    while (*p != '"') --p;
    return p;
  }
};

inline Rejection Walk::run(
    const uint8_t *const bytes, const size_t length, const Outline &outline, const Node &root) {
  // `"a":"b",` by the first bytes of its tokens.
  constexpr uint32_t textField = 0x2c223a22;
  constexpr uint64_t twoTextFields = uint64_t(textField) << 32 | textField;
  const uint8_t *const end = bytes + length;
  const uint16_t *const places = outline.places;
  const uint8_t *const kinds = outline.kinds;
  // Whether each container around us is an object. Not a member: a store through uint8_t could change any of those.
  uint8_t *const objects = isObject.data();
  bool inObject = false;
  bool deep = false;
  size_t depth = 0;
  size_t next = 0;             // the token that comes next
  const Node *node = nullptr;  // the names asked for in the object we are in
  const Node *target = &root;  // the node of the value that comes next
  const uint8_t *p;

  const bool escapes = hasEscapes = outline.hasBackslash;
  // Outside strings a backslash is an error anyway, so here it does not matter where they are.
  if (escapes && !escapesAreValid(bytes, end)) return invalidJSON;
  for (Slot &slot : slots) slot.kind = Kind::absent;
  repeated = 0;

  // Behind the last token `kinds` says 0. Nothing below takes that for a token, so nothing reads on after it.
value:
  p = bytes + places[next];
  // Most values are texts; a switch is a jump the processor guesses less well.
  if (kinds[next++] == '"') {
    if (target) {
      const uint8_t *const close = closingQuote(bytes + places[next]);
      const bool escaped = escapes && findBackslash(p + 1, close);
      keep(*target, p + 1, size_t(close - p - 1), escaped ? Kind::escapedText : Kind::text);
    }
    goto afterValue;
  }
  if (kinds[next - 1] == '{') {
    if (target) keep(*target, p, 1, Kind::object);
    node = target && !target->children.empty() ? target : nullptr;
    inObject = true;
    goto open;
  }
  switch (kinds[next - 1]) {
    case '[':
      if (target) keep(*target, p, 1, Kind::array);
      node = nullptr;
      inObject = false;
      goto open;
    case '0': {
      const uint8_t *close = numberEnd(p, end);
      if (!close) return invalidJSON;
      if (target) keep(*target, p, size_t(close - p), Kind::number);
      goto afterValue;
    }
    case 't': case 'n': {
      const uint8_t *close = literalEnd(p, end);
      if (!close) return invalidJSON;
      if (target) keep(*target, p, size_t(close - p), *p == 'n' ? Kind::null : Kind::boolean);
      goto afterValue;
    }
    default:
      return invalidJSON;
  }

open:
  objects[++depth] = inObject;
  if (depth <= maximumDepth) {
    nodes[depth] = node;
  } else {
    deep = true;
    node = nullptr;
  }
  if (inObject) {
    if (kinds[next] != '}') goto name;
    ++next;
    goto close;
  }
  target = nullptr;
  if (kinds[next] != ']') goto value;
  ++next;

close:
  if (--depth == 0) goto done;
  node = depth <= maximumDepth ? nodes[depth] : nullptr;
  inObject = objects[depth];

afterValue:
  if (depth == 0) goto done;
  if (inObject) {
    const uint8_t kind = kinds[next++];
    if (kind == ',') goto name;
    if (kind == '}') goto close;
    return invalidJSON;
  }
  target = nullptr;
  switch (kinds[next++]) {
    case ',': goto value;
    case ']': goto close;
    default: return invalidJSON;
  }

name:
  // Where nobody asks for anything, text fields need no look at all.
  if (!node) {
    while (load8(kinds + next) == twoTextFields) next += 8;
    if (kinds[next] != '"' || kinds[next + 1] != ':') return invalidJSON;
    target = nullptr;
    next += 2;
    goto value;
  }
  for (;;) {
    const uint32_t four = load4(kinds + next);
    if ((four & 0xffff) != 0x3a22) return invalidJSON;
    p = bytes + places[next] + 1;
    const uint8_t *close = closingQuote(bytes + places[next + 1]);
    if (__builtin_expect(escapes && findBackslash(p, close), 0)) {
      target = findEscaped(*node, p, close);
    } else {
      target = node->find(p, size_t(close - p), size_t(end - p));
    }
    // The usual field, without a jump for every token.
    if ((four & 0xffffff) != (textField & 0xffffff)) break;
    if (target) {
      p = bytes + places[next + 2] + 1;
      close = closingQuote(bytes + places[next + 3]);
      const bool escaped = escapes && findBackslash(p, close);
      keep(*target, p, size_t(close - p), escaped ? Kind::escapedText : Kind::text);
    }
    next += 4;
    if (four >> 24 == ',') continue;
    if (four >> 24 == '}') goto close;
    return invalidJSON;
  }
  next += 2;
  goto value;

done:
  if (next != outline.count) return invalidJSON;
  if (slots[root.slot].kind != Kind::object) return notAnObject;
  return deep ? tooDeep : usable;
}

}  // namespace millrace
