#include "outline.h"
#include "escapes.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace millrace;

namespace {

/// What a token is called in an outline, by its first byte. Nothing begins with a byte above 127.
alignas(64) constexpr auto kindOf = [] {
  std::array<uint8_t, 256> kinds{};
  for (size_t i = 0; i < 128; ++i) kinds[i] = uint8_t(i);
  for (size_t i = '0'; i <= '9'; ++i) kinds[i] = '0';
  kinds['-'] = '0';
  kinds['f'] = 't';
  return kinds;
}();

}  // namespace

Outliner::Outliner() : placeRoom(new uint16_t[roomCount]), kindRoom(new uint8_t[roomCount]) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vbmi") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("pclmul")) {
    reader = &Outliner::readByAVX512;
    return;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul")) {
    reader = &Outliner::readByAVX2;
    return;
  }
#endif
  // Of simdjson only the first stage is used; it needs no document of its own, hence not dom::parser.
  const auto error =
      simdjson::get_active_implementation()->create_dom_parser_implementation(maximumLength, 64, parser);
  if (error) abort();
  reader = &Outliner::readBySimdJSON;
}

/// The next `outline.count` tokens are written.
Outline Outliner::keep(Outline outline, size_t length) {
  outline.places = placeRoom.get() + used;
  outline.kinds = kindRoom.get() + used;
  used += outline.count;
  placeRoom[used] = uint16_t(length < 65'535 ? length : 65'535);
  memset(kindRoom.get() + used, 0, 8);
  used += 8;
  return outline;
}

Outline Outliner::readBySimdJSON(const uint8_t *bytes, size_t length) {
  Outline outline;
  outline.isUTF8 = simdjson::validate_utf8(reinterpret_cast<const char *>(bytes), length);
  outline.hasBackslash = memchr(bytes, '\\', length) != nullptr;
  outline.stringsAreWhole = !parser->stage1(bytes, length, simdjson::stage1_mode::regular);
  if (!outline.stringsAreWhole) return outline;
  outline.count = parser->n_structural_indexes;
  for (size_t i = 0; i < outline.count; ++i) {
    const uint32_t place = parser->structural_indexes[i];
    placeRoom[used + i] = uint16_t(place);
    kindRoom[used + i] = kindOf[bytes[place]];
  }
  return keep(outline, length);
}

#if defined(__x86_64__)

namespace {

/// A few letters that are not ASCII are the usual case, and not worth a call through a table.
bool isUTF8(const uint8_t *p, const uint8_t *end) {
  if (end - p > 192) return simdjson::validate_utf8(reinterpret_cast<const char *>(p), size_t(end - p));
  const auto isNext = [&](size_t i) { return (p[i] & 0xc0) == 0x80; };
  while (p != end) {
    if (end - p >= 8 && !(load8(p) & 0x8080808080808080)) {
      p += 8;
      continue;
    }
    const uint8_t c = *p;
    if (c < 0x80) {
      p += 1;
    } else if (c < 0xe0) {
      if (c < 0xc2 || end - p < 2 || !isNext(1)) return false;
      p += 2;
    } else if (c < 0xf0) {
      if (end - p < 3 || !isNext(1) || !isNext(2)) return false;
      if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f)) return false;
      p += 3;
    } else {
      if (c > 0xf4 || end - p < 4 || !isNext(1) || !isNext(2) || !isNext(3)) return false;
      if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f)) return false;
      p += 4;
    }
  }
  return true;
}

}  // namespace

Outline Outliner::finish(const uint8_t *bytes, size_t length, size_t count, const Carry &carry) {
  Outline outline;
  outline.count = count;
  outline.hasBackslash = carry.backslashes != 0;
  outline.stringsAreWhole = carry.inString == 0 && carry.controls == 0;
  outline.isUTF8 = true;
  if (carry.firstHigh <= carry.lastHigh) {
    const size_t end = carry.lastHigh + 64 < length ? carry.lastHigh + 64 : length;
    outline.isUTF8 = isUTF8(bytes + carry.firstHigh, bytes + end);
  }
  return keep(outline, length);
}

