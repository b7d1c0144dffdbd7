import Basics
import Foundation
import Glibc
import Runtime

/// The keys of a data directory, one small file that only its owner may read. A running server follows it.
public struct KeyFile: Sendable {
  private struct Document: Codable {
    var format = 1
    var keys: [APIKey]
  }

  public let path: String

  public init(_ path: String) { self.path = path }

  /// Nil when there is no such file: then there have never been keys, which is another thing than that all are revoked.
  public func read() throws(Failure) -> [APIKey]? {
    guard let text = try DurableFile.read(path) else { return nil }
    guard let document = try? JSONDecoder().decode(Document.self, from: Data(text.utf8)),
      document.keys.allSatisfy({ $0.hash != nil })
    else { throw .corrupt("\(path) is not a file of API keys") }
    guard document.format == 1 else {
      throw .invalid("\(path) has format \(document.format); this program reads format 1")
    }
    return document.keys
  }

  /// Returns the key and its text, which is known to nobody else.
  public func create(
    name: String, role: APIKey.Role, eventsPerSecond: Int?, now: Int64
  ) throws(Failure) -> (key: APIKey, text: String) {
    let made = APIKey.make(name: name, role: role, eventsPerSecond: eventsPerSecond, now: now)
    try change { (keys) throws(Failure) in keys.append(made.key) }
    return made
  }

  /// - Errors: `.invalid` when no key has that id.
  public func revoke(_ id: String) throws(Failure) -> APIKey {
    var revoked: APIKey?
    try change { (keys) throws(Failure) in
      guard let index = keys.firstIndex(where: { $0.id == id }) else {
        throw .invalid("\(path) has no key '\(id)'; 'millrace keys list' shows them")
      }
      revoked = keys.remove(at: index)
    }
    return revoked!
  }

  /// One at a time, whoever does it.
  private func change(_ body: (inout [APIKey]) throws(Failure) -> Void) throws(Failure) {
    let lock = open("\(path).lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else { throw .unavailable("cannot create \(path).lock: \(String(cString: strerror(errno)))") }
    defer { close(lock) }
    while flock(lock, LOCK_EX) != 0, errno == EINTR {}
    var keys = try read() ?? []
    try body(&keys)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    guard let data = try? encoder.encode(Document(keys: keys)) else { preconditionFailure("keys do not encode") }
    try DurableFile.write(String(decoding: data, as: UTF8.self) + "\n", to: path, mode: 0o600)
  }
}
