/// How the instances of a group ask each other: all alike.
public struct PeerAccess: Sendable {
  /// `https` when they have certificates, which the system must trust under the names they advertise.
  public var scheme = "http"
  /// The secret they share; nil where nobody asks for keys.
  public var key: String?

  public init() {}
}
