import Basics
import Foundation
import FoundationNetworking
import Synchronization

/// Asks another server.
public enum HTTPClient {
  public struct Answer: Sendable {
    public var status: Int
    public var bytes: [UInt8]
    /// By names in lower case.
    public var headers: [String: String] = [:]

    /// What a problem document says, or the status.
    public var problem: String {
      let document = (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any]
      return document?["detail"] as? String ?? "status \(status)"
    }
  }

  /// - `server`: `http://host:port`.
  /// - Errors: `.invalid` for what is no such URL, `.unavailable` when no answer comes in time.
  public static func get(
    _ server: String, _ path: String, _ items: [(name: String, value: String)], seconds: Double = 60,
    key: String? = callersKey
  ) throws(Failure) -> Answer {
    try ask("GET", server, path, items, seconds: seconds, key: key)
  }

  /// The API key that commands show, from the variable MILLRACE_KEY.
  public static let callersKey = ProcessInfo.processInfo.environment["MILLRACE_KEY"]

  /// As `get`, with any method.
  public static func ask(
    _ method: String, _ server: String, _ path: String, _ items: [(name: String, value: String)], body: [UInt8] = [],
    seconds: Double = 60, key: String? = callersKey
  ) throws(Failure) -> Answer {
    let query = items.map { "\(escaped($0.name))=\(escaped($0.value))" }.joined(separator: "&")
    let base = server.hasSuffix("/") ? String(server.dropLast()) : server
    guard let url = URL(string: base + path + (query.isEmpty ? "" : "?\(query)")), url.scheme?.hasPrefix("http") == true
    else { throw .invalid("a server is a URL such as http://127.0.0.1:8080, not '\(server)'") }
    let done = DispatchSemaphore(value: 0)
    let answer = Mutex<(data: Data, status: Int, headers: [String: String], error: String?)>((Data(), 0, [:], nil))
    var request = URLRequest(url: url)
    // Given to the initializer it would count for nothing, and a minute would be all there is.
    request.timeoutInterval = seconds
    request.httpMethod = method
    if let key { request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization") }
    if !body.isEmpty { request.httpBody = Data(body) }
    let task = session.dataTask(with: request) { data, response, error in
      let response = response as? HTTPURLResponse
      var headers: [String: String] = [:]
      for (name, value) in response?.allHeaderFields ?? [:] {
        if let name = name as? String, let value = value as? String { headers[name.lowercased()] = value }
      }
      answer.withLock { [headers] in
        $0 = (data ?? Data(), response?.statusCode ?? 0, headers, error?.localizedDescription)
      }
      done.signal()
    }
    task.resume()
    done.wait()
    let (data, status, headers, error) = answer.withLock { $0 }
    if let error { throw .unavailable("no answer from \(server): \(error)") }
    return Answer(status: status, bytes: Array(data), headers: headers)
  }

  /// Answers change from moment to moment: nothing of them is kept.
  private static let session: URLSession = {
    let configuration = URLSessionConfiguration.ephemeral
    configuration.urlCache = nil
    configuration.httpMaximumConnectionsPerHost = 16
    return URLSession(configuration: configuration)
  }()

  public static func escaped(_ text: String) -> String {
    var allowed = CharacterSet.alphanumerics
    allowed.insert(charactersIn: "-._~")
    return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text
  }
}
