import Foundation
import Requests

/// `POST /events/batch` of a collector, and what its answers mean.
struct CollectorEndpoint: Sendable {
  enum Outcome: Equatable {
    /// In the log, except those that are refused, by their index.
    case taken(refused: [Int: String])
    /// The body was too large.
    case tooLarge(String)
    /// It never will be taken as it is.
    case refused(String)
    /// Nobody knows: it may be in the log or not.
    case again(String, after: Duration?)
  }

  private struct Answer: Decodable {
    struct Refused: Decodable {
      var index: Int
      var message: String?
    }
    var errors: [Refused]?
    var detail: String?
  }

  private let url: URL
  private let key: String?
  private let seconds: Double

  init(_ url: URL, key: String?, _ options: ClientOptions) {
    self.url = url.appendingPathComponent("events/batch")
    self.key = key
    seconds = options.timeout / .seconds(1)
  }

  /// Waits for the answer.
  func send(_ lines: [[UInt8]]) -> Outcome {
    var request = WebRequest("POST", url.absoluteString)
    request.seconds = seconds
    request.headers = [("Content-Type", "application/json")]
    if let key { request.headers.append(("Authorization", "Bearer \(key)")) }
    request.body = Array("{\"sent_at\":\(Int64(Date().timeIntervalSince1970 * 1_000)),\"events\":[".utf8)
    for (index, line) in lines.enumerated() {
      if index > 0 { request.body.append(UInt8(ascii: ",")) }
      request.body += line
    }
    request.body += Array("]}".utf8)
    do throws(Unanswered) {
      let answer = try request.answer()
      return Self.outcome(answer.status, Data(answer.bytes), retryAfter: answer.headers["retry-after"])
    } catch {
      return .again("\(url.absoluteString) cannot be reached: \(error.reason)", after: nil)
    }
  }

  static func outcome(_ status: Int, _ data: Data, retryAfter: String?) -> Outcome {
    let answer = try? JSONDecoder().decode(Answer.self, from: data)
    let words = "the collector answered \(status)" + (answer?.detail.map { ": \($0)" } ?? "")
    switch status {
    case 200:
      let refused = (answer?.errors ?? []).map { ($0.index, $0.message ?? "refused") }
      return .taken(refused: Dictionary(refused, uniquingKeysWith: { first, _ in first }))
    case 413: return .tooLarge(words)
    // A key that is not known yet, or a collector that is not there yet, may be put right: nothing is lost until then.
    case 401, 403, 404: return .again(words, after: .seconds(30))
    case 400, 415, 422: return .refused(words)
    default: return .again(words, after: retryAfter.flatMap(wait))
    }
  }

  /// Seconds, or a date (RFC 9110).
  private static func wait(_ text: String) -> Duration? {
    if let seconds = Int(text) { return .seconds(min(max(seconds, 0), 3_600)) }
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "GMT")
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    return format.date(from: text).map { .seconds(min(max($0.timeIntervalSinceNow, 0), 3_600)) }
  }
}
