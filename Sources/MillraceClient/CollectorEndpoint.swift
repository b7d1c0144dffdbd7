import Foundation
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

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
  private let session: URLSession

  init(_ url: URL, key: String?, _ options: ClientOptions) {
    self.url = url.appendingPathComponent("events/batch")
    self.key = key
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = options.timeout / .seconds(1)
    session = URLSession(configuration: configuration)
  }

  func close() { session.invalidateAndCancel() }

  /// Waits for the answer.
  func send(_ lines: [[UInt8]]) -> Outcome {
    var request = URLRequest(url: url)
    request.httpMethod = "POST"
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    if let key { request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization") }
    var body = Data("{\"sent_at\":\(Int64(Date().timeIntervalSince1970 * 1_000)),\"events\":[".utf8)
    for (index, line) in lines.enumerated() {
      if index > 0 { body.append(44) }
      body.append(contentsOf: line)
    }
    body.append(contentsOf: Array("]}".utf8))
    request.httpBody = body
    let done = DispatchSemaphore(value: 0)
    let outcome = Mutex<Outcome?>(nil)
    let place = url.absoluteString
    let task = session.dataTask(with: request) { data, response, error in
      let http = response as? HTTPURLResponse
      let result: Outcome =
        if let error {
          .again("\(place) cannot be reached: \(error.localizedDescription)", after: nil)
        } else {
          Self.outcome(
            http?.statusCode ?? 0, data ?? Data(), retryAfter: http?.value(forHTTPHeaderField: "Retry-After"))
        }
      outcome.withLock { $0 = result }
      done.signal()
    }
    task.resume()
    done.wait()
    return outcome.withLock { $0 }!
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
