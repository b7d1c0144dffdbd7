import Basics
import CRdKafka
import Foundation

/// Writes keyed records to several topics: idempotent, acknowledged by all replicas, each key's records in order.
///
/// `@unchecked Sendable`: everything is set once, and librdkafka's calls may come from any thread.
public final class KafkaSink: @unchecked Sendable {
  private let handle: KafkaHandle
  private let topics: [(name: String, handle: OpaquePointer)]
  private let events: KafkaEvents
  private let polling: KafkaPolling
  private let room: KafkaQueueRoom

  /// What a waiting record takes beside its bytes.
  private static let recordBytes = 512

  /// Connects, and asks for the topics.
  ///
  /// - `topics`: each with what it is for, for messages.
  /// - `transactionalID`: everything is written in transactions then, and whether the topics are there is not asked.
  /// - `queueBytes`: of records that wait for their acknowledgement.
  /// - Errors: `.invalid` for an unknown topic or an unusable configuration, `.unavailable` when no broker answers.
  public init(
    _ options: KafkaOptions, topics: [(name: String, use: String)], transactionalID: String? = nil,
    queueBytes: Int = 32 << 20, milliseconds: Int = 10_000
  ) throws(Failure) {
    room = KafkaQueueRoom(bytes: queueBytes)
    let events = KafkaEvents(topic: topics.map(\.name).joined(separator: ", "))
    self.events = events
    let conf = try KafkaProperties.make(
      options,
      defaults: KafkaProperties.producer + [
        ("queue.buffering.max.kbytes", String(max(65_536, queueBytes >> 9))),
        ("queue.buffering.max.messages", "10000000"),
      ], fixed: KafkaProperties.fixedSink + (transactionalID.map { [("transactional.id", $0)] } ?? []))
    events.attach(to: conf)
    rd_kafka_conf_set_dr_msg_cb(conf) { _, message, _ in
      guard let message, let ticket = message.pointee._private else { return }
      let name = message.pointee.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
      Unmanaged<Ticket>.fromOpaque(ticket).takeRetainedValue().report(message.pointee.err, topic: name)
    }
    let handle = try KafkaHandle(RD_KAFKA_PRODUCER, conf, events: events)
    self.handle = handle
    polling = KafkaPolling(handle.pointer, name: "kafka-sink")
    var opened: [(String, OpaquePointer)] = []
    do throws(Failure) {
      for (name, use) in topics {
        if transactionalID == nil {
          _ = try KafkaMetadata.partitionCount(
            handle.pointer, topic: name, for: .output(use), brokers: options.brokers, milliseconds: milliseconds,
            lastError: { events.health.lastError })
        }
        guard let topic = rd_kafka_topic_new(handle.pointer, name, nil) else {
          throw .invalid("topic \(name): \(KafkaText.of(rd_kafka_last_error()))")
        }
        opened.append((name, topic))
      }
    } catch {
      polling.stop()
      for (_, topic) in opened { rd_kafka_topic_destroy(topic) }
      if handle.end() { handle.destroy() }
      throw error
    }
    self.topics = opened
  }

  deinit { close(milliseconds: 0) }

  /// One message on its way.
  private final class Ticket: Sendable {
    let delivery: KafkaDelivery
    let room: KafkaQueueRoom
    let bytes: Int

    init(_ delivery: KafkaDelivery, _ room: KafkaQueueRoom, _ bytes: Int) {
      self.delivery = delivery
      self.room = room
      self.bytes = bytes
    }

    func report(_ code: rd_kafka_resp_err_t, topic: String) {
      room.give(bytes)
      delivery.report(KafkaSink.failure(code, topic: topic))
    }
  }

  private static func failure(_ code: rd_kafka_resp_err_t, topic: String) -> Failure? {
    let words = KafkaText.of(code)
    switch code {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return nil
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
      RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
      return .invalid(
        "topic \(topic) does not take an output: \(words): raise max.message.bytes of the topic and message.max.bytes in "
          + "log.kafka.properties, or remove the sink")
    default: return .unavailable("topic \(topic) did not acknowledge outputs: \(words)")
    }
  }

  /// Hands one record over; false when there is no room now.
  ///
  /// - `topic`: its index in `topics` as given.
  /// - `value`: nil is a tombstone.
  /// - Errors: `.unavailable` when this client is of no use any more.
  public func put(
    _ topic: Int, key: [UInt8], value: [UInt8]?, headers: [(name: String, value: String)],
    for delivery: KafkaDelivery
  ) throws(Failure) -> Bool {
    if let failure = events.failure { throw failure }
    let bytes = key.count + (value?.count ?? 0) + KafkaSink.recordBytes
    guard room.take(bytes) else { return false }
    delivery.add()
    let ticket = Unmanaged.passRetained(Ticket(delivery, room, bytes))
    let name = topics[topic].name
    let handed: Bool? = try handle.use { (pointer) throws(Failure) in
      let list = rd_kafka_headers_new(headers.count)
      for header in headers { rd_kafka_header_add(list, header.name, -1, header.value, -1) }
      let code = key.withUnsafeBytes { key in
        (value ?? []).withUnsafeBytes { bytes in
          // An empty value is one all the same, and needs an address.
          let start = value == nil ? nil : bytes.baseAddress ?? key.baseAddress
          return kafka_upsert(
            pointer, topics[topic].handle, key.baseAddress, key.count, start, bytes.count, list, ticket.toOpaque())
        }
      }
      if code == RD_KAFKA_RESP_ERR_NO_ERROR { return true }
      ticket.takeRetainedValue().report(
        code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? RD_KAFKA_RESP_ERR_NO_ERROR : code, topic: name)
      return code != RD_KAFKA_RESP_ERR__QUEUE_FULL
    }
    if let handed { return handed }
    ticket.takeRetainedValue().report(RD_KAFKA_RESP_ERR__DESTROY, topic: name)
    return true
  }

  /// - Errors: `.unavailable` once it is closed.
  func use<T>(_ body: (OpaquePointer) -> T) throws(Failure) -> T {
    if let result = try handle.use(body) { return result }
    throw .unavailable("the connection to Kafka was closed")
  }

  /// Waits for what is on its way, at most so long; the rest is reported as failed.
  public func close(milliseconds: Int = 5_000) {
    guard handle.end() else { return }
    if milliseconds > 0 { rd_kafka_flush(handle.pointer, Int32(milliseconds)) }
    rd_kafka_purge(handle.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
    // Their reports still have to be served.
    rd_kafka_flush(handle.pointer, 1_000)
    polling.stop()
    for (_, topic) in topics { rd_kafka_topic_destroy(topic) }
    handle.destroy()
  }
}
