import Basics
import CRdKafka

/// librdkafka's configuration: what we set, what may be set, what must not.
enum KafkaProperties {
  /// Set by us, and why nobody else may: the numbers, or the promises, would be others.
  private static let ours: [String: String] = [
    "bootstrap.servers": "it is 'brokers'", "metadata.broker.list": "it is 'brokers'",
    "group.id": "it is made from 'group'",
    "enable.auto.commit": "offsets live in the state", "auto.commit.enable": "offsets live in the state",
    "enable.auto.offset.store": "offsets live in the state",
    "auto.offset.reset": "records are never skipped silently",
    "enable.partition.eof": "it is always on",
    "partition.assignment.strategy": "it is always cooperative-sticky",
    "enable.idempotence": "it is always on", "acks": "it is always all", "request.required.acks": "it is always all",
    "transactional.id": "it is made from 'group', the topology and the partition",
    "partitioner": "it is always Java's",
    "statistics.interval.ms": "it is always 1000", "log.queue": "it is always on",
  ]

  static let consumer: [(String, String)] =
    [
      ("client.id", "millrace"),
      ("isolation.level", "read_committed"),
      ("topic.metadata.refresh.interval.ms", "60000"),
      ("reconnect.backoff.max.ms", "2000"),
      // Per partition. The number of records says nothing about memory, so the bytes decide: four fetches. With
      // four times as many, 64 partitions took twice the memory, and a tenth more processor time for its pages.
      ("queued.min.messages", "1000000"),
      ("queued.max.messages.kbytes", "2048"),
      // Half of the usual size: what is fetched is unpacked at once, and while a part of it is worked on, the next one is.
      ("fetch.message.max.bytes", "524288"),
      // A broker is asked one thing at a time: while it waits for records of partitions at their ends, no others are fetched.
      ("fetch.wait.max.ms", "100"),
      ("allow.auto.create.topics", "false"),
    ] + (looksOften ? [often] : [])

  /// How soon a full queue is looked at again; librdkafka has the property from 2.2 on (see `KafkaWaker`).
  private static let often = ("fetch.queue.backoff.ms", "5")
  static let looksOften: Bool = {
    let conf = rd_kafka_conf_new()
    defer { rd_kafka_conf_destroy(conf) }
    return set(conf!, often.0, often.1, isSecret: false) == nil
  }()
  static let fixedConsumer: [(String, String)] = [
    ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"), ("auto.offset.reset", "error"),
    ("enable.partition.eof", "true"), ("partition.assignment.strategy", "cooperative-sticky"),
    ("statistics.interval.ms", "1000"), ("log.queue", "true"),
  ]

  static let producer: [(String, String)] = [
    ("client.id", "millrace"),
    ("compression.type", "lz4"),
    ("linger.ms", "5"),
    ("topic.metadata.refresh.interval.ms", "60000"),
    ("reconnect.backoff.max.ms", "2000"),
    // A request that waits longer is answered "away" and may be sent again.
    ("delivery.timeout.ms", "30000"),
    ("allow.auto.create.topics", "false"),
  ]
  static let fixedProducer: [(String, String)] = [
    ("enable.idempotence", "true"), ("acks", "all"), ("statistics.interval.ms", "1000"), ("log.queue", "true"),
  ]

  /// Java's partitioner, so that a key has one partition whoever wrote it.
  static let fixedSink: [(String, String)] = fixedProducer + [("partitioner", "murmur2_random")]

  /// Whether a property's value must not be shown, wherever it came from.
  static func isSecret(_ name: String) -> Bool {
    ["password", "secret", ".pem", "oauthbearer.config", "sasl.jaas"].contains { name.contains($0) }
  }

  static func problem(_ name: String, _ value: String, isSecret: Bool) -> String? {
    if let reason = ours[name] { return "'\(name)' is not for the configuration: \(reason)" }
    let conf = rd_kafka_conf_new()
    defer { rd_kafka_conf_destroy(conf) }
    return set(conf!, name, value, isSecret: isSecret)
  }

  /// A configuration to be handed to `rd_kafka_new`, or destroyed. Ours wins over the user's, the user's over defaults.
  ///
  /// - Errors: `.invalid` in librdkafka's words.
  static func make(
    _ options: KafkaOptions, defaults: [(String, String)], fixed: [(String, String)]
  ) throws(Failure) -> OpaquePointer {
    let conf = rd_kafka_conf_new()!
    let own = options.properties.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    for (name, value) in defaults + own + fixed + [("bootstrap.servers", options.brokers)] {
      let hidden = options.secrets.contains(name) || isSecret(name)
      if let problem = set(conf, name, value, isSecret: hidden) {
        rd_kafka_conf_destroy(conf)
        throw .invalid("log.kafka.properties: \(problem)")
      }
    }
    return conf
  }

  private static func set(_ conf: OpaquePointer, _ name: String, _ value: String, isSecret: Bool) -> String? {
    var text = [CChar](repeating: 0, count: 512)
    switch rd_kafka_conf_set(conf, name, value, &text, text.count) {
    case RD_KAFKA_CONF_OK: return nil
    // librdkafka repeats a value that it does not like.
    case RD_KAFKA_CONF_INVALID where isSecret: return "the value of '\(name)' cannot be used"
    default: return KafkaText.from(text)
    }
  }
}
