import Basics

/// Sets of one partition's users, a bit each for each number. A user may be put in as often as it is found: nothing is sorted.
final class UserSets {
  private let words: Int
  private(set) var count = 0
  private var capacity = 4
  private var bits: UnsafeMutablePointer<UInt64>
  /// Whether a number was put in that no user has.
  private(set) var hasUnknown = false

  init(users: Int) {
    words = max(1, (users + 63) / 64)
    bits = Memory.allocate(capacity * words, zeroed: true, sparse: true)
  }

  deinit { Memory.deallocate(bits, capacity * words) }

  var byteCount: Int { capacity * words * 8 }

  /// Adds an empty set.
  func add() {
    if count == capacity {
      let larger: UnsafeMutablePointer<UInt64> = Memory.allocate(capacity * 2 * words, zeroed: true, sparse: true)
      larger.update(from: bits, count: count * words)
      Memory.deallocate(bits, capacity * words)
      bits = larger
      capacity *= 2
    }
    count += 1
  }

  @inline(__always) func insert(_ user: UInt32, into set: Int) {
    let word = Int(user >> 6)
    guard word < words else {
      hasUnknown = true
      return
    }
    bits[set &* words &+ word] |= 1 &<< UInt64(user & 63)
  }

  func size(of set: Int) -> Int64 {
    var size = 0
    for word in set * words..<(set + 1) * words { size &+= bits[word].nonzeroBitCount }
    return Int64(size)
  }

  func contains(_ user: Int, in set: Int) -> Bool {
    user >> 6 < words && bits[set * words + user >> 6] >> UInt64(user & 63) & 1 == 1
  }

  func removeAll(from set: Int) { (bits + set * words).initialize(repeating: 0, count: words) }
}
