#pragma once
#include <algorithm>
#include <array>
#include <cstdint>

// JSON numbers as exact integers. No number here is ever a double.

namespace millrace {

inline bool isDigit(uint8_t c) { return uint8_t(c - '0') < 10; }
inline bool isSpace(uint8_t c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// Whether a number or literal may end before the byte at `p`.
inline bool isBoundary(const uint8_t *p, const uint8_t *end) {
  return p == end || *p == ',' || *p == '}' || *p == ']' || isSpace(*p);
}

/// The end of the number that starts at `p`, or null when it is not one by RFC 8259. Any magnitude is a number.
[[gnu::always_inline]] inline const uint8_t *numberEnd(const uint8_t *p, const uint8_t *end) {
  if (*p == '-') ++p;
  if (p == end || !isDigit(*p)) return nullptr;
  if (*p == '0') {
    ++p;
  } else {
    while (p != end && isDigit(*p)) ++p;
  }
  if (p != end && *p == '.') {
    if (++p == end || !isDigit(*p)) return nullptr;
    while (p != end && isDigit(*p)) ++p;
  }
  if (p != end && (*p | 0x20) == 'e') {
    if (++p != end && (*p == '+' || *p == '-')) ++p;
    if (p == end || !isDigit(*p)) return nullptr;
    while (p != end && isDigit(*p)) ++p;
  }
  return isBoundary(p, end) ? p : nullptr;
}

/// The number 0.ddd... * 10^point, where `ddd...` stands at `digits`, begins with a digit other than 0, and may hold one
/// decimal point. Zero when `digits` is `end`.
struct Decimal {
  const uint8_t *digits;
  const uint8_t *end;
  int64_t point;
  bool negative;

  bool isZero() const { return digits == end; }
  /// |x| >= 10^15: x = 0.d * 10^point is at least 10^(point - 1).
  bool isTooLarge() const { return !isZero() && point > 15; }
};

/// `p` to `end` is a valid JSON number.
inline Decimal readDecimal(const uint8_t *p, const uint8_t *end) {
  Decimal number{};
  if (*p == '-') {
    number.negative = true;
    ++p;
  }
  const uint8_t *integerEnd = p;
  while (integerEnd != end && isDigit(*integerEnd)) ++integerEnd;
  const uint8_t *mantissaEnd = integerEnd;
  if (mantissaEnd != end && *mantissaEnd == '.') {
    do ++mantissaEnd;
    while (mantissaEnd != end && isDigit(*mantissaEnd));
  }
  const uint8_t *first = p;
  while (first != mantissaEnd && (*first == '0' || *first == '.')) ++first;
  number.digits = first;
  number.end = mantissaEnd;
  number.point = first < integerEnd ? integerEnd - first : integerEnd + 1 - first;
  if (mantissaEnd != end) {
    const uint8_t *e = mantissaEnd + 1;
    const bool negative = *e == '-';
    if (*e == '-' || *e == '+') ++e;
    int64_t exponent = 0;
    // A record has 65,536 bytes, so no mantissa can bring a larger exponent back into range.
    for (; e != end; ++e) exponent = std::min<int64_t>(exponent * 10 + (*e - '0'), 1'000'000'000);
    number.point += negative ? -exponent : exponent;
  }
  return number;
}

/// 10^0 to 10^33.
constexpr auto powersOfTen = [] {
  std::array<__int128, 34> powers{};
  powers[0] = 1;
  for (size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

/// The magnitude cut to an integer after a number was multiplied, and what was cut.
struct Cut {
  __int128 integer;
  /// The first digit that was cut.
  uint8_t next;
  /// Whether anything other than zeros was cut.
  bool inexact;
};

/// |x| * 10^shift, for a number that is not too large and a shift up to 18.
inline Cut cut(const Decimal &number, int64_t shift) {
  int64_t take = number.point + shift;
  if (number.isZero()) return Cut{0, 0, false};
  if (take < 0) return Cut{0, 0, true};
  const uint8_t *p = number.digits;
  unsigned __int128 value = 0;
  while (take > 0 && p != number.end) {
    uint64_t part = 0;
    int taken = 0;
    for (; taken < 18 && taken < take && p != number.end; ++p) {
      if (*p == '.') continue;
      part = part * 10 + (*p - '0');
      ++taken;
    }
    value = value * (unsigned __int128)powersOfTen[size_t(taken)] + part;
    take -= taken;
  }
  value *= (unsigned __int128)powersOfTen[size_t(take)];
  if (p != number.end && *p == '.') ++p;
  Cut result{__int128(value), p != number.end ? uint8_t(*p - '0') : uint8_t(0), false};
  for (; p != number.end && !result.inexact; ++p) result.inexact = *p != '0' && *p != '.';
  return result;
}

/// In units of 10^-scale, rounded half away from zero.
inline __int128 scaled(const Decimal &number, uint32_t scale) {
  const Cut magnitude = cut(number, scale);
  const __int128 rounded = magnitude.integer + (magnitude.next >= 5);
  return number.negative ? -rounded : rounded;
}

/// Twice the number in units of 10^-18, plus one (away from zero) when digits were cut.
inline __int128 exact(const Decimal &number) {
  const Cut magnitude = cut(number, 18);
  const __int128 doubled = magnitude.integer * 2 + magnitude.inexact;
  return number.negative ? -doubled : doubled;
}

/// The largest integer that is not above the number.
inline __int128 floored(const Decimal &number) {
  const Cut magnitude = cut(number, 0);
  return number.negative ? -magnitude.integer - magnitude.inexact : magnitude.integer;
}

}  // namespace millrace
