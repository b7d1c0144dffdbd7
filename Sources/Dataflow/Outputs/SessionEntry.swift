import Basics
import Events

/// A session in the outbox: complete in itself, since what the state keeps of it may be forgotten before it is written.
///
/// - Layout: length, events, then per kept text its bytes, per kept number whether it is there and its units.
enum SessionEntry {
  static func encode(
    _ session: UnsafeRawPointer, _ layout: SessionLayout, _ dictionary: TextDictionary, into writer: inout ByteWriter
  ) {
    writer.varint(UInt64(layout.end(session) - layout.start(session)))
    writer.varint(UInt64(layout.events(session)))
    for text in 0..<layout.textCount { writer.text(dictionary.bytes(layout.text(session, text))) }
    for number in 0..<layout.numberCount {
      let value = layout.number(session, number)
      writer.byte(value == missingNumber ? 0 : 1)
      if value != missingNumber { writer.zigzag128(value) }
    }
  }
}
