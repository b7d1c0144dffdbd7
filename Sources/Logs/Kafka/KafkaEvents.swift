import Basics
import CRdKafka

/// What librdkafka's callbacks report, kept for whoever asks. It is the `opaque` of a handle.
///
/// `@unchecked Sendable`: everything that changes is only touched with `lock` held.
final class KafkaEvents: @unchecked Sendable {
  private let lock = Lock()
  private let topic: String
  private var state = KafkaHealth()
  private var statistics: KafkaStatistics?
  private var statisticsAt: Int64 = 0
  private var partitionCount = 0
  private var stopped: Failure?
  private var goneSince: Int64?
  private var returnCount = 0
  /// How long brokers may say that there is no such topic before they are believed.
  var goneMilliseconds: Int64 = 15_000
  /// Set before the handle exists, called on the thread that polls.
  var rebalance: ((rd_kafka_resp_err_t, UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) -> Void)?

  /// A connection over which nothing came for so long says nothing about the end of the log; milliseconds. An idle
  /// broker answers every half second.
  private static let silenceMilliseconds: Int64 = 5_000

  init(topic: String) { self.topic = topic }

  private func locked<T>(_ body: () -> T) -> T {
    lock.lock()
    defer { lock.unlock() }
    return body()
  }

  var health: KafkaHealth { locked { state } }

  /// Why nothing more is to be read, for all partitions alike.
  var failure: Failure? { locked { stopped } }

  /// How often the topic was gone and came back: it may be another one then.
  var returns: Int { locked { returnCount } }

  func expect(partitions: Int) { locked { partitionCount = partitions } }

  func addKeyWarnings(_ count: Int64) { locked { state.keyWarnings += count } }

  func note(_ words: String) {
    locked {
      state.lastError = words
      state.lastErrorAt = ClockGuard.wallMilliseconds()
    }
  }

  func fail(_ failure: Failure) {
    locked {
      guard stopped == nil else { return }
      stopped = failure
      state.fatal = failure.message
    }
  }

  /// Whether the partition's leader has answered lately, so that its silence means that there is nothing to read.
  func isAnswering(partition: Int) -> Bool {
    locked {
      guard let idle = statistics?.partitions[partition]?.leaderIdleMilliseconds else { return false }
      return idle + ClockGuard.monotonicMilliseconds() - statisticsAt < KafkaEvents.silenceMilliseconds
    }
  }

  /// Makes a configuration report here. The pointer it is given lives as long as the caller keeps this object.
  func attach(to conf: OpaquePointer) {
    rd_kafka_conf_set_opaque(conf, Unmanaged.passUnretained(self).toOpaque())
    rd_kafka_conf_set_error_cb(conf) { handle, code, reason, opaque in
      KafkaEvents.from(opaque).error(handle, rd_kafka_resp_err_t(rawValue: code), reason)
    }
    rd_kafka_conf_set_log_cb(conf) { handle, level, facility, words in
      guard level <= 4, let words else { return }
      KafkaEvents.from(rd_kafka_opaque(handle)).note(String(cString: words))
    }
    rd_kafka_conf_set_stats_cb(conf) { _, text, count, opaque in
      if let text { KafkaEvents.from(opaque).take(UnsafeRawBufferPointer(start: text, count: count)) }
      return 0
    }
  }

  func attachToConsumer(_ conf: OpaquePointer) {
    attach(to: conf)
    rd_kafka_conf_set_offset_commit_cb(conf) { _, code, _, opaque in
      KafkaEvents.from(opaque).committed(code)
    }
    rd_kafka_conf_set_rebalance_cb(conf) { _, code, partitions, opaque in
      if let partitions { KafkaEvents.from(opaque).rebalance?(code, partitions) }
    }
  }

  static func from(_ opaque: UnsafeMutableRawPointer?) -> KafkaEvents {
    Unmanaged<KafkaEvents>.fromOpaque(opaque!).takeUnretainedValue()
  }

  private func error(_ handle: OpaquePointer?, _ code: rd_kafka_resp_err_t, _ reason: UnsafePointer<CChar>?) {
    let words = reason.map { String(cString: $0) } ?? KafkaText.of(code)
    note(words)
    switch code {
    case RD_KAFKA_RESP_ERR__FATAL: fail(fatally: handle)
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      locked { state.awaySince = state.awaySince ?? ClockGuard.wallMilliseconds() }
    default: break
    }
  }

  /// After an error that librdkafka calls fatal: its handle is of no use any more.
  func fail(fatally handle: OpaquePointer?) {
    var text = [CChar](repeating: 0, count: 512)
    let cause = rd_kafka_fatal_error(handle, &text, text.count)
    fail(
      .unavailable(
        "topic \(topic): Kafka's client gave up: \(KafkaText.of(cause)): \(KafkaText.from(text)); start again"))
  }

  private func committed(_ code: rd_kafka_resp_err_t) {
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR__NO_OFFSET else { return }
    locked { state.lastCommitError = KafkaText.of(code) }
  }

  func take(_ text: UnsafeRawBufferPointer) {
    guard let new = KafkaStatistics(text, topic: topic) else { return }
    let now = ClockGuard.monotonicMilliseconds()
    let expected = locked {
      statistics = new
      statisticsAt = now
      state.brokersKnown = new.brokersKnown
      state.brokersUp = new.brokersUp
      state.awaySince = new.brokersUp > 0 ? nil : state.awaySince ?? ClockGuard.wallMilliseconds()
      return partitionCount
    }
    guard expected > 0 else { return }
    noteGone(new.partitionCount == 0, now)
    guard new.partitionCount > 0, new.partitionCount != expected else { return }
    fail(
      .invalid(
        "topic \(topic) had \(expected) partitions and now has \(new.partitionCount): the count is part of a log's "
          + "identity, since users moved; copy the topic to a new one and build the state from that, or rebuild it from the "
          + "beginning"))
  }

  /// A broker that has just started may not know the topic yet, so it is not believed at once.
  private func noteGone(_ isGone: Bool, _ now: Int64) {
    let since = locked {
      if !isGone, goneSince != nil { returnCount += 1 }
      goneSince = isGone ? goneSince ?? now : nil
      return goneSince
    }
    guard let since, now - since >= goneMilliseconds else { return }
    fail(
      .unavailable(
        "topic \(topic): no broker knows it any more: bring it back as it was and start again; a new topic of that name is "
          + "another log"))
  }
}
