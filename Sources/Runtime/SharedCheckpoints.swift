import Basics
import Foundation
import Logs
import Stores

/// Copies of partitions' states in a directory that all instances see, so that state follows a partition to its next owner,
/// who reads the tail from the log.
///
/// - Layout: `DIGEST/start-S/p-007/OFFSET/` with RocksDB's files and `manifest.json`, which is there when all else is. States
///   of one meaning that began at one offset of their log are interchangeable; the largest offset is the best.
/// - Every file is checked against the manifest when it is fetched; a damaged copy is passed over for an older one.
public struct SharedCheckpoints: Sendable {
  /// How many of a partition are kept.
  private static let kept = 2

  private let directory: String
  private let report: @Sendable (String) -> Void

  /// - `report`: told of copies that could not be used.
  public init(_ path: String, digest: String, report: @escaping @Sendable (String) -> Void) {
    directory = "\(path)/\(digest)"
    self.report = report
  }

  /// The least offset at which a stored state of the partition began; nil when there is none.
  func start(partition: Int) -> Int64? {
    DurableFile.list(directory).compactMap { name -> Int64? in
      guard name.hasPrefix("start-"), let start = Int64(name.dropFirst(6)) else { return nil }
      return offsets(partition, start).isEmpty ? nil : start
    }.min()
  }

  /// Copies the state as it stands, unless the same is there already. `scratch` is a directory of the store's file system.
  func save(_ store: Store, partition: Int, start: Int64, scratch: String) throws(Failure) {
    let local = "\(scratch)/checkpoint-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: local) }
    try store.checkpoint(to: local)
    // What it stands for is read from it: commits went on while it was made.
    let offset = try StateCopy.offset(of: local)
    let parent = parent(partition, start)
    let final = "\(parent)/\(StateCopy.name(offset))"
    guard offset > 0, !StateCopy.isWhole(final) else { return }
    try SharedCheckpoints.makeDirectories(parent)
    let temporary = "\(final).\(UUID().uuidString).tmp"
    defer { try? FileManager.default.removeItem(atPath: temporary) }
    try StateCopy.copy(local, to: temporary, offset: offset)
    // Another instance may have been first with the same offset, hence the same state.
    if rename(temporary, final) != 0, errno != ENOTEMPTY, errno != EEXIST {
      throw DurableFile.failed("rename", temporary)
    }
    for old in offsets(partition, start).dropLast(SharedCheckpoints.kept) {
      try? FileManager.default.removeItem(atPath: "\(parent)/\(StateCopy.name(old))")
    }
  }

  /// The largest offset there is a copy of.
  func newest(partition: Int, start: Int64) -> Int64? { offsets(partition, start).last }

  /// Puts the newest copy that is further than `offset` where the state belongs; false when there is none.
  func fetch(partition: Int, start: Int64, furtherThan offset: Int64, into state: String) throws(Failure) -> Bool {
    for candidate in offsets(partition, start).reversed() where candidate > offset {
      let source = "\(parent(partition, start))/\(StateCopy.name(candidate))"
      let incoming = "\(state).incoming"
      try? FileManager.default.removeItem(atPath: incoming)
      do throws(Failure) {
        try StateCopy.copyChecked(source, to: incoming)
      } catch {
        report("checkpoint \(source) cannot be used: \(error.message)")
        continue
      }
      try StateCopy.exchange(state, incoming)
      return true
    }
    return false
  }

  private func parent(_ partition: Int, _ start: Int64) -> String {
    "\(directory)/start-\(start)/p-\(partition)"
  }

  /// Of complete copies, ascending.
  private func offsets(_ partition: Int, _ start: Int64) -> [Int64] {
    let parent = parent(partition, start)
    return DurableFile.list(parent).compactMap { name -> Int64? in
      guard name.count == 20, let offset = Int64(name),
        StateCopy.isWhole("\(parent)/\(name)")
      else { return nil }
      return offset
    }
  }

  private static func makeDirectories(_ path: String) throws(Failure) {
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw .unavailable("cannot create \(path): \(error.localizedDescription)")
    }
  }
}
