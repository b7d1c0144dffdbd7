import Basics
import Stores

/// Which events were counted: exact, whatever the memory.
///
/// The newest ids are in one set in memory, and on disk as a block per commit. When the set reaches its share of the budget
/// it becomes a sorted run on disk, with a filter and a sparse index in memory, and runs of like size are merged. A resend
/// is looked up in the set, and in those runs whose filter cannot rule it out; those blocks are read before `apply`.
///
/// - Errors: `.corrupt` when stored ids are not a multiple of 24 bytes or a run lacks a block.
/// - Source: runs and their merging after log-structured merge trees.
final class Deduplicator {
  private let store: Store
  private let keptHours: UInt32
  private let expires: Bool
  private let maximumCount: Int

  private let newest: IdentifierSet
  /// Entries of the set that the store has.
  private var committedCount = 0
  private var nextBlock: UInt64
  private var firstBlock: UInt64

  private var runs: [IdentifierRun] = [] {
    didSet { probes = runs.map(\.filter.probe) }
  }
  /// The runs' filters, as plain values for the loop over a batch.
  private var probes: [BlockedFilter.Probe] = []
  private var nextRun: UInt32
  /// Ids found in runs for the batch at hand.
  private var fetched: [Key128: Identifier] = [:]

  /// - `bytes`: memory for the newest ids and the filters.
  init(store: Store, keptHours: UInt32, expires: Bool, bytes: Int, meta: Meta) throws(Failure) {
    self.store = store
    self.keptHours = keptHours
    self.expires = expires
    // A quarter is for the filters of runs, a quarter for sorting the set into one. A commit comes at the end of a batch, so
    // there is room for a large one beyond.
    maximumCount = min(max(4_096, IdentifierSet.fitting(bytes: bytes / 2)), IdentifierSet.limit - 2_000_000)
    newest = IdentifierSet()
    nextBlock = meta.nextBlock
    firstBlock = meta.firstBlock
    nextRun = meta.nextRun
    try load()
  }

  struct Meta: Equatable {
    var firstBlock: UInt64 = 0
    var nextBlock: UInt64 = 0
    var nextRun: UInt32 = 0
  }

  var meta: Meta { Meta(firstBlock: firstBlock, nextBlock: nextBlock, nextRun: nextRun) }

  var byteCount: Int { newest.byteCount + runs.reduce(0) { $0 + $1.byteCount } }

  /// The set is over its share, and only a commit can make a run of it.
  var isFull: Bool { newest.count > maximumCount }

  enum Verdict { case new, duplicate, collision }

  /// Reads what the filters cannot rule out.
  func prefetch(_ keys: UnsafePointer<Key128>, rows: UnsafePointer<Int32>, count: Int) throws(Failure) {
    if !fetched.isEmpty { fetched.removeAll(keepingCapacity: true) }
    guard !runs.isEmpty else { return }
    let ahead = 8
    for index in 0..<count {
      if index + ahead < count {
        let key = keys[Int(rows[index + ahead])]
        newest.prefetch(key)
        for probe in probes { probe.prefetch(key) }
      }
      let key = keys[Int(rows[index])]
      guard newest.find(key) == nil else { continue }
      // From new to old: should an id stand in two runs, the newer entry is the one that counts.
      var run = probes.count - 1
      while run >= 0 {
        if probes[run].mayContain(key), let found = try runs[run].find(key, in: store) {
          fetched[key] = found
          break
        }
        run -= 1
      }
    }
  }

  /// Judges one event and remembers it when it is new. `hour` is of the newest stamp, 0 without stamps.
  @inline(__always) func judge(_ key: Key128, hour: UInt32, check: UInt32) -> Verdict {
    if let known = newest.find(key) {
      if isKept(known.pointee.hour, at: hour) { return known.pointee.check == check ? .duplicate : .collision }
      newest.replace(known, with: Identifier(key: key, hour: hour, check: check))
      return .new
    }
    if !fetched.isEmpty, let known = fetched[key], isKept(known.hour, at: hour) {
      return known.check == check ? .duplicate : .collision
    }
    newest.insert(Identifier(key: key, hour: hour, check: check))
    return .new
  }

  /// By the stored hour, never by what happens to be in memory still: when memory is released must not show.
  @inline(__always) private func isKept(_ hour: UInt32, at now: UInt32) -> Bool {
    !expires || now &- hour <= keptHours
  }

  /// Asks for the memory that judging the key will look at.
  @inline(__always) func touch(_ key: Key128) { newest.prefetch(key) }

  private static let pieceBytes = 4_096 * Identifier.byteCount

  /// Adds the ids since the last commit, and turns the set into a run when it is full.
  func commit(into transaction: Transaction, hour: UInt32, key: inout ByteWriter, value: inout ByteWriter)
    throws(Failure)
  {
    if isFull {
      try spill(into: transaction, hour: hour, key: &key, value: &value)
    } else if newest.count > committedCount {
      // In pieces: RocksDB reads the neighbours of a key together with it, and a replay's commit has millions of ids, which
      // every scan of the last cells would read, too.
      let all = newest.bytes(from: committedCount)
      for start in stride(from: 0, to: all.count, by: Deduplicator.pieceBytes) {
        KeyLayout.idBlock(nextBlock, into: &key)
        transaction.put(
          key.bytes, UnsafeRawBufferPointer(rebasing: all[start..<min(start + Deduplicator.pieceBytes, all.count)]))
        nextBlock += 1
      }
    }
    committedCount = newest.count
    try dropExpiredRuns(into: transaction, hour: hour, key: &key)
  }

