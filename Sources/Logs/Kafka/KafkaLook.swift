import Basics
import CRdKafka

/// Asks a cluster what `KafkaDescription` holds, and reads single records. Writes nothing and joins no group.
///
/// One thread at a time. Every question has its own time limit, so that a look ends whatever is away.
public final class KafkaLook {
  /// A record of a sample; its bytes live for the call only.
  public struct Record {
    public var partition: Int
    public var key: UnsafeRawBufferPointer?
    public var value: UnsafeRawBufferPointer
    public var isAppendTime: Bool
    /// It brings a stamp of its own, in the header `millrace-appended-at`.
    public var carriesStamp: Bool
  }

  public enum ReadBack: Sendable, Equatable {
    case same
    /// What stands there instead.
    case different(String)
    case failed(String)
  }

  /// How long one question may take.
  let askMilliseconds: Int32

  public private(set) var description: KafkaDescription
  let handle: OpaquePointer
  let errors: KafkaErrors

  /// Tries to reach the cluster; whether that succeeded is in `description`.
  ///
  /// - `groupName`: a group that we would join: whether we may is asked, and nothing more.
  /// - `milliseconds`: how long to try; `asking`: how long each further question may take.
  /// - Errors: `.invalid` in librdkafka's words: the configuration cannot be used.
  public init(
    _ options: KafkaOptions, groupName: String, milliseconds: Int = 5_000, asking askMilliseconds: Int = 5_000
  ) throws(Failure) {
    self.askMilliseconds = Int32(askMilliseconds)
    description = KafkaDescription(brokers: options.brokers)
    description.group = options.group
    description.user = options.properties["sasl.username"]
    description.isSecured = options.properties["security.protocol"].map { $0.lowercased() != "plaintext" } ?? false
    var options = options
    // A few records of each partition are wanted, and not its 16 MiB.
    for (name, value) in [
      ("queued.min.messages", "1"), ("queued.max.messages.kbytes", "1024"), ("fetch.message.max.bytes", "262144"),
    ] { options.properties[name] = value }
    let errors = KafkaErrors()
    self.errors = errors
    let conf = try KafkaProperties.make(
      options, defaults: KafkaProperties.consumer, fixed: KafkaProperties.fixedConsumer + [("group.id", groupName)])
    errors.attach(to: conf)
    var text = [CChar](repeating: 0, count: 512)
    guard let handle = rd_kafka_new(RD_KAFKA_CONSUMER, conf, &text, text.count) else {
      rd_kafka_conf_destroy(conf)
      throw .invalid("log.kafka.properties: \(KafkaText.from(text))")
    }
    self.handle = handle
    rd_kafka_poll_set_consumer(handle)
    reach(milliseconds)
    if description.noAnswer == nil { askGroup() }
  }

  /// What a partition that is read may have waiting in memory, at the most.
  public static func fetchBytesPerPartition(_ options: KafkaOptions) -> Int64 {
    let name = "queued.max.messages.kbytes"
    let text = options.properties[name] ?? KafkaProperties.consumer.first { $0.0 == name }?.1
    return (text.flatMap { Int64($0) } ?? 65_536) << 10
  }

  deinit { rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) }

  /// Which brokers and topics there are; the first question, so it is asked until it is answered or hopeless.
  private func reach(_ milliseconds: Int) {
    let deadline = ClockGuard.monotonicMilliseconds() + Int64(milliseconds)
    while true {
      let rest = deadline - ClockGuard.monotonicMilliseconds()
      var metadata: UnsafePointer<rd_kafka_metadata>?
      let code = rd_kafka_metadata(handle, 1, nil, &metadata, Int32(max(1, min(500, rest))))
      serve()
      if code == RD_KAFKA_RESP_ERR_NO_ERROR, let found = metadata {
        defer { rd_kafka_metadata_destroy(found) }
        description.brokerCount = Int(found.pointee.broker_cnt)
        description.topicNames = (0..<Int(found.pointee.topic_cnt)).map {
          String(cString: found.pointee.topics[$0].topic)
        }
        return
      }
      // Nothing makes a wrong certificate or password right.
      if let reason = errors.hopeless {
        description.noAnswer = reason
        return
      }
      guard rest > 0 else {
        description.noAnswer = KafkaErrors.noAnswer(errors.last ?? KafkaText.of(code))
        return
      }
    }
  }

  private func askGroup() {
    guard let topic = description.topicNames.first else { return }
    let list = KafkaPartitions(topic: topic, [0])
    let code = rd_kafka_committed(handle, list.list, askMilliseconds)
    serve()
    let entry = list.list.pointee.elems[0].err
    if let refusal = KafkaLook.refusal(code) ?? KafkaLook.refusal(entry),
      entry != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, entry != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
    {
      description.groupRefusal = refusal
    }
  }

  /// Lets librdkafka report what it has to. What else it has is of no use.
  func serve() {
    while let message = rd_kafka_consumer_poll(handle, 0) {
      errors.note(message.pointee.err, rd_kafka_message_errstr(message).map { String(cString: $0) })
      rd_kafka_message_destroy(message)
    }
  }

  /// Nil for success.
  static func refusal(_ code: rd_kafka_resp_err_t) -> KafkaDescription.Refusal? {
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
    let isDenied =
      code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED
      || code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED
    return .init(isDenied: isDenied, message: KafkaText.of(code))
  }

  func add(_ topic: KafkaDescription.Topic) { description.topics.append(topic) }
}

/// What librdkafka's error callback said. It is the `opaque` of a handle, and called by whoever polls.
final class KafkaErrors {
  private(set) var last: String?
  private(set) var hopeless: KafkaDescription.NoAnswer?

  /// The pointer it is given lives as long as the caller keeps this object.
  func attach(to conf: OpaquePointer) {
    rd_kafka_conf_set_opaque(conf, Unmanaged.passUnretained(self).toOpaque())
    rd_kafka_conf_set_error_cb(conf) { _, code, reason, opaque in
      guard let opaque else { return }
      Unmanaged<KafkaErrors>.fromOpaque(opaque).takeUnretainedValue().note(
        rd_kafka_resp_err_t(rawValue: code), reason.map { String(cString: $0) })
    }
    // All that matters comes as an error too.
    rd_kafka_conf_set_log_cb(conf) { _, _, _, _ in }
  }

  /// A listener of the other kind closes the connection, which is no error of TLS to librdkafka.
  static func noAnswer(_ words: String) -> KafkaDescription.NoAnswer {
    let isAboutTLS = ["SSL_HANDSHAKE", "SSL handshake", "SSL listener"].contains { words.contains($0) }
    return .init(reason: isAboutTLS ? .tls : .unreachable, message: words)
  }

  func note(_ code: rd_kafka_resp_err_t, _ words: String?) {
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR__PARTITION_EOF else { return }
    let words = words ?? KafkaText.of(code)
    switch code {
    case RD_KAFKA_RESP_ERR__SSL: hopeless = hopeless ?? .init(reason: .tls, message: words)
    case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
      RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
      hopeless = hopeless ?? .init(reason: .sasl, message: words)
    // "All brokers down" says less than what was said of one of them.
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN: last = last ?? words
    default: last = words
    }
  }
}
