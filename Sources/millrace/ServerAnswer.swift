import Basics
import Requests
import Service

/// Asks a running server instead of opening its data.
enum ServerAnswer {
  static let option = CommandSyntax.Option.value("server", "URL", "ask a running server: http://127.0.0.1:8080")

  /// The body of a 200.
  ///
  /// - Errors: `.invalid` for a 4xx with the server's own sentence, `.unavailable` when there is none or it cannot now.
  static func get(
    _ server: String, _ path: String, _ items: [(name: String, value: String)]
  ) throws(Failure) -> String {
    let body = String(decoding: try whole(server, path, items).bytes, as: UTF8.self)
    // One line, as with --json.
    return body.hasSuffix("\n") ? String(body.dropLast()) : body
  }

  /// As `get`, with the headers.
  static func whole(
    _ server: String, _ path: String, _ items: [(name: String, value: String)]
  ) throws(Failure) -> WebAnswer {
    let answer = try HTTPClient.get(server, path, items)
    guard answer.status == 200 else {
      throw answer.status < 500 ? .invalid(answer.problem) : .unavailable(answer.problem)
    }
    return answer
  }
}
