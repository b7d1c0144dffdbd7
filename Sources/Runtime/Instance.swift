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

  fileprivate static let mark = "millrace/1"
}

/// Which instance has which partition, as the group was last asked.
public struct Ownership: Sendable {
  public struct Owner: Sendable {
    public var instance: Instance
    /// Of the state it had committed when it said so; its state is never behind that.
    public var offset: Int64
    /// How far the partition was in answers before, when that is further; `.max`: as far as the log goes. Until an owner is
    /// there he says so, that the next one knows.
    public var owes: Int64?

    public init(instance: Instance, offset: Int64, owes: Int64? = nil) {
      self.instance = instance
      self.offset = offset
      self.owes = owes
    }

    private static let toEnd = "end"

    /// - `metadata`: the words beside the offset in the group; nil when they are not an instance's.
    init?(offset: Int64, metadata: String) {
      let words = metadata.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
      guard words.count == 3 || words.count == 4, words[0] == Instance.mark else { return nil }
      self.init(instance: Instance(id: words[1], address: words[2]), offset: offset)
      guard words.count == 4 else { return }
      owes = words[3] == Owner.toEnd ? .max : Int64(words[3])
    }

    var metadata: String {
      let words = "\(Instance.mark) \(instance.id) \(instance.address)"
      return owes.map { "\(words) \($0 == .max ? Owner.toEnd : "\($0)")" } ?? words
    }
  }

  public var owners: [Int: Owner]
  public var instances: [Int: Instance] { owners.mapValues(\.instance) }
  /// Why the group did not answer last time.
  public var failure: Failure?

  public init(owners: [Int: Owner] = [:]) { self.owners = owners }
}
