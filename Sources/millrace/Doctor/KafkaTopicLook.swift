import Basics
import Doctor
import Logs
import Runtime

/// Looks at the topics that topologies read, and whether they are the ones their states were made from.
struct KafkaTopicLook {
  private static let recordsPerPartition = 100

  let kafka: KafkaDescription
  private(set) var samples: [SetupDescription.Sample] = []
  private let look: KafkaLook

  /// - Errors: `.invalid` when librdkafka cannot use the configuration.
  init(_ options: KafkaOptions, _ setup: SetupDescription) throws(Failure) {
    let readers = setup.topologies.filter {
      ($0.generation.map { $0.origin == .kafka } ?? true) && $0.fileProblems.isEmpty
    }
    // Any of the groups we would join: whether we may is a matter of their prefix.
    let names = readers.first.map { ".\($0.name).\($0.generation?.digest ?? $0.digest ?? "")" } ?? ""
    look = try KafkaLook(options, groupName: options.group + names)
    if look.description.noAnswer == nil {
      for topic in Set(readers.map(\.topic)).sorted() {
        var counter = SampleCounter()
        look.look(topic: topic, sample: KafkaTopicLook.recordsPerPartition) { counter.add($0) }
        let count = look.description.topics.last { $0.name == topic }?.partitions.count ?? 0
        samples += counter.samples(topic: topic, partitionCount: count)
      }
    }
    kafka = look.description
  }

  /// By partition, of those that have a record to compare.
  func readBack(_ found: DataLook.Found, topic: String) -> [Int: SetupDescription.PartitionState.ReadBack] {
    let positions = found.partitions.compactMap { partition in partition.position.map { (partition.number, $0) } }
    return look.readBack(topic: topic, positions).mapValues { result in
      switch result {
      case .same: .same
      case .different(let found): .different(found)
      case .failed(let why): .failed(why)
      }
    }
  }
}
