/// Something that only the first and the next offset of a partition can explain: retention, another log, or nothing at all.
struct KafkaDoubt {
  /// librdkafka's, for when nothing explains it.
  var words: String
  /// Whether fetching has ended and has to begin anew.
  var hasStopped: Bool
  /// By the monotonic clock: an answer that did not come is not asked for in every read.
  var mayAskAt: Int64 = 0
}