namespace {

/// Whether the block begins inside a string. If then nothing in it needs a look, it has no tokens, and all it tells the
/// next block is what it was told.
template <typename Carry>
[[gnu::always_inline]] inline bool beginsInside(const Carry &carry) {
  return (carry.inString & ~carry.escaped) == ~uint64_t(0);
}

/// Each bit: whether an odd number of bits is set up to and including it.
[[gnu::target("pclmul"), gnu::always_inline]] inline uint64_t parities(uint64_t bits) {
  return uint64_t(_mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_set_epi64x(0, int64_t(bits)), _mm_set1_epi8(-1), 0)));
}

/// The first bytes of tokens in a block, of which the bits of some kinds of byte are known.
template <typename Carry>
[[gnu::target("pclmul"), gnu::always_inline]] inline uint64_t tokens(
    uint64_t quotes, uint64_t backslashes, uint64_t brackets, uint64_t spaces, uint64_t controls, Carry &carry) {
  carry.backslashes |= backslashes;
  if (__builtin_expect((backslashes | carry.escaped) != 0, 0)) quotes &= ~escapedBytes(backslashes, carry.escaped);
  // From an opening quote up to but not including the closing one.
  const uint64_t strings = parities(quotes) ^ carry.inString;
  carry.inString = uint64_t(int64_t(strings) >> 63);
  carry.controls |= controls & strings;
  const uint64_t others = ~(brackets | spaces);
  const uint64_t scalars = others & ~quotes;
  const uint64_t starts = others & ~(scalars << 1 | carry.scalar);
  carry.scalar = scalars >> 63;
  return (brackets | starts) & ~(strings ^ quotes);
}

// A byte belongs to a class if it is what stands here at the place its lower half names; 255 stands for no byte.
// Brackets are found with bit 5 set, together with two control characters that no token begins with either.
#define MILLRACE_SPACES ' ', -1, -1, -1, -1, -1, -1, -1, -1, '\t', '\n', -1, -1, '\r', -1, -1
#define MILLRACE_BRACKETS -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, ':', '{', ',', '}', -1, -1

}  // namespace

[[gnu::target("avx2,pclmul,bmi,popcnt")]] Outline Outliner::readByAVX2(const uint8_t *bytes, size_t length) {
  const __m256i spaceTable = _mm256_setr_epi8(MILLRACE_SPACES, MILLRACE_SPACES);
  const __m256i bracketTable = _mm256_setr_epi8(MILLRACE_BRACKETS, MILLRACE_BRACKETS);
  Carry carry;
  uint16_t *place = placeRoom.get() + used;
  uint8_t *kind = kindRoom.get() + used;
  alignas(32) uint8_t tail[64];
  for (size_t at = 0; at < length; at += 64) {
    const uint8_t *block = bytes + at;
    if (length - at < 64) {
      memset(tail, ' ', 64);
      memcpy(tail, block, length - at);
      block = tail;
    }
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(block));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(block + 32));
    const auto both = [](__m256i a, __m256i b) __attribute__((target("avx2"), always_inline)) {
      return uint64_t(uint32_t(_mm256_movemask_epi8(a))) | uint64_t(uint32_t(_mm256_movemask_epi8(b))) << 32;
    };
    const auto equal = [&](__m256i value) __attribute__((target("avx2"), always_inline)) {
      return both(_mm256_cmpeq_epi8(low, value), _mm256_cmpeq_epi8(high, value));
    };
    const __m256i bit5 = _mm256_set1_epi8(0x20), lastControl = _mm256_set1_epi8(0x1f);
    const uint64_t quotes = equal(_mm256_set1_epi8('"')), backslashes = equal(_mm256_set1_epi8('\\'));
    const uint64_t controls = both(
        _mm256_cmpeq_epi8(_mm256_min_epu8(low, lastControl), low),
        _mm256_cmpeq_epi8(_mm256_min_epu8(high, lastControl), high));
    if (__builtin_expect(both(low, high) != 0, 0)) {
      carry.firstHigh = std::min(carry.firstHigh, at);
      carry.lastHigh = at;
    }
    // The middle of a long text.
    if (beginsInside(carry) && !(quotes | backslashes | controls)) continue;
    const uint64_t spaces = both(
        _mm256_cmpeq_epi8(low, _mm256_shuffle_epi8(spaceTable, low)),
        _mm256_cmpeq_epi8(high, _mm256_shuffle_epi8(spaceTable, high)));
    const uint64_t brackets = both(
        _mm256_cmpeq_epi8(_mm256_or_si256(low, bit5), _mm256_shuffle_epi8(bracketTable, low)),
        _mm256_cmpeq_epi8(_mm256_or_si256(high, bit5), _mm256_shuffle_epi8(bracketTable, high)));
    uint64_t found = tokens(quotes, backslashes, brackets, spaces, controls, carry);
    const unsigned count = unsigned(__builtin_popcountll(found));
    // Eight at a time, needed or not: how many there are is nothing a processor could predict.
    for (unsigned done = 0; done < count; done += 8) {
      for (unsigned i = 0; i < 8; ++i) {
        const unsigned bit = unsigned(_tzcnt_u64(found)) & 63;
        place[done + i] = uint16_t(at + bit);
        kind[done + i] = kindOf[block[bit]];
        found &= found - 1;
      }
    }
    place += count;
    kind += count;
  }
  return finish(bytes, length, size_t(kind - kindRoom.get()) - used, carry);
}

