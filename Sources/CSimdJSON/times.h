#pragma once
#include "load.h"
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

/// In each byte the number made of that digit and the next. `text` is eight characters of a form that has a 0 for every
/// digit; `matches` becomes false when it has another shape.
inline uint64_t digitPairs(const uint8_t *text, const char (&form)[9], bool &matches) {
  const uint64_t pattern = load8(reinterpret_cast<const uint8_t *>(form));
  uint64_t digits = 0;
  for (int i = 0; i < 8; ++i) digits |= form[i] == '0' ? uint64_t(0xff) << (8 * i) : 0;
  // Digits become their values, everything else that is as it should be 0.
  const uint64_t values = load8(text) ^ pattern;
  const uint64_t above9 = ((values & 0x7f7f7f7f7f7f7f7f) + 0x7676767676767676) | values;
  matches = matches && !(above9 & 0x8080808080808080) && !(values & ~digits);
  return values * 10 + (values >> 8);
}

/// The date that was read last: most events are of the same day as the one before.
struct KnownDate {
  /// The first and the last eight of its ten characters. No text is as these are at first: they contradict each other.
  uint64_t first = 0, last = ~uint64_t(0);
  /// Days since 1970-01-01.
  int64_t number = 0;
};

/// False when the ten characters name no day of the years 1 to 9999.
inline bool readDate(const uint8_t *p, KnownDate &known) {
  const uint64_t first = load8(p), last = load8(p + 2);
  if (first == known.first && last == known.last) return true;
  bool matches = true;
  const uint64_t date = digitPairs(p, "0000-00-", matches);
  const int64_t year = int64_t(date & 0xff) * 100 + int64_t(date >> 16 & 0xff), month = int64_t(date >> 40 & 0xff);
  const int64_t day = twoDigits(p + 8);
  if (!matches || year < 1 || year > 9'999 || month < 1 || month > 12) return false;
  if (day < 1 || day > daysInMonth(year, month)) return false;
  known = KnownDate{first, last, dayNumber(year, month, day)};
  return true;
}

/// False when the text is not RFC 3339, names a day or second that does not exist, or is out of range.
inline bool readTime(const uint8_t *p, size_t length, KnownDate &date, int64_t &time) {
  const uint8_t *const end = p + length;
  if (length < 20) return false;
  bool matches = true;
  const uint64_t clock = digitPairs(p + 11, "00:00:00", matches);
  const int64_t hour = int64_t(clock & 0xff), minute = int64_t(clock >> 24 & 0xff), second = int64_t(clock >> 48 & 0xff);
  // The letter between date and time may be one of three.
  if (!matches || (p[10] != 'T' && p[10] != 't' && p[10] != ' ') || !readDate(p, date)) return false;
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
  const int64_t seconds = (date.number * 24 + hour) * 3'600 + minute * 60 + second;
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
