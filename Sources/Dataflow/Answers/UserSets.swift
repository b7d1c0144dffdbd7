import Basics

/// Sets of one partition's users, a bit for each number. A user may be put in as often as it is found: nothing is sorted.
final class UserSets {
  private let words: Int
  private var sets: [UnsafeMutablePointer<UInt64>] = []
  /// Whether a number was put in that no user has.
  private(set) var hasUnknown = false

  init(users: Int) { words = max(1, (users + 63) / 64) }

  deinit { for set in sets { Memory.deallocate(set, words) } }

  var count: Int { sets.count }
  var byteCount: Int { sets.count * words * 8 }
  /// Of one more set.
  var bytesPerSet: Int { words * 8 }

  /// Adds an empty set.
  func add() { sets.append(Memory.allocate(words, zeroed: true)) }

  @inline(__always) func insert(_ user: UInt32, into set: Int) {
    let word = Int(user >> 6)
    guard word < words else {
      hasUnknown = true
      return
    }
    sets[set][word] |= 1 << UInt64(user & 63)
  }

  func size(of set: Int) -> Int64 {
    var size = 0
    for word in 0..<words { size &+= sets[set][word].nonzeroBitCount }
    return Int64(size)
  }

  func contains(_ user: Int, in set: Int) -> Bool {
    user >> 6 < words && sets[set][user >> 6] >> UInt64(user & 63) & 1 == 1
  }

  func removeAll(from set: Int) { sets[set].initialize(repeating: 0, count: words) }
}
