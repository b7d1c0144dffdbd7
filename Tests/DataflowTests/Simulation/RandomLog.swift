import Basics
import Dataflow
import Oracle
import Seeded

/// Logs in which everything happens: disorder, resends, collisions, late and future events, bridges between sessions, ties,
/// hot users, unusable records, stamps that leap and stand still.
struct RandomLog {
  var random: SeededRandom
  let topology: Topology
  let hasStamps: Bool
  let partitions: Int

  private var clock: Int64 = 0
  private var newest: [Int64] = []
  private var users: [String] = []
  private var sent: [Sent] = []

  private struct Sent {
    var user: String
    var id: String
    var type: String
    var time: Int64
    var bytes: [UInt8]
  }

  init(random: SeededRandom, topology: Topology, hasStamps: Bool, partitions: Int) {
    self.random = random
    self.topology = topology
    self.hasStamps = hasStamps
    self.partitions = partitions
  }

  mutating func make(count: Int) -> [[Oracle.Record]] {
    // Around the days on which New York has 23 and 25 hours.
    clock =
      Timestamp(random.pick(["2026-03-07T12:00:00Z", "2026-10-31T20:30:00Z", "2026-06-01T23:50:00Z"]))!.milliseconds
    newest = Array(repeating: clock, count: partitions)
    users = (0..<random.pick([3, 10, 60])).map { "u\($0)" }
    if random.chance(30) { users.append("ü\u{1F600}") }
    var records = [[Oracle.Record]](repeating: [], count: partitions)
    for _ in 0..<count {
      advance()
      let (partition, bytes) = record()
      // Now and then a stamp below an earlier one: M does not follow it.
      let stamp = random.chance(3) ? clock - random.time(0...Timestamp.hour) : clock
      if newest[partition] < stamp { newest[partition] = stamp }
      records[partition].append(Oracle.Record(bytes: bytes, stamp: hasStamps ? stamp : nil))
    }
    return records
  }

  private mutating func advance() {
    switch random.number(0...99) {
    case 0..<40: break
    case 40..<80: clock += random.time(0...90_000)
    case 80..<98: clock += random.time(0...10 * Timestamp.minute)
    case 98: clock += random.time(0...5 * Timestamp.hour)
    default: clock += random.chance(30) ? random.time(0...30 * Timestamp.hour) : 0
    }
  }

  private mutating func record() -> (partition: Int, bytes: [UInt8]) {
    if random.chance(3) { return (random.number(0...partitions - 1), unusable()) }
    if !sent.isEmpty, random.chance(12) {
      // Mostly of late, sometimes of long ago.
      let old = random.chance(70) ? sent[max(0, sent.count - 1 - random.number(0...30))] : random.pick(sent)
      switch random.number(0...3) {
      case 0, 1: return (home(old.user), old.bytes)
      case 2: return send(old.user, old.id, RandomTopology.types.randomElement(using: &random)!, old.time)
      default: return send(old.user, old.id, old.type, time(home(old.user)))
      }
    }
    // A hot user does half of everything.
    let user = random.chance(50) ? users[0] : random.pick(users)
    var id = "e\(sent.count)"
    if random.chance(10) { id = "\(random.pick(["é", "z", "A"]))\(id)" }
    if random.chance(5) { id += String(repeating: "x", count: random.pick([43, 44, 45, 100])) }
    return send(user, id, random.pick(RandomTopology.types), time(home(user)))
  }

  private func home(_ user: String) -> Int { kafkaPartition(Array(user.utf8), of: partitions) }

  private mutating func time(_ partition: Int) -> Int64 {
    let horizon = topology.source.horizonMilliseconds
    let gap = topology.gapMilliseconds
    // The record's own stamp counts too.
    let m = max(newest[partition], clock)
    var time: Int64
    switch random.number(0...99) {
    case 0..<45: time = clock
    case 45..<75: time = clock - random.time(0...3 * gap)
    case 75..<84: time = clock - random.time(0...horizon)
    // What is still remembered at the edge, and no longer just behind it.
    case 84..<88: time = m - horizon + random.time(0...5 * Timestamp.minute)
    case 88..<91: time = m - horizon - random.pick([-1, 0, 1])
    case 91..<94: time = m + 24 * Timestamp.hour + random.pick([-1, 0, 1])
    case 94..<96: time = clock + random.time(0...30 * Timestamp.hour)
    case 96..<98: time = clock - random.time(0...4 * horizon)
    default:
      // Exactly a gap, or just more, from an event of before.
      time = (sent.last?.time ?? clock) + random.pick([-gap, gap, gap + 1, -gap - 1])
    }
    if random.chance(40) {
      time = Timestamp.floor(time, to: random.pick([1_000, Timestamp.minute, 15 * Timestamp.minute]))
    }
    return time
  }

