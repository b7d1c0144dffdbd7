#include <cstring>

#include "escapes.h"
#include "include/CSimdJSON.h"
#include "load.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Takes a body apart without judging what is in it: an event that nobody can read must not take its neighbours along. Each
// part is validated in full afterwards, by the walk that reads records.

using namespace millrace;

namespace {

/// One bit per byte of a block of 64.
struct Marks {
  uint64_t quotes = 0, backslashes = 0, opening = 0, closing = 0;
};

#if defined(__SSE2__)
inline Marks marks(const uint8_t *p) {
  Marks all;
  for (int i = 0; i < 64; i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p + i));
    // `[` and `{`, and `]` and `}`, differ in one bit.
    const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    const auto bits = [&](__m128i text, char c) {
      return uint64_t(uint32_t(_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8(c))))) << i;
    };
    all.quotes |= bits(bytes, '"');
    all.backslashes |= bits(bytes, '\\');
    all.opening |= bits(folded, '{');
    all.closing |= bits(folded, '}');
  }
  return all;
}
#else
inline Marks marks(const uint8_t *p) {
  Marks all;
  for (int i = 0; i < 64; ++i) {
    const uint64_t bit = uint64_t(1) << i;
    if (p[i] == '"') all.quotes |= bit;
    if (p[i] == '\\') all.backslashes |= bit;
    if ((p[i] | 0x20) == '{') all.opening |= bit;
    if ((p[i] | 0x20) == '}') all.closing |= bit;
  }
  return all;
}
#endif

/// Each bit: whether an odd number of bits is set up to and including it.
inline uint64_t parities(uint64_t bits) {
  for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

/// Behind the bracket that closes the one at `p`; null when nothing does. Brackets of both kinds count alike: whether they
/// match is for the walk to say.
const uint8_t *skipBrackets(const uint8_t *p, const uint8_t *end) {
  uint64_t escaped = 0, inString = 0;
  size_t depth = 0;
  for (; p < end; p += 64) {
    uint8_t rest[64];
    const uint8_t *block = p;
    if (end - p < 64) {
      memset(rest, ' ', sizeof rest);
      memcpy(rest, p, size_t(end - p));
      block = rest;
    }
    Marks found = marks(block);
    if (found.backslashes | escaped) found.quotes &= ~escapedBytes(found.backslashes, escaped);
    const uint64_t strings = parities(found.quotes) ^ inString;
    inString = uint64_t(int64_t(strings) >> 63);
    for (uint64_t brackets = (found.opening | found.closing) & ~strings; brackets; brackets &= brackets - 1) {
      const int i = __builtin_ctzll(brackets);
      if (found.opening >> i & 1) {
        ++depth;
      } else if (--depth == 0) {
        return p + i + 1;
      }
    }
  }
  return nullptr;
}

/// Behind the closing quote of the string that begins at `p`; null when there is none.
const uint8_t *skipString(const uint8_t *p, const uint8_t *end) {
  for (++p; p < end; ++p) {
    if (*p == '"') return p + 1;
    if (*p == '\\') ++p;
  }
  return nullptr;
}

bool isSpace(uint8_t c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

const uint8_t *skipSpace(const uint8_t *p, const uint8_t *end) {
  while (p < end && isSpace(*p)) ++p;
  return p;
}

/// Behind the value that begins at `p`; null when it does not end, or none begins.
const uint8_t *skipValue(const uint8_t *p, const uint8_t *end) {
  if (p == end) return nullptr;
  if (*p == '{' || *p == '[') return skipBrackets(p, end);
  if (*p == '"') return skipString(p, end);
  const uint8_t *const start = p;
  while (p < end && !isSpace(*p) && !strchr(",:]}[{\"", *p)) ++p;
  return p == start ? nullptr : p;
}

/// The elements of the array that begins at `p`, and what is behind it; null when it is none.
const uint8_t *readElements(
    const uint8_t *bytes, const uint8_t *p, const uint8_t *end, DecoderRange *elements, size_t capacity,
    ptrdiff_t &count) {
  count = 0;
  p = skipSpace(p + 1, end);
  if (p < end && *p == ']') return p + 1;
  for (;;) {
    const uint8_t *const start = p;
    if (!(p = skipValue(p, end))) return nullptr;
    if (size_t(count) == capacity) {
      ++count;
      return nullptr;
    }
    const auto length = uint32_t(p - start);
    elements[count++] = DecoderRange{uint32_t(start - bytes), length, length};
    p = skipSpace(p, end);
    if (p == end || (*p != ',' && *p != ']')) return nullptr;
    if (*p++ == ']') return p;
    p = skipSpace(p, end);
  }
}

}  // namespace

ptrdiff_t parts_members(
    const uint8_t *bytes, size_t length, PartsMember *members, size_t memberCapacity, const uint8_t *wanted,
    size_t wantedLength, DecoderRange *elements, size_t elementCapacity, ptrdiff_t *elementCount) {
  const uint8_t *const end = bytes + length;
  size_t count = 0;
  *elementCount = -1;
  const uint8_t *p = skipSpace(bytes, end);
  if (p == end || *p++ != '{') return -1;
  p = skipSpace(p, end);
  if (p < end && *p == '}') return skipSpace(p + 1, end) == end ? 0 : -1;
  for (;;) {
    if (p == end || *p != '"') return -1;
    const uint8_t *const name = p + 1;
    if (!(p = skipString(p, end))) return -1;
    const auto nameLength = size_t(p - 1 - name);
    p = skipSpace(p, end);
    if (p == end || *p++ != ':') return -1;
    const uint8_t *const value = p = skipSpace(p, end);
    if (p == end) return -1;
    const bool isWanted = wantedLength && nameLength == wantedLength && !memcmp(name, wanted, nameLength);
    if (isWanted && *p == '[') {
      p = readElements(bytes, p, end, elements, elementCapacity, *elementCount);
      if (!p && *elementCount > ptrdiff_t(elementCapacity)) return ptrdiff_t(count);
    } else {
      if (isWanted) *elementCount = -1;
      p = skipValue(p, end);
    }
    if (!p) return -1;
    if (count == memberCapacity) return ptrdiff_t(memberCapacity) + 1;
    const bool isNumber = *value == '-' || (*value >= '0' && *value <= '9');
    members[count++] = PartsMember{
        uint32_t(name - bytes), uint32_t(nameLength), uint32_t(value - bytes), uint32_t(p - value),
        isNumber ? uint8_t('0') : *value};
    p = skipSpace(p, end);
    if (p == end || (*p != ',' && *p != '}')) return -1;
    if (*p++ == '}') return skipSpace(p, end) == end ? ptrdiff_t(count) : -1;
    p = skipSpace(p, end);
  }
}

size_t parts_lines(const uint8_t *bytes, size_t length, DecoderRange *lines, size_t capacity) {
  const uint8_t *const end = bytes + length;
  size_t count = 0;
  for (const uint8_t *p = bytes; p < end;) {
    const auto *newline = static_cast<const uint8_t *>(memchr(p, '\n', size_t(end - p)));
    const uint8_t *close = newline ? newline : end;
    const uint8_t *const next = newline ? newline + 1 : end;
    p = skipSpace(p, close);
    while (close > p && isSpace(close[-1])) --close;
    if (p < close) {
      if (count == capacity) return capacity + 1;
      lines[count++] = DecoderRange{uint32_t(p - bytes), uint32_t(close - p), uint32_t(close - p)};
    }
    p = next;
  }
  return count;
}
