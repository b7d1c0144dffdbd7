import Basics
import Events
import Stores

/// Sessions as records: a key of generation, partition, user and start, a value with the session as it stands, none once it
/// stands no more.
struct SessionOutput {
  /// One text or number of the first event.
  private struct Attribute {
    var name: String
    var text: Int?
    var number: (index: Int, scale: Int)?
  }

  private static let recordsAtOnce = 1_000

  private let plan: Plan
  private let digest: String
  private let partition: Int
  private let snapshot: Snapshot
  private let attributes: [Attribute]
  private let users: UserTexts

  init(plan: Plan, digest: String, partition: Int, snapshot: Snapshot) {
    self.plan = plan
    self.digest = digest
    self.partition = partition
    self.snapshot = snapshot
    users = UserTexts(snapshot)
    var attributes: [Attribute] = []
    func name(_ column: Int) -> String { plan.projection.columns[column].path.joined(separator: ".") }
    for (index, column) in plan.sessions.texts.enumerated() {
      attributes.append(Attribute(name: name(column), text: index))
    }
    for (index, column) in plan.sessions.numbers.enumerated() {
      // Numbers that are only compared are kept in another form.
      guard case .scaled(let scale) = plan.projection.columns[column].kind,
        !attributes.contains(where: { $0.name == name(column) })
      else { continue }
      attributes.append(Attribute(name: name(column), number: (index, scale)))
    }
    self.attributes = attributes
  }

  /// Adds sessions that the outbox names; returns where to go on, nil at the end.
  func readChanged(from start: [UInt8]?, into records: inout [OutputRecord]) throws(Failure) -> [UInt8]? {
    let range = KeyLayout.Outbox.sessions.range
    var left = SessionOutput.recordsAtOnce
    var goOn: [UInt8]?
    try snapshot.scan(from: start ?? range.start, to: range.end) { key, value throws(Failure) in
      guard left > 0 else {
        goOn = Array(key)
        return false
      }
      left -= 1
      var reader = ByteReader(key, "changed session")
      _ = try reader.raw(2)
      let number = try reader.bigEndian32()
      let user = try users.text(number)
      let start = try reader.ordered64()
      let standing = value.isEmpty ? nil : try self.value(value, user: user, start: start)
      records.append(OutputRecord(target: .sessions, key: self.key(user, start), value: standing))
      return true
    }
    return goOn
  }

  /// Adds sessions that may still change: of those the state keeps no more.
  func readAll(from start: [UInt8]?, into records: inout [OutputRecord]) throws(Failure) -> [UInt8]? {
    let range = KeyLayout.all("u")
    let limit = records.count + SessionOutput.recordsAtOnce
    var goOn: [UInt8]?
    let layout = SessionLayout(texts: plan.sessions.texts.count, numbers: plan.sessions.numbers.count)
    let table = UserTable(layout: layout, laneCount: plan.laneCount)
    let dictionary = TextDictionary()
    var entry = ByteWriter()
    try snapshot.scan(from: start ?? range.start, to: range.end) { key, value throws(Failure) in
      guard records.count < limit else {
        goOn = Array(key)
        return false
      }
      var reader = ByteReader(key, "user key")
      _ = try reader.byte()
      let high = try reader.bigEndian64()
      let slot = Int(table.add(Key128(high: high, low: try reader.bigEndian64())))
      try UserRecord.decode(value, slot, table, dictionary)
      let sessions = table.slots[slot]
      for index in 0..<Int(sessions.sessionCount) {
        let session = UnsafeRawPointer(sessions.sessions! + index * layout.stride)
        entry.clear()
        SessionEntry.encode(session, layout, dictionary, into: &entry)
        let user = try users.text(sessions.number)
        let start = layout.start(session)
        records.append(
          OutputRecord(
            target: .sessions, key: self.key(user, start),
            value: try self.value(entry.bytes, user: user, start: start)))
      }
      return true
    }
    return goOn
  }

  private func key(_ user: String, _ start: Int64) -> [UInt8] {
    var json = JSONText()
    json.object { json in
      json.field("digest", digest)
      json.field("partition", partition)
      json.field("user", user)
      json.field("start", Timestamp(milliseconds: start).description)
    }
    return Array(json.text.utf8)
  }

  private func value(_ entry: UnsafeRawBufferPointer, user: String, start: Int64) throws(Failure) -> [UInt8] {
    var reader = ByteReader(entry, "session entry")
    let duration = Int64(bitPattern: try reader.varint())
    let events = try reader.varint()
    var texts: [String] = []
    for _ in plan.sessions.texts { texts.append(try reader.string()) }
    var numbers: [Int128?] = []
    for _ in plan.sessions.numbers { numbers.append(try reader.byte() == 0 ? nil : try reader.zigzag128()) }
    var json = JSONText()
    json.object { json in
      json.field("user", user)
      json.field("start", Timestamp(milliseconds: start).description)
      json.field("end", Timestamp(milliseconds: start + duration).description)
      json.field("duration", duration)
      json.field("events", events)
      json.key("attributes")
      json.object { json in
        for attribute in attributes {
          if let text = attribute.text {
            json.field(attribute.name, texts[text].isEmpty ? nil : texts[text])
          } else if let (index, scale) = attribute.number {
            json.field(attribute.name, number: numbers[index].map { DecimalText.format($0, scale: scale) })
          }
        }
      }
    }
    return Array(json.text.utf8)
  }
}

/// Users' texts by number. The block last looked at is kept: changed sessions come by number.
final class UserTexts {
  private let snapshot: Snapshot
  private var first: UInt32 = 0
  private var texts: [String] = []

  init(_ snapshot: Snapshot) { self.snapshot = snapshot }

  func text(_ number: UInt32) throws(Failure) -> String {
    if number < first || number - first >= texts.count { try read(number) }
    return texts[Int(number - first)]
  }

  /// Blocks have up to 1,024 users, so the one that has it begins at most so far before.
  private func read(_ number: UInt32) throws(Failure) {
    var start = ByteWriter()
    var end = ByteWriter()
    KeyLayout.users(from: number < 1_023 ? 0 : number - 1_023, into: &start)
    KeyLayout.users(from: number, into: &end)
    // The end is exclusive.
    end.byte(0)
    var found: (first: UInt32, bytes: [UInt8])?
    try snapshot.scan(from: start.bytes, to: end.bytes) { key, value throws(Failure) in
      var reader = ByteReader(key, "users")
      _ = try reader.byte()
      found = (try reader.bigEndian32(), Array(value))
      return true
    }
    texts.removeAll(keepingCapacity: true)
    guard let found else { throw .corrupt("users: nobody has number \(number)") }
    first = found.first
    try found.bytes.span.withUnsafeBytes { (bytes) throws(Failure) in
      var reader = ByteReader(bytes, "users")
      while !reader.isAtEnd { texts.append(try reader.string()) }
    }
    guard number - first < texts.count else { throw .corrupt("users: nobody has number \(number)") }
  }
}
