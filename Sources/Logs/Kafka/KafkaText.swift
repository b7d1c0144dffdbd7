import CRdKafka

/// librdkafka's words as Swift's.
enum KafkaText {
  static func of(_ code: rd_kafka_resp_err_t) -> String { String(cString: rd_kafka_err2str(code)) }

  /// A buffer that a C function has written a message to.
  static func from(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The message of an error object, which is destroyed; nil for none.
  static func take(_ error: OpaquePointer?) -> String? {
    guard let error else { return nil }
    defer { rd_kafka_error_destroy(error) }
    return String(cString: rd_kafka_error_string(error))
  }
}
