#include "decoder.h"

using namespace millrace;

namespace {

const char *const fieldNames[] = {
    "event_id", "event_type", "user_id", "anonymous_id", "session_id", "timestamp", "device", "geo", "page", "properties"};

const uint8_t noText[1] = {0};
const DecoderText missingText{noText, 0, 0};
constexpr __int128 missingNumber = __int128(1) << 127;

constexpr uint32_t bit(Kind kind) { return 1u << unsigned(kind); }
constexpr uint32_t anyText = bit(Kind::text) | bit(Kind::escapedText);
constexpr uint32_t nothing = bit(Kind::absent) | bit(Kind::null);

constexpr uint32_t allowedKinds(unsigned field) {
  if (field == timestamp) return nothing | anyText | bit(Kind::number);
  return field >= device ? nothing | bit(Kind::object) : nothing | anyText;
}

bool isTooLarge(const DecoderRange &range) { return range.length > maximumLength || range.fullLength > maximumLength; }
bool isText(const Slot &slot) { return bit(slot.kind) & anyText; }
/// Missing, null and "" are one value.
bool isMissing(const Slot &slot) { return (bit(slot.kind) & nothing) || (isText(slot) && slot.length == 0); }

}  // namespace

Decoder::Decoder() noexcept {
  root.slot = slotCount++;
  // The slot of a field is its number: these ten come first.
  for (uint8_t i = 0; i < 10; ++i) root.add(fieldNames[i], slotCount)->field = uint8_t(i + 1);
  walk.slots.resize(slotCount + 1);
}

void Decoder::addColumn(
    const uint8_t *names, const uint32_t *lengths, uint32_t depth, uint32_t kind, uint32_t scale) noexcept {
  Node *node = &root;
  for (uint32_t i = 0; i < depth; ++i) {
    node = node->add(std::string(reinterpret_cast<const char *>(names), lengths[i]), slotCount);
    names += lengths[i];
  }
  walk.slots.resize(slotCount + 1);
  shapes.forget();
  columns.push_back(Column{node->slot, kind, scale, node->field == userID});
}

void Decoder::decode(const uint8_t *bytes, const DecoderRange *ranges, size_t count, const DecoderColumns &out) noexcept {
  arena.clear();
  for (size_t i = 0; i < columns.size(); ++i) out.unusable[i] = 0;
  for (size_t row = 0, outlined = 0; row < count; ++row) {
    if (row == outlined) outlined = readOutlines(bytes, ranges, row, count);
    Field detail = noField;
    int64_t time = 0;
    record = Slot{bytes + ranges[row].offset, ranges[row].length, Kind::text};
    Rejection rejection = readDocument(outlines[row % outlinesAhead], bytes, ranges[row]);
    const bool isDocument = rejection == usable;
    if (isDocument) {
      readTexts();
      rejection = readEnvelope(detail, time);
    }
    out.status[row] = rejection;
    out.detail[row] = detail;
    out.time[row] = time;
    if (rejection == usable) {
      writeIdentity(row, out);
      writeColumns(row, out);
    } else {
      // What can be named of an unusable event is, for whoever has to find it.
      if (!isDocument) for (Slot &slot : walk.slots) slot.kind = Kind::absent;
      writeMissing(row, out);
    }
  }
  identities.finish();
}

/// Some records at a time: outlines are written in large pieces and read in small ones, which has to wait while the
/// former have not left the processor.
size_t Decoder::readOutlines(const uint8_t *bytes, const DecoderRange *ranges, size_t row, size_t count) {
  outliner.clear();
  for (size_t i = 0; i < outlinesAhead && row < count && outliner.hasRoom(); ++i, ++row) {
    if (!isTooLarge(ranges[row])) outlines[row % outlinesAhead] = outliner.read(bytes + ranges[row].offset, ranges[row].length);
  }
  return row;
}

/// Everything up to and including the grammar.
Rejection Decoder::readDocument(const Outline &outline, const uint8_t *bytes, const DecoderRange &range) {
  if (isTooLarge(range)) return tooLarge;
  if (!outline.isUTF8) return invalidUTF8;
  return outline.stringsAreWhole ? shapes.read(bytes + range.offset, range.length, outline, root, walk) : invalidJSON;
}

/// Removes the escapes of every text that was kept.
void Decoder::readTexts() {
  if (!walk.hasEscapes) return;
  for (Slot &slot : walk.slots) {
    if (slot.kind != Kind::escapedText) continue;
    uint8_t *const start = arena.reserve(slot.length);
    const uint8_t *const end = unescape(slot.start, slot.start + slot.length, start);
    slot = Slot{start, uint32_t(end - start), Kind::text};
    arena.commit(slot.length);
  }
}

