#pragma once
#include "escapes.h"
#include "names.h"
#include "numbers.h"

// One pass over a document: the whole grammar of RFC 8259 is checked, and the values of named nodes are kept.

namespace millrace {

/// The longest record, in bytes; also the deepest nesting the walk could ever meet.
constexpr size_t maximumLength = 65'536;
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

  /// `indexes` are the `indexCount` structural positions simdjson's first stage found: every `{}[]:,` outside strings,
  /// every opening quote, and the first byte of everything else that follows white space, a quote or one of those. So
  /// whatever is between a token and the next index is white space, if the token's own end is checked. One more index,
  /// `length`, must stand behind the last.
  Rejection run(const uint8_t *bytes, size_t length, const uint32_t *indexes, size_t indexCount, const Node &root);

 private:
  std::vector<uint8_t> isObject;
  std::vector<uint8_t> unescapedName;
  const Node *nodes[maximumDepth + 1];

  void keep(const Node &node, const uint8_t *start, size_t length, Kind kind) {
    Slot &slot = slots[node.slot];
    if (slot.kind != Kind::absent) {
      if (node.field) repeated |= 1u << node.field;
      forget(node);
    }
    slot = Slot{start, uint32_t(length), kind};
  }

  /// The last of repeated names wins, together with everything below it.
  void forget(const Node &node) {
    for (const auto &child : node.children) {
      slots[child->slot].kind = Kind::absent;
      forget(*child);
    }
  }

  /// The closing quote of the string that opens at `open` and is followed by white space up to `next`.
  static const uint8_t *closingQuote(const uint8_t *open, const uint8_t *next) {
    const uint8_t *p = next - 1;
    while (p != open && *p != '"') --p;
    return p;
  }

  static bool isLiteral(const uint8_t *p, const uint8_t *end, const char *literal, ptrdiff_t length) {
    return end - p >= length && memcmp(p, literal, size_t(length)) == 0 && isBoundary(p + length, end);
  }
};

inline Rejection Walk::run(
    const uint8_t *const bytes, const size_t length, const uint32_t *next, const size_t indexCount, const Node &root) {
  const uint8_t *const end = bytes + length;
  const uint32_t *const last = next + indexCount;
  // Without a backslash anywhere, simdjson has already checked every string completely.
  const bool escapes = findBackslash(bytes, end) != nullptr;
  hasEscapes = escapes;
  // Whether each container around us is an object. Not a member: a store through uint8_t could change any of those.
  uint8_t *const objects = isObject.data();
  bool inObject = false;
  bool deep = false;
  size_t depth = 0;
  const Node *node = nullptr;  // the names asked for in the object we are in
  const Node *target = &root;  // the node of the value that comes next
  const uint8_t *p;

  for (Slot &slot : slots) slot.kind = Kind::absent;
  repeated = 0;
  // A container ends with a closing bracket, and a closing bracket either is an error or leads to `close`. So only there
  // can the indexes run out, and nowhere else is that looked at.
  if (next == last) return invalidJSON;
  if ((bytes[*next] == '{' || bytes[*next] == '[') && bytes[last[-1]] != '}' && bytes[last[-1]] != ']') return invalidJSON;

value:
  p = bytes + *next++;
  // Most values are texts; a switch of ten cases is a jump the processor guesses less well.
  if (*p == '"') {
    if (target || escapes) {
      const uint8_t *close = closingQuote(p, bytes + *next);
      if (close == p) return invalidJSON;
      const bool escaped = escapes && findBackslash(p + 1, close);
      if (escaped && !escapesAreValid(p + 1, close)) return invalidJSON;
      if (target) keep(*target, p + 1, size_t(close - p - 1), escaped ? Kind::escapedText : Kind::text);
    }
    goto afterValue;
  }
  switch (*p) {
    case '{':
      if (target) keep(*target, p, 1, Kind::object);
      node = target && !target->children.empty() ? target : nullptr;
      objects[++depth] = inObject = true;
      goto open;
    case '[':
      if (target) keep(*target, p, 1, Kind::array);
      node = nullptr;
      objects[++depth] = inObject = false;
      goto open;
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9': {
      const uint8_t *close = numberEnd(p, end);
      if (!close) return invalidJSON;
      if (target) keep(*target, p, size_t(close - p), Kind::number);
      goto afterValue;
    }
    case 't':
      if (!isLiteral(p, end, "true", 4)) return invalidJSON;
      if (target) keep(*target, p, 4, Kind::boolean);
      goto afterValue;
    case 'f':
      if (!isLiteral(p, end, "false", 5)) return invalidJSON;
      if (target) keep(*target, p, 5, Kind::boolean);
      goto afterValue;
    case 'n':
      if (!isLiteral(p, end, "null", 4)) return invalidJSON;
      if (target) keep(*target, p, 4, Kind::null);
      goto afterValue;
    default:
      return invalidJSON;
  }

open:
  if (depth <= maximumDepth) {
    nodes[depth] = node;
  } else {
    deep = true;
    node = nullptr;
  }
  if (inObject) {
    p = bytes + *next++;
    if (*p == '}') goto close;
    goto name;
  }
  target = nullptr;
  if (bytes[*next] != ']') goto value;
  ++next;

close:
  if (--depth == 0) goto done;
  node = depth <= maximumDepth ? nodes[depth] : nullptr;
  inObject = objects[depth];
  if (next == last) return invalidJSON;

afterValue:
  if (depth == 0) goto done;
  p = bytes + *next++;
  if (inObject) {
    if (*p == '}') goto close;
    if (*p != ',') return invalidJSON;
    p = bytes + *next++;
    goto name;
  }
  target = nullptr;
  if (*p == ',') goto value;
  if (*p == ']') goto close;
  return invalidJSON;

name:
  if (*p != '"' || bytes[*next] != ':') return invalidJSON;
  target = nullptr;
  if (node || escapes) {
    const uint8_t *const close = closingQuote(p, bytes + *next);
    const uint8_t *const start = p + 1;
    if (close == p) return invalidJSON;
    if (escapes && findBackslash(start, close)) {
      if (!escapesAreValid(start, close)) return invalidJSON;
      uint8_t *const unescaped = unescapedName.data();
      if (node) {
        const auto nameLength = size_t(unescape(start, close, unescaped) - unescaped);
        target = node->find(unescaped, nameLength, nameLength);
      }
    } else if (node) {
      target = node->find(start, size_t(close - start), size_t(end - start));
    }
  }
  ++next;
  goto value;

done:
  if (next != last) return invalidJSON;
  if (slots[root.slot].kind != Kind::object) return notAnObject;
  return deep ? tooDeep : usable;
}

}  // namespace millrace
