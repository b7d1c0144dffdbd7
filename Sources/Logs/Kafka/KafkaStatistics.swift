import Foundation

/// What we want from librdkafka's report of itself (STATISTICS.md of librdkafka).
struct KafkaStatistics {
  struct Partition {
    /// Since the leader last said anything; nil while we are not connected to it.
    var leaderIdleMilliseconds: Int64?
  }

  var brokersKnown = 0
  var brokersUp = 0
  /// That the topic has by the newest metadata; 0 while it is not known.
  var partitionCount = 0
  var partitions: [Int: Partition] = [:]

  init?(_ text: UnsafeRawBufferPointer, topic: String) {
    guard let start = text.baseAddress else { return nil }
    let data = Data(bytes: start, count: text.count)
    guard let root = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else { return nil }
    var idle: [Int: Int64] = [:]
    var isBootstrapUp = false
    for case let broker as [String: Any] in (root["brokers"] as? [String: Any] ?? [:]).values {
      let number = broker["nodeid"] as? Int ?? -1
      let isUp = broker["state"] as? String == "UP"
      // Those given as bootstrap servers have no number until they say who they are; logical ones never do.
      guard number >= 0, broker["source"] as? String != "logical" else {
        isBootstrapUp = isBootstrapUp || isUp
        continue
      }
      brokersKnown += 1
      guard isUp else { continue }
      brokersUp += 1
      if let microseconds = broker["rxidle"] as? Int64, microseconds >= 0 { idle[number] = microseconds / 1_000 }
    }
    if brokersKnown == 0, isBootstrapUp { (brokersKnown, brokersUp) = (1, 1) }
    let topics = root["topics"] as? [String: Any] ?? [:]
    let described = (topics[topic] as? [String: Any])?["partitions"] as? [String: Any] ?? [:]
    for (name, value) in described {
      guard let number = Int(name), number >= 0, let fields = value as? [String: Any] else { continue }
      guard fields["unknown"] as? Bool != true else { continue }
      partitionCount += 1
      let leader = fields["leader"] as? Int ?? -1
      partitions[number] = Partition(leaderIdleMilliseconds: idle[leader])
    }
  }
}
