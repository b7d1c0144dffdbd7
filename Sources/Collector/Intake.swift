import Basics
import Events
import Glibc

/// The events of one request on their way into the log: each as it came, with what we add spliced in, judged by the same
/// function of the bytes as in the runtime. Reused from request to request, by one thread at a time.
public final class Intake {
  /// An event that was not taken.
  public struct Refused {
    public var index: Int
    public var rejection: Rejection
    /// The `EventField` the rejection is about, or 0.
    public var detail: UInt8
    public var eventID: String?
  }

  /// Of one body, unless its protocol says otherwise.
  public static let eventLimit = 500
  /// Of an unusable record so much is kept that it is seen to be too large.
  private static let longestRecord = 65_537

  /// For adapters: a body's events and members, an event's members, and what is inside of those.
  public let parts = BodyParts(limit: SegmentAdapter.eventLimit)
  public let eventParts = BodyParts(limit: 1)
  public let contextParts = BodyParts(limit: 1)
  public let innerParts = BodyParts(limit: 1)
  /// Milliseconds since 1970, of this request.
  public private(set) var receivedAt: Int64 = 0
  public private(set) var refused: [Refused] = []
  /// Events to be appended.
  public private(set) var taken = 0
  /// When the sender says it sent this, in milliseconds since 1970 by its own clock.
  public private(set) var sentAt: Int64?
  /// Of the usable events.
  private(set) var ages = ClientClocks.Distribution()
  /// Events added.
  public var count: Int { ranges.count }

  private(set) var records = ByteWriter(capacity: 1 << 20)
  private var ranges: [ByteRange] = []
  let batch = EventBatch(projection: Projection())
  /// Indices of the rows to be appended.
  private(set) var rows: [Int] = []
  private var ending: [UInt8] = []
  /// What a body inflated to.
  var inflated = ByteWriter(capacity: 16)
  private let visitors = VisitorWriter()
  private var visitor: VisitorMembers?
  /// Of the request; `visitor` is of the event.
  private var sender: VisitorMembers?
  private var locate: (@Sendable (String) -> Visitor.Place?)?
  private var completed = ByteWriter(capacity: 16)

