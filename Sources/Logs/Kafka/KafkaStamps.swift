/// Where the append stamp of a record of Kafka comes from. Whatever it is, the largest so far in the partition counts, so
/// that stamps never fall.
public struct KafkaStamps: Sendable, Equatable {
  /// Believe the header `millrace-appended-at`, milliseconds in decimal digits, of records that have it.
  public var trustsHeader: Bool
  /// Take the producer's time where the topic does not stamp records itself. Without it such a record is refused.
  public var trustsProducerTime: Bool

  public init(trustsHeader: Bool = false, trustsProducerTime: Bool = false) {
    self.trustsHeader = trustsHeader
    self.trustsProducerTime = trustsProducerTime
  }
}
