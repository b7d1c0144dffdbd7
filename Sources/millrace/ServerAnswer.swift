import Basics
import Foundation
import FoundationNetworking
import Synchronization

/// Asks a running server instead of opening its data.
enum ServerAnswer {
  static let option = CommandSyntax.Option.value("server", "URL", "ask a running server: http://127.0.0.1:8080")

  /// The body of a 200.
  ///
  /// - Errors: `.invalid` for a 4xx with the server's own sentence, `.unavailable` when there is none or it cannot now.
  static func get(
    _ server: String, _ path: String, _ items: [(name: String, value: String)]
  ) throws(Failure) -> String {
    let query = items.map { "\(escaped($0.name))=\(escaped($0.value))" }.joined(separator: "&")
    let base = server.hasSuffix("/") ? String(server.dropLast()) : server
    guard let url = URL(string: base + path + (query.isEmpty ? "" : "?\(query)")), url.scheme?.hasPrefix("http") == true
    else { throw .invalid("--server takes a URL such as http://127.0.0.1:8080, not '\(server)'") }
    let done = DispatchSemaphore(value: 0)
    let answer = Mutex<(data: Data, status: Int, error: String?)>((Data(), 0, nil))
    let task = URLSession.shared.dataTask(with: url) { data, response, error in
      answer.withLock {
        $0 = (data ?? Data(), (response as? HTTPURLResponse)?.statusCode ?? 0, error?.localizedDescription)
      }
      done.signal()
    }
    task.resume()
    done.wait()
    let (data, status, error) = answer.withLock { $0 }
    let body = String(decoding: data, as: UTF8.self)
    if let error { throw .unavailable("no answer from \(server): \(error)") }
    guard status == 200 else {
      let problem = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
      let detail = problem?["detail"] as? String ?? "status \(status)"
      throw status < 500 ? .invalid(detail) : .unavailable(detail)
    }
    // One line, as with --json.
    return body.hasSuffix("\n") ? String(body.dropLast()) : body
  }

  static func escaped(_ text: String) -> String {
    var allowed = CharacterSet.alphanumerics
    allowed.insert(charactersIn: "-._~")
    return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text
  }
}
