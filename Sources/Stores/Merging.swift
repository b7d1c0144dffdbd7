import Basics

/// How two values of one key become one: associative, and order does not matter (a commutative monoid over bytes).
///
/// RocksDB calls it from reads and from its background threads, so it holds nothing that changes.
public protocol Merging: Sendable {
  /// Part of the store's identity; a store opened with another name is refused by RocksDB.
  var name: StaticString { get }
  /// Writes the merge of all values. Errors surface as `.corrupt` of the read, or stop the store's writes.
  ///
  /// - `wanted`: what a reader asked for (`Snapshot.scan`); what it did not may be left out. Nil for all of it, and wherever the
  ///   result is stored.
  func merge(
    _ values: [UnsafeRawBufferPointer], wanted: WantedParts?, into writer: inout ByteWriter) throws(Failure)
}

/// Which parts of values a reader wants, as far as they have to be merged for it; what the numbers mean, the `Merging` knows.
public final class WantedParts: Sendable {
  public let parts: [Int]

  public init(_ parts: [Int]) { self.parts = parts }
}
