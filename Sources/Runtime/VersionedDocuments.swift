import Basics
import Glibc
import Synchronization

/// Small texts by name, each with some of the versions it had before. A change is on disk when it is told.
///
/// - Layout: `DIR/ID/NNNNNNNN.json`, a file per version, written once; the highest number counts. What is removed gets another
///   name first, so that no crash brings an older version back.
public final class VersionedDocuments: Sendable {
  public struct Limits: Sendable {
    public var documents = 2_000
    /// Of one document, the newest.
    public var versions = 20
    /// Of the newest versions of all documents, which are held in memory.
    public var bytes = 32 << 20

    public init() {}
  }

  public struct Version: Equatable, Sendable {
    /// From 1.
    public var number: Int
    public var text: String
  }

  private let directory: String
  private let limits: Limits
  /// The newest version of each; nil until somebody asks.
  private let known = Mutex<[String: Version]?>(nil)

  /// Nothing is read or made before somebody asks.
  public init(_ directory: String, limits: Limits = Limits()) {
    self.directory = directory
    self.limits = limits
  }

  /// Lower-case letters, digits and hyphens, at most 64, not beginning with a hyphen: names of directories everywhere.
  public static func isID(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count) && text.utf8.first != UInt8(ascii: "-")
      && text.utf8.allSatisfy { byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
          || byte == UInt8(ascii: "-")
      }
  }

  /// The newest version of each, by id.
  public func all() throws(Failure) -> [(id: String, version: Version)] {
    try known.withLock { (known) throws(Failure) in
      try load(&known).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
  }

  public func newest(_ id: String) throws(Failure) -> Version? {
    try known.withLock { (known) throws(Failure) in try load(&known)[id] }
  }

  /// Those that are kept, newest first; empty when there is no such document.
  public func versions(_ id: String) throws(Failure) -> [Version] {
    try known.withLock { (known) throws(Failure) in
      guard try load(&known)[id] != nil else { return [] }
      var versions: [Version] = []
      for number in numbers(id).reversed() {
        if let text = try DurableFile.read(path(id, number)) { versions.append(Version(number: number, text: text)) }
      }
      return versions
    }
  }

  /// Makes the next version of a document, or its first.
  ///
  /// - `make`: told the number it would have and what there is; nil: leave it so. Nobody else changes anything meanwhile.
  /// - Errors: `.invalid` when it would be one too many, `.unavailable` from the disk.
  /// - Returns: nil when `make` left it so.
  public func change(
    _ id: String, _ make: (Int, Version?) throws(Failure) -> String?
  ) throws(Failure) -> Version? {
    precondition(VersionedDocuments.isID(id), "'\(id)' is no id of a document")
    return try known.withLock { (known) throws(Failure) in
      let all = try load(&known)
      let number = (all[id]?.number ?? 0) + 1
      guard let text = try make(number, all[id]) else { return nil }
      guard all[id] != nil || all.count < limits.documents else {
        throw .invalid("there are \(limits.documents) already, and no more are kept: delete some")
      }
      let bytes = all.reduce(text.utf8.count) { $0 + ($1.key == id ? 0 : $1.value.text.utf8.count) }
      guard bytes <= limits.bytes else {
        throw .invalid("all together would be larger than \(limits.bytes >> 20) MiB: delete some")
      }
      try DurableFile.makeDirectory("\(directory)/\(id)")
      try DurableFile.write(text, to: path(id, number))
      let version = Version(number: number, text: text)
      known![id] = version
      for old in numbers(id) where old <= number - limits.versions { unlink(path(id, old)) }
      return version
    }
  }

  /// - `isMeant`: whether what there is may go.
  /// - Returns: whether it went.
  public func remove(_ id: String, if isMeant: (Version) -> Bool) throws(Failure) -> Bool {
    try known.withLock { (known) throws(Failure) in
      guard let version = try load(&known)[id], isMeant(version) else { return false }
      try DurableFile.renameDirectory("\(directory)/\(id)", to: "\(directory)/\(id)\(VersionedDocuments.gone)")
      known![id] = nil
      clear("\(id)\(VersionedDocuments.gone)")
      return true
    }
  }

  // No id has a dot.
  private static let gone = ".gone"

  private func path(_ id: String, _ number: Int) -> String {
    let digits = String(number)
    return "\(directory)/\(id)/\(String(repeating: "0", count: max(0, 8 - digits.count)))\(digits).json"
  }

  /// In order.
  private func numbers(_ id: String) -> [Int] {
    DurableFile.list("\(directory)/\(id)").compactMap { $0.hasSuffix(".json") ? Int($0.dropLast(5)) : nil }.sorted()
  }

  private func load(_ known: inout [String: Version]?) throws(Failure) -> [String: Version] {
    if let known { return known }
    var found: [String: Version] = [:]
    for name in DurableFile.list(directory) {
      if name.hasSuffix(VersionedDocuments.gone) {
        clear(name)
      } else if VersionedDocuments.isID(name), let number = numbers(name).last,
        let text = try DurableFile.read(path(name, number))
      {
        found[name] = Version(number: number, text: text)
      }
    }
    known = found
    return found
  }

  private func clear(_ name: String) {
    for file in DurableFile.list("\(directory)/\(name)") { unlink("\(directory)/\(name)/\(file)") }
    rmdir("\(directory)/\(name)")
  }
}
