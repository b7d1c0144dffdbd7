import Basics
import Synchronization

/// Days of funnels, added up, kept from answer to answer.
///
/// A day is closed when no event that is not late can change an entry of it: when it ends `horizon` + `within` before the newest
/// stamp of its partition. Its cells are then the same for as long as the store is there. Four of them that begin at a multiple of
/// four are kept added up, too, and four of those. An open day is kept with the version of its mark, so nothing here is ever
/// stale, and only when it is asked for a second time at that version: today's changes before anybody could use it.
public final class FunnelSpans: Sendable {
  struct Key: Hashable {
    var store: UInt64
    var table: UInt16
    /// Milliseconds.
    var start: Int64
    /// Units of the spans.
    var units: Int64
  }

  private struct Block {
    /// Nil when it was only asked for, by this answer.
    var bytes: [UInt8]?
    var askedBy: UInt64 = 0
    var version: UInt64
    var usedAt: UInt64

    var cost: Int { (bytes?.count ?? 0) + 128 }
  }

  private struct State {
    var blocks: [Key: Block] = [:]
    var byteCount = 0
    var uses: UInt64 = 0
  }

  /// How many spans are in one of the next size, and how many of the smallest are in the largest.
  static let factor: Int64 = 4
  static let largest: Int64 = 64
  /// Of what is closed.
  static let closed = UInt64.max

  /// Milliseconds of the smallest span: a day of UTC.
  let unit: Int64
  private let byteLimit: Int
  private let state = Mutex(State())

  /// - `byteLimit`: what was not used for longest is forgotten beyond.
  public convenience init(byteLimit: Int) { self.init(byteLimit: byteLimit, unit: Timestamp.day) }

  init(byteLimit: Int, unit: Int64) {
    self.byteLimit = byteLimit
    self.unit = unit
  }

  var byteCount: Int { state.withLock { $0.byteCount } }

  /// The cells of a span as a block; empty when it has none; nil when it is not known.
  func block(_ key: Key, version: UInt64) -> [UInt8]? {
    state.withLock { state in
      guard let index = state.blocks.index(forKey: key), state.blocks.values[index].version == version else {
        return nil
      }
      state.uses += 1
      state.blocks.values[index].usedAt = state.uses
      return state.blocks.values[index].bytes
    }
  }

  /// A number for an answer: one may ask for a span several times.
  func begin() -> UInt64 {
    state.withLock { state in
      state.uses += 1
      return state.uses
    }
  }

  /// Whether another answer asked before.
  func isAskedAgain(_ key: Key, version: UInt64, by answer: UInt64) -> Bool {
    state.withLock { state in
      if let block = state.blocks[key], block.version == version { return block.askedBy != answer }
      put(Block(askedBy: answer, version: version, usedAt: 0), key, &state)
      return false
    }
  }

  func keep(_ bytes: [UInt8], as key: Key, version: UInt64) {
    state.withLock { put(Block(bytes: bytes, version: version, usedAt: 0), key, &$0) }
  }

  private func put(_ block: Block, _ key: Key, _ state: inout State) {
    // An answer from an older snapshot came late: versions of a store only grow.
    if let before = state.blocks[key], before.version > block.version { return }
    state.uses += 1
    var block = block
    block.usedAt = state.uses
    let before = state.blocks.updateValue(block, forKey: key)
    state.byteCount += block.cost - (before?.cost ?? 0)
    guard state.byteCount > byteLimit else { return }
    // A quarter at once, so that the next ones find room.
    for (key, block) in state.blocks.sorted(by: { $0.value.usedAt < $1.value.usedAt }) {
      guard state.byteCount > byteLimit / 4 * 3 else { break }
      state.blocks[key] = nil
      state.byteCount -= block.cost
    }
  }
}
