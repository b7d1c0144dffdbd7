import Basics
import Foundation
import Requests

/// Asks another server.
public enum HTTPClient {
  /// - `server`: `http://host:port`.
  /// - Errors: `.invalid` for what is no such URL, `.unavailable` when no answer comes in time.
  public static func get(
    _ server: String, _ path: String, _ items: [(name: String, value: String)], seconds: Double = 60,
    key: String? = callersKey
  ) throws(Failure) -> WebAnswer {
    try ask("GET", server, path, items, seconds: seconds, key: key)
  }

  /// The API key that commands show, from the variable MILLRACE_KEY.
  public static let callersKey = ProcessInfo.processInfo.environment["MILLRACE_KEY"]

  /// As `get`, with any method.
  public static func ask(
    _ method: String, _ server: String, _ path: String, _ items: [(name: String, value: String)], body: [UInt8] = [],
    seconds: Double = 60, key: String? = callersKey
  ) throws(Failure) -> WebAnswer {
    let query = items.map { "\(escaped($0.name))=\(escaped($0.value))" }.joined(separator: "&")
    let base = server.hasSuffix("/") ? String(server.dropLast()) : server
    let url = URL(string: base + path + (query.isEmpty ? "" : "?\(query)"))
    guard let url, ["http", "https"].contains(url.scheme), url.host?.isEmpty == false else {
      throw .invalid("a server is a URL such as http://127.0.0.1:8080, not '\(server)'")
    }
    var request = WebRequest(method, url.absoluteString)
    request.body = body
    request.seconds = seconds
    if let key { request.headers.append(("Authorization", "Bearer \(key)")) }
    do throws(Unanswered) {
      return try request.answer()
    } catch {
      throw .unavailable("no answer from \(server): \(error.reason)")
    }
  }

  public static func escaped(_ text: String) -> String {
    var allowed = CharacterSet.alphanumerics
    allowed.insert(charactersIn: "-._~")
    return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text
  }
}

extension WebAnswer {
  /// What a problem document says, or the status.
  public var problem: String {
    let document = (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any]
    return document?["detail"] as? String ?? "status \(status)"
  }
}
