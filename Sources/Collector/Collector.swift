import Basics
import Events
import Logs
import Synchronization

/// Takes events from whoever sends them and answers when they are in the log: what is answered as taken is durable, as it was
/// sent, and what was refused is named. Keeps nothing else, so there may be any number of collectors.
///
/// Called from any thread. Nothing here knows of HTTP.
public final class Collector: Sendable {
  public struct Options: Sendable {
    /// Bytes sent to us and not yet durable; beyond, senders are told to come back.
    public var inFlightBytes = 64 << 20
    /// Of a body as sent.
    public var bodyBytes = 524_288
    /// Of what it inflates to.
    public var inflatedBytes = 8 << 20

    public init() {}
  }

  /// A request that was read whole.
  public struct Posted: Sendable {
    public var path: String
    public var body: [UInt8]
    /// The headers' values, nil when there is none.
    public var type: String?
    public var encoding: String?
    /// Who sent it, as far as the request tells.
    public var visitor = Visitor()
    /// Where an address is, for events that name one; nil when nobody knows.
    public var locate: (@Sendable (String) -> Visitor.Place?)?
    /// Asked about the key in a body, when the head of the request named none and one is needed.
    public var isAccepted: (@Sendable (String?) -> Acceptance)?

    public init(path: String, body: [UInt8], type: String?, encoding: String?) {
      self.path = path
      self.body = body
      self.type = type
      self.encoding = encoding
    }
  }

  public enum Acceptance: Sendable {
    case accepted
    case unknownKey
    case wrongRole
    case tooFast(seconds: Int)
  }

  public enum Answer: Sendable {
    /// All that was taken is durable. `events` were in the body.
    case taken(json: String, events: Int)
    case refused(Refusal)
  }

  public let options: Options
  public let counts = CollectorCounts()
  public let clocks = ClientClocks()
  private let room: InFlight
  private let destination: any Destination
  private let spare = Mutex<[Spare]>([])

  /// An intake that nobody uses.
  ///
  /// `@unchecked Sendable`: whoever took it from the list is alone with it.
  private struct Spare: @unchecked Sendable {
    let intake: Intake
  }

  public convenience init(_ log: SegmentLog, options: Options = Options()) {
    self.init(SegmentDestination(log), options)
  }

  /// Connects to Kafka.
  ///
  /// - Errors: as `KafkaProducer.init`.
  public convenience init(_ kafka: KafkaOptions, topic: String, options: Options = Options()) throws(Failure) {
    // Room for all in flight, however small the records: ours is the limit that says no.
    let producer = try KafkaProducer(kafka, topic: topic, queueBytes: options.inFlightBytes * 4)
    self.init(KafkaDestination(producer), options)
  }

  init(_ destination: any Destination, _ options: Options) {
    self.destination = destination
    self.options = options
    room = InFlight(limit: options.inFlightBytes)
  }

  /// Room for a body of so many bytes, before it is read; nil when its sender has to come back later.
  ///
  /// - `bytes`: nil when nobody said how many there will be.
  public func admit(bytes: Int?) -> Permit? { Permit(room, bytes: min(bytes ?? .max, options.bodyBytes)) }

  /// Bytes that were sent to us and are not yet durable.
  public var bytesInFlight: Int { room.bytes }

  /// Appends the events of a body. `reply` is called once, on this thread or another, with what is true then.
  public func collect(
    _ posted: Posted, through adapter: any Adapter, permit: Permit, now: Int64,
    reply: @escaping @Sendable (Answer) -> Void
  ) {
    let intake = spare.withLock { $0.popLast() }?.intake ?? Intake()
    defer { spare.withLock { $0.append(Spare(intake: intake)) } }
    do throws(Refusal) {
      let json = try take(posted, adapter, permit, now, intake)
      let (events, refused) = (intake.count, intake.refused.count)
      guard intake.taken > 0 else {
        counts.add(taken: 0, refused: refused)
        return reply(.taken(json: json, events: events))
      }
      do throws(Failure) {
        try destination.append(intake) { [counts, taken = intake.taken] failure in
          withExtendedLifetime(permit) {}
          if let failure { return reply(.refused(Refusal(.away, failure.message))) }
          counts.add(taken: taken, refused: refused)
          reply(.taken(json: json, events: events))
        }
      } catch { throw Refusal(.away, error.message) }
    } catch {
      reply(.refused(error))
    }
  }

  /// Everything up to the log: what is to be appended is in the intake.
  private func take(
    _ posted: Posted, _ adapter: any Adapter, _ permit: Permit, _ now: Int64, _ intake: Intake
  ) throws(Refusal) -> String {
    guard posted.body.count <= options.bodyBytes else {
      throw Refusal(.tooLarge, "the body has more than \(options.bodyBytes) bytes; send fewer events at a time")
    }
    let isLines = try Collector.isLines(posted.type)
    let encoding = try Collector.encoding(posted.encoding)
    intake.begin(receivedAt: now, posted.visitor, locate: posted.locate)
    if let encoding {
      try inflate(posted.body, encoding, permit, intake)
      try read(intake.inflated.bytes, posted, isLines, adapter, intake)
    } else {
      try posted.body.span.withUnsafeBytes { (bytes) throws(Refusal) in
        try read(bytes, posted, isLines, adapter, intake)
      }
    }
    return try adapter.answer(intake)
  }

  private func read(
    _ bytes: UnsafeRawBufferPointer, _ posted: Posted, _ isLines: Bool, _ adapter: any Adapter, _ intake: Intake
  ) throws(Refusal) {
    let admittance = posted.isAccepted.map { Admittance($0) }
    try adapter.read(Body(bytes: bytes, isLines: isLines, path: posted.path, admittance: admittance), into: intake)
    try admittance?.check()
    intake.judge(keepsUnusable: adapter.keepsUnusable)
    clocks.add(received: intake.receivedAt, sentAt: intake.sentAt, events: intake.ages)
  }

  private func inflate(
    _ body: [UInt8], _ encoding: CompressedBody.Encoding, _ permit: Permit, _ intake: Intake
  ) throws(Refusal) {
    intake.inflated.clear()
    let outcome = body.withUnsafeBytes {
      CompressedBody().inflate($0, encoding, limit: options.inflatedBytes, into: &intake.inflated) { permit.grow($0) }
    }
    switch outcome {
    case .whole: break
    case .tooLarge:
      throw Refusal(
        .tooLarge, "the body inflates to more than \(options.inflatedBytes) bytes; send fewer events at a time")
    case .damaged: throw Refusal(.malformed, "the body is not of the encoding that it is said to be, or was cut off")
    case .refused: throw Collector.busy
    }
  }

  public static let busy = Refusal(.busy, "the log does not keep up with what is sent: send again later")

  /// - Errors: `.unsupported` for types that are neither JSON nor lines of it. Browsers send text without asking first, so
  ///   that is taken for JSON.
  private static func isLines(_ type: String?) throws(Refusal) -> Bool {
    let name = (type ?? "application/json").prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
    switch name {
    case "application/json", "text/plain", "text/json": return false
    case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines": return true
    default:
      throw Refusal(.unsupported, "the content type must be application/json, or application/x-ndjson for lines")
    }
  }

  private static func encoding(_ name: String?) throws(Refusal) -> CompressedBody.Encoding? {
    switch name?.lowercased() {
    case nil, "", "identity": return nil
    case "gzip", "x-gzip": return .gzip
    case "zstd": return .zstd
    default: throw Refusal(.unsupported, "the content encoding must be gzip or zstd, or none")
    }
  }

  /// Returns when every request was answered. Nothing may be collected any more.
  public func stop() { destination.stop() }
}