  private func spill(
    into transaction: Transaction, hour: UInt32, key: inout ByteWriter, value: inout ByteWriter
  ) throws(Failure) {
    let sorted = newest.sorted().filter { isKept($0.hour, at: hour) }
    if !sorted.isEmpty {
      let builder = IdentifierRun.Builder(number: nextRun, expected: sorted.count, store: store)
      for identifier in sorted { try builder.add(identifier) }
      try append(try builder.finish(), into: transaction, key: &key, value: &value)
    }
    // The run holds what the blocks held; both change in the same write.
    var end = ByteWriter()
    KeyLayout.idBlock(firstBlock, into: &key)
    KeyLayout.idBlock(nextBlock, into: &end)
    transaction.deleteRange(key.bytes, end.bytes)
    firstBlock = nextBlock
    newest.clear()
    try mergeRuns(into: transaction, hour: hour, key: &key, value: &value)
  }

  private func append(
    _ run: IdentifierRun, into transaction: Transaction, key: inout ByteWriter, value: inout ByteWriter
  ) throws(Failure) {
    runs.append(run)
    nextRun = run.number + 1
    KeyLayout.run(run.number, into: &key)
    value.clear()
    run.describe(into: &value)
    transaction.put(key.bytes, value.bytes)
  }

  /// Merges the last runs while four of them are within a factor of four in size: few runs to probe, each id rewritten a
  /// logarithmic number of times.
  private func mergeRuns(
    into transaction: Transaction, hour: UInt32, key: inout ByteWriter, value: inout ByteWriter
  ) throws(Failure) {
    while runs.count >= 4 {
      let last = Array(runs.suffix(4))
      let sizes = last.map(\.count)
      guard sizes.max()! <= sizes.min()! * 4 else { return }
      let builder = IdentifierRun.Builder(number: nextRun, expected: sizes.reduce(0, +), store: store)
      try IdentifierRun.merge(last, store: store) { identifier throws(Failure) in
        if isKept(identifier.hour, at: hour) { try builder.add(identifier) }
      }
      runs.removeLast(4)
      for run in last { delete(run, into: transaction, key: &key) }
      try append(try builder.finish(), into: transaction, key: &key, value: &value)
    }
  }

  private func dropExpiredRuns(into transaction: Transaction, hour: UInt32, key: inout ByteWriter) throws(Failure) {
    guard expires else { return }
    for run in runs where !isKept(run.lastHour, at: hour) { delete(run, into: transaction, key: &key) }
    runs.removeAll { !isKept($0.lastHour, at: hour) }
  }

  private func delete(_ run: IdentifierRun, into transaction: Transaction, key: inout ByteWriter) {
    var end = ByteWriter()
    KeyLayout.runBlock(run: run.number, block: 0, into: &key)
    KeyLayout.runBlock(run: run.number + 1, block: 0, into: &end)
    transaction.deleteRange(key.bytes, end.bytes)
    KeyLayout.run(run.number, into: &key)
    transaction.delete(key.bytes)
  }

  private func load() throws(Failure) {
    let snapshot = store.snapshot()
    let ids = KeyLayout.all("i")
    try snapshot.scan(from: ids.start, to: ids.end) { _, value throws(Failure) in
      guard value.count % Identifier.byteCount == 0 else {
        throw .corrupt("ids: a block of \(value.count) bytes is not a multiple of \(Identifier.byteCount)")
      }
      for index in 0..<value.count / Identifier.byteCount {
        let identifier = value.loadUnaligned(fromByteOffset: index * Identifier.byteCount, as: Identifier.self)
        if let known = newest.find(identifier.key) {
          newest.replace(known, with: identifier)
        } else {
          newest.insert(identifier)
        }
      }
      return true
    }
    committedCount = newest.count
    let stored = KeyLayout.all("t")
    var described: [(UInt32, [UInt8])] = []
    try snapshot.scan(from: stored.start, to: stored.end) { key, value throws(Failure) in
      var reader = ByteReader(key, "run key")
      _ = try reader.byte()
      described.append((try reader.bigEndian32(), Array(value)))
      return true
    }
    for (number, description) in described {
      runs.append(try IdentifierRun(number: number, description: description, snapshot: snapshot))
    }
    // A run that was being written when the process died belongs to nobody. A deletion of a range that holds nothing would
    // cost every later read a look.
    var start = ByteWriter()
    KeyLayout.runBlock(run: nextRun, block: 0, into: &start)
    let end = KeyLayout.all("r").end
    var hasOrphans = false
    try end.span.withUnsafeBytes { (end) throws(Failure) in
      try snapshot.scan(from: start.bytes, to: end) { _, _ throws(Failure) in
        hasOrphans = true
        return false
      }
    }
    guard hasOrphans else { return }
    let orphans = Transaction()
    end.withUnsafeBytes { orphans.deleteRange(start.bytes, $0) }
    try store.commit(orphans)
  }
}