[[gnu::target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,pclmul,popcnt")]]
Outline Outliner::readByAVX512(const uint8_t *bytes, size_t length) {
  const __m512i spaceTable = _mm512_broadcast_i32x4(_mm_setr_epi8(MILLRACE_SPACES));
  const __m512i bracketTable = _mm512_broadcast_i32x4(_mm_setr_epi8(MILLRACE_BRACKETS));
  alignas(64) static constexpr auto counted = [] {
    std::array<uint8_t, 64> bytes{};
    for (size_t i = 0; i < 64; ++i) bytes[i] = uint8_t(i);
    return bytes;
  }();
  const __m512i ascending = _mm512_load_si512(counted.data());
  const __m512i kindsBelow64 = _mm512_load_si512(kindOf.data()), kindsAbove = _mm512_load_si512(kindOf.data() + 64);
  Carry carry;
  uint16_t *place = placeRoom.get() + used;
  uint8_t *kind = kindRoom.get() + used;
  for (size_t at = 0; at < length; at += 64) {
    // A load under a mask takes longer, so only the last block has one.
    const __m512i block =
        length - at < 64
            ? _mm512_mask_loadu_epi8(_mm512_set1_epi8(' '), (uint64_t(1) << (length - at)) - 1, bytes + at)
            : _mm512_loadu_si512(bytes + at);
    const __mmask64 quotes = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('"'));
    const __mmask64 backslashes = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('\\'));
    const __mmask64 controls = _mm512_cmplt_epu8_mask(block, _mm512_set1_epi8(0x20));
    const __mmask64 highs = _mm512_movepi8_mask(block);
    // The middle of a long text; the masks need not leave the vector unit for that.
    if (beginsInside(carry) &&
        _kortestz_mask64_u8(_kor_mask64(quotes, backslashes), _kor_mask64(controls, highs))) {
      continue;
    }
    if (__builtin_expect(highs != 0, 0)) {
      carry.firstHigh = std::min(carry.firstHigh, at);
      carry.lastHigh = at;
    }
    const __m512i bit5 = _mm512_or_si512(block, _mm512_set1_epi8(0x20));
    const uint64_t spaces = _mm512_cmpeq_epi8_mask(block, _mm512_shuffle_epi8(spaceTable, block));
    const uint64_t brackets = _mm512_cmpeq_epi8_mask(bit5, _mm512_shuffle_epi8(bracketTable, block));
    const uint64_t found = tokens(quotes, backslashes, brackets, spaces, controls, carry);
    const unsigned count = unsigned(__builtin_popcountll(found));
    const __m512i named = _mm512_maskz_permutex2var_epi8(_knot_mask64(highs), kindsBelow64, block, kindsAbove);
    _mm512_storeu_si512(kind, _mm512_maskz_compress_epi8(found, named));
    const __m512i bits = _mm512_maskz_compress_epi8(found, ascending);
    const __m512i base = _mm512_set1_epi16(short(at));
    _mm512_storeu_si512(place, _mm512_add_epi16(base, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(bits))));
    if (__builtin_expect(count > 32, 0)) {
      const __m256i rest = _mm512_extracti64x4_epi64(bits, 1);
      _mm512_storeu_si512(place + 32, _mm512_add_epi16(base, _mm512_cvtepu8_epi16(rest)));
    }
    place += count;
    kind += count;
  }
  return finish(bytes, length, size_t(kind - kindRoom.get()) - used, carry);
}

#endif
