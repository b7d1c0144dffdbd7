import Basics
import Stores

/// Ids on disk, sorted by key, in blocks of 512; a filter and every block's first key stay in memory: about 10.25 bits an id.
struct IdentifierRun {
  static let idsPerBlock = 512

  let number: UInt32
  let count: Int
  /// The newest hour of any of its ids: past it the whole run is dropped at once.
  let lastHour: UInt32
  let filter: BlockedFilter
  /// The first key of each block.
  let firstKeys: [Key128]

  var byteCount: Int { filter.byteCount + firstKeys.count * 16 }

  func describe(into writer: inout ByteWriter) {
    writer.varint(UInt64(count))
    writer.fixed32(lastHour)
  }

  func find(_ key: Key128, in store: Store) throws(Failure) -> Identifier? {
    // The last block whose first key is not above the key.
    var low = 0
    var high = firstKeys.count
    while low < high {
      let middle = (low + high) / 2
      if key < firstKeys[middle] { high = middle } else { low = middle + 1 }
    }
    guard low > 0 else { return nil }
    var stored = ByteWriter()
    KeyLayout.runBlock(run: number, block: UInt32(low - 1), into: &stored)
    guard let block = try store.get(stored.bytes) else {
      throw .corrupt("ids: run \(number) lacks block \(low - 1)")
    }
    return IdentifierRun.search(block.bytes, key)
  }

  private static func search(_ block: UnsafeRawBufferPointer, _ key: Key128) -> Identifier? {
    var low = 0
    var high = block.count / Identifier.byteCount
    while low < high {
      let middle = (low + high) / 2
      let identifier = block.loadUnaligned(fromByteOffset: middle * Identifier.byteCount, as: Identifier.self)
      if identifier.key == key { return identifier }
      if identifier.key < key { low = middle + 1 } else { high = middle }
    }
    return nil
  }

  /// Writes a run block by block, outside of any commit: until a commit describes it, it is nobody's.
  final class Builder {
    private let number: UInt32
    private let store: Store
    private let transaction = Transaction()
    private let filter: BlockedFilter
    private var firstKeys: [Key128] = []
    private var pending: [Identifier] = []
    private var count = 0
    private var lastHour: UInt32 = 0
    private var key = ByteWriter()

    init(number: UInt32, expected: Int, store: Store) {
      self.number = number
      self.store = store
      filter = BlockedFilter(keys: expected)
      pending.reserveCapacity(idsPerBlock)
    }

    func add(_ identifier: Identifier) throws(Failure) {
      filter.insert(identifier.key)
      lastHour = max(lastHour, identifier.hour)
      pending.append(identifier)
      count += 1
      if pending.count == idsPerBlock { try writeBlock() }
    }

    func finish() throws(Failure) -> IdentifierRun {
      if !pending.isEmpty { try writeBlock() }
      try store.commit(transaction)
      return IdentifierRun(number: number, count: count, lastHour: lastHour, filter: filter, firstKeys: firstKeys)
    }

    private func writeBlock() throws(Failure) {
      KeyLayout.runBlock(run: number, block: UInt32(firstKeys.count), into: &key)
      pending.withUnsafeBytes { transaction.put(key.bytes, $0) }
      firstKeys.append(pending[0].key)
      pending.removeAll(keepingCapacity: true)
      if transaction.byteCount > 1 << 20 { try store.commit(transaction) }
    }
  }

  /// Visits the ids of several runs in key order. Where one key stands in two, only the one of the latest run.
  static func merge(
    _ runs: [IdentifierRun], store: Store, _ visit: (Identifier) throws(Failure) -> Void
  ) throws(Failure) {
    var cursors = runs.map { Cursor(run: $0) }
    for index in cursors.indices { try cursors[index].load(from: store) }
    while true {
      var least: Int?
      for index in cursors.indices where !cursors[index].isAtEnd {
        // On equal keys the later run wins, so it is kept and the earlier one passed over.
        if let other = least, cursors[other].current.key < cursors[index].current.key { continue }
        if let other = least, cursors[other].current.key == cursors[index].current.key {
          try cursors[other].advance(in: store)
        }
        least = index
      }
      guard let least else { return }
      try visit(cursors[least].current)
      try cursors[least].advance(in: store)
    }
  }

  private struct Cursor {
    let run: IdentifierRun
    var block = 0
    var index = 0
    var identifiers: [Identifier] = []

    init(run: IdentifierRun) { self.run = run }

    var isAtEnd: Bool { index >= identifiers.count }
    var current: Identifier { identifiers[index] }

    mutating func advance(in store: Store) throws(Failure) {
      index += 1
      if index == identifiers.count { try load(from: store) }
    }

    mutating func load(from store: Store) throws(Failure) {
      identifiers.removeAll(keepingCapacity: true)
      index = 0
      guard block < run.firstKeys.count else { return }
      var key = ByteWriter()
      KeyLayout.runBlock(run: run.number, block: UInt32(block), into: &key)
      guard let value = try store.get(key.bytes) else { throw .corrupt("ids: run \(run.number) lacks block \(block)") }
      let bytes = value.bytes
      for index in 0..<bytes.count / Identifier.byteCount {
        identifiers.append(bytes.loadUnaligned(fromByteOffset: index * Identifier.byteCount, as: Identifier.self))
      }
      block += 1
    }
  }
}

extension IdentifierRun {
  /// A run found in the store: its filter and index are made by reading it once.
  init(number: UInt32, description: [UInt8], snapshot: Snapshot) throws(Failure) {
    let described = try description.span.withUnsafeBytes { (bytes) throws(Failure) -> (Int, UInt32) in
      var reader = ByteReader(bytes, "run")
      return (try reader.count(), try reader.fixed32())
    }
    let filter = BlockedFilter(keys: described.0)
    var firstKeys: [Key128] = []
    var seen = 0
    var start = ByteWriter()
    var end = ByteWriter()
    KeyLayout.runBlock(run: number, block: 0, into: &start)
    KeyLayout.runBlock(run: number + 1, block: 0, into: &end)
    try snapshot.scan(from: start.bytes, to: end.bytes) { _, value throws(Failure) in
      for index in 0..<value.count / Identifier.byteCount {
        let identifier = value.loadUnaligned(fromByteOffset: index * Identifier.byteCount, as: Identifier.self)
        if index == 0 { firstKeys.append(identifier.key) }
        filter.insert(identifier.key)
        seen += 1
      }
      return true
    }
    guard seen == described.0 else { throw .corrupt("ids: run \(number) has \(seen) of \(described.0) ids") }
    self.init(number: number, count: seen, lastHour: described.1, filter: filter, firstKeys: firstKeys)
  }
}
