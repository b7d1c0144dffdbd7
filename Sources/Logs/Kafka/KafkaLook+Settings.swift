import Basics
import CRdKafka

/// The settings of a topic, defaults of the brokers included.
extension KafkaLook {
  func settings(_ topic: inout KafkaDescription.Topic) {
    guard let queue = rd_kafka_queue_new(handle) else { return }
    defer { rd_kafka_queue_destroy(queue) }
    let options = rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS)
    defer { rd_kafka_AdminOptions_destroy(options) }
    var text = [CChar](repeating: 0, count: 256)
    rd_kafka_AdminOptions_set_request_timeout(options, askMilliseconds, &text, text.count)
    var resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.name)
    defer { rd_kafka_ConfigResource_destroy(resource) }
    rd_kafka_DescribeConfigs(handle, &resource, 1, options, queue)
    guard let event = rd_kafka_queue_poll(queue, askMilliseconds + 1_000) else {
      topic.settingsRefusal = .init(isDenied: false, message: "no answer to DescribeConfigs")
      return
    }
    defer { rd_kafka_event_destroy(event) }
    if let refusal = KafkaLook.refusal(rd_kafka_event_error(event)) {
      topic.settingsRefusal = KafkaLook.named(refusal, rd_kafka_event_error_string(event))
      return
    }
    var count = 0
    guard let result = rd_kafka_event_DescribeConfigs_result(event),
      let resources = rd_kafka_DescribeConfigs_result_resources(result, &count), count == 1,
      let described = resources[0]
    else {
      topic.settingsRefusal = .init(isDenied: false, message: "the answer to DescribeConfigs names no topic")
      return
    }
    if let refusal = KafkaLook.refusal(rd_kafka_ConfigResource_error(described)) {
      topic.settingsRefusal = KafkaLook.named(refusal, rd_kafka_ConfigResource_error_string(described))
      return
    }
    topic.settings = KafkaLook.values(described)
  }

  private static func values(_ resource: OpaquePointer) -> [String: String] {
    var count = 0
    guard let entries = rd_kafka_ConfigResource_configs(resource, &count) else { return [:] }
    var values: [String: String] = [:]
    for index in 0..<count {
      guard let entry = entries[index], let name = rd_kafka_ConfigEntry_name(entry),
        let value = rd_kafka_ConfigEntry_value(entry)
      else { continue }
      values[String(cString: name)] = String(cString: value)
    }
    return values
  }

  private static func named(
    _ refusal: KafkaDescription.Refusal, _ words: UnsafePointer<CChar>?
  ) -> KafkaDescription.Refusal {
    .init(isDenied: refusal.isDenied, message: words.map { String(cString: $0) } ?? refusal.message)
  }
}
