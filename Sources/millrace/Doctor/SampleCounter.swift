import Basics
import Doctor
import Events
import Logs

/// Judges records of a topic as the collector and the runtime would, and counts.
struct SampleCounter {
  private let slice = LogSlice()
  private var records: [(partition: Int, key: [UInt8]?, isAppendTime: Bool, carriesStamp: Bool)] = []

  mutating func add(_ record: KafkaLook.Record) {
    slice.append(
      record.value, fullLength: UInt32(clamping: record.value.count), stamp: 0, offset: Int64(records.count))
    records.append((record.partition, record.key.map(Array.init), record.isAppendTime, record.carriesStamp))
  }

  /// By partition, of those that had records.
  func samples(topic: String, partitionCount: Int) -> [SetupDescription.Sample] {
    let batch = EventBatch(projection: Projection())
    batch.decode(slice.bytes, ranges: slice.ranges, count: slice.count)
    var samples: [Int: SetupDescription.Sample] = [:]
    for (row, record) in records.enumerated() {
      var sample =
        samples[record.partition] ?? SetupDescription.Sample(topic: topic, partition: record.partition)
      sample.records += 1
      if !record.isAppendTime {
        sample.producerTimes += 1
        if !record.carriesStamp { sample.withoutStamp += 1 }
      }
      if batch.status[row] != 0 {
        sample.unusable += 1
      } else {
        if Int(batch.partitionHash[row]) % max(1, partitionCount) != record.partition { sample.misplaced += 1 }
        if let key = record.key {
          if !batch.user[row].bytes.elementsEqual(key) { sample.withOtherKey += 1 }
        } else {
          sample.withoutKey += 1
        }
      }
      samples[record.partition] = sample
    }
    return samples.keys.sorted().map { samples[$0]! }
  }
}