/// When several things are wrong the smallest rejection wins, and of several fields the first.
Rejection Decoder::readEnvelope(Field &detail, int64_t &time) {
  const auto reject = [&](Rejection rejection, unsigned field) {
    detail = Field(field);
    return rejection;
  };
  if (walk.repeated) return reject(repeatedField, unsigned(__builtin_ctz(walk.repeated)));
  uint32_t wrong = 0;
  for (unsigned i = eventID; i <= properties; ++i) {
    wrong |= uint32_t(!(bit(walk.slots[i].kind) & allowedKinds(i))) << i;
  }
  const Slot &when = field(timestamp);
  if (isMissing(field(eventID))) return reject(missingEventID, eventID);
  if (isText(field(eventID)) && field(eventID).length > 128) return reject(eventIDTooLong, eventID);
  if (isMissing(field(eventType))) return reject(missingEventType, eventType);
  if (isMissing(field(userID)) && isMissing(field(anonymousID))) return reject(missingUser, userID);
  if (isMissing(when)) return reject(missingTimestamp, timestamp);
  if (wrong) return reject(wrongType, unsigned(__builtin_ctz(wrong)));
  const bool isTime = when.kind == Kind::number ? readTime(readDecimal(when.start, when.start + when.length), time)
                                                : readTime(when.start, when.length, date, time);
  if (isTime) return usable;
  time = 0;
  return reject(invalidTimestamp, timestamp);
}

/// Whether eight bytes of the record stand before the text; before one in the arena there may be none.
bool Decoder::isPreceded(const Slot &slot) const {
  return uintptr_t(slot.start) - uintptr_t(record.start) - 8 < record.length;
}

DecoderText Decoder::withoutHash(const Slot &slot) {
  return slot.length ? DecoderText{slot.start, slot.length, 0} : missingText;
}

DecoderText Decoder::text(const Slot &slot) {
  return slot.length ? DecoderText{slot.start, slot.length, hash32(slot.start, slot.length, 0, isPreceded(slot))}
                     : missingText;
}

void Decoder::writeIdentity(size_t row, const DecoderColumns &out) {
  const Slot &id = field(eventID), &type = field(eventType);
  const Slot &who = isMissing(field(userID)) ? field(anonymousID) : field(userID);
  out.eventID[row] = withoutHash(id);
  out.eventType[row] = withoutHash(type);
  out.user[row] = withoutHash(who);
  identities.add(who.start, who.length, id.start, id.length, out.userKey[row], out.eventKey[row]);
  // The time is mixed before it meets the bytes of the type, or a bit of the one could undo a bit of the other.
  out.check[row] = hash32(
      type.start, type.length, fold(uint64_t(out.time[row]) ^ 0x2545f4914f6cdd1d, 0x9e3779b97f4a7c15), isPreceded(type));
  out.partitionHash[row] = murmur2(who.start, who.length) & 0x7fffffff;
}

void Decoder::writeColumns(size_t row, const DecoderColumns &out) {
  for (size_t i = 0; i < columns.size(); ++i) {
    const Column &column = columns[i];
    const Slot &slot = column.isUser && isMissing(field(userID)) ? field(anonymousID) : walk.slots[column.slot];
    if (column.kind == DECODER_TEXT) {
      auto *const values = static_cast<DecoderText *>(out.values[i]);
      const bool isContainer = slot.kind == Kind::object || slot.kind == Kind::array;
      out.unusable[i] += isContainer;
      values[row] = isContainer || isMissing(slot) ? missingText : text(slot);
      continue;
    }
    auto *const values = static_cast<__int128 *>(out.values[i]);
    values[row] = missingNumber;
    if (isMissing(slot)) continue;
    if (slot.kind != Kind::number) {
      ++out.unusable[i];
      continue;
    }
    const Decimal number = readDecimal(slot.start, slot.start + slot.length);
    if (number.isTooLarge()) {
      ++out.unusable[i];
    } else {
      values[row] = column.kind == DECODER_SCALED ? scaled(number, column.scale) : exact(number);
    }
  }
}

void Decoder::writeMissing(size_t row, const DecoderColumns &out) {
  const auto textOrMissing = [&](const Slot &slot) { return isText(slot) ? withoutHash(slot) : missingText; };
  const bool isLong = field(eventID).length > 128;
  out.eventID[row] = isLong ? missingText : textOrMissing(field(eventID));
  out.eventType[row] = textOrMissing(field(eventType));
  out.user[row] = textOrMissing(isMissing(field(userID)) ? field(anonymousID) : field(userID));
  out.userKey[row] = out.eventKey[row] = DecoderKey{0, 0};
  out.check[row] = out.partitionHash[row] = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].kind == DECODER_TEXT) {
      static_cast<DecoderText *>(out.values[i])[row] = missingText;
    } else {
      static_cast<__int128 *>(out.values[i])[row] = missingNumber;
    }
  }
}

Decoder *decoder_create(void) { return new Decoder(); }
void decoder_destroy(Decoder *decoder) { delete decoder; }

void decoder_add_column(
    Decoder *decoder, const uint8_t *names, const uint32_t *lengths, uint32_t depth, uint32_t kind,
    uint32_t scale) {
  decoder->addColumn(names, lengths, depth, kind, scale);
}

void decoder_decode(
    Decoder *decoder, const uint8_t *bytes, const DecoderRange *ranges, size_t count,
    const DecoderColumns *columns) {
  decoder->decode(bytes, ranges, count, *columns);
}

uint32_t decoder_murmur2(const uint8_t *bytes, size_t length) { return murmur2(bytes, length); }

DecoderKey decoder_siphash128(uint64_t key0, uint64_t key1, const uint8_t *bytes, size_t length) {
  return sipHash128(key0, key1, bytes, length);
}

uint32_t decoder_text_hash(const uint8_t *bytes, size_t length) { return hash32(bytes, length); }
