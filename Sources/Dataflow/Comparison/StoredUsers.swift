import Basics
import Events
import Stores

/// The users of one partition by number: 16 bytes each.
struct StoredUsers {
  private var keys: [Key128] = []

  init(_ snapshot: Snapshot) throws(Failure) {
    try StoredUsers.scan(snapshot) { keys.append(Events.digest($0)) }
  }

  /// Members by who they are.
  func named(_ members: [UInt32: Int64]) -> [Key128: Int64] {
    var named: [Key128: Int64] = [:]
    for (number, value) in members where Int(number) < keys.count { named[keys[Int(number)], default: 0] += value }
    return named
  }

  /// Of all texts in the order of their numbers, however they were put into blocks.
  static func digest(of snapshot: Snapshot) throws(Failure) -> UsersDigest {
    var digest = UsersDigest()
    try scan(snapshot) { text in
      let key = Events.digest(text)
      digest.count += 1
      digest.high = (digest.high &* 0x9E37_79B9_7F4A_7C15) ^ key.high
      digest.low = (digest.low &* 0xBF58_476D_1CE4_E5B9) ^ key.low
    }
    return digest
  }

  struct UsersDigest: Equatable {
    var count: Int64 = 0
    var high: UInt64 = 0
    var low: UInt64 = 0
  }

  private static func scan(
    _ snapshot: Snapshot, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(Failure) {
    let all = KeyLayout.all("n")
    try snapshot.scan(from: all.start, to: all.end) { _, value throws(Failure) in
      var reader = ByteReader(value, "users")
      while !reader.isAtEnd { body(try reader.text()) }
      return true
    }
  }
}
