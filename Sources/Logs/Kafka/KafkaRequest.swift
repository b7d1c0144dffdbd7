import Basics
import CRdKafka
import Synchronization

/// Records that were appended together and are reported together. Each of their messages holds it.
final class KafkaRequest: Sendable {
  private struct State {
    var waiting: Int
    var code = RD_KAFKA_RESP_ERR_NO_ERROR
  }

  private let topic: String
  private let state: Mutex<State>
  private let completion: @Sendable (Failure?) -> Void

  /// One more report than records is awaited: that all were handed over.
  init(topic: String, records: Int, completion: @escaping @Sendable (Failure?) -> Void) {
    self.topic = topic
    state = Mutex(State(waiting: records + 1))
    self.completion = completion
  }

  /// Of one record, delivered or not. The first error counts.
  func report(_ code: rd_kafka_resp_err_t) {
    let done = state.withLock { state -> rd_kafka_resp_err_t? in
      if state.code == RD_KAFKA_RESP_ERR_NO_ERROR { state.code = code }
      state.waiting -= 1
      return state.waiting == 0 ? state.code : nil
    }
    if let done { completion(failure(done)) }
  }

  private func failure(_ code: rd_kafka_resp_err_t) -> Failure? {
    let words = KafkaText.of(code)
    switch code {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return nil
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
      RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
      return .invalid("topic \(topic): Kafka does not take a record: \(words)")
    default:
      return .unavailable(
        "topic \(topic): Kafka did not acknowledge: \(words); the records may or may not be in the log: send them again"
      )
    }
  }
}
