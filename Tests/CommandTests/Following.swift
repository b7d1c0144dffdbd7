import Foundation
import FoundationNetworking
import Synchronization

/// A stream of server-sent events that is being read.
///
/// `@unchecked Sendable`: what changes is in a mutex.
final class Following: NSObject, URLSessionDataDelegate, @unchecked Sendable {
  private let text = Mutex("")
  private var session: URLSession!

  init(_ url: String) {
    super.init()
    session = URLSession(configuration: .default, delegate: self, delegateQueue: nil)
    var request = URLRequest(url: URL(string: url)!)
    request.timeoutInterval = 600
    session.dataTask(with: request).resume()
  }

  func end() { session.invalidateAndCancel() }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    text.withLock { $0 += String(decoding: data, as: UTF8.self) }
  }

  /// The values of the rows as they are after the last whole event, by time.
  var rows: [String: Int] {
    var rows: [String: Int] = [:]
    for event in text.withLock({ $0 }).components(separatedBy: "\n\n").dropLast() {
      let lines = event.split(separator: "\n")
      guard let kind = lines.first(where: { $0.hasPrefix("event: ") })?.dropFirst(7),
        let data = lines.first(where: { $0.hasPrefix("data: ") })?.dropFirst(6),
        let object = try? JSONSerialization.jsonObject(with: Data(data.utf8)) as? [String: Any]
      else { continue }
      if kind == "snapshot" { rows = [:] }
      for row in object["data"] as? [[String: Any]] ?? [] {
        rows[row["timestamp"] as? String ?? ""] = row["value"] as? Int ?? -1
      }
      for row in object["removed"] as? [[String: Any]] ?? [] { rows[row["timestamp"] as? String ?? ""] = nil }
    }
    return rows
  }
}
