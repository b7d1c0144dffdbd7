import Basics

/// A running process, as the others of its consumer group find it: the words beside the offsets it tells the group.
public struct Instance: Hashable, Sendable {
  /// Of this run of the process alone.
  public let id: String
  /// `host:port` where it answers.
  public let address: String

  public init(id: String, address: String) {
    self.id = id
    self.address = address
  }

  private static let mark = "millrace/1"

  init?(metadata: String) {
    let words = metadata.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3, words[0] == Instance.mark else { return nil }
    self.init(id: String(words[1]), address: String(words[2]))
  }

  var metadata: String { "\(Instance.mark) \(id) \(address)" }
}

/// Which instance has which partition, as the group was last asked.
public struct Ownership: Sendable {
  public struct Owner: Sendable {
    public var instance: Instance
    /// Of the state it had committed when it said so; its state is never behind that.
    public var offset: Int64

    public init(instance: Instance, offset: Int64) {
      self.instance = instance
      self.offset = offset
    }
  }

  public var owners: [Int: Owner]
  public var instances: [Int: Instance] { owners.mapValues(\.instance) }
  /// Why the group did not answer last time.
  public var failure: Failure?

  public init(owners: [Int: Owner] = [:]) { self.owners = owners }
}
