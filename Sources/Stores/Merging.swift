import Basics

/// How two values of one key become one: associative, and order does not matter (a commutative monoid over bytes).
///
/// RocksDB calls it from reads and from its background threads, so it holds nothing that changes.
public protocol Merging: Sendable {
  /// Part of the store's identity; a store opened with another name is refused by RocksDB.
  var name: StaticString { get }
  /// Writes the merge of all values. Errors surface as `.corrupt` of the read, or stop the store's writes.
  func merge(_ values: [UnsafeRawBufferPointer], into writer: inout ByteWriter) throws(Failure)
}
