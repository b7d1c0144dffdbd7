import Basics
import Logs

/// A Kafka topic: durable is what all replicas in sync have acknowledged.
final class KafkaDestination: Destination {
  private let producer: KafkaProducer

  init(_ producer: KafkaProducer) { self.producer = producer }

  func append(_ intake: Intake, done: @escaping @Sendable (Failure?) -> Void) throws(Failure) {
    // Nobody should wait half a minute to be told what is known already.
    if producer.health.awaySince != nil {
      throw .unavailable("topic \(producer.topic): no Kafka broker is reached: send again later")
    }
    var records = KafkaRecords()
    let bytes = intake.records.bytes
    for row in intake.rows {
      let (range, user, _) = intake.record(row)
      let start = Int(range.offset)
      records.add(user: user, value: UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(range.length)]))
    }
    try producer.submit(records, completion: done)
  }

  func stop() { producer.close() }
}
