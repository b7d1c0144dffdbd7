/// The one error of Millrace, sorted by who must act on it.
public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: String, Sendable {
    /// The caller: a wrong file, option or request. Nothing will change until it does.
    case invalid
    /// Time: something is away or full. The same call may succeed later.
    case unavailable
    /// An operator: bytes we wrote are not what we wrote.
    case corrupt
  }

  public var kind: Kind
  public var message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  public static func invalid(_ message: String) -> Failure { Failure(.invalid, message) }
  public static func unavailable(_ message: String) -> Failure { Failure(.unavailable, message) }
  public static func corrupt(_ message: String) -> Failure { Failure(.corrupt, message) }

  public var description: String { message }
}
