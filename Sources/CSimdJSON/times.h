#pragma once
#include "numbers.h"

// Event times: RFC 3339 text or epoch milliseconds, to milliseconds since 1970 UTC. The years are 1 to 9999.

namespace millrace {

constexpr int64_t firstTime = -62'135'596'800'000;
constexpr int64_t lastTime = 253'402'300'799'999;

/// Days since 1970-01-01. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"; year >= 1.
inline int64_t dayNumber(int64_t year, int64_t month, int64_t day) {
  if (month <= 2) --year;
  const int64_t era = year / 400;
  const int64_t yearOfEra = year - era * 400;
  const int64_t dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719'468;
}

inline int64_t daysInMonth(int64_t year, int64_t month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/// Two digits, or a number far above 99 when one of them is not a digit.
inline int64_t twoDigits(const uint8_t *p) {
  const uint32_t tens = uint8_t(p[0] - '0'), ones = uint8_t(p[1] - '0');
  return tens > 9 || ones > 9 ? 1'000'000 : tens * 10 + ones;
}

/// False when the text is not RFC 3339, names a day or second that does not exist, or is out of range.
inline bool readTime(const uint8_t *p, size_t length, int64_t &time) {
  const uint8_t *const end = p + length;
  if (length < 20) return false;
  const int64_t year = twoDigits(p) * 100 + twoDigits(p + 2);
  const int64_t month = twoDigits(p + 5), day = twoDigits(p + 8);
  const int64_t hour = twoDigits(p + 11), minute = twoDigits(p + 14), second = twoDigits(p + 17);
  if (p[4] != '-' || p[7] != '-' || p[13] != ':' || p[16] != ':') return false;
  if (p[10] != 'T' && p[10] != 't' && p[10] != ' ') return false;
  if (year < 1 || year > 9'999 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return false;
  // Second 60 is refused: it has no number in milliseconds since 1970.
  if (hour > 23 || minute > 59 || second > 59) return false;
  p += 19;
  int64_t fraction = 0;
  if (*p == '.') {
    const uint8_t *const digits = ++p;
    for (; p != end && isDigit(*p); ++p) {
      if (p - digits < 3) fraction = fraction * 10 + (*p - '0');
    }
    if (p == digits || p - digits > 9) return false;
    for (int64_t missing = 3 - (p - digits); missing > 0; --missing) fraction *= 10;
  }
  int64_t offset = 0;
  if (end - p == 6 && (*p == '+' || *p == '-') && p[3] == ':') {
    const int64_t hours = twoDigits(p + 1), minutes = twoDigits(p + 4);
    if (hours > 23 || minutes > 59) return false;
    offset = (hours * 60 + minutes) * (*p == '-' ? -60'000 : 60'000);
  } else if (end - p != 1 || (*p | 0x20) != 'z') {
    return false;
  }
  const int64_t seconds = (dayNumber(year, month, day) * 24 + hour) * 3'600 + minute * 60 + second;
  time = seconds * 1'000 + fraction - offset;
  return time >= firstTime && time <= lastTime;
}

/// Epoch milliseconds; fractions are floored.
inline bool readTime(const Decimal &number, int64_t &time) {
  if (number.isTooLarge()) return false;
  const __int128 floor = floored(number);
  time = int64_t(floor);
  return floor >= firstTime && floor <= lastTime;
}

}  // namespace millrace
