import Basics
import Dataflow

/// The query of `GET /funnels/{view}/users`.
struct FunnelUsersParameters {
  static let names = ["step", "stopped", "start_time", "end_time", "limit", "cursor", "topology"]
  private static let limits = 1...10_000

  let topology: String?
  private let step: Int
  private let stopped: Bool
  private let start: Int64?
  private let end: Int64?
  private let limit: Int
  private let after: [UInt8]?

  /// - Errors: `.invalid` naming the parameter.
  init(_ items: [(name: String, value: String)]) throws(Failure) {
    let values = try NamedValues(items, known: FunnelUsersParameters.names)
    topology = values["topology"]
    guard let text = values["step"] else { throw .invalid("step is missing: the number of a step, the first one is 1") }
    guard let step = Int(text), step > 0 else {
      throw .invalid("step: \(NamedValues.shown(text)) is not the number of a step; the first one is 1")
    }
    self.step = step
    stopped = try values.flag("stopped")
    (start, end) = try values.range(timezone: "UTC")
    let limitText = values["limit"] ?? "100"
    guard let limit = Int(limitText), FunnelUsersParameters.limits.contains(limit) else {
      throw .invalid("limit: \(NamedValues.shown(limitText)) is not a number of users from 1 to 10,000")
    }
    self.limit = limit
    after = try values["cursor"].map { (text) throws(Failure) in
      guard let user = UserCursor.user(text) else {
        throw .invalid("cursor: \(NamedValues.shown(text)) is not the next_cursor of an answer")
      }
      return user
    }
  }

  func request(of view: String) -> FunnelUsersRequest {
    FunnelUsersRequest(
      funnel: FunnelRequest(view: view, start: start, end: end), step: step, stopped: stopped, after: after,
      limit: limit)
  }
}

/// Where the next page of users starts: behind the last one of this page, in hexadecimal digits. Unlike an offset it means the
/// same however many users come in between.
enum UserCursor {
  private static let digits = Array("0123456789abcdef".utf8)

  static func text(_ user: [UInt8]) -> String {
    "u" + String(decoding: user.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  static func user(_ text: String) -> [UInt8]? {
    guard text.hasPrefix("u"), text.utf8.count % 2 == 1 else { return nil }
    let values = text.utf8.dropFirst().map { digits.firstIndex(of: $0) }
    guard !values.contains(nil) else { return nil }
    return stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0]! << 4 | values[$0 + 1]!) }
  }
}