  private mutating func send(_ user: String, _ id: String, _ type: String, _ time: Int64) -> (Int, [UInt8]) {
    var fields = ["\"event_id\":\"\(id)\"", "\"event_type\":\"\(type)\"", "\"timestamp\":\(timestamp(time))"]
    switch random.number(0...9) {
    case 0: fields.append("\"anonymous_id\":\"\(user)\"")
    case 1: fields.append("\"user_id\":null,\"anonymous_id\":\"\(user)\"")
    case 2: fields.append("\"user_id\":\"\(user)\",\"anonymous_id\":\"\(random.pick(users))\"")
    default: fields.append("\"user_id\":\"\(user)\"")
    }
    fields.append(properties())
    if random.chance(70) {
      let country = random.pick([#""DE""#, #""US""#, #""\u0044E""#, #""""#, "null", #""é""#, #""e\u0301""#, "[1]"])
      fields.append("\"geo\":{\"country\":\(country)}")
    }
    if random.chance(50) {
      fields.append("\"device\":{\"type\":\(random.pick([#""mobile""#, #""desktop""#, "7", "7.0", "true", "{}"]))}")
    }
    if random.chance(20) { fields.append(#""page":{"path":"\/a\"b\#(random.number(0...2))"}"#) }
    if random.chance(20) { fields.append(#""extra":{"geo":[1,{"x":null}]},"extra":2"#) }
    fields.shuffle(using: &random)
    let bytes = Array("{\(fields.joined(separator: random.chance(10) ? " , " : ","))}".utf8)
    sent.append(Sent(user: user, id: id, type: type, time: time, bytes: bytes))
    // Now and then where the user does not belong.
    let partition = random.chance(1) ? random.number(0...partitions - 1) : home(user)
    return (partition, bytes)
  }

  private mutating func timestamp(_ time: Int64) -> String {
    switch random.number(0...3) {
    case 0: return String(time)
    case 1: return "\(time).75"
    case 2:
      let local = Timestamp(milliseconds: time + 345 * Timestamp.minute).description
      return "\"\(local.dropLast())+05:45\""
    default: return "\"\(Timestamp(milliseconds: time))\""
    }
  }

  private mutating func properties() -> String {
    let amount = random.pick([
      "1", "2.5", "1.005", "1.0050000000000000001", "-3", "0", "-0.0", "1e2", "0.0000005", "999999999999999.9", "1e15",
      "12345678901234.123456789", "\"5\"", "null", "-0.49999999999", "1e-400", "{}", "127.999999", "19.99", "-19.995",
    ])
    var members = ["\"amount\":\(amount)", "\"count\":\(random.number(-5...400))"]
    if random.chance(30) { members.append("\"tag\":\"t\(random.number(0...200))\"") }
    if random.chance(30) { members.append("\"flag\":\(random.pick(["true", "false", "\"true\"", "null", "1"]))") }
    if random.chance(5) { members.append("\"amount\":4") }
    return "\"properties\":{\(members.joined(separator: ","))}"
  }

  private mutating func unusable() -> [UInt8] {
    let good = #""event_id":"b","event_type":"view","user_id":"u0","timestamp":"2026-03-08T00:00:00Z""#
    let broken = [
      "", "{", "[]", "{\(good)", "{\(good),}", "{\(good),\"x\":01}", "{\(good),\"event_id\":\"c\"}",
      "{\(good),\"geo\":1}",
      #"{"event_type":"view","user_id":"u0","timestamp":1}"#, #"{"event_id":"b","user_id":"u0","timestamp":1}"#,
      #"{"event_id":"b","event_type":"view","user_id":"","timestamp":1}"#,
      #"{"event_id":"b","event_type":"view","user_id":"u0"}"#,
      #"{"event_id":"b","event_type":"view","user_id":"u0","timestamp":"2026-02-30T00:00:00Z"}"#,
      "{\"event_id\":\"\(String(repeating: "i", count: 129))\",\"event_type\":\"view\",\"user_id\":\"u0\",\"timestamp\":1}",
      "{\(good),\"x\":\(String(repeating: "[", count: 70))\(String(repeating: "]", count: 70))}",
      "{\(good),\"x\":\"\\ud800\"}",
    ]
    var bytes = Array(random.pick(broken).utf8)
    if random.chance(10) { bytes = Array("{\(good),\"x\":\"".utf8) + [0xff] + Array("\"}".utf8) }
    if random.chance(3) { bytes = Array("{\(good)}".utf8) + [UInt8](repeating: 0x20, count: 65_536) }
    return bytes
  }
}
