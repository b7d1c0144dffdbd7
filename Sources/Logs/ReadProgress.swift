import Synchronization

/// How far all readers of a `FileLog` are together, in bytes of the files as they are stored.
final class ReadProgress: Sendable {
  private let consumed = Atomic<Int64>(0)

  func add(_ bytes: Int) { consumed.add(Int64(bytes), ordering: .relaxed) }
  var bytes: Int64 { consumed.load(ordering: .relaxed) }
}
