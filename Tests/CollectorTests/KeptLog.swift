import Basics
import Synchronization

@testable import Collector

/// A log in memory, which makes durable when it is told to.
final class KeptLog: Destination {
  struct Record: Equatable {
    var user: String
    var text: String
  }

  private struct State {
    var records: [Record] = []
    var waiting: [@Sendable (Failure?) -> Void] = []
    var isHeld = false
    var isAway = false
  }

  private let state = Mutex(State())

  var records: [Record] { state.withLock { $0.records } }
  var texts: [String] { records.map(\.text) }

  /// What is appended waits until `release`.
  func hold() { state.withLock { $0.isHeld = true } }
  func goAway() { state.withLock { $0.isAway = true } }

  func release(_ failure: Failure? = nil) {
    let waiting = state.withLock { state in
      defer { state.waiting = [] }
      state.isHeld = false
      return state.waiting
    }
    for done in waiting { done(failure) }
  }

  func append(_ intake: Intake, done: @escaping @Sendable (Failure?) -> Void) throws(Failure) {
    if state.withLock({ $0.isAway }) { throw .unavailable("away") }
    let bytes = intake.records.bytes
    let records = intake.rows.map { row in
      let (range, user, _) = intake.record(row)
      let record = UnsafeRawBufferPointer(rebasing: bytes[Int(range.offset)..<Int(range.offset + range.length)])
      return Record(user: String(decoding: user, as: UTF8.self), text: String(decoding: record, as: UTF8.self))
    }
    let isHeld = state.withLock { state in
      state.records += records
      if state.isHeld { state.waiting.append(done) }
      return state.isHeld
    }
    if !isHeld { done(nil) }
  }

  func stop() { release() }
}

/// A collector before it.
struct Collecting {
  /// 2026-03-01T09:00:00Z
  static let now: Int64 = 1_772_355_600_000
  static let received = #","received_at":"2026-03-01T09:00:00Z"}"#

  let log = KeptLog()
  let collector: Collector

  init(_ options: Collector.Options = Collector.Options()) { collector = Collector(log, options) }

  /// What is answered at once; nil when that is not yet.
  func send(
    _ body: [UInt8], through adapter: any Adapter = EventList(), path: String = "/events/batch",
    type: String? = "application/json", encoding: String? = nil,
    isAccepted: (@Sendable (String?) -> Collector.Acceptance)? = nil
  ) -> Collector.Answer? {
    guard let permit = collector.admit(bytes: body.count) else { return .refused(Collector.busy) }
    var posted = Collector.Posted(path: path, body: body, type: type, encoding: encoding)
    posted.isAccepted = isAccepted
    let answer = Mutex<Collector.Answer?>(nil)
    // Once the collector has returned, only the log still holds the permit.
    collector.collect(posted, through: adapter, permit: permit, now: Collecting.now) { given in
      answer.withLock { answer in
        precondition(answer == nil, "answered twice")
        answer = given
      }
    }
    return answer.withLock { $0 }
  }

  func send(_ body: String, type: String? = "application/json") -> Collector.Answer? {
    send(Array(body.utf8), type: type)
  }

  func sendOne(_ body: String) -> Collector.Answer? {
    send(Array(body.utf8), through: OneEvent(), path: "/events")
  }

  func sendSegment(_ body: String, path: String = "/v1/batch") -> Collector.Answer? {
    send(Array(body.utf8), through: SegmentAdapter(), path: path)
  }
}

extension Optional where Wrapped == Collector.Answer {
  /// The document of an answer that is one.
  var json: String? { if case .taken(let json, _) = self { json } else { nil } }
  var refusal: Refusal? { if case .refused(let refusal) = self { refusal } else { nil } }
}
