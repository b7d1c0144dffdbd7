#pragma once
#include <cstdint>
#include <cstring>

// Escapes in JSON strings. `p` to `end` is what stands between the quotes.

namespace millrace {

/// The bytes after a backslash that is not itself escaped.
inline uint64_t escapedBytes(uint64_t backslashes, uint64_t &carry) {
  uint64_t escaped = carry;
  carry = 0;
  for (uint64_t rest = backslashes & ~escaped; rest;) {
    const uint64_t next = (rest & -rest) << 1;
    if (!next) carry = 1;
    escaped |= next;
    rest &= rest - 1;
    rest &= ~next;
  }
  return escaped;
}

inline int hexDigit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// The UTF-16 unit whose four hexadecimal digits start at `p`, or -1.
inline int hexUnit(const uint8_t *p, const uint8_t *end) {
  if (end - p < 4) return -1;
  int unit = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hexDigit(p[i]);
    if (digit < 0) return -1;
    unit = unit << 4 | digit;
  }
  return unit;
}

/// The character an escape of two bytes stands for, or 0.
inline uint8_t shortEscape(uint8_t c) {
  switch (c) {
    case '"': case '\\': case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
  }
}

/// Reads the escape whose backslash is at `p` and moves `p` past it. -1 when it is malformed; a surrogate without its
/// other half is, since no UTF-8 could hold it.
inline int32_t readEscape(const uint8_t *&p, const uint8_t *end) {
  if (end - p < 2) return -1;
  const uint8_t kind = p[1];
  p += 2;
  if (kind != 'u') {
    const uint8_t c = shortEscape(kind);
    return c ? c : -1;
  }
  const int unit = hexUnit(p, end);
  if (unit < 0) return -1;
  p += 4;
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit > 0xdbff || end - p < 6 || p[0] != '\\' || p[1] != 'u') return -1;
  const int low = hexUnit(p + 2, end);
  if (low < 0xdc00 || low > 0xdfff) return -1;
  p += 6;
  return 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
}

inline const uint8_t *findBackslash(const uint8_t *p, const uint8_t *end) {
  return static_cast<const uint8_t *>(memchr(p, '\\', size_t(end - p)));
}

inline bool escapesAreValid(const uint8_t *p, const uint8_t *end) {
  while ((p = findBackslash(p, end))) {
    if (readEscape(p, end) < 0) return false;
  }
  return true;
}

inline uint8_t *writeUTF8(uint32_t c, uint8_t *out) {
  if (c < 0x80) {
    *out++ = uint8_t(c);
  } else if (c < 0x800) {
    *out++ = uint8_t(0xc0 | c >> 6);
    *out++ = uint8_t(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    *out++ = uint8_t(0xe0 | c >> 12);
    *out++ = uint8_t(0x80 | (c >> 6 & 0x3f));
    *out++ = uint8_t(0x80 | (c & 0x3f));
  } else {
    *out++ = uint8_t(0xf0 | c >> 18);
    *out++ = uint8_t(0x80 | (c >> 12 & 0x3f));
    *out++ = uint8_t(0x80 | (c >> 6 & 0x3f));
    *out++ = uint8_t(0x80 | (c & 0x3f));
  }
  return out;
}

/// Writes the text of a string whose escapes are valid, never more bytes than it has with them. Returns the end.
inline uint8_t *unescape(const uint8_t *p, const uint8_t *end, uint8_t *out) {
  while (const uint8_t *backslash = findBackslash(p, end)) {
    memcpy(out, p, size_t(backslash - p));
    out += backslash - p;
    p = backslash;
    out = writeUTF8(uint32_t(readEscape(p, end)), out);
  }
  memcpy(out, p, size_t(end - p));
  return out + (end - p);
}

}  // namespace millrace
