import Basics

/// The stored form of a user: format, number, texts, sessions, step lists. Texts stand once each and are referred to by
/// index, so a record means the same in any process.
enum UserRecord {
  static let format: UInt8 = 1

  /// `body` is scratch, reused from user to user.
  static func encode(
    _ slot: UserTable.Slot, _ users: UserTable, _ dictionary: TextDictionary, _ body: inout ByteWriter,
    into writer: inout ByteWriter
  ) {
    body.clear()
    dictionary.startNumbering()
    let layout = users.layout
    body.varint(UInt64(slot.sessionCount))
    for index in 0..<Int(slot.sessionCount) {
      let session = UnsafeRawPointer(slot.sessions! + index * layout.stride)
      body.zigzag(layout.start(session))
      body.varint(UInt64(layout.end(session) - layout.start(session)))
      body.varint(UInt64(layout.events(session)))
      guard layout.hasAttributes else { continue }
      body.text(layout.id(session, dictionary))
      for text in 0..<layout.textCount {
        body.varint(UInt64(dictionary.number(layout.text(session, text))))
      }
      for number in 0..<layout.numberCount {
        let value = layout.number(session, number)
        body.byte(value == missingNumber ? 0 : 1)
        if value != missingNumber { body.zigzag128(value) }
      }
    }
    body.varint(slot.lanes == nil ? 0 : UInt64(users.laneCount))
    if let lanes = slot.lanes {
      for lane in 0..<users.laneCount {
        body.varint(UInt64(lanes[lane].count))
        var previous: Int64 = 0
        for index in 0..<Int(lanes[lane].count) {
          let step = lanes[lane].steps![index]
          body.zigzag(step.time &- previous)
          body.varint(UInt64(dictionary.number(step.by)))
          previous = step.time
        }
      }
    }
    writer.byte(format)
    writer.varint(UInt64(slot.number))
    writer.varint(UInt64(dictionary.numbered.count))
    for code in dictionary.numbered { writer.text(dictionary.bytes(code)) }
    writer.raw(body.bytes)
  }

  /// Fills an empty slot.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, _ slot: Int, _ users: UserTable, _ dictionary: TextDictionary
  ) throws(Failure) {
    var reader = ByteReader(bytes, "user record")
    let format = try reader.byte()
    guard format == UserRecord.format else { throw .corrupt("user record: format \(format), not \(UserRecord.format)") }
    users.slots[slot].number = UInt32(try reader.count())
    let textCount = try reader.count(limit: bytes.count)
    var texts = [UInt32](repeating: 0, count: textCount + 1)
    for index in 0..<textCount { texts[index + 1] = dictionary.intern(try reader.text()) }
    let layout = users.layout
    let sessions = try reader.count(limit: bytes.count)
    for index in 0..<sessions {
      let session = users.insertSession(slot, at: index)
      let start = try reader.zigzag()
      let length = Int64(bitPattern: try reader.varint())
      layout.set(session, start: start, end: start &+ length, events: Int64(bitPattern: try reader.varint()))
      // Records are written at commits, after the views.
      layout.setPublished(session)
      guard layout.hasAttributes else { continue }
      layout.setID(session, try reader.text(), dictionary)
      for text in 0..<layout.textCount { layout.setText(session, text, texts[try reader.count(limit: textCount)]) }
      for number in 0..<layout.numberCount {
        layout.setNumber(session, number, try reader.byte() == 0 ? missingNumber : try reader.zigzag128())
      }
    }
    let lanes = try reader.count(limit: 1 << 16)
    guard lanes == 0 || lanes == users.laneCount else {
      throw .corrupt("user record: \(lanes) step lists, not \(users.laneCount)")
    }
    for lane in 0..<lanes {
      var time: Int64 = 0
      for _ in 0..<(try reader.count(limit: bytes.count)) {
        time &+= try reader.zigzag()
        let by = texts[try reader.count(limit: textCount)]
        _ = users.lane(slot, lane).pointee.insert(StepTime(time: time, by: by), users.pool)
      }
    }
    guard reader.isAtEnd else { throw .corrupt("user record: \(reader.remaining) bytes too many") }
  }
}
