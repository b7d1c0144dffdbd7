import Basics
import CRdKafka
import Foundation
import Synchronization

/// Appends records to a topic: idempotent, acknowledged by all replicas, compressed with lz4. A user's records go to the
/// partition that Kafka's murmur2 says, in order.
///
/// `@unchecked Sendable`: `handle` and `described` are set once, and librdkafka's calls may come from any thread.
public final class KafkaProducer: @unchecked Sendable {
  public let topic: String
  public let partitionCount: Int
  private let handle: OpaquePointer
  private let described: OpaquePointer
  private let events: KafkaEvents
  private let room: KafkaQueueRoom
  private let polling: KafkaPolling
  private let isClosed = Mutex(false)

  /// What a waiting record takes beside its bytes.
  private static let recordBytes = 256

  /// Connects, and asks for the topic.
  ///
  /// - `queueBytes`: of records that wait for their acknowledgement; more are refused.
  /// - Errors: as `KafkaLog.init`.
  public init(
    _ options: KafkaOptions, topic: String, queueBytes: Int = 64 << 20, milliseconds: Int = 10_000
  ) throws(Failure) {
    self.topic = topic
    room = KafkaQueueRoom(bytes: queueBytes)
    let events = KafkaEvents(topic: topic)
    self.events = events
    let conf = try KafkaProperties.make(
      options,
      defaults: KafkaProperties.producer + [
        // Ours is reached first, and says so before anything of a request was taken.
        ("queue.buffering.max.kbytes", String(max(65_536, queueBytes >> 9))),
        ("queue.buffering.max.messages", "10000000"),
      ], fixed: KafkaProperties.fixedProducer)
    events.attach(to: conf)
    rd_kafka_conf_set_dr_msg_cb(conf) { _, message, _ in
      guard let message, let request = message.pointee._private else { return }
      Unmanaged<KafkaRequest>.fromOpaque(request).takeRetainedValue().report(message.pointee.err)
    }
    var text = [CChar](repeating: 0, count: 512)
    guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, &text, text.count) else {
      rd_kafka_conf_destroy(conf)
      throw .invalid("Kafka: \(KafkaText.from(text))")
    }
    guard let described = rd_kafka_topic_new(handle, topic, nil) else {
      rd_kafka_destroy(handle)
      throw .invalid("topic \(topic): \(KafkaText.of(rd_kafka_last_error()))")
    }
    self.handle = handle
    self.described = described
    polling = KafkaPolling(handle, name: "kafka-\(topic)")
    do throws(Failure) {
      partitionCount = try KafkaMetadata.partitionCount(
        handle, topic: topic, brokers: options.brokers, milliseconds: milliseconds,
        lastError: { events.health.lastError })
    } catch {
      polling.stop()
      rd_kafka_topic_destroy(described)
      KafkaEnding.destroy(handle, keeping: events)
      throw error
    }
    events.expect(partitions: partitionCount)
  }

  deinit { close(milliseconds: 0) }

  /// Returns when all records are in the log, acknowledged by all replicas in sync.
  ///
  /// - Errors: `.unavailable` when the queue is full (nothing was taken), or no acknowledgement came in time (the records may
  ///   or may not be in the log: send them again); `.invalid` for a record that is too large for the topic.
  public func append(_ records: KafkaRecords) throws(Failure) {
    let done = DispatchSemaphore(value: 0)
    let result = Mutex<Failure?>(nil)
    try submit(records) { failure in
      result.withLock { $0 = failure }
      done.signal()
    }
    done.wait()
    if let failure = result.withLock({ $0 }) { throw failure }
  }

  /// As `append`, but returns at once; `completion` is called on the producer's own thread, or on this one when there is
  /// nothing to wait for.
  public func submit(_ records: KafkaRecords, completion: @escaping @Sendable (Failure?) -> Void) throws(Failure) {
    if let failure = events.failure { throw failure }
    let bytes = records.byteCount + records.count * KafkaProducer.recordBytes
    guard room.take(bytes) else {
      throw .unavailable(
        "topic \(topic): \(room.bytesUsed >> 20) MiB wait for Kafka's acknowledgement: try again later")
    }
    let request = KafkaRequest(topic: topic, records: records.count) { [room] failure in
      room.give(bytes)
      completion(failure)
    }
    records.bytes.withUnsafeBytes { buffer in
      for entry in records.entries { produce(entry, buffer, request) }
    }
    // As if it were one more record, so that no report can end the request before all were handed over.
    request.report(RD_KAFKA_RESP_ERR_NO_ERROR)
  }

  private func produce(_ entry: KafkaRecords.Entry, _ bytes: UnsafeRawBufferPointer, _ request: KafkaRequest) {
    // An empty user is a key all the same, and needs an address.
    let user = UnsafeRawBufferPointer(rebasing: bytes[entry.start..<entry.start + entry.userCount])
    let value = UnsafeRawBufferPointer(rebasing: bytes[user.count + entry.start..<entry.end])
    let held = Unmanaged.passRetained(request)
    let partition = kafka_partition(user.baseAddress, user.count, Int32(partitionCount))
    var stamp = entry.stamp.map(String.init) ?? ""
    let code = stamp.withUTF8 { digits in
      kafka_produce(
        handle, described, partition, user.baseAddress, user.count, value.baseAddress, value.count,
        digits.count > 0 ? UnsafeRawPointer(digits.baseAddress!).assumingMemoryBound(to: CChar.self) : nil,
        digits.count, held.toOpaque())
    }
    if code != RD_KAFKA_RESP_ERR_NO_ERROR { held.takeRetainedValue().report(code) }
  }

  public var health: KafkaHealth { events.health }

  /// Waits for what is on its way, at most so long; the rest is reported as failed.
  public func close(milliseconds: Int = 5_000) {
    let wasClosed = isClosed.withLock { isClosed in
      defer { isClosed = true }
      return isClosed
    }
    guard !wasClosed else { return }
    if milliseconds > 0 { rd_kafka_flush(handle, Int32(milliseconds)) }
    rd_kafka_purge(handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
    // Their reports still have to be served.
    rd_kafka_flush(handle, 1_000)
    polling.stop()
    rd_kafka_topic_destroy(described)
    KafkaEnding.destroy(handle, keeping: events)
  }
}
