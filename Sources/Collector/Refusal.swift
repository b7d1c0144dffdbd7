/// Why nothing of a request was taken.
public struct Refusal: Error, Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    /// The body is not what it should be.
    case malformed
    /// A body, what it inflates to, or a list over the limit.
    case tooLarge
    /// An encoding or a type that is not taken.
    case unsupported
    /// Nobody knows the key that the body names, or it names none.
    case unknownKey
    /// The key is known, and may not collect.
    case wrongRole
    /// The key has collected as much as it may for now.
    case tooFast(seconds: Int)
    /// The log does not keep up: later.
    case busy
    /// The log is away, or its disk is full: later.
    case away
  }

  public var kind: Kind
  /// For a person; it repeats nothing of what was sent.
  public var message: String
  /// What is wrong with the one event that was sent.
  public var code: String?
  public var field: String?

  public init(_ kind: Kind, _ message: String, code: String? = nil, field: String? = nil) {
    self.kind = kind
    self.message = message
    self.code = code
    self.field = field
  }

  public static let wrongRole = Refusal(.wrongRole, "collecting needs a key of the role write")
  public static let unknownKey = Refusal(
    .unknownKey, "an API key is needed, and known here: Authorization: Bearer KEY, or Basic with the key as the user")
}
