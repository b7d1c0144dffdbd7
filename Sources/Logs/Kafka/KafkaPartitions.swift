import CRdKafka
import Glibc

/// Owns a `rd_kafka_topic_partition_list_t` of one topic.
struct KafkaPartitions: ~Copyable {
  let list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
  private let topic: String

  init(topic: String) {
    self.topic = topic
    list = rd_kafka_topic_partition_list_new(8)
  }

  init(topic: String, _ partitions: some Sequence<Int>) {
    self.init(topic: topic)
    for partition in partitions { add(partition) }
  }

  deinit { rd_kafka_topic_partition_list_destroy(list) }

  func add(_ partition: Int, offset: Int64 = Int64(RD_KAFKA_OFFSET_INVALID), metadata: String? = nil) {
    let entry = rd_kafka_topic_partition_list_add(list, topic, Int32(partition))!
    entry.pointee.offset = offset
    guard let metadata else { return }
    // The list frees it.
    entry.pointee.metadata = UnsafeMutableRawPointer(strdup(metadata))
    entry.pointee.metadata_size = metadata.utf8.count
  }

  var entries: UnsafeBufferPointer<rd_kafka_topic_partition_t> {
    UnsafeBufferPointer(start: list.pointee.elems, count: Int(list.pointee.cnt))
  }

  /// Numbers of the partitions of a list that librdkafka owns.
  static func numbers(_ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) -> [Int] {
    (0..<Int(list.pointee.cnt)).map { Int(list.pointee.elems[$0].partition) }
  }
}