  func begin(receivedAt: Int64, _ visitor: Visitor = Visitor(), locate: (@Sendable (String) -> Visitor.Place?)? = nil) {
    self.receivedAt = receivedAt
    self.locate = locate
    sender = VisitorMembers(visitor)
    self.visitor = sender
    ending = Array(#","received_at":"\#(Timestamp(milliseconds: receivedAt))"}"#.utf8)
    records.clear()
    ranges.removeAll(keepingCapacity: true)
    rows.removeAll(keepingCapacity: true)
    refused.removeAll()
    taken = 0
    sentAt = nil
    ages.clear()
  }

  /// The sender's word on when it sent this. Nil, as if it had said nothing, when that is no time.
  @discardableResult
  public func tellSentAt(_ told: BodyParts.Member?) -> BodyParts.Member? {
    guard let told, !told.isMissing else { return nil }
    if let text = told.text {
      sentAt = Timestamp(String(decoding: text, as: UTF8.self))?.milliseconds
    } else {
      sentAt = Int64(String(decoding: told.value, as: UTF8.self))
    }
    return sentAt == nil ? nil : told
  }

  /// Whose the events are that are added from now on, where events say it themselves: their `User-Agent` and address, as JSON
  /// texts without the quotes. Nil: as far as the request tells.
  public func setVisitor(agent: UnsafeRawBufferPointer?, address: UnsafeRawBufferPointer?) {
    guard agent != nil || (address != nil && locate != nil) else {
      visitor = sender
      return
    }
    // PHP escapes slashes; nothing else that is escaped means anything here.
    let agent = agent.map { String(decoding: $0.filter { $0 != UInt8(ascii: "\\") }, as: UTF8.self) }
    let place = address.flatMap { locate?(String(decoding: $0, as: UTF8.self)) }
    visitor = VisitorMembers(Visitor(agent: agent.flatMap { UserAgent($0) }, place: place))
  }

  /// One event: the bytes that came, and `received_at`.
  public func add(_ event: UnsafeRawBufferPointer) { add(event, replacing: nil) { _ in } }

  /// One event with more members, which `more` writes as `,"name":value`. Names that the event has already must not be among
  /// them: a repeated field of the envelope makes the event unusable.
  ///
  /// - `replacing`: a value of the event, by another one.
  public func add(
    _ event: UnsafeRawBufferPointer, replacing: (member: BodyParts.Member, json: String)? = nil,
    _ more: (inout ByteWriter) -> Void
  ) {
    let start = records.count
    if event.count >= 2, event[0] == UInt8(ascii: "{"), event[event.count - 1] == UInt8(ascii: "}") {
      copy(UnsafeRawBufferPointer(rebasing: event[..<(event.count - 1)]), replacing)
      if Intake.isEmpty(event) {
        ending.withUnsafeBytes { records.raw(UnsafeRawBufferPointer(rebasing: $0[1...])) }
      } else {
        more(&records)
        ending.withUnsafeBytes { records.raw($0) }
      }
      if let visitor { complete(from: start, visitor) }
    } else {
      records.raw(event)
    }
    ranges.append(ByteRange(offset: UInt32(start), length: UInt32(records.count - start)))
  }

  private func complete(from start: Int, _ visitor: VisitorMembers) {
    completed.clear()
    let record = UnsafeRawBufferPointer(rebasing: records.bytes[start...])
    guard visitors.write(record, visitor, to: &completed) else { return }
    records.truncate(to: start)
    records.raw(completed.bytes)
  }

  private func copy(_ bytes: UnsafeRawBufferPointer, _ replacing: (member: BodyParts.Member, json: String)?) {
    guard let (member, json) = replacing else { return records.raw(bytes) }
    let from = member.value.baseAddress! - bytes.baseAddress!
    records.raw(UnsafeRawBufferPointer(rebasing: bytes[..<from]))
    var text = json
    text.withUTF8 { records.raw(UnsafeRawBufferPointer($0)) }
    records.raw(UnsafeRawBufferPointer(rebasing: bytes[(from + member.value.count)...]))
  }

  /// A comma before the first member would be wrong.
  private static func isEmpty(_ object: UnsafeRawBufferPointer) -> Bool {
    object[1..<object.count - 1].allSatisfy { $0 == 32 || ($0 >= 9 && $0 <= 13) }
  }

  /// Whether each record can be used, and so what is to be appended.
  func judge(keepsUnusable: Bool) {
    guard !ranges.isEmpty else { return }
    let base = UnsafeMutableRawPointer(mutating: records.bytes.baseAddress!).assumingMemoryBound(to: UInt8.self)
    ranges.withUnsafeBufferPointer { batch.decode(base, ranges: $0.baseAddress!, count: $0.count) }
    for row in ranges.indices {
      guard let rejection = Rejection(rawValue: batch.status[row]) else {
        Intake.makeOneLine(base + Int(ranges[row].offset), Int(ranges[row].length))
        rows.append(row)
        ages.add(received: receivedAt, told: batch.time[row])
        continue
      }
      if keepsUnusable {
        ranges[row].length = min(ranges[row].length, UInt32(Intake.longestRecord))
        rows.append(row)
      } else {
        let id = batch.eventID[row]
        refused.append(
          Refused(
            index: row, rejection: rejection, detail: batch.detail[row], eventID: id.length > 0 ? id.string : nil))
      }
    }
    taken = rows.count
  }

  /// Logs are shown and moved as lines. In a record that can be used a line break is white space between values, so another
  /// one does as well.
  private static func makeOneLine(_ start: UnsafeMutablePointer<UInt8>, _ count: Int) {
    var rest = start
    while let found = memchr(rest, 10, start + count - rest) {
      found.storeBytes(of: 32, as: UInt8.self)
      rest = found.assumingMemoryBound(to: UInt8.self) + 1
    }
  }

  /// The record of a row, its user, and murmur2 of that without the sign bit; 0 for one that cannot be used.
  func record(_ row: Int) -> (range: ByteRange, user: UnsafeRawBufferPointer, partitionHash: UInt32) {
    let user = batch.user[row]
    return (
      ranges[row], UnsafeRawBufferPointer(start: user.start, count: Int(user.length)), batch.partitionHash[row]
    )
  }
}
