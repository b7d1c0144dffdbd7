import Basics
import CGnuTLS

/// A key that somebody shows: what it may do, and the hash it is known by. The key itself is shown once, when it is made, and
/// kept nowhere.
public struct APIKey: Codable, Equatable, Sendable {
  public enum Role: String, Codable, CaseIterable, Sendable {
    /// Collects events, and nothing else: it may stand in a page that everybody reads.
    case write
    /// Queries.
    case read
    /// Everything.
    case admin

    public func allows(_ other: Role) -> Bool { self == other || self == .admin }
  }

  /// Names the key in lists, and begins its text.
  public var id: String
  public var name: String
  public var role: Role
  /// Hexadecimal SHA-256 of the text. A key is 256 bits of chance, so nothing slower is needed.
  public var sha256: String
  /// RFC 3339.
  public var createdAt: String
  /// The most events it may collect, per second; nil: any number.
  public var eventsPerSecond: Int?

  enum CodingKeys: String, CodingKey {
    case id, name, role, sha256
    case createdAt = "created_at"
    case eventsPerSecond = "events_per_second"
  }

  /// A new key and its text.
  static func make(name: String, role: Role, eventsPerSecond: Int?, now: Int64) -> (key: APIKey, text: String) {
    let id = hexadecimal(chance(4))
    let text = "mr_\(role.rawValue)_\(id)_\(hexadecimal(chance(32)))"
    let key = APIKey(
      id: id, name: name, role: role, sha256: hexadecimal(sha256(text)),
      createdAt: Timestamp(milliseconds: Timestamp.floor(now, to: 1_000)).description, eventsPerSecond: eventsPerSecond)
    return (key, text)
  }

  static func sha256(_ text: String) -> [UInt8] {
    var hash = [UInt8](repeating: 0, count: 32)
    let bytes = Array(text.utf8)
    precondition(tls_sha256(bytes, bytes.count, &hash) == 0, "GnuTLS does not hash")
    return hash
  }

  /// In a time that does not depend on where they differ.
  static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.count == b.count && gnutls_memcmp(a, b, a.count) == 0 }

  private static func chance(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    precondition(tls_random(&bytes, count) == 0, "the system gives no random numbers")
    return bytes
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// The bytes of `sha256`; nil when it is no hash.
  var hash: [UInt8]? {
    let digits = Array(sha256.utf8)
    guard digits.count == 64 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: 64, by: 2) {
      guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }
}
