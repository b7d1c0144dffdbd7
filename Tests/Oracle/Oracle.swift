import Basics
import Dataflow

/// A naive judge of the dataflow: holds all events in arrays and works every answer out from the beginning.
///
/// It shares no code with the operators, only the shapes of what goes in and comes out. It knows nothing of batches,
/// commits, memory, retractions or deltas, so it cannot have their bugs.
public struct Oracle {
  public struct Record: Sendable {
    public var bytes: [UInt8]
    /// Append stamp, milliseconds; nil in a file without stamps.
    public var stamp: Int64?

    public init(bytes: [UInt8], stamp: Int64?) {
      self.bytes = bytes
      self.stamp = stamp
    }
  }

  public struct Ledger: Equatable, Sendable {
    public var read = 0
    public var counted = 0
    public var duplicates = 0
    public var late = 0
    public var collisions = 0
    /// By the reason's code.
    public var quarantined: [String: Int] = [:]

    public init() {}
  }

  public let topology: Topology
  public private(set) var ledgers: [Ledger] = []
  /// The largest M of all partitions.
  public private(set) var newestStamp: Int64?
  var events: [OracleEvent] = []

  /// Records by partition, in log order.
  public init(_ topology: Topology, _ partitions: [[Record]]) {
    self.topology = topology
    for (index, records) in partitions.enumerated() { judge(records, partition: index, of: partitions.count) }
  }

  private mutating func judge(_ records: [Record], partition: Int, of partitions: Int) {
    struct Remembered {
      var type: [UInt8]
      var time: Int64
      var hour: Int64
    }
    let horizon = topology.source.horizonMilliseconds
    let keptHours = (horizon + Timestamp.hour - 1) / Timestamp.hour + 24
    var ledger = Ledger()
    var newest: Int64?
    var remembered: [[[UInt8]]: Remembered] = [:]
    for record in records {
      ledger.read += 1
      if let stamp = record.stamp { newest = max(newest ?? stamp, stamp) }
      func quarantine(_ reason: String) { ledger.quarantined[reason, default: 0] += 1 }
      let (read, reason) = OracleEvent.read(record.bytes)
      guard var event = read else {
        quarantine(reason)
        continue
      }
      if kafkaPartition(event.user, of: partitions) != partition {
        quarantine("misplaced")
        continue
      }
      if let newest {
        if event.clientTime > newest + 24 * Timestamp.hour {
          quarantine("future")
          continue
        }
        event.time = min(event.clientTime, newest)
        if newest - event.time > horizon {
          ledger.late += 1
          continue
        }
      }
      let hour = newest.map { Timestamp.floor($0, to: Timestamp.hour) / Timestamp.hour } ?? 0
      if let known = remembered[[event.user, event.id]], hour - known.hour <= keptHours {
        ledger.duplicates += 1
        if known.type != event.type || known.time != event.clientTime { ledger.collisions += 1 }
        continue
      }
      remembered[[event.user, event.id]] = Remembered(type: event.type, time: event.clientTime, hour: hour)
      ledger.counted += 1
      events.append(event)
    }
    ledgers.append(ledger)
    if let newest { newestStamp = max(newestStamp ?? newest, newest) }
  }

  /// Every user's events in order of time, then id.
  func eventsByUser() -> [[OracleEvent]] {
    let byUser = Dictionary(grouping: events, by: \.user)
    return byUser.values.map { events in
      events.sorted { $0.time != $1.time ? $0.time < $1.time : $0.id < $1.id }
    }
  }

  /// All of whom an event was counted.
  public var users: [[UInt8]] { Set(events.map(\.user)).sorted(by: <) }

  func sessions() -> [OracleSession] {
    var sessions: [OracleSession] = []
    for events in eventsByUser() {
      var session = OracleSession(events: [events[0]])
      for event in events.dropFirst() {
        if event.time - session.events.last!.time <= topology.gapMilliseconds {
          session.events.append(event)
        } else {
          sessions.append(session)
          session = OracleSession(events: [event])
        }
      }
      sessions.append(session)
    }
    return sessions
  }

  /// Whether a bucket that ends then still shows.
  func isVisible(end: Int64, retention: Int64?) -> Bool {
    guard let newestStamp, let retention else { return true }
    return end > newestStamp - retention
  }
}

/// Kafka's default partitioner: murmur2 of the key without its sign, modulo the partitions.
/// Source: org.apache.kafka.common.utils.Utils.murmur2.
public func kafkaPartition(_ key: [UInt8], of partitions: Int) -> Int {
  let m: UInt32 = 0x5bd1_e995
  var h: UInt32 = 0x9747_b28c ^ UInt32(key.count)
  var index = 0
  while key.count - index >= 4 {
    var k =
      UInt32(key[index]) | UInt32(key[index + 1]) << 8 | UInt32(key[index + 2]) << 16 | UInt32(key[index + 3]) << 24
    k = k &* m
    k ^= k >> 24
    k = k &* m
    h = h &* m ^ k
    index += 4
  }
  let rest = key[index...]
  for (position, byte) in rest.enumerated() { h ^= UInt32(byte) << UInt32(8 * position) }
  if !rest.isEmpty { h = h &* m }
  h ^= h >> 13
  h = h &* m
  h ^= h >> 15
  return Int(h & 0x7fff_ffff) % partitions
}
