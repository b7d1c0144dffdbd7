import Dataflow
import Runtime
import Synchronization

/// Answers that may be asked for again: for their next pages, or by somebody else with the same question before anything has
/// changed. Bounded by bytes, count and age; those without pages to come go first, then those longest unused.
final class KeptAnswers: Sendable {
  struct Kept: Sendable {
    var question: String
    var standing: Standing
    var answer: QueryAnswer
    /// Somebody has a cursor of it.
    var hasPages: Bool

    /// About.
    var byteCount: Int { 512 + answer.rows.count * (192 + 32 * answer.groupBy.count) }
  }

  private struct Entry {
    var kept: Kept
    var keptAt: Int64
    var usedAt: Int64
  }

  private let entries = Mutex<(byName: [AnswerName: Entry], bytes: Int)>(([:], 0))
  private let bytes: Int
  private let count: Int
  private let milliseconds: Int64
  private let now: @Sendable () -> Int64

  init(
    bytes: Int, count: Int = 256, milliseconds: Int64 = 15 * 60_000,
    now: @escaping @Sendable () -> Int64 = { monotonicMilliseconds() }
  ) {
    self.bytes = bytes
    self.count = count
    self.milliseconds = milliseconds
    self.now = now
  }

  subscript(name: AnswerName) -> Kept? {
    let now = now()
    return entries.withLock { entries in
      guard var entry = entries.byName[name] else { return nil }
      guard now - entry.keptAt <= milliseconds else {
        KeptAnswers.remove(name, &entries)
        return nil
      }
      entry.usedAt = now
      entries.byName[name] = entry
      return entry.kept
    }
  }

  /// False when it alone is more than is kept.
  @discardableResult
  func keep(_ kept: Kept, as name: AnswerName) -> Bool {
    guard kept.byteCount <= bytes else { return false }
    let now = now()
    entries.withLock { entries in
      var kept = kept
      if let known = entries.byName[name] {
        // A cursor that was given means the answer as it was then.
        if known.kept.hasPages { kept = known.kept }
        KeptAnswers.remove(name, &entries)
      }
      entries.byName[name] = Entry(kept: kept, keptAt: now, usedAt: now)
      entries.bytes += kept.byteCount
      for (name, entry) in entries.byName where now - entry.keptAt > milliseconds {
        KeptAnswers.remove(name, &entries)
      }
      while entries.bytes > bytes || entries.byName.count > count {
        let others = entries.byName.filter { $0.key != name }
        let least = others.min { a, b in
          a.value.kept.hasPages == b.value.kept.hasPages
            ? a.value.usedAt < b.value.usedAt : !a.value.kept.hasPages
        }
        KeptAnswers.remove(least!.key, &entries)
      }
    }
    return true
  }

  private static func remove(_ name: AnswerName, _ entries: inout (byName: [AnswerName: Entry], bytes: Int)) {
    guard let entry = entries.byName.removeValue(forKey: name) else { return }
    entries.bytes -= entry.kept.byteCount
  }
}
